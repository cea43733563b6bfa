//! The item files below a folder or prefix, in the order of their names.

use std::path::{Path, PathBuf};

use earthcatalog_core::write::inventory::is_item_key;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::TryStreamExt;

use super::{Entry, Feed, More};
use crate::fetch::{blocking, file_error, local_path};
use crate::store::{Stores, store_error};

/// Why a file is left out by its name.
const NOT_JSON: &str = "name does not end in .json or .geojson";

/// Reads the folder at `location`, local or a prefix.
pub(super) async fn read_folder(stores: &Stores, location: &Location, mut feed: Feed) -> Result<(Feed, More)> {
    let Some(path) = local_path(location) else {
        let (feed, more, found) = list(stores, location, feed).await?;
        let missing = || Error::new(ErrorKind::NotFound, "there is no object below this prefix");
        return if found { Ok((feed, more)) } else { Err(missing()) };
    };
    blocking(move || walk(&path, &mut feed).map(|more| (feed, more))).await
}

/// Reads a prefix that may be none: `None` if there is no object below it.
pub(super) async fn read_prefix(stores: &Stores, location: &Location, feed: Feed) -> Result<Option<(Feed, More)>> {
    if location.is_web() {
        return Ok(None);
    }
    let (feed, more, found) = list(stores, location, feed).await?;
    Ok(found.then_some((feed, more)))
}

async fn list(stores: &Stores, location: &Location, mut feed: Feed) -> Result<(Feed, More, bool)> {
    let (store, prefix) = stores.get(location)?;
    let mut objects = store.list(Some(&prefix));
    let mut found = false;
    while let Some(object) = objects.try_next().await.map_err(|error| store_error(error, location))? {
        found = true;
        let Some(below) = object.location.as_ref().strip_prefix(prefix.as_ref()) else { continue };
        let place = location.join(below);
        let modified = object.last_modified.timestamp_micros();
        let entry = entry(place, Some(modified), feed.options.since_us);
        let (back, more) = blocking(move || {
            let more = feed.send(entry);
            Ok((feed, more))
        })
        .await?;
        feed = back;
        if !more {
            return Ok((feed, false, true));
        }
    }
    Ok((feed, true, found))
}

/// Walks a local folder in the order of names; links to folders are not followed, so that it ends.
fn walk(root: &Path, feed: &mut Feed) -> Result<More> {
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() && (path == root || !path.is_symlink()) {
            let mut children: Vec<PathBuf> = Vec::new();
            for child in std::fs::read_dir(&path).map_err(file_error)? {
                children.push(child.map_err(file_error)?.path());
            }
            // Popped from the end.
            children.sort_unstable_by(|left, right| right.cmp(left));
            waiting.extend(children);
            continue;
        }
        let modified = std::fs::metadata(&path).and_then(|found| found.modified()).ok().and_then(micros);
        let Some(text) = path.to_str() else {
            if !feed.fail(path.to_string_lossy().into_owned(), "name is not UTF-8") {
                return Ok(false);
            }
            continue;
        };
        if !feed.send(entry(Location::parse(text)?, modified, feed.options.since_us)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn entry(location: Location, modified_us: Option<i64>, since_us: Option<i64>) -> Entry {
    if !is_item_key(location.as_str()) {
        return Entry::Skipped { reason: NOT_JSON.to_owned() };
    }
    if modified_us.zip(since_us).is_some_and(|(modified, since)| modified < since) {
        return Entry::Skipped { reason: "last modified before --since".to_owned() };
    }
    Entry::Object { key: location.to_string(), location, modified_us }
}

fn micros(time: std::time::SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_micros()).ok()
}
