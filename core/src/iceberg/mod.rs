//! Apache Iceberg, the part that reads: table metadata, manifest lists and manifests, as pure functions of whole objects.
//!
//! Follows the Iceberg table specification, versions 1 and 2. What it cannot honour (version 3, delete files) it
//! refuses by name, since a reader that ignored it would give wrong rows.

pub mod avro;
pub mod manifest;
mod manifest_entry;
mod manifest_list;
pub mod metadata;
pub mod name_mapping;
pub mod schema;
pub mod transform;
pub mod value;
