//! STAC items as JSON and as columns.
//!
//! An item becomes one row: the columns of [`schema`] hold what most items say, in a form that engines can filter on,
//! and `json_patch` holds, as an RFC 6902 patch, what those columns cannot say. So whatever is valid goes in, and
//! comes out as it was: `decode(encode(item)) == item` as JSON values.

pub mod arrow;
pub mod decode;
#[cfg(feature = "write")]
pub mod encode;
pub mod geoparquet;
pub(crate) mod instants;
pub(crate) mod json_column;
pub mod patch;
pub mod schema;
pub mod validate;

pub use decode::decode_items;
#[cfg(feature = "write")]
pub use encode::encode_items;
#[cfg(feature = "write")]
pub(crate) use patch::whole_number;
pub use validate::ValidItem;
