//! The workspace's certificate authority: it vouches for names of AWS's, to programs that were given
//! its certificate, and for nothing else.
//!
//! Its key lies in a 0600 file, so that a shell's environment outlives a restart of the region. Its
//! certificate is constrained to AWS's domains: a key that leaked could not be used against a bank,
//! and could be used against AWS only with those who took the certificate from this workspace.

use crate::domain::host::AWS_DOMAINS;
use crate::gateway::private_file::{self, PrivateFileError};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SerialNumber, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The file's name in the workspace's `.sagebrush` folder.
pub const FILE: &str = "authority.pem";

/// Hosts whose certificates are kept; a bucket is a host.
const KEPT: usize = 256;
/// A host's certificate is used for this long and valid for longer.
const FRESH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const VALID_DAYS: i64 = 300;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error("{path} holds no key and certificate; remove it and start again to have them made")]
    Malformed { path: PathBuf },
    #[error("a certificate for {name} cannot be made: {source}")]
    Certificate { name: String, source: rcgen::Error },
    #[error("TLS for {name} cannot be set up: {source}")]
    Tls { name: String, source: rustls::Error },
}

/// Signs certificates for hosts of AWS's.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all hosts: it never leaves this process.
    host_key: KeyPair,
    hosts: Mutex<HashMap<String, (Instant, Arc<ServerConfig>)>>,
}

impl Authority {
    /// Reads the authority in `dir`, the workspace's `.sagebrush` folder; makes one when there is
    /// none, or one whose constraints are not today's.
    ///
    /// # Errors
    /// When the file cannot be read or made, or could have been read or written by others.
    pub fn load_or_make(dir: &Path) -> Result<Self, AuthorityError> {
        let path = dir.join(FILE);
        match private_file::read(&path) {
            Ok(text) if text.lines().next() == Some(constraints().as_str()) => {
                let malformed = || AuthorityError::Malformed { path: path.clone() };
                let key = block(&text, "PRIVATE KEY").ok_or_else(malformed)?;
                let certificate = block(&text, "CERTIFICATE").ok_or_else(malformed)?;
                let key = KeyPair::from_pem(key).map_err(|_unreadable| malformed())?;
                Self::new(key, certificate.to_owned())
            }
            Ok(_older) => Self::make(&path),
            Err(error) if error.is_missing() => Self::make(&path),
            Err(error) => Err(error.into()),
        }
    }

