//! AWS's own managed policies: what those of them allow that a SageMaker role usually has. Their
//! statements are data (`assets/policies.json`), cut to the services that such a role meets.

use crate::domain::arn::Arn;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static KNOWN: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let file: Value =
        serde_json::from_str(include_str!("../../../assets/policies.json")).unwrap_or_default();
    let policies = file.get("policies").and_then(Value::as_object).cloned().unwrap_or_default();
    policies
        .into_iter()
        .map(|(name, statements)| {
            (name, json!({"Version": "2012-10-17", "Statement": statements}).to_string())
        })
        .collect()
});

/// Whether an ARN is that of one of AWS's policies.
pub(super) fn is_of_aws(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| {
        arn.service == "iam" && arn.account == "aws" && arn.resource.starts_with("policy/")
    })
}

/// The document of one of AWS's policies; `None` when Sagebrush does not have it.
pub(super) fn document(arn: &str) -> Option<&'static str> {
    let name = is_of_aws(arn).then(|| arn.rsplit('/').next())??;
    KNOWN.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Context, Policy, Request, Use, Verdict, check, decide};

    #[test]
    fn every_document_is_a_policy() {
        assert!(KNOWN.len() >= 15);
        for (name, document) in KNOWN.iter() {
            assert_eq!(check(document, Use::Managed), Ok(()), "{name}");
            assert!(
                super::document(&format!("arn:aws:iam::aws:policy/service-role/{name}")).is_some()
            );
        }
        assert_eq!(document("arn:aws:iam::aws:policy/NoSuchPolicy"), None);
        assert_eq!(document("arn:aws:iam::123456789012:policy/AdministratorAccess"), None);
    }

    #[test]
    fn sagemakers_own_allows_what_an_sdk_asks_for() {
        let policies = [document("arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
            .and_then(Policy::read)
            .unwrap()];
        let context = Context::default();
        let ask = |action, resource| {
            decide(&policies, None, &Request { action, resource, context: &context }).verdict
        };
        let bucket = "arn:aws:s3:::sagemaker-us-east-1-123456789012/*";
        assert_eq!(ask("s3:PutObject", bucket), Verdict::Allowed);
        assert_eq!(ask("s3:PutObject", "arn:aws:s3:::mine/*"), Verdict::ImplicitDeny);
        assert_eq!(ask("sagemaker:CreateTrainingJob", "*"), Verdict::Allowed);
        assert_eq!(ask("iam:CreateRole", "*"), Verdict::ImplicitDeny);
    }
}
