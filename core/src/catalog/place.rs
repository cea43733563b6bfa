//! Which objects a location means, and where a table's objects lie once it was moved.

use super::{DATABASE_NAME, resolve};
use crate::location::Rebase;
use crate::{Error, ErrorKind, Location, Result};

#[derive(Debug)]
pub(super) enum Place {
    Database { base: Location, database: Location },
    Metadata(Location),
}

impl Place {
    pub(super) fn of(location: &Location) -> Self {
        let name = location.name().to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&[".metadata.json", ".metadata.json.gz"]) {
            return Self::Metadata(location.clone());
        }
        if ends(&[".db", ".sqlite", ".sqlite3"]) {
            let base = location.parent().or_else(|| Location::parse(".").ok());
            return Self::Database { base: base.unwrap_or_else(|| location.clone()), database: location.clone() };
        }
        Self::Database { base: location.clone(), database: location.join(DATABASE_NAME) }
    }
}

/// `{table}/metadata/{file}` without its end.
pub(super) fn table_of_metadata(metadata_location: &str) -> Option<&str> {
    let (folder, _) = metadata_location.rsplit_once(['/', '\\'])?;
    folder.strip_suffix("metadata")?.strip_suffix(['/', '\\'])
}

/// The base and the move of a table of which only the metadata object is known: what its old and new place have in
/// common at the end (table, namespace, `warehouse`) lies below the base.
pub(super) fn beside_metadata(table_location: &str, opened: &Location) -> (Location, Option<Rebase>) {
    let folder = opened.parent();
    let here = folder.clone().filter(|folder| folder.name() == "metadata").and_then(|folder| folder.parent());
    let (Some(mut new), Ok(mut old)) = (here, Location::parse(table_location)) else {
        return (folder.unwrap_or_else(|| opened.clone()), None);
    };
    for level in 0..3 {
        let same = new.name() == old.name() && (level < 2 || new.name() == "warehouse");
        match (same, new.parent(), old.parent()) {
            (true, Some(new_parent), Some(old_parent)) => (new, old) = (new_parent, old_parent),
            _ => break,
        }
    }
    let rebase = Rebase::new(old.as_str(), new.clone());
    (new, Some(rebase))
}

/// The location, unless a catalog of somebody else's store names a file of the reader's machine: nobody who opens a
/// catalog by its address means to have that read.
pub(super) fn reachable(base: &Location, location: Location) -> Result<Location> {
    if location.is_local() && !base.is_local() {
        let message = "the catalog names a path of the machine it was written on, which cannot be read from here";
        return Err(Error::new(ErrorKind::Denied, message).with("location", &location));
    }
    Ok(location)
}

/// Where the regions lie; a relative path that was not moved with the table counts from the folder that was opened.
pub(super) fn boundaries(rebase: Option<&Rebase>, base: &Location, stored: &str) -> Result<Location> {
    let location = resolve(rebase, stored)?;
    let normal = location.normal();
    let absolute = normal.starts_with('/') || normal.contains(':');
    reachable(base, if absolute || location.as_str() != stored { location } else { base.below(&normal) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(table: &str, opened: &str) -> (String, String) {
        let (base, rebase) = beside_metadata(table, &Location::parse(opened).unwrap());
        (base.to_string(), rebase.map_or_else(String::new, |rebase| rebase.from().to_owned()))
    }

    #[test]
    fn a_metadata_object_alone_tells_where_its_catalog_lies() {
        let moved = beside("s3://b/cat/warehouse/n/t", "https://h/c/warehouse/n/t/metadata/1.metadata.json");
        assert_eq!(moved, ("https://h/c".into(), "s3://b/cat".into()));
        let renamed = beside("data/t", "/x/renamed/metadata/v2.metadata.json");
        assert_eq!(renamed, ("/x/renamed".into(), "data/t".into()));
        let deep = beside("/data/cat/other/n/t", "/mnt/data/cat/other/n/t/metadata/1.metadata.json");
        assert_eq!(deep, ("/mnt/data/cat/other".into(), "/data/cat/other".into()));
        assert_eq!(beside("s3://b/t", "1.metadata.json"), ("1.metadata.json".into(), String::new()));
    }

    #[test]
    fn a_catalog_elsewhere_cannot_have_files_of_this_machine_read() {
        let location = |text: &str| Location::parse(text).unwrap();
        for base in ["https://h/c", "s3://b/c"] {
            for stored in ["/etc/passwd", "file:///etc/passwd", "file:/etc/passwd", "C:\\x", "data/x"] {
                let error = reachable(&location(base), location(stored)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Denied, "{stored}");
            }
            assert!(reachable(&location(base), location("s3://other/x")).is_ok());
        }
        assert!(reachable(&location("/c"), location("/elsewhere/x")).is_ok());
    }

    #[test]
    fn a_location_means_a_folder_a_database_or_a_metadata_object() {
        let of = |text: &str| match Place::of(&Location::parse(text).unwrap()) {
            Place::Database { base, database } => format!("{base} {database}"),
            Place::Metadata(location) => location.to_string(),
        };
        assert_eq!(of("s3://b/c/"), "s3://b/c s3://b/c/earthcatalog.db");
        assert_eq!(of("/c/other.DB"), "/c /c/other.DB");
        assert_eq!(of("cat.db"), ". cat.db");
        assert_eq!(of("/c/metadata/v1.gz.metadata.json"), "/c/metadata/v1.gz.metadata.json");
    }
}
