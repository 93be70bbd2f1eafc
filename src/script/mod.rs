//! Headless mode: runs a `.brush` script, checks its expectations, reports.
