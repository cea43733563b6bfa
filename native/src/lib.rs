//! What a native host adds to the core: reads over object stores, and every effect of writing.

pub mod catalog_db;
pub mod clock;
pub mod commit;
mod conditional;
pub mod driver;
mod fetch;
pub mod ingest;
pub mod lock;
mod objects;
pub mod read;
pub mod sample;
pub mod snapshot;
pub mod source;
mod spill;
pub mod store;
pub mod trial;
