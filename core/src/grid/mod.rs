//! From a geometry to the grid cells it shares a point with.
