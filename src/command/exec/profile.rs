//! The user's profiles by name, each with the region's key: a program that names one
//! (`Session(profile_name="dev")`) runs unmodified, and finds nobody's real account.

use super::Inherited;
use super::bundle::keep;
use crate::api::signing::Credentials;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Profiles of more names than these are left out.
const MOST: usize = 1000;

/// Writes a configuration and a file of credentials into `folder`.
pub(super) fn write(
    folder: &Path,
    inherited: &Inherited,
    key: &Credentials,
    region: &str,
) -> io::Result<(PathBuf, PathBuf)> {
    let names = names(inherited);
    let (mut config, mut credentials) = (String::new(), String::new());
    for name in &names {
        let section =
            if name == "default" { name.clone() } else { format!("profile {}", quoted(name)) };
        // Writing to a string does not fail.
        let _ = writeln!(config, "[{section}]\nregion = {region}\n");
        let _ = writeln!(
            credentials,
            "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            key.access_key, key.secret_key
        );
    }
    Ok((
        keep(folder, "config", "ini", config.as_bytes())?,
        keep(folder, "credentials", "ini", credentials.as_bytes())?,
    ))
}

/// `default` and every profile that the user's own files name.
fn names(inherited: &Inherited) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["default".to_owned()]);
    let file = |variable: &str, usual: &str| {
        let home = || inherited.get("HOME").map(|home| Path::new(home).join(usual));
        inherited.get(variable).map(PathBuf::from).or_else(home)
    };
    let mut take = |text: &str, prefix: bool| {
        for line in text.lines() {
            let section = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let Some((section, _)) = section else { continue };
            let name = match (section.trim().strip_prefix("profile "), prefix) {
                (Some(name), true) => name.trim().trim_matches(['"', '\'']),
                (None, false) => section.trim(),
                _ => continue,
            };
            let sound = !name.is_empty() && name.chars().all(|c| !c.is_control() && c != '"');
            if sound && names.len() < MOST {
                names.insert(name.to_owned());
            }
        }
    };
    for (variable, usual, prefix) in [
        ("AWS_CONFIG_FILE", ".aws/config", true),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", false),
    ] {
        if let Some(text) = file(variable, usual).and_then(read) {
            take(&text, prefix);
        }
    }
    // Named in the environment alone: a program may hand it on.
    if let Some(name) = inherited.get("AWS_PROFILE").filter(|name| !name.is_empty()) {
        take(&format!("[{name}]"), false);
    }
    names
}

fn read(path: PathBuf) -> Option<String> {
    let facts = path.metadata().ok()?;
    (facts.is_file() && facts.len() < 1024 * 1024).then(|| std::fs::read_to_string(path).ok())?
}

/// A name with blanks is quoted in a configuration.
fn quoted(name: &str) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_keep_their_names_and_lose_their_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("users-config");
        let text = "[default]\nregion=eu-west-1\n[profile dev]\nrole_arn = arn:aws:iam::1:role/r\n\
                    [profile \"two words\"]\n[services x]\n[sso-session y]\n";
        std::fs::write(&config, text).unwrap();
        let credentials = folder.path().join("users-credentials");
        std::fs::write(&credentials, "[work]\naws_access_key_id = AKIAREAL\n").unwrap();
        let inherited = Inherited::from([
            ("AWS_CONFIG_FILE".to_owned(), config.display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), credentials.display().to_string()),
        ]);
        let key = Credentials {
            access_key: "AKIAOURS".into(),
            secret_key: "s".into(),
            session_token: None,
        };
        let (config, credentials) = write(folder.path(), &inherited, &key, "us-east-1").unwrap();
        let config = std::fs::read_to_string(config).unwrap();
        let credentials = std::fs::read_to_string(credentials).unwrap();
        for name in ["[default]", "[profile dev]", "[profile \"two words\"]", "[profile work]"] {
            assert!(config.contains(&format!("{name}\nregion = us-east-1\n")), "{name}\n{config}");
        }
        assert_eq!(credentials.matches("AKIAOURS").count(), 4, "{credentials}");
        assert!(!config.contains("role_arn") && !credentials.contains("AKIAREAL"));
        assert!(!config.contains("services") && !config.contains("sso-session"));
    }
}
