//! The data plane: the variant table, the weighted pick, forwarding.
//!
//! An invocation never touches SQLite and takes no global lock: it reads an immutable table that
//! the region publishes, picks a variant and an instance, and streams bytes both ways.
