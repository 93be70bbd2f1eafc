//! The changes themselves: which variables a program gets, which it loses, in whose place.

use super::Inherited;
use super::bundle::Bundles;
use crate::gateway::proxy::Settings;
use crate::gateway::proxy::upstream::{KEPT, MARK};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Set in a program that `--offline` runs; what it starts is offline too.
pub const OFFLINE: &str = "SAGEBRUSH_OFFLINE";

const JAVA: &str = "JAVA_TOOL_OPTIONS";

/// Goes straight to this machine, not by the proxy.
const LOOPBACK: &str = "localhost,127.0.0.1,::1,.localhost";
/// The same for Java.
const LOOPBACK_JAVA: &str = "localhost|127.*|[::1]|*.localhost";

/// Settings that would lead a program to another account, another endpoint or another door.
const REMOVED: [&str; 27] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_CREDENTIAL_PROCESS",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    // With it set, SDKs look past AWS_ENDPOINT_URL.
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    // Together with an endpoint's address SDKs refuse these.
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    // Endpoints, as libraries beside AWS's own call them.
    "AWS_ENDPOINT",
    "AWS_S3_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_METADATA_SERVICE_ENDPOINT",
    "AWS_METADATA_ENDPOINT",
    "AWS_SIGNIN_ENDPOINT",
    "AWS_VAULT",
    "AWS_OKTA_PROFILE",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
];
/// The same by how they begin: `AWS_ENDPOINT_URL_S3`, `AWS_CONTAINER_CREDENTIALS_FULL_URI`, …
const REMOVED_PREFIXES: [&str; 4] =
    ["AWS_ENDPOINT_URL_", "AWS_CONTAINER_", "AWS_SSO_", "AWS_LOGIN_"];

/// What a program's environment has to become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub set: Vec<(String, String)>,
    pub removed: Vec<String>,
}

/// The files that the environment points to.
pub(super) struct Files {
    pub(super) bundles: Bundles,
    pub(super) config: PathBuf,
    pub(super) credentials: PathBuf,
}

/// What the changes are made of.
pub(super) struct Wiring<'a> {
    /// The plain endpoint; with `None` programs find the region by AWS's own names alone.
    pub(super) endpoint: Option<String>,
    pub(super) proxy: SocketAddr,
    /// `user:password@`, or nothing.
    pub(super) user_info: String,
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) files: Files,
    pub(super) upstream: Settings,
    pub(super) offline: bool,
}

pub(super) fn changes(inherited: &Inherited, wiring: &Wiring<'_>) -> Changes {
    let mut set = Vec::new();
    identity(&mut set, wiring);
    proxies(&mut set, wiring);
    for (name, path) in &wiring.files.bundles.by_variable {
        set.push(((*name).to_owned(), path.display().to_string()));
    }
    set.push(("NODE_USE_ENV_PROXY".into(), "1".into()));
    set.push((JAVA.into(), java(inherited, wiring)));
    set.extend(java_own(inherited).map(|own| (format!("{KEPT}{JAVA}"), own.clone())));
    let is_set = |name: &str| set.iter().any(|(set, _)| set == name);
    let inherited_ones = inherited
        .keys()
        .filter(|name| REMOVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .cloned();
    let mut removed: Vec<String> = REMOVED
        .iter()
        .map(|&name| name.to_owned())
        .chain(inherited_ones)
        .filter(|name| !is_set(name))
        .collect();
    removed.sort();
    Changes { set, removed }
}

fn identity(set: &mut Vec<(String, String)>, wiring: &Wiring<'_>) {
    let mut put = |name: &str, value: &str| set.push((name.to_owned(), value.to_owned()));
    if let Some(endpoint) = &wiring.endpoint {
        put("AWS_ENDPOINT_URL", endpoint);
        // Libraries that read the address and take no plain HTTP unless told to.
        put("AWS_ALLOW_HTTP", "true");
    }
    put("AWS_ACCESS_KEY_ID", wiring.access_key);
    put("AWS_SECRET_ACCESS_KEY", wiring.secret_key);
    put("AWS_ACCOUNT_ID", wiring.account);
    put("AWS_DEFAULT_REGION", wiring.region);
    put("AWS_REGION", wiring.region);
    put("AWS_EC2_METADATA_DISABLED", "true");
    put("AWS_CONFIG_FILE", &wiring.files.config.display().to_string());
    put("AWS_SHARED_CREDENTIALS_FILE", &wiring.files.credentials.display().to_string());
}

fn proxies(set: &mut Vec<(String, String)>, wiring: &Wiring<'_>) {
    let url = format!("http://{}{}", wiring.user_info, wiring.proxy);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        set.push((name.to_owned(), url.clone()));
        set.push((name.to_ascii_lowercase(), url.clone()));
    }
    set.push(("NO_PROXY".into(), LOOPBACK.into()));
    set.push(("no_proxy".into(), LOOPBACK.into()));
    set.push((MARK.into(), url));
    set.extend(wiring.upstream.kept());
    if wiring.offline {
        set.push((OFFLINE.into(), "1".into()));
    }
}

/// Java reads neither the proxies' variables nor PEM files.
fn java(inherited: &Inherited, wiring: &Wiring<'_>) -> String {
    let mut options = Vec::new();
    options.extend(java_own(inherited).cloned());
    let (host, port) = (wiring.proxy.ip(), wiring.proxy.port());
    for scheme in ["http", "https"] {
        options.push(format!("-D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port}"));
    }
    options.push(format!("-Dhttp.nonProxyHosts={LOOPBACK_JAVA}"));
    if let Some(path) = &wiring.files.bundles.java {
        // A folder's name may have blanks.
        options.push(format!("\"-Djavax.net.ssl.trustStore={}\"", path.display()));
        options.push("-Djavax.net.ssl.trustStoreType=JKS".into());
    }
    options.join(" ")
}

/// The user's own options for Java, which an outer `exec` or `env` has kept.
fn java_own(inherited: &Inherited) -> Option<&String> {
    let wired = inherited.contains_key(MARK);
    let name = if wired { format!("{KEPT}{JAVA}") } else { JAVA.to_owned() };
    inherited.get(&name).filter(|own| !own.is_empty())
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
