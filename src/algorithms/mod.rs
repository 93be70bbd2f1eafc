//! The built-in algorithms that run inside built-in containers, as `train` and `serve`.
//!
//! An algorithm sees only `/opt/ml` below its root, its environment and its listening socket, as
//! it would in a container of its own; nothing here knows of the region.
