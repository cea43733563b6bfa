import * as earthcatalog from '/package/browser.js'

onmessage = async ({ data: { number, work, values } }) => {
  try {
    postMessage({ number, value: await new Function(`return ${work}`)()(earthcatalog, ...values) })
  } catch (error) {
    postMessage({ number, error: String(error.stack) })
  }
}
