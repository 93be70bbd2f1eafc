//! Names of hosts: which are AWS's, which lead to this machine, and what an S3 name says.
//!
//! The gateway's door, the forward proxy and its certificate authority must agree on which names
//! are AWS's: what one of them takes for AWS's and another does not would leave the machine.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// AWS's domains: the suffixes of every partition's endpoints, and where its consoles and sign-in
/// pages are. The authority's certificate is constrained to them.
pub const AWS_DOMAINS: [&str; 19] = [
    "amazonaws.com",
    "api.aws",
    "aws",
    "aws.amazon.com",
    "awsapps.com",
    // China
    "amazonaws.com.cn",
    "amazonwebservices.com.cn",
    "amazonaws.cn",
    // GovCloud's console
    "amazonaws-us-gov.com",
    // The European sovereign cloud
    "amazonaws.eu",
    "amazonwebservices.eu",
    // Partitions without a public network
    "c2s.ic.gov",
    "aws.ic.gov",
    "sc2s.sgov.gov",
    "aws.scloud",
    "cloud.adc-e.uk",
    "cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "aws.hci.ic.gov",
];

/// A name that another emulator's users have in their programs. It resolves to 127.0.0.1.
const EMULATOR: &str = "localhost.localstack.cloud";

/// Where instances and containers ask for their credentials: EC2, ECS and EKS.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Host and port of `name`, `name:1`, `[::1]` or `[::1]:1`.
pub fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The name as it is compared: without port and final dot, in lower case.
pub fn normalized(host: &str) -> String {
    split_port(host).0.trim_end_matches('.').to_ascii_lowercase()
}

/// What precedes the domain, when there is something: `s3.us-east-1` of `s3.us-east-1.amazonaws.com`.
fn below<'a>(name: &'a str, domain: &str) -> Option<&'a str> {
    name.strip_suffix(domain)?.strip_suffix('.').filter(|rest| !rest.is_empty())
}

/// What precedes AWS's domain in a normalized name; `None` when it is not AWS's.
fn below_aws(name: &str) -> Option<&str> {
    // The longest domain is the one meant: `api.aws` before `aws`.
    AWS_DOMAINS.iter().filter_map(|domain| below(name, domain)).min_by_key(|rest| rest.len())
}

/// Whether a normalized name is one of AWS's hosts.
pub fn is_aws(name: &str) -> bool {
    below_aws(name).is_some()
}

/// Whether a normalized name means this machine: `localhost`, a loopback address, any name below
/// `localhost`, or the name that another emulator uses for it.
pub fn is_loopback(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "[::1]" | EMULATOR)
        || below(name, "localhost").is_some()
        || below(name, EMULATOR).is_some()
}

/// Whether a name or address is where instances and containers of AWS find their credentials.
pub fn is_metadata(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => METADATA.contains(&ip.to_canonical()),
        Err(_) => matches!(name, "instance-data.ec2.internal" | "instance-data"),
    }
}

/// The service that a normalized name of AWS's is of, as AWS spells it there: `dynamodb`, `ecr`.
pub fn service(name: &str) -> Option<&str> {
    let rest = below_aws(name)?;
    let mut labels = rest.split('.').filter(|label| {
        !is_region(label) && !matches!(*label, "dualstack" | "vpce" | "global" | "api")
    });
    labels.next_back().map(|label| label.strip_suffix("-fips").unwrap_or(label))
}

/// The bucket in a virtual-host style name of S3: `bucket.s3.us-east-1.amazonaws.com` and its older
/// forms, `bucket.localhost`, `bucket.s3.localhost`; `None` for path style and for other services.
pub fn bucket(host: &str) -> Option<String> {
    let name = normalized(host);
    let found = if let Some(rest) = below_aws(&name).or_else(|| below(&name, EMULATOR)) {
        s3_bucket(rest)?
    } else {
        let rest = below(&name, "localhost")?;
        s3_bucket(rest).unwrap_or(Cow::Borrowed(rest))
    };
    (!found.is_empty()).then(|| found.into_owned())
}

/// Whether a normalized name of AWS's is an endpoint of S3's objects and buckets.
pub fn is_s3(name: &str) -> bool {
    below_aws(name).is_some_and(|rest| s3_bucket(rest).is_some())
}

/// What stands before S3's own labels; empty when nothing does, `None` when it is not S3's. Read
/// from the right: a bucket's name may look like any of it.
fn s3_bucket(rest: &str) -> Option<Cow<'_, str>> {
    let mut labels: Vec<&str> = rest.split('.').collect();
    if labels.last().is_some_and(|label| is_region(label)) {
        labels.pop();
    }
    if labels.last() == Some(&"dualstack") {
        labels.pop();
    }
    let label = labels.pop()?;
    let dashed = label.strip_prefix("s3-fips-").or_else(|| label.strip_prefix("s3-"));
    let plain = matches!(label, "s3" | "s3-fips" | "s3-accelerate" | "s3-external-1" | "s3-global");
    (plain || dashed.is_some_and(is_region)).then(|| Cow::Owned(labels.join(".")))
}

