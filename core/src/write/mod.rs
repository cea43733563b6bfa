//! The pure half of writing.
//!
//! Items become rows ([`crate::stac::encode_items`]), rows of one partition become a data file ([`data_file`]) with
//! the metrics that its manifest entry carries ([`metrics`], [`bounds`]). Which properties get a column of their own is decided by
//! [`columns`], where a row belongs by [`partition`].

pub mod bounds;
pub mod columns;
pub mod compaction;
pub mod data_file;
pub mod delta;
pub mod expiry;
pub mod findings;
pub mod garbage;
pub mod hash_index;
pub mod id_filter;
pub mod inventory;
pub mod lock;
pub mod metrics;
pub mod partition;
pub mod sort;
pub mod version;

pub use data_file::{WrittenFile, write_data_file};
pub use partition::PartitionKey;
