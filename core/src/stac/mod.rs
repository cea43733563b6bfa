//! STAC items as JSON and as columns.