/// `us-east-1`, `us-gov-west-1`: words and a number.
fn is_region(label: &str) -> bool {
    let mut words: Vec<&str> = label.split('-').collect();
    let number = words.pop().unwrap_or_default();
    words.len() >= 2
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words
            .iter()
            .all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && words.first().is_some_and(|word| word.len() <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sts.us-west-2.amazonaws.com", true)]
    #[case("s3.amazonaws.com", true)]
    #[case("sagemaker.us-east-1.api.aws", true)]
    #[case("d-abc.studio.us-east-1.sagemaker.aws", true)]
    #[case("signin.aws.amazon.com", true)]
    #[case("sts.cn-north-1.amazonaws.com.cn", true)]
    #[case("sts.eusc-de-east-1.amazonaws.eu", true)]
    #[case("amazonaws.com", false)]
    #[case("notamazonaws.com", false)]
    #[case("amazonaws.com.evil.example", false)]
    #[case("www.amazon.com", false)]
    #[case("packages.example", false)]
    #[case("laws", false)]
    #[case("", false)]
    fn names_of_aws(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_aws(name), expected);
    }

    #[rstest]
    #[case("localhost", true)]
    #[case("bucket.localhost", true)]
    #[case("bucket.s3.localhost.localstack.cloud", true)]
    #[case("localhost.localstack.cloud", true)]
    #[case("localstack.cloud", false)]
    #[case("localhost.evil.example", false)]
    #[case("127.0.0.2", false)]
    #[case(".localhost", false)]
    fn names_of_this_machine(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_loopback(name), expected);
    }

    #[rstest]
    #[case("169.254.169.254", true)]
    #[case("169.254.170.2", true)]
    #[case("169.254.170.23", true)]
    #[case("[fd00:ec2::254]", true)]
    #[case("fd00:ec2::23", true)]
    #[case("[::ffff:169.254.169.254]", true)]
    #[case("169.254.1.1", false)]
    #[case("metadata.google.internal", false)]
    fn addresses_of_metadata(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_metadata(name), expected);
    }

    #[rstest]
    #[case("dynamodb.us-east-1.amazonaws.com", Some("dynamodb"))]
    #[case("api.ecr.us-east-1.amazonaws.com", Some("ecr"))]
    #[case("123456789012.dkr.ecr.us-east-1.amazonaws.com", Some("ecr"))]
    #[case("monitoring.us-east-1.api.aws", Some("monitoring"))]
    #[case("dynamodb-fips.us-gov-west-1.amazonaws.com", Some("dynamodb"))]
    #[case("route53.amazonaws.com", Some("route53"))]
    #[case("sts.amazonaws.com", Some("sts"))]
    #[case("packages.example", None)]
    fn services_of_hosts(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(service(name), expected);
    }

    #[rstest]
    #[case("bucket.s3.localhost:7242", Some("bucket"))]
    #[case("a.b.s3.localhost:7242", Some("a.b"))]
    #[case("bucket.s3.us-east-1.localhost:7242", Some("bucket"))]
    #[case("bucket.localhost:7242", Some("bucket"))]
    #[case("s3.localhost:7242", None)]
    #[case("s3.us-east-1.localhost:7242", None)]
    #[case("localhost:7242", None)]
    #[case("127.0.0.1:7242", None)]
    #[case("bucket.s3.localhost.localstack.cloud:4566", Some("bucket"))]
    #[case("bucket.s3.us-east-1.localhost.localstack.cloud:4566", Some("bucket"))]
    #[case("s3.localhost.localstack.cloud:4566", None)]
    #[case("sqs.us-east-1.localhost.localstack.cloud:4566", None)]
    #[case("bucket.s3.amazonaws.com", Some("bucket"))]
    #[case("Bucket.S3.us-east-1.amazonaws.com.", Some("bucket"))]
    #[case("bucket.s3.us-east-1.amazonaws.com:443", Some("bucket"))]
    #[case("bucket.s3-us-west-2.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3.dualstack.us-east-1.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3-fips.dualstack.us-east-1.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3-fips-us-gov-west-1.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3-accelerate.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3-accelerate.dualstack.amazonaws.com", Some("bucket"))]
    #[case("bucket.s3.cn-north-1.amazonaws.com.cn", Some("bucket"))]
    #[case("foo.s3.s3.us-east-1.amazonaws.com", Some("foo.s3"))]
    #[case("us-east-1.s3.us-west-2.amazonaws.com", Some("us-east-1"))]
    #[case("s3.us-east-1.amazonaws.com", None)]
    #[case("s3-us-west-2.amazonaws.com", None)]
    #[case("s3.amazonaws.com", None)]
    #[case("s3.dualstack.us-east-1.amazonaws.com", None)]
    #[case("123456789012.s3-control.us-east-1.amazonaws.com", None)]
    #[case("point-123456789012.s3-accesspoint.us-east-1.amazonaws.com", None)]
    #[case("bucket.s3-website-us-east-1.amazonaws.com", None)]
    #[case("runtime.sagemaker.us-east-1.amazonaws.com", None)]
    fn buckets_are_read_from_virtual_hosts(#[case] host: &str, #[case] expected: Option<&str>) {
        assert_eq!(bucket(host).as_deref(), expected);
    }

    #[test]
    fn every_domain_is_its_own() {
        for domain in AWS_DOMAINS {
            assert!(is_aws(&format!("x.{domain}")), "{domain}");
        }
    }
}
