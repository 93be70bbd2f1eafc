//! Whether a command may change the region. The read-only workbench asks this before it runs anything,
//! so what is not known to read counts as a change.

use super::grammar::{BucketAction, Line, Verb};
use clap::Parser;

/// How the names of operations that only read begin, in lower case.
const READS: [&str; 9] = [
    "describe",
    "list",
    "get",
    "head",
    "search",
    "filter",
    "simulate",
    "batchdescribe",
    "batchget",
];

/// Whether the words of a script line or palette line may change the region. Words that are no command
/// count as a change: nobody knows what they would do.
pub fn words_change(words: &[String]) -> bool {
    Line::try_parse_from(words).map_or(true, |line| verb_changes(&line.verb))
}

/// Whether the AWS operation may change the region; both `DescribeEndpoint` and `describe-endpoint`.
pub fn operation_changes(operation: &str) -> bool {
    let name = operation.replace('-', "").to_lowercase();
    !READS.iter().any(|verb| name.starts_with(verb))
}

fn verb_changes(verb: &Verb) -> bool {
    match verb {
        // A download writes to the disk, not to the region.
        Verb::Say(_)
        | Verb::Download(_)
        | Verb::Wait(_)
        | Verb::Logs(_)
        | Verb::Describe(_)
        | Verb::List(_)
        | Verb::Check(_)
        | Verb::Expect(_) => false,
        Verb::Bucket(args) => match args.action {
            BucketAction::List { .. } => false,
            BucketAction::Create { .. } | BucketAction::Delete { .. } => true,
        },
        Verb::Call(args) => operation_changes(&args.operation),
        // Requests to an endpoint are counted, logged and billed.
        Verb::Invoke(_)
        | Verb::Upload(_)
        | Verb::Train(_)
        | Verb::Register(_)
        | Verb::Evaluate(_)
        | Verb::Approve(_)
        | Verb::Reject(_)
        | Verb::Deploy(_)
        | Verb::Shift(_)
        | Verb::Delete(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;

    fn change(line: &str) -> bool {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words_change(&words)
    }

    #[test]
    fn only_what_is_known_to_read_is_no_change() {
        for line in [
            "say hello",
            "list endpoint",
            "describe endpoint live",
            "wait job",
            "logs job",
            "bucket list",
            "download s3://b/k",
            "expect split live green=10%",
            "call sagemaker DescribeEndpoint --endpoint-name live",
            "call sagemaker list-endpoints",
        ] {
            assert!(!change(line), "{line}");
        }
        for line in [
            "shift live 50/50",
            "invoke live --body 1,2",
            "bucket create b",
            "bucket delete b",
            "delete endpoint live",
            "call sagemaker StopTrainingJob --training-job-name job",
            "call sagemaker delete-endpoint --endpoint-name live",
            "no such command",
        ] {
            assert!(change(line), "{line}");
        }
    }

    /// The models say with which verb an operation's name begins; those of writes are never taken for
    /// reads.
    #[test]
    fn no_operation_that_writes_by_its_name_is_taken_for_a_read() {
        let writes = [
            "Create",
            "Delete",
            "Update",
            "Put",
            "Start",
            "Stop",
            "Add",
            "Remove",
            "Attach",
            "Detach",
            "Register",
            "Deregister",
            "Send",
            "Invoke",
            "Tag",
            "Untag",
            "Upload",
            "Complete",
            "Abort",
            "Copy",
            "Import",
            "Retry",
            "Render",
            "Enable",
            "Disable",
            "Associate",
            "Disassociate",
        ];
        let mut seen = 0;
        for name in model::SERVICES {
            let service = model::service(name).unwrap();
            for operation in service.operations() {
                if writes.iter().any(|verb| operation.name.starts_with(verb)) {
                    seen += 1;
                    assert!(operation_changes(operation.name), "{}", operation.name);
                }
            }
        }
        assert!(seen > 200, "{seen}");
    }
}
