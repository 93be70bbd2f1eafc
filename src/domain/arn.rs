//! Amazon Resource Names and the place (account and AWS region) that they name.

use std::fmt;

/// The account and AWS region that a workspace imitates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
}

impl Default for Place {
    fn default() -> Self {
        Self { account: "123456789012".into(), region: "us-east-1".into() }
    }
}

impl Place {
    /// `arn:aws:sagemaker:<region>:<account>:<kind>/<name>`, the name as its creator wrote it.
    pub fn sagemaker(&self, kind: &str, name: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:sagemaker:{region}:{account}:{kind}/{name}")
    }

    /// IAM is global: its ARNs name no region. `path` as in `role/service/Name`.
    pub fn iam(&self, path: &str) -> String {
        format!("arn:aws:iam::{}:{path}", self.account)
    }

    /// `arn:aws:logs:<region>:<account>:log-group:<group>[:log-stream:<stream>]`.
    pub fn log_stream(&self, group: &str, stream: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}")
    }
}

/// A parsed ARN. The resource keeps its own punctuation (`kind/name` or `kind:name`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl Arn {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: parts.next()?.into(),
            service: parts.next()?.into(),
            region: parts.next()?.into(),
            account: parts.next()?.into(),
            resource: parts.next().filter(|resource| !resource.is_empty())?.into(),
        })
    }

    /// Whether it lies in this account and AWS region.
    pub fn is_in(&self, place: &Place) -> bool {
        self.region.eq_ignore_ascii_case(&place.region) && self.account == place.account
    }

    /// `("endpoint", "demo")` of `…:endpoint/demo`; the name may hold further slashes.
    pub fn kind_and_name(&self) -> Option<(&str, &str)> {
        self.resource.split_once('/')
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}
