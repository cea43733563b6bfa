// Puts what was built into `dist`. A file that did not change stays as it is: the command line, which embeds the
// folder, is built anew only for those that did.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const [built, dist] = [join(here, '../target/www'), join(here, 'dist')]
mkdirSync(dist, { recursive: true })
const filesOf = (folder) => readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile())
const wanted = filesOf(built)
for (const name of filesOf(dist)) if (!wanted.includes(name)) rmSync(join(dist, name))
const present = filesOf(dist)
for (const name of wanted) {
  const [from, to] = [join(built, name), join(dist, name)]
  if (present.includes(name) && readFileSync(from).equals(readFileSync(to))) continue
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}
