//! What a native host adds to the core: reads over object stores, and every effect of writing.
