//! Footprints and areas in longitude and latitude.
