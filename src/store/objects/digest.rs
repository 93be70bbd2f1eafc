//! The digests that S3 knows, computed together while the bytes pass once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;
use serde::{Deserialize, Serialize};

/// S3's checksum algorithms, by its own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As S3 writes it: `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1`, `SHA256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub const fn combines(self) -> bool {
        self.crc().is_some()
    }

    const fn crc(self) -> Option<(CrcAlgorithm, usize)> {
        match self {
            Self::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
            Self::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
            Self::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// The base64 text of the checksum of `bytes`.
    pub fn of(self, bytes: &[u8]) -> String {
        let mut running = Running::new(self);
        running.update(bytes);
        running.finish()
    }

    /// The checksum of parts one after the other, from each one's checksum and length. `None` for
    /// algorithms that do not combine, or when a text is not a checksum of this kind.
    pub fn combine<'a>(self, parts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<String> {
        let (crc, width) = self.crc()?;
        let mut whole = 0;
        for (text, length) in parts {
            whole = crc_fast::checksum_combine(crc, whole, number(text, width)?, length);
        }
        Some(text(whole, width))
    }
}

/// The big-endian number in a base64 text of `width` bytes.
fn number(text: &str, width: usize) -> Option<u64> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == width)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn text(number: u64, width: usize) -> String {
    STANDARD.encode(&number.to_be_bytes()[8 - width..])
}

/// One checksum under way.
pub(super) enum Running {
    Crc(Box<crc_fast::Digest>, usize),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Running {
    pub fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some((crc, width))) => Self::Crc(Box::new(crc_fast::Digest::new(crc)), width),
            (Algorithm::Sha1, None) => Self::Sha1(sha1::Sha1::new()),
            (_, None) => Self::Sha256(sha2::Sha256::new()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    /// Base64, as S3 writes checksums.
    pub fn finish(self) -> String {
        match self {
            Self::Crc(crc, width) => text(crc.finalize(), width),
            Self::Sha1(sha) => STANDARD.encode(sha.finalize()),
            Self::Sha256(sha) => STANDARD.encode(sha.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        let bytes = b"123456789";
        assert_eq!(Algorithm::Crc32.of(bytes), STANDARD.encode([0xcb, 0xf4, 0x39, 0x26]));
        assert_eq!(Algorithm::Crc32c.of(bytes), STANDARD.encode([0xe3, 0x06, 0x92, 0x83]));
        let nvme = [0xae, 0x8b, 0x14, 0x86, 0x0a, 0x79, 0x98, 0x88];
        assert_eq!(Algorithm::Crc64Nvme.of(bytes), STANDARD.encode(nvme));
        assert_eq!(Algorithm::Sha1.of(b""), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(Algorithm::Sha256.of(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    proptest! {
        #[test]
        fn parts_combine_to_the_checksum_of_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..6)
        ) {
            let whole = parts.concat();
            for algorithm in Algorithm::ALL {
                let sums: Vec<_> =
                    parts.iter().map(|part| (algorithm.of(part), part.len() as u64)).collect();
                let combined =
                    algorithm.combine(sums.iter().map(|(sum, length)| (sum.as_str(), *length)));
                prop_assert_eq!(combined, algorithm.combines().then(|| algorithm.of(&whole)));
            }
        }
    }
}
