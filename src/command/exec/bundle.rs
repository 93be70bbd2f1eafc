//! Bundles of certificates: those that a program believes already, and the region's authority.
//!
//! Each variable that names a bundle gets one of its own: what the user's own bundle there holds, or
//! the system's. A program believes nobody whom it did not believe before, AWS's hosts here excepted.

use super::{Inherited, truststore};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Variables by which programs and libraries are told a bundle. Where one is not set, those after it
/// count as its own do: `requests` looks at curl's.
const VARIABLES: [(&str, &[&str]); 11] = [
    ("AWS_CA_BUNDLE", &["REQUESTS_CA_BUNDLE"]),
    ("REQUESTS_CA_BUNDLE", &["CURL_CA_BUNDLE"]),
    ("CURL_CA_BUNDLE", &["SSL_CERT_FILE"]),
    ("SSL_CERT_FILE", &[]),
    ("NIX_SSL_CERT_FILE", &["SSL_CERT_FILE"]),
    ("GIT_SSL_CAINFO", &[]),
    ("PIP_CERT", &[]),
    ("CARGO_HTTP_CAINFO", &[]),
    ("HTTPLIB2_CA_CERTS", &[]),
    ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &[]),
    ("DENO_CERT", &[]),
];

/// Adds to what Node believes and replaces nothing.
const EXTRA: &str = "NODE_EXTRA_CA_CERTS";

/// Files of one kind that are kept; older ones go.
const KEPT: usize = 16;
/// A bundle that is read: the largest are below a megabyte.
const MOST: u64 = 16 * 1024 * 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Where the bundles lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bundles {
    pub(super) by_variable: BTreeMap<&'static str, PathBuf>,
    /// The same as `SSL_CERT_FILE`'s in Java's form.
    pub(super) java: Option<PathBuf>,
}

/// Writes the bundles of an environment into `folder`.
pub(super) fn write(folder: &Path, inherited: &Inherited, authority: &str) -> io::Result<Bundles> {
    let system = system();
    let mut bundles = Bundles::default();
    for (name, others) in VARIABLES {
        let named = std::iter::once(name).chain(others.iter().copied());
        let own = named.filter_map(|name| inherited.get(name)).find_map(|path| read(path.as_ref()));
        let text = joined(own.as_deref().unwrap_or(&system), authority);
        if name == "SSL_CERT_FILE" {
            let store = truststore::jks(&certificates(&text));
            bundles.java = Some(keep(folder, "trust", "jks", &store)?);
        }
        bundles.by_variable.insert(name, keep(folder, "certificates", "pem", text.as_bytes())?);
    }
    let own = inherited.get(EXTRA).and_then(|path| read(path.as_ref())).unwrap_or_default();
    let extra = keep(folder, "certificates", "pem", joined(&own, authority).as_bytes())?;
    bundles.by_variable.insert(EXTRA, extra);
    Ok(bundles)
}

/// Whether this system has a bundle at all.
pub fn system_bundle() -> Option<PathBuf> {
    // The environment's own are looked at one by one.
    openssl_probe::candidate_cert_dirs()
        .flat_map(|dir| {
            [
                "ca-certificates.crt",
                "cert.pem",
                "certs.pem",
                "ca-bundle.pem",
                "ca-bundle.crt",
                "certs/ca-certificates.crt",
                "certs/ca-root-nss.crt",
                "certs/ca-bundle.crt",
                "CARootCertificates.pem",
                "tls-ca-bundle.pem",
            ]
            .map(|name| dir.join(name))
        })
        .find(|path| path.is_file())
}

fn system() -> String {
    system_bundle().and_then(|path| read(&path)).unwrap_or_default()
}

