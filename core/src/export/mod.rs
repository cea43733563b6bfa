//! Items as files that other programs read.
//!
//! An [`Export`] is a search whose answer is bytes: a piece at a time, the same pieces in every host. What a format
//! makes of items is an [`Encoder`], which can be fed from elsewhere too. Items may lack any member.

mod arrow;
mod collection;
mod csv;
mod encoder;
mod format;
pub mod geoparquet;
mod machine;
mod spool;

pub use encoder::{Encoder, ExportOptions};
pub use format::Format;
pub use machine::{Export, Piece};
pub use spool::{MemorySpool, Spool};
