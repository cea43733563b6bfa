//! The part of earthcatalog that decides: bytes in, wishes and values out.
//!
//! Nothing here reads a file, opens a socket, asks the time or draws a random number. A [`machine::Machine`] says
//! which bytes it wants next; a host (the native driver over `object_store`, the browser's over `fetch`) brings them.
//!
//! | Python `earthcatalog` | here |
//! |---|---|
//! | `earthcatalog.open(store, base)` | `catalog::Open`, a machine that ends in a `catalog::Catalog` |
//! | `EarthCatalog.search(...)` | `search::Search`, a machine that yields items |
//! | `EarthCatalog.search_files(...)` | `search::ListFiles` |
//! | `EarthCatalog.stats()`, `CatalogInfo.top_cells` | `catalog::stats` over the planned files |
//! | `CatalogInfo.cells_for_geometry`, `cell_list_sql` | `grid::Grid::cells`, `grid::cell_list_sql` |
//! | `fan_out`, `group_by_partition`, `write_geoparquet` | `write` (feature `write`) |

pub mod catalog;
pub mod cql2;
pub mod error;
pub mod export;
pub mod geometry;
pub mod grid;
pub mod iceberg;
pub mod limits;
pub mod location;
pub mod machine;
pub mod plan;
pub mod property;
pub mod query;
pub mod reads;
pub mod scan;
pub mod search;
pub mod stac;
#[cfg(feature = "write")]
pub mod write;

pub use error::{Error, ErrorKind, Result};
pub use location::Location;
pub use machine::{Machine, Request, RequestId, Span, Step};
