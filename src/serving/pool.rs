//! Connections to containers that are kept for the next request, a pool for each thread.
