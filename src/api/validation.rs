//! Checks a document against its shape and says every failure in AWS's text.
