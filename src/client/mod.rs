//! A signed HTTP client of the region and its watch stream; what every front end holds.
