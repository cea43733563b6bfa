//! What a native host adds to the core: reads over object stores, and every effect of writing.

pub mod catalog_db;
pub mod check;
pub mod clock;
pub mod commit;
pub mod compact;
mod conditional;
pub mod delete;
pub mod delta;
pub mod driver;
pub mod expire;
mod fetch;
pub mod gc;
pub mod index;
pub mod ingest;
pub mod lock;
mod objects;
pub mod read;
pub mod repair;
mod rows;
pub mod sample;
pub mod snapshot;
pub mod source;
mod spill;
pub mod spool;
pub mod store;
pub mod trial;
