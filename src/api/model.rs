//! A service model: operations, shapes, limits, patterns, enums, error codes and the wire protocol,
//! read from `assets/api/<service>.json` on first use.

/// The services that the region knows, by the name that a client's SDK gives them.
pub const SERVICES: &[&str] = &[
    "sagemaker",
    "sagemaker-runtime",
    "sts",
    "logs",
    "cloudwatch",
    "iam",
    "application-autoscaling",
    "ecr",
    "cloudformation",
    "kms",
    "cloudtrail",
];
