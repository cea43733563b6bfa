//! Which files can hold an answer, and why the others cannot.
