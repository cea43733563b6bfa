//! The parts of Apache Iceberg that a reader needs, as pure functions over whole buffers.
