//! The outside items that tests put into catalogs and take out again.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a test that fails")]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Items that others wrote, as they lie there and as JSON.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path below the fixtures.
    pub name: String,
    /// A file of lines, or a folder of JSON files.
    pub path: PathBuf,
    /// Its JSON documents, not all of them items; for a folder also the features of its collections.
    pub documents: Vec<Value>,
}

/// Each source of items; one per file of lines, one per folder of `stac-raw`.
#[must_use]
pub fn sources(fixtures: &Path) -> Vec<Source> {
    let source = |path: PathBuf, documents| {
        let name = path.strip_prefix(fixtures).unwrap_or(&path).display().to_string();
        Source { name, path, documents }
    };
    let mut sources = Vec::new();
    for folder in ["stac-items", "stac-edge"] {
        for path in files(&fixtures.join(folder)) {
            let documents = lines(&path);
            sources.push(source(path, documents));
        }
    }
    let upstream = fixtures.join("upstream/itslive-5k-input/items.ndjson.gz");
    let items = lines(&upstream).into_iter().map(|mut line| line["item"].take()).collect();
    sources.push(source(upstream, items));
    for folder in folders(&fixtures.join("stac-raw")) {
        let documents = documents_below(&folder);
        sources.push(source(folder, documents));
    }
    sources
}

fn documents_below(folder: &Path) -> Vec<Value> {
    let mut documents = Vec::new();
    for path in files(folder) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ndjson") => documents.extend(lines(&path)),
            _ => documents.extend(serde_json::from_slice(&std::fs::read(&path).unwrap())),
        }
    }
    let features = documents.iter().filter_map(|document: &Value| document.get("features")?.as_array().cloned());
    let features: Vec<Value> = features.flatten().collect();
    documents.extend(features);
    documents
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(folder).into_iter().partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files.sort();
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn lines(path: &Path) -> Vec<Value> {
    let mut bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        bytes = text;
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}
