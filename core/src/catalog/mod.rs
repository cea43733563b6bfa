//! One opened, immutable state of a catalog's table.
