//! Style as a test: what the compiler and clippy do not check.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beyond this a file holds more than one idea.
const MOST_LINES: usize = 600;

#[test]
fn every_rust_file_says_first_what_it_is_for() {
    let silent = sources().filter(|file| !file.text.starts_with("//! "));
    assert_none("start with a `//!` sentence", silent.map(|file| file.name));
}

#[test]
fn no_rust_file_is_longer_than_a_sitting() {
    let long = sources().filter(|file| file.text.lines().count() > MOST_LINES);
    assert_none("are too long: one idea a file", long.map(|file| file.name));
}

#[test]
fn no_module_is_named_for_being_useful() {
    let vague = |name: &str| {
        name.split(['/', '.', '_']).any(|word| ["util", "utils", "helper", "helpers", "misc", "common"].contains(&word))
    };
    assert_none("have a name that says nothing", sources().map(|file| file.name).filter(|name| vague(name)));
}

#[test]
fn no_file_speaks_of_where_or_how_it_was_written() {
    // Composed, so that this file does not hold them.
    let words = [concat!("/wo", "rk/"), concat!("issue", " #"), concat!("TO", "DO"), concat!("FIX", "ME")];
    let found = files(&["rs", "md", "toml", "sh", "py", "mjs", "Makefile", "run"]).flat_map(|file| {
        let found: Vec<_> = words.iter().filter(|word| file.text.contains(**word)).collect();
        found.into_iter().map(|word| format!("{}: `{word}`", file.name)).collect::<Vec<_>>()
    });
    assert_none("hold words that belong elsewhere", found);
}

#[test]
fn property_keys_are_written_in_one_file() {
    let key = concat!("\"earth", "catalog.");
    let found = product_code().filter(|file| file.name != "core/src/catalog/properties.rs");
    // The database's file name and the module path start alike; keys never end so.
    let holds =
        |code: &str| code.split(key).skip(1).any(|rest| !rest.starts_with("db\"") && !rest.starts_with("stac_items"));
    assert_none(
        "hold a table property's key: name it in core/src/catalog/properties.rs",
        found.filter(|file| holds(code_of(&file.text))).map(|file| file.name),
    );
}

#[test]
fn column_names_of_our_own_are_written_in_one_file() {
    // Words of our own. Those of STAC (`id`, `datetime`, …) are JSON keys too.
    let columns = ["\"grid_partition\"", "\"geometry_bbox\"", "\"json_patch\"", "\"raw_stac\""];
    let found = product_code().filter(|file| file.name != "core/src/stac/schema.rs");
    let found = found.filter(|file| columns.iter().any(|column| code_of(&file.text).contains(column)));
    assert_none("hold a column's name: name it in core/src/stac/schema.rs", found.map(|file| file.name));
}

#[test]
fn core_depends_on_nothing_that_does_io() {
    let banned = [
        "async-std",
        "futures",
        "futures-core",
        "hyper",
        "iceberg",
        "js-sys",
        "libsqlite3-sys",
        "mio",
        "object_store",
        "opendal",
        "reqwest",
        "rusqlite",
        "rustls",
        "smol",
        "socket2",
        "tokio",
        "ureq",
        "wasm-bindgen",
        "web-sys",
    ];
    let native = dependencies_of_core(&["--features", "write"]);
    assert_none("do I/O below core", native.into_iter().filter(|name| banned.contains(&name.as_str())));
    // On a host arrow seeds its hash maps from the system. In a browser nothing may ask for randomness: no import.
    let wasm = dependencies_of_core(&["--target", "wasm32-unknown-unknown"]);
    let asks = |name: &String| banned.contains(&name.as_str()) || name == "getrandom";
    assert_none("do I/O below core in a browser", wasm.into_iter().filter(asks));
}

fn dependencies_of_core(more: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "earthcatalog-core", "--edges", "no-dev,no-build,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(more)
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains("parquet"), "the tree has what core is known to need: {names:?}");
    names
}

#[test]
fn there_is_one_arrow() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for package in ["arrow-array", "arrow-schema", "parquet"] {
        let versions = lock.matches(&format!("\nname = \"{package}\"\n")).count();
        assert_eq!(versions, 1, "{package} is in Cargo.lock in {versions} versions");
    }
}

#[test]
fn the_commands_that_the_readme_names_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let named: BTreeSet<_> = readme
        .split("make ")
        .skip(1)
        .filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_lowercase()).next())
        .filter(|word| readme.contains(&format!("`make {word}`")) || readme.contains(&format!("    make {word}")))
        .collect();
    assert!(named.contains("demo") && named.contains("test"), "README names its two commands: {named:?}");
    let missing = named.iter().filter(|word| !makefile.contains(&format!("\n{word}:")));
    assert_none("are named in README but no target of the Makefile", missing.map(ToString::to_string));
}

#[test]
fn the_build_that_gates_a_change_runs_the_readmes_test_command_and_nothing_else() {
    let run = fs::read_to_string(root().join(".ci/run")).unwrap();
    let commands: Vec<_> = run.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(commands, ["set -euo pipefail", "cd \"$(dirname \"$0\")/..\"", "make test"]);
}

#[test]
fn each_difference_from_the_python_program_is_a_test_and_each_such_test_is_told() {
    let text = fs::read_to_string(root().join("DIFFERENCES.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let told: BTreeSet<String> = rows.flat_map(|row| cases(&row.to_lowercase(), [' ', ','])).collect();
    let tests = files(&["rs"]).filter(|file| file.name.contains("tests/"));
    let names = tests.flat_map(|file| {
        file.text.split("fn ").skip(1).filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())).collect::<Vec<_>>()
    });
    let tested: BTreeSet<String> = names.flat_map(|name| cases(&name, ['_', '_'])).collect();
    assert!(tested.contains("a1") && told.contains("a1"));
    assert_none("are told of in DIFFERENCES.md only, or tested only", told.symmetric_difference(&tested).cloned());
}

/// The numbers that a text begins with, such as `a1`.
fn cases(text: &str, ends: [char; 2]) -> Vec<String> {
    let is_case = |word: &&str| {
        let number = word.strip_prefix(|letter: char| ('a'..='e').contains(&letter));
        number.is_some_and(|number| !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit()))
    };
    text.split(ends).filter(|word| !word.is_empty()).take_while(is_case).map(str::to_owned).collect()
}

struct File {
    /// From the project's root, with `/`.
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources() -> impl Iterator<Item = File> {
    files(&["rs"])
}

/// What users run: core, native and wasm without their test files.
fn product_code() -> impl Iterator<Item = File> {
    sources().filter(|file| {
        let product = ["core/src/", "native/src/", "wasm/src/"].iter().any(|folder| file.name.starts_with(folder));
        product && !file.name.ends_with("tests.rs") && !file.name.contains("/tests/")
    })
}

/// The part of a source file before its unit tests.
fn code_of(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn files(endings: &'static [&'static str]) -> impl Iterator<Item = File> {
    let mut names = Vec::new();
    walk(&root(), &mut names);
    let wanted = move |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        endings.contains(&name) || path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending))
    };
    names.into_iter().filter(wanted).map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        File { name, text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    })
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let left_out = ["target", ".git", "node_modules", ".venv", "fixtures"];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !left_out.contains(&name) && !name.starts_with("__pycache__") {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
}

fn assert_none(what: &str, found: impl Iterator<Item = String>) {
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "these {what}:\n  {}", found.join("\n  "));
}
