//! `env`: what a shell needs so that the programs it starts use the region.

use crate::command::cli::{EnvArgs, ShellKind};
use crate::command::exec::{self, Changes, Inherited};
use crate::command::workspace::Workspace;
use crate::command::{CommandError, Outcome};
use serde_json::json;

/// Also tells the process of the region, if one had to be started.
///
/// # Errors
/// No region runs and none can be started.
pub async fn environment(
    workspace: &Workspace,
    inherited: &Inherited,
    args: &EnvArgs,
) -> Result<(Outcome, Option<u32>), CommandError> {
    let (changes, started) = exec::wire_shell(workspace, inherited, &args.wiring).await?;
    let named = changes.set.iter().map(|(name, value)| (name.clone(), json!(value)));
    let value = named.collect::<serde_json::Map<_, _>>().into();
    Ok((Outcome::said(script(&changes, args.shell)).with_value(value), started))
}

/// The changes as a shell runs them.
fn script(changes: &Changes, shell: ShellKind) -> String {
    let mut lines: Vec<String> = changes
        .removed
        .iter()
        .map(|name| match shell {
            ShellKind::Sh => format!("unset {name}"),
            ShellKind::Fish => format!("set -e {name}"),
            ShellKind::Powershell => {
                format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue")
            }
        })
        .collect();
    lines.extend(changes.set.iter().map(|(name, value)| {
        let value = quoted(value, shell);
        match shell {
            ShellKind::Sh => format!("export {name}={value}"),
            ShellKind::Fish => format!("set -gx {name} {value}"),
            ShellKind::Powershell => format!("$Env:{name} = {value}"),
        }
    }));
    lines.join("\n")
}

/// One word of the shell, whatever is in it.
fn quoted(value: &str, shell: ShellKind) -> String {
    match shell {
        ShellKind::Sh => format!("'{}'", value.replace('\'', r"'\''")),
        ShellKind::Fish => format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        ShellKind::Powershell => format!("'{}'", value.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_whole_for_every_shell() {
        let changes = Changes {
            set: vec![("A".into(), r"it's \ $x".into())],
            removed: vec!["AWS_PROFILE".into()],
        };
        let sh = "unset AWS_PROFILE\nexport A='it'\\''s \\ $x'";
        assert_eq!(script(&changes, ShellKind::Sh), sh);
        let fish = "set -e AWS_PROFILE\nset -gx A 'it\\'s \\\\ $x'";
        assert_eq!(script(&changes, ShellKind::Fish), fish);
        let powershell =
            "Remove-Item Env:AWS_PROFILE -ErrorAction SilentlyContinue\n$Env:A = 'it''s \\ $x'";
        assert_eq!(script(&changes, ShellKind::Powershell), powershell);
    }
}
