//! The `earthcatalog` command.

fn main() {}
