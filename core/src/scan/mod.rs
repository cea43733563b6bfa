//! From planned files to rows.
