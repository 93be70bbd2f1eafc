//! The AWS API as data: service models, validation, codecs, signing and AWS errors.
//!
//! There are no hand-written structs for hundreds of operations. A request is decoded into one
//! *document* (`serde_json::Value`, members named as the model names them), checked against its
//! shape, and handed to a handler; the answer goes back the same way. A document is always in the
//! awsJson convention whatever the wire spoke: timestamps are epoch seconds (a JSON number), blobs
//! are base64 strings, enums and longs are plain strings and numbers.

pub mod codec;
pub mod directory;
pub mod error;
pub mod event_stream;
pub mod model;
#[cfg(test)]
pub(crate) mod sample;
pub mod shaping;
pub mod signing;
pub mod validation;