/// The certificates in a file, or in the files of a folder.
fn read(path: &Path) -> Option<String> {
    if path.as_os_str().is_empty() {
        return None;
    }
    if !path.is_dir() {
        return read_file(path);
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut all = String::new();
    for text in files.iter().filter_map(|path| read_file(path)) {
        for certificate in certificates(&text) {
            if !all.contains(certificate) {
                all.push_str(certificate);
                all.push('\n');
            }
        }
    }
    Some(all)
}

fn read_file(path: &Path) -> Option<String> {
    let facts = path.metadata().ok()?;
    let whole = facts.is_file() && facts.len() <= MOST;
    whole.then(|| std::fs::read(path).ok()).flatten().map(|bytes| {
        // Some bundles have names in other encodings between their certificates.
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Each certificate of a bundle, with its marks.
fn certificates(text: &str) -> Vec<&str> {
    text.match_indices(BEGIN)
        .filter_map(|(from, _)| {
            let rest = text.get(from..)?;
            rest.get(..rest.find(END)? + END.len())
        })
        .collect()
}

fn joined(base: &str, authority: &str) -> String {
    if base.contains(authority.trim()) {
        return base.to_owned();
    }
    let end = if base.is_empty() || base.ends_with('\n') { "" } else { "\n" };
    format!("{base}{end}{authority}")
}

/// A file named after its content, so that programs under way keep theirs.
pub(super) fn keep(folder: &Path, stem: &str, ending: &str, content: &[u8]) -> io::Result<PathBuf> {
    let digest = hex::encode(Sha256::digest(content));
    let name = format!("{stem}-{}.{ending}", digest.get(..16).unwrap_or_default());
    let path = folder.join(name);
    if std::fs::read(&path).is_ok_and(|found| found == content) {
        // In use: not the one to go.
        std::fs::File::open(&path)?.set_modified(std::time::SystemTime::now()).ok();
        return Ok(path);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(&path).map_err(|error| error.error)?;
    forget_oldest(folder, stem);
    Ok(path)
}

fn forget_oldest(folder: &Path, stem: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut kept: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{stem}-")))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    kept.sort();
    for (_, path) in kept.iter().rev().skip(KEPT) {
        std::fs::remove_file(path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "-----BEGIN CERTIFICATE-----\nT1VS\n-----END CERTIFICATE-----\n";
    const THEIRS: &str = "-----BEGIN CERTIFICATE-----\nVEhFSVJT\n-----END CERTIFICATE-----";

    #[test]
    fn a_bundle_is_the_users_own_and_ours() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("corporate.pem");
        std::fs::write(&own, THEIRS).unwrap();
        let inherited = Inherited::from([
            ("CURL_CA_BUNDLE".to_owned(), own.display().to_string()),
            ("GIT_SSL_CAINFO".to_owned(), "/no/such/file".to_owned()),
        ]);
        let bundles = write(folder.path(), &inherited, OURS).unwrap();
        let text = |name: &str| std::fs::read_to_string(&bundles.by_variable[name]).unwrap();
        let expected = format!("{THEIRS}\n{OURS}");
        for name in ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"] {
            assert_eq!(text(name), expected, "{name}");
        }
        assert_eq!(text(EXTRA), OURS);
        assert!(text("GIT_SSL_CAINFO").ends_with(OURS));
        assert!(!text("GIT_SSL_CAINFO").contains(THEIRS));
        // Wired once more, from within: nothing is added twice.
        let wired: Inherited = bundles
            .by_variable
            .iter()
            .map(|(name, path)| ((*name).to_owned(), path.display().to_string()))
            .collect();
        assert_eq!(write(folder.path(), &wired, OURS).unwrap(), bundles);
    }

    #[test]
    fn a_folder_of_certificates_is_a_bundle_too() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.pem"), format!("name\n{THEIRS}\n")).unwrap();
        std::fs::write(folder.path().join("b.0"), THEIRS).unwrap();
        assert_eq!(read(folder.path()).unwrap(), format!("{THEIRS}\n"));
    }

    #[test]
    fn old_files_go() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..KEPT + 5 {
            keep(folder.path(), "certificates", "pem", index.to_string().as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT);
    }
}
