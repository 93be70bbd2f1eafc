//! Which image URIs are built-in algorithms: the account and repository table of the SageMaker
//! SDK's `image_uris`. A user's own repository that happens to be called `xgboost` is the user's.

use super::Image;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The algorithms that this binary runs itself.
pub const BUILT_IN: &[&str] = &["xgboost", "linear-learner"];

/// `assets/images.json`, made by `assets/images.py`.
#[derive(Deserialize)]
struct Facts {
    /// Repositories of each algorithm, the one with the newest release last.
    algorithms: HashMap<String, Vec<Repository>>,
}

#[derive(Deserialize)]
struct Repository {
    name: String,
    /// The registry's account in each AWS region.
    accounts: HashMap<String, String>,
    /// Oldest first.
    tags: Vec<String>,
}

struct Table {
    /// Algorithm by registry host and repository: `<account>.dkr.ecr.<region>.<domain>/<name>`.
    algorithms: HashMap<String, String>,
    /// Algorithm and its newest repository.
    newest: HashMap<String, Repository>,
}

static TABLE: LazyLock<Table> = LazyLock::new(table);

#[expect(clippy::expect_used, reason = "an embedded file, read by every test of this module")]
fn table() -> Table {
    let text = include_str!("../../assets/images.json");
    let facts: Facts = serde_json::from_str(text).expect("images.json parses");
    let mut table = Table { algorithms: HashMap::new(), newest: HashMap::new() };
    for (algorithm, repositories) in facts.algorithms {
        for repository in repositories {
            for (region, account) in &repository.accounts {
                let path = format!("{}/{}", registry(account, region), repository.name);
                table.algorithms.insert(path, algorithm.clone());
            }
            table.newest.insert(algorithm.clone(), repository);
        }
    }
    table
}

/// The host of an account's ECR registry in an AWS region.
fn registry(account: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else if region.starts_with("us-isof-") {
        "csp.hci.ic.gov"
    } else if region.starts_with("us-isob-") {
        "sc2s.sgov.gov"
    } else if region.starts_with("us-iso-") {
        "c2s.ic.gov"
    } else {
        "amazonaws.com"
    };
    format!("{account}.dkr.ecr.{region}.{domain}")
}

/// What the engine runs for `uri`. Any tag is taken; what it changes is the algorithm's matter.
pub fn resolve(uri: &str) -> Image {
    match TABLE.algorithms.get(repository(uri)) {
        Some(algorithm) => {
            Image::BuiltIn { algorithm: algorithm.clone(), release: release(uri).to_owned() }
        }
        None => Image::Foreign(uri.to_owned()),
    }
}

/// The newest URI of a built-in algorithm in an AWS region, as the SDK's `image_uris.retrieve`
/// would give it; `None` when the algorithm is not built in or not offered there.
pub fn uri(algorithm: &str, region: &str) -> Option<String> {
    let repository = TABLE.newest.get(algorithm)?;
    let account = repository.accounts.get(region)?;
    let tag = repository.tags.last()?;
    Some(format!("{}/{}:{tag}", registry(account, region), repository.name))
}

/// `uri` with the digest of what runs for it in the place of its tag, as AWS resolves an image. A
/// foreign image is not pulled, so its URI stays as it was sent.
pub fn resolved(uri: &str) -> String {
    match (digest(uri), uri.contains('@')) {
        (Some(digest), false) => format!("{}@{digest}", repository(uri)),
        _ => uri.to_owned(),
    }
}

/// The digest that stands for a built-in image: the SHA-256 of the algorithm's name, the image's tag
/// and the version of this binary, which together decide what runs. It is not the digest of AWS's
/// own image. A digest that the URI names is kept.
pub fn digest(uri: &str) -> Option<String> {
    if let Some((_, digest)) = uri.split_once('@') {
        return Some(digest.to_owned());
    }
    let Image::BuiltIn { algorithm, .. } = resolve(uri) else { return None };
    let tag = uri[repository(uri).len()..].trim_start_matches(':');
    let version = env!("CARGO_PKG_VERSION");
    let hash = Sha256::digest(format!("sagebrush {version}\0{algorithm}\0{tag}"));
    Some(format!("sha256:{}", hex::encode(hash)))
}

