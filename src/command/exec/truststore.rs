//! A Java truststore (JKS): Java reads certificates from nothing else without its own tools.
//!
//! The form is that of `java.security.KeyStore`'s "JKS": big-endian numbers, an entry for each
//! certificate, and a SHA-1 over password, a phrase and all of it. Java checks that only when it is
//! given the password, which a truststore need not have; `changeit` is what its tools expect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
/// An entry that is a certificate alone.
const TRUSTED: u32 = 2;
const PASSWORD: &str = "changeit";
const PHRASE: &[u8] = b"Mighty Aphrodite";

/// The truststore of certificates in PEM form. What is no base64 is left out.
pub(super) fn jks(certificates: &[&str]) -> Vec<u8> {
    let ders: Vec<Vec<u8>> = certificates.iter().filter_map(|pem| der(pem)).collect();
    let mut store = Vec::new();
    for number in [MAGIC, VERSION, length(ders.len())] {
        store.extend(number.to_be_bytes());
    }
    for (index, der) in ders.iter().enumerate() {
        store.extend(TRUSTED.to_be_bytes());
        text(&mut store, &format!("certificate-{index}"));
        // When it was added; the same content makes the same file.
        store.extend(0u64.to_be_bytes());
        text(&mut store, "X.509");
        store.extend(length(der.len()).to_be_bytes());
        store.extend(der);
    }
    let mut digest = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        digest.update(unit.to_be_bytes());
    }
    digest.update(PHRASE);
    digest.update(&store);
    store.extend(digest.finalize());
    store
}

fn der(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.map(str::trim).collect::<String>()).ok()
}

/// Bundles are bounded far below.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn text(store: &mut Vec<u8>, text: &str) {
    store.extend(u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
    store.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_what_java_writes() {
        let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----";
        let store = jks(&[pem, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"]);
        let (body, digest) = store.split_at(store.len() - 20);
        let mut expected = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        expected.extend(b"\0\x0dcertificate-0\0\0\0\0\0\0\0\0\0\x05X.509\0\0\0\x03abc");
        assert_eq!(body, expected);
        let password: Vec<u8> = "changeit".bytes().flat_map(|byte| [0, byte]).collect();
        assert_eq!(digest, Sha1::digest([&password, PHRASE, body].concat()).as_slice());
    }
}
