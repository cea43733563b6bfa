//! What is searched for.