/// The URI without tag and digest.
fn repository(uri: &str) -> &str {
    let path = without_digest(uri);
    let name = path.len() - release(uri).len();
    // A colon after the last slash begins a tag; one before it would belong to a port.
    path[name..].find(':').map_or(path, |colon| &path[..name + colon])
}

/// The repository's name and the tag.
fn release(uri: &str) -> &str {
    let path = without_digest(uri);
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

fn without_digest(uri: &str) -> &str {
    uri.split_once('@').map_or(uri, |(path, _digest)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in(uri: &str) -> Option<(String, String)> {
        match resolve(uri) {
            Image::BuiltIn { algorithm, release } => Some((algorithm, release)),
            Image::Foreign(_) => None,
        }
    }

    #[test]
    fn resolves_what_the_sdk_retrieves() {
        let cases = [
            ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "xgboost"),
            ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost", "xgboost"),
            ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost"),
            ("382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "linear-learner"),
            (
                "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner@sha256:0a1b",
                "linear-learner",
            ),
            ("390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/linear-learner:1", "linear-learner"),
        ];
        for (uri, algorithm) in cases {
            assert_eq!(built_in(uri).unwrap().0, algorithm, "{uri}");
        }
    }

    #[test]
    fn the_release_is_repository_and_tag() {
        let registry = "683313688378.dkr.ecr.us-east-1.amazonaws.com/";
        for (image, release) in [
            ("sagemaker-xgboost:1.7-1", "sagemaker-xgboost:1.7-1"),
            ("sagemaker-xgboost@sha256:0a1b", "sagemaker-xgboost"),
            ("sagemaker-xgboost:0.90-2@sha256:0a1b", "sagemaker-xgboost:0.90-2"),
        ] {
            assert_eq!(built_in(&format!("{registry}{image}")).unwrap().1, release);
        }
    }

    #[test]
    fn leaves_everything_else_to_its_owner() {
        let cases = [
            "xgboost",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
            // AWS's account, of another region or with another repository.
            "683313688378.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/my/sagemaker-xgboost:1.7-1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com.cn/sagemaker-xgboost:1.7-1",
            "localhost:5000/xgboost",
            "",
            ":",
            "@",
        ];
        for uri in cases {
            assert_eq!(resolve(uri), Image::Foreign(uri.to_owned()));
        }
    }

    #[test]
    fn every_built_in_has_a_uri_that_resolves_to_it() {
        for algorithm in BUILT_IN {
            for region in ["us-east-1", "eu-central-1", "cn-north-1", "us-iso-east-1"] {
                let uri = uri(algorithm, region).unwrap();
                assert_eq!(built_in(&uri).unwrap().0, *algorithm, "{uri}");
            }
        }
        assert_eq!(
            uri("xgboost", "us-east-1").unwrap(),
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
        );
        assert_eq!(uri("xgboost", "mars-north-1"), None);
        assert_eq!(uri("kmeans", "us-east-1"), None);
    }

    #[test]
    fn the_table_knows_what_is_built_in_and_nothing_else() {
        let mut known: Vec<&str> = TABLE.newest.keys().map(String::as_str).collect();
        known.sort_unstable();
        let mut built_in = BUILT_IN.to_vec();
        built_in.sort_unstable();
        assert_eq!(known, built_in);
    }

    #[test]
    fn what_is_built_in_resolves_to_a_digest_of_what_runs() {
        let base = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost";
        let old = resolved(&format!("{base}:1.7-1"));
        let (path, digest) = old.split_once("@sha256:").unwrap();
        assert_eq!((path, digest.len()), (base, 64));
        assert_eq!(old, resolved(&format!("{base}:1.7-1")));
        assert_ne!(old, resolved(&format!("{base}:3.0-5")));
        let pinned = format!("{base}@sha256:{}", "a".repeat(64));
        assert_eq!(resolved(&pinned), pinned);
        assert_eq!(resolved("mine:1"), "mine:1");
        assert_eq!(super::digest("mine:1"), None);
    }
}