    fn make(path: &Path) -> Result<Self, AuthorityError> {
        let failed = |source| AuthorityError::Certificate { name: "the region".into(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = authority_of(&key).self_signed(&key).map_err(failed)?.pem();
        let text = format!("{}\n{}{certificate}", constraints(), key.serialize_pem());
        private_file::write(path, &text)?;
        Self::new(key, certificate)
    }

    fn new(key: KeyPair, certificate: String) -> Result<Self, AuthorityError> {
        let host_key = KeyPair::generate()
            .map_err(|source| AuthorityError::Certificate { name: "hosts".into(), source })?;
        let issuer = Issuer::new(authority_of(&key), key);
        Ok(Self { certificate, issuer, host_key, hosts: Mutex::default() })
    }

    /// The authority's certificate, for those who shall believe it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// How TLS is spoken as `name`, a normalized name of AWS's.
    ///
    /// # Errors
    /// The name cannot stand in a certificate.
    pub(super) fn speak_as(&self, name: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, config)) = hosts.get(name)
            && made.elapsed() < FRESH
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.configure(name)?);
        if hosts.len() >= KEPT
            && let Some(oldest) =
                hosts.iter().min_by_key(|(_, (made, _))| *made).map(|(name, _)| name.clone())
        {
            hosts.remove(&oldest);
        }
        hosts.insert(name.to_owned(), (Instant::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn configure(&self, name: &str) -> Result<ServerConfig, AuthorityError> {
        let uncertified = |source| AuthorityError::Certificate { name: name.to_owned(), source };
        let certificate = host_certificate(name)
            .and_then(|params| params.signed_by(&self.host_key, &self.issuer))
            .map_err(uncertified)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.host_key.serialize_der()));
        let failed = |source| AuthorityError::Tls { name: name.to_owned(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let chain = vec![certificate.der().clone()];
                builder.with_no_client_auth().with_single_cert(chain, key)
            })
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Nothing is kept of a session: a handshake costs little on this machine.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// The certificate of the authority in `dir`, for those who shall believe it.
///
/// # Errors
/// As [`Authority::load_or_make`], and when no region has made one yet.
pub fn certificate(dir: &Path) -> Result<String, AuthorityError> {
    let path = dir.join(FILE);
    let text = private_file::read(&path)?;
    block(&text, "CERTIFICATE").map(str::to_owned).ok_or(AuthorityError::Malformed { path })
}

/// The first line of the file: what its certificate is constrained to.
fn constraints() -> String {
    format!("# This region's own authority, constrained to {}", AWS_DOMAINS.join(" "))
}

/// One block of a PEM file, with its marks.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let end = format!("-----END {label}-----\n");
    let from = text.find(&format!("-----BEGIN {label}-----\n"))?;
    let to = text.get(from..)?.find(&end)? + from + end.len();
    text.get(from..to)
}

/// The authority's own certificate, as its key alone decides it.
fn authority_of(key: &KeyPair) -> CertificateParams {
    let mark = hex::encode(Sha256::digest(key.public_key_raw()));
    let mut params = CertificateParams::default();
    params.distinguished_name =
        named(&format!("Sagebrush simulated region {}", mark.get(..12).unwrap_or_default()));
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted = |domain: &&str| GeneralSubtree::DnsName((*domain).to_owned());
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: AWS_DOMAINS.iter().map(permitted).collect(),
        // What is said of names says nothing of addresses.
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    params
}

fn host_certificate(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = named("A host of a simulated region");
    // From yesterday, for clocks that disagree, until long after it is made again.
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = |days: i64| {
        let date = today.saturating_add(days.days());
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = day(-1);
    params.not_after = day(VALID_DAYS);
    params.serial_number = Some(SerialNumber::from_slice(&serial()));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// A positive number of sixteen bytes.
fn serial() -> [u8; 16] {
    let mut bytes = *uuid::Uuid::new_v4().as_bytes();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    /// A client that believes one authority and nobody else.
    fn believer(certificate: &str) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config).into()
    }

    /// What a client says to a host of this name.
    async fn said(authority: &Authority, client: &TlsConnector, name: &str) -> String {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let acceptor = TlsAcceptor::from(authority.speak_as(name).unwrap());
        let server = ServerName::try_from(name.to_owned()).unwrap();
        let (_, outcome) = tokio::join!(acceptor.accept(here), client.connect(server, there));
        outcome.map_or_else(|error| error.to_string(), |_| "hello".into())
    }

    #[tokio::test]
    async fn it_vouches_for_aws_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_make(folder.path()).unwrap();
        let client = believer(authority.certificate());
        for name in [
            "sts.us-east-1.amazonaws.com",
            "a.bucket.with.dots.s3.amazonaws.com",
            "sagemaker.us-east-1.api.aws",
            "d-1.studio.us-east-1.sagemaker.aws",
        ] {
            assert_eq!(said(&authority, &client, name).await, "hello", "{name}");
        }
        for name in
            ["www.example.com", "amazonaws.com.example.com", "packages.example", "127.0.0.1"]
        {
            let refused = said(&authority, &client, name).await;
            assert!(refused.contains("NameConstraintViolation"), "{name}: {refused}");
        }
    }

    #[tokio::test]
    async fn it_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let before = Authority::load_or_make(folder.path()).unwrap();
        let client = believer(before.certificate());
        let after = Authority::load_or_make(folder.path()).unwrap();
        assert_eq!(after.certificate(), before.certificate());
        assert_eq!(certificate(folder.path()).unwrap(), before.certificate());
        assert_eq!(said(&after, &client, "sts.amazonaws.com").await, "hello");
        let other = Authority::load_or_make(tempfile::tempdir().unwrap().path()).unwrap();
        assert_ne!(said(&other, &client, "sts.amazonaws.com").await, "hello");
    }

    #[test]
    fn one_with_other_constraints_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let before = Authority::load_or_make(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        private_file::write(&path, &text.replacen(" awsapps.com", "", 1)).unwrap();
        let after = Authority::load_or_make(folder.path()).unwrap();
        assert_ne!(after.certificate(), before.certificate());
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(&constraints()));
    }

    #[cfg(unix)]
    #[test]
    fn its_key_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Authority::load_or_make(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let why = Authority::load_or_make(folder.path()).err().unwrap().to_string();
        assert!(why.contains("chmod 600"), "{why}");
    }

    #[test]
    fn certificates_are_kept_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_make(folder.path()).unwrap();
        let speak = |name: &str| authority.speak_as(name).unwrap();
        assert!(Arc::ptr_eq(&speak("sts.amazonaws.com"), &speak("sts.amazonaws.com")));
        for index in 0..KEPT + 3 {
            speak(&format!("bucket-{index}.s3.amazonaws.com"));
        }
        assert_eq!(authority.hosts.lock().unwrap().len(), KEPT);
    }
}
