//! The `manifest.json` of an S3 Inventory: which data files it has, in which format.

use serde::Deserialize;

use super::Columns;
use crate::{Error, Result};

/// The format of an inventory's data files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InventoryFormat {
    /// CSV without header; the columns are those of `fileSchema`.
    Csv(Columns),
    /// Parquet; columns by name.
    Parquet,
}

/// A parsed manifest (S3 User Guide, "Inventory manifest").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryManifest {
    /// The bucket that was listed.
    pub source_bucket: String,
    /// The bucket the data files lie in, out of its ARN.
    pub destination_bucket: Option<String>,
    /// Their format.
    pub format: InventoryFormat,
    /// The data files.
    pub files: Vec<InventoryFile>,
}

/// One data file of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryFile {
    /// Its key in the destination bucket.
    pub key: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The MD5 of its bytes, in lower-case hexadecimal.
    pub md5: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    source_bucket: String,
    #[serde(default)]
    destination_bucket: Option<String>,
    file_format: String,
    #[serde(default)]
    file_schema: String,
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "MD5checksum")]
    md5: Option<String>,
}

/// Parses an inventory's `manifest.json`.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] if it is not one, [`crate::ErrorKind::Unsupported`] naming the format if that is
/// neither CSV nor Parquet.
pub fn parse_inventory_manifest(bytes: &[u8]) -> Result<InventoryManifest> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| Error::corrupt("not an inventory manifest").caused_by(error))?;
    let format = match document.file_format.to_ascii_lowercase().as_str() {
        "csv" => InventoryFormat::Csv(csv_columns(&document.file_schema)?),
        "parquet" => InventoryFormat::Parquet,
        _ => {
            let format = &document.file_format;
            return Err(Error::unsupported(format!(
                "inventory in the format `{format}`: only CSV and Parquet are read"
            )));
        }
    };
    let destination = document.destination_bucket.filter(|bucket| !bucket.is_empty());
    Ok(InventoryManifest {
        source_bucket: document.source_bucket,
        destination_bucket: destination.map(|name| name.rsplit(':').next().unwrap_or_default().to_owned()),
        format,
        files: document.files.into_iter().map(InventoryFile::from).collect(),
    })
}

fn csv_columns(schema: &str) -> Result<Columns> {
    if schema.trim().is_empty() { Ok(Columns::BARE) } else { Columns::from_names(schema.split(',')) }
}

impl From<Entry> for InventoryFile {
    fn from(entry: Entry) -> Self {
        let md5 = entry.md5.filter(|md5| !md5.is_empty()).map(|md5| md5.to_ascii_lowercase());
        Self { key: entry.key, size: entry.size, md5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(format: &str, schema: &str) -> Result<InventoryManifest> {
        let text = format!(
            r#"{{"sourceBucket": "a", "destinationBucket": "arn:aws:s3:::log", "fileFormat": "{format}",
                "fileSchema": "{schema}", "files": [{{"key": "x/y", "size": 3, "MD5checksum": "AB"}}]}}"#
        );
        parse_inventory_manifest(text.as_bytes())
    }

    #[test]
    fn a_csv_manifest_gives_columns_bucket_and_files() {
        let parsed = manifest("CSV", "Bucket, Key, Size").unwrap();
        assert_eq!(parsed.destination_bucket.as_deref(), Some("log"));
        let columns = Columns::from_names(["bucket", "key", "size"]).unwrap();
        assert_eq!(parsed.format, InventoryFormat::Csv(columns));
        assert_eq!(parsed.files, [InventoryFile { key: "x/y".into(), size: Some(3), md5: Some("ab".into()) }]);
    }

    #[test]
    fn orc_is_refused_by_name() {
        let error = manifest("ORC", "struct<bucket:string>").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
        assert!(error.to_string().contains("`ORC`"), "{error}");
    }

    #[test]
    fn other_json_is_no_manifest() {
        assert!(parse_inventory_manifest(b"{\"type\": \"Feature\"}").is_err());
    }
}
