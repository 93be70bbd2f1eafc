//! The region's own key: made once per workspace, kept in a file that only its user can read.
//!
//! Whoever can read the file is the region's user, so what is signed with it is the user's. The
//! file has the AWS CLI's own format: `AWS_SHARED_CREDENTIALS_FILE` may point at it.

use super::private_file::{self, PrivateFileError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The file's name in the workspace's `.sagebrush` folder.
pub const FILE: &str = "credentials";

/// Twenty characters as AWS's have, and nobody takes it for one of AWS's.
const KEY_PREFIX: &str = "AKIASAGEBRUSH";

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error(
        "{path} holds no aws_access_key_id and aws_secret_access_key; remove it and start again to have them made"
    )]
    Malformed { path: PathBuf },
}

impl Credentials {
    /// Reads the credentials in `dir`, the workspace's `.sagebrush` folder; makes them when there
    /// are none.
    ///
    /// # Errors
    /// When the file cannot be read or made, is a symbolic link, belongs to somebody else, or can be
    /// read by others.
    pub fn load_or_make(dir: &Path) -> Result<Self, CredentialsError> {
        let path = dir.join(FILE);
        match Self::load(&path) {
            Err(CredentialsError::File(error)) if error.is_missing() => {
                let made = Self::generate();
                made.store(&path)?;
                Ok(made)
            }
            other => other,
        }
    }

    /// Reads the credentials in the file at `path`.
    ///
    /// # Errors
    /// As [`Credentials::load_or_make`], and when there is no such file.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let text = private_file::read(path)?;
        let member = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
            })
        };
        match (member("aws_access_key_id"), member("aws_secret_access_key")) {
            (Some(access_key), Some(secret_key)) => Ok(Self { access_key, secret_key }),
            _ => Err(CredentialsError::Malformed { path: path.to_owned() }),
        }
    }

    /// New ones, from the system's random numbers.
    pub fn generate() -> Self {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let tail: String = random()
            .iter()
            .take(20 - KEY_PREFIX.len())
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let secret = STANDARD_NO_PAD.encode(random().get(..30).unwrap_or_default());
        Self { access_key: format!("{KEY_PREFIX}{tail}"), secret_key: secret }
    }

    fn store(&self, path: &Path) -> Result<(), CredentialsError> {
        let text = format!(
            "# This region's own key. Whoever has it may call the region; AWS knows nothing of it.\n\
             [default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.access_key, self.secret_key
        );
        Ok(private_file::write(path, &text)?)
    }
}

/// 32 bytes from the system's random numbers. `uuid` draws them; hashing leaves none of its fixed
/// bits in place.
fn random() -> [u8; 32] {
    let mut hash = Sha256::new();
    for _ in 0..4 {
        hash.update(uuid::Uuid::new_v4().as_bytes());
    }
    hash.finalize().into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn are_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let made = Credentials::load_or_make(dir.path()).unwrap();
        assert_eq!(made.access_key.len(), 20);
        assert_eq!(made.secret_key.len(), 40);
        assert!(made.access_key.starts_with("AKIASAGEBRUSH"));
        assert_eq!(Credentials::load_or_make(dir.path()).unwrap(), made);
        let mode = dir.path().join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(Credentials::generate(), Credentials::generate());
        assert!(!format!("{made:?}").contains(&made.secret_key));
    }

    #[test]
    fn are_refused_when_others_could_have_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        Credentials::load_or_make(dir.path()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let why = Credentials::load_or_make(dir.path()).unwrap_err().to_string();
        assert!(why.contains("chmod 600"), "{why}");

        std::fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        let why = Credentials::load_or_make(dir.path()).unwrap_err().to_string();
        assert!(why.contains("symbolic link"), "{why}");

        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "[default]\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let why = Credentials::load_or_make(dir.path()).unwrap_err().to_string();
        assert!(why.contains("holds no aws_access_key_id"), "{why}");
    }
}
