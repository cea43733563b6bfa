//! The pure half of writing.
