//! The kinds of resource rows. The SageMaker ones are the resource types of their ARNs, so that an
//! ARN and a row name each other without a table between them.

pub const MODEL: &str = "model";
pub const MODEL_PACKAGE_GROUP: &str = "model-package-group";
/// Named `<group>/<version>`, or by its own name when it stands in no group.
pub const MODEL_PACKAGE: &str = "model-package";
pub const ENDPOINT_CONFIG: &str = "endpoint-config";
pub const ENDPOINT: &str = "endpoint";
pub const TRAINING_JOB: &str = "training-job";
pub const ROLE: &str = "role";
/// The account's managed policies, named by their ARNs.
pub const POLICY: &str = "iam-policy";
/// Credentials that STS has issued.
pub const SESSION: &str = "sts-session";
/// S3's: rows for those who follow the region; the store keeps buckets in a table of their own.
pub const BUCKET: &str = "bucket";
/// Not AWS's: what deleted resources have cost.
pub const LEDGER: &str = "sagebrush-ledger";

/// Rows of other services, and the region's own: nothing of SageMaker's has these resource types.
const OTHERS: &[&str] = &[ROLE, POLICY, BUCKET, SESSION, LEDGER];

/// Whether rows of the kind are SageMaker's, with the kind as their ARNs' resource type.
pub fn is_sagemaker(kind: &str) -> bool {
    !OTHERS.contains(&kind)
}
