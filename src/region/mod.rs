//! The AWS behaviour: one file or folder per resource family; operations, reconcilers, event bus.
