//! `env`: what a shell needs so that boto3, the AWS CLI and the SDKs use the region.

use super::region::attach_or_start;
use crate::command::cli::ShellKind;
use crate::command::workspace::Workspace;
use crate::command::{CommandError, Outcome};
use serde_json::json;

/// Settings that would lead a program to a real account if they stayed.
const CLEARED: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    // With it set, the SDKs look past AWS_ENDPOINT_URL.
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

/// Also tells the process of the region, if one had to be started.
///
/// # Errors
/// No region runs and none can be started.
pub async fn environment(
    workspace: &Workspace,
    shell: ShellKind,
) -> Result<(Outcome, Option<u32>), CommandError> {
    let (client, started) = attach_or_start(workspace).await?;
    let credentials = client.credentials();
    let settings = [
        ("AWS_ENDPOINT_URL", format!("http://{}", client.address())),
        ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
        ("AWS_DEFAULT_REGION", client.region().to_owned()),
        ("AWS_REGION", client.region().to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    let mut lines: Vec<String> = CLEARED
        .iter()
        .map(|name| match shell {
            ShellKind::Sh => format!("unset {name}"),
            ShellKind::Fish => format!("set -e {name}"),
            ShellKind::Powershell => {
                format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue")
            }
        })
        .collect();
    lines.extend(settings.iter().map(|(name, value)| match shell {
        ShellKind::Sh => format!("export {name}='{value}'"),
        ShellKind::Fish => format!("set -gx {name} '{value}'"),
        ShellKind::Powershell => format!("$Env:{name} = '{value}'"),
    }));
    let named = settings.map(|(name, value)| (name.to_owned(), json!(value)));
    let outcome = Outcome::said(lines.join("\n"))
        .with_value(named.into_iter().collect::<serde_json::Map<_, _>>().into());
    Ok((outcome, started))
}
