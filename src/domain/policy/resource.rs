//! The form of the ARNs in `Resource`, as IAM checks it when a policy is stored.

use super::Malformed;

/// Where IAM's own resources begin.
const OF_IAM: [&str; 12] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
];
const PARTITIONS: [&str; 7] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];

fn known_partition(partition: &str) -> bool {
    PARTITIONS.contains(&partition) || partition.contains(['*', '?'])
}

/// Whether IAM's older parser gives up on it, which it says before it looks at anything else.
pub(super) fn breaks_legacy_parser(resource: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let known = parts.len() >= 3 && known_partition(parts[1]);
    known && ((parts.len() > 3 && parts[2].is_empty()) || parts.len() == 4 || parts.len() == 5)
}

/// Whether a resource has a form that IAM takes.
///
/// # Errors
/// Why not, in IAM's words.
pub(super) fn check(resource: &str) -> Result<(), Malformed> {
    if resource == "*" {
        return Ok(());
    }
    let mut parts: Vec<&str> = resource.split(':').collect();
    if parts.len() < 2 {
        return Err(Malformed::NoArn(resource.to_owned()));
    }
    parts[0] = "arn";
    let partition = parts[1];
    if !known_partition(partition) {
        while parts.len() < 6 {
            parts.push("*");
        }
        return Err(Malformed::Partition {
            partition: partition.to_owned(),
            resource: parts.join(":"),
        });
    }
    let Some(service) = parts.get(2) else { return Err(Malformed::NoVendor) };
    let (region, account) = (parts.get(3).unwrap_or(&""), parts.get(4).unwrap_or(&""));
    let path = parts.get(5..).map(|rest| rest.join(":")).unwrap_or_default();
    match *service {
        "iam" if !region.is_empty() && *region != "*" => {
            Err(Malformed::IamRegion(resource.to_owned()))
        }
        "iam" if parts.len() >= 6 && !of_iam(&path) => Err(Malformed::IamPath),
        // An access point lives in a region and an account, a bucket in neither.
        "s3" if !region.is_empty() && *region != "*" && account.is_empty() => {
            Err(Malformed::Region(resource.to_owned()))
        }
        _ => Ok(()),
    }
}

fn of_iam(path: &str) -> bool {
    let starts = |known: &str| path.starts_with(known);
    path == "root"
        || path.starts_with(['*', '?', '$'])
        || OF_IAM.into_iter().any(starts)
        || starts("access-report/")
        // A wildcard in the first word: `r*`.
        || path.split('/').next().is_some_and(|word| word.contains(['*', '?']))
}
