use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

fn policy(statements: Value) -> Policy {
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::read(&document).unwrap()
}

fn asked(policies: &[Policy], action: &str, resource: &str) -> Verdict {
    let context = Context::default().with("aws:username", ["ada"]);
    decide(policies, None, &Request { action, resource, context: &context }).verdict
}

#[rstest]
#[case::allowed("s3:GetObject", "arn:aws:s3:::data/x", Verdict::Allowed)]
#[case::any_case("S3:getobject", "arn:aws:s3:::data/x", Verdict::Allowed)]
#[case::other_action("s3:PutObject", "arn:aws:s3:::data/x", Verdict::ImplicitDeny)]
#[case::other_resource("s3:GetObject", "arn:aws:s3:::other/x", Verdict::ImplicitDeny)]
#[case::no_resource("s3:GetObject", "*", Verdict::ImplicitDeny)]
#[case::denied("s3:GetObject", "arn:aws:s3:::data/secret/x", Verdict::ExplicitDeny)]
#[case::own_home("s3:GetObject", "arn:aws:s3:::home/ada/x", Verdict::Allowed)]
#[case::others_home("s3:GetObject", "arn:aws:s3:::home/bob/x", Verdict::ImplicitDeny)]
#[case::all_but("sagemaker:CreateModel", "*", Verdict::Allowed)]
#[case::the_exception("iam:CreateRole", "*", Verdict::ImplicitDeny)]
fn verdicts(#[case] action: &str, #[case] resource: &str, #[case] expected: Verdict) {
    let policies = [
        policy(json!([
            {"Effect": "Allow", "Action": "s3:Get*", "Resource": ["arn:aws:s3:::data/*", "arn:aws:s3:::home/${aws:username}/*"]},
            {"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"},
        ])),
        policy(
            json!({"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::data/secret/*"}),
        ),
    ];
    assert_eq!(asked(&policies, action, resource), expected);
}

#[test]
fn the_statements_that_decide_are_named() {
    let policies = [
        policy(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
        policy(json!([
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:Delete*", "NotResource": "arn:aws:s3:::scratch/*"},
        ])),
    ];
    let context = Context::default();
    let ask = |action, resource| {
        decide(&policies, None, &Request { action, resource, context: &context })
    };
    let read = ask("s3:GetObject", "arn:aws:s3:::x/y");
    assert_eq!(
        read.matched,
        [Matched { policy: 0, statement: 0 }, Matched { policy: 1, statement: 0 }]
    );
    let delete = ask("s3:DeleteObject", "arn:aws:s3:::x/y");
    assert_eq!(delete.matched, [Matched { policy: 1, statement: 1 }]);
    assert_eq!(ask("s3:DeleteObject", "arn:aws:s3:::scratch/y").verdict, Verdict::Allowed);
}

#[test]
fn a_boundary_must_allow_as_well_and_gives_nothing() {
    let all = [policy(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))];
    let reading = [policy(json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}))];
    let context = Context::default();
    let ask = |policies: &[Policy], boundary: &[Policy], action| {
        let decision =
            decide(policies, Some(boundary), &Request { action, resource: "*", context: &context });
        (decision.verdict, decision.boundary)
    };
    assert_eq!(ask(&all, &reading, "s3:GetObject"), (Verdict::Allowed, Some(true)));
    assert_eq!(ask(&all, &reading, "s3:PutObject"), (Verdict::ImplicitDeny, Some(false)));
    assert_eq!(ask(&reading, &all, "s3:PutObject"), (Verdict::ImplicitDeny, Some(true)));
}

#[test]
fn what_the_context_lacks_is_named() {
    let policies = [policy(json!({
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/${aws:PrincipalTag/team}",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }))];
    let context = Context::default().with("aws:PrincipalTag/team", ["red"]);
    let request =
        Request { action: "iam:PassRole", resource: "arn:aws:iam::1:role/red", context: &context };
    let decision = decide(&policies, None, &request);
    assert_eq!(decision.verdict, Verdict::ImplicitDeny);
    assert_eq!(decision.missing, ["iam:PassedToService"]);
}

#[rstest]
#[case(json!({"Service": "sagemaker.amazonaws.com"}), "Service", "sagemaker.amazonaws.com", true)]
#[case(json!({"Service": ["ec2.amazonaws.com"]}), "Service", "sagemaker.amazonaws.com", false)]
#[case(json!("*"), "Service", "sagemaker.amazonaws.com", true)]
#[case(json!({"AWS": "123456789012"}), "AWS", "arn:aws:iam::123456789012:role/x", true)]
#[case(json!({"AWS": "arn:aws:iam::123456789012:root"}), "AWS", "arn:aws:iam::123456789012:role/x", true)]
#[case(json!({"AWS": "arn:aws:iam::1:role/y"}), "AWS", "arn:aws:iam::123456789012:role/x", false)]
fn trust(#[case] principal: Value, #[case] kind: &str, #[case] id: &str, #[case] expected: bool) {
    let policy =
        policy(json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}));
    assert_eq!(policy.trusts(kind, id, "sts:AssumeRole", &Context::default()), expected);
    assert!(!policy.trusts(kind, id, "sts:TagSession", &Context::default()));
}

proptest! {
    /// A deny is never outweighed, and a further allow never takes anything away.
    #[test]
    fn denies_win_and_allows_add(
        allow in "[ab*?]{0,4}", deny in "[ab*?]{0,4}", more in "[ab*?]{0,4}", action in "[ab]{1,4}",
    ) {
        let one = |effect: &str, action: &str| policy(json!({"Effect": effect, "Action": action, "Resource": "*"}));
        let before = [one("Allow", &allow), one("Deny", &deny)];
        let after = [one("Allow", &allow), one("Deny", &deny), one("Allow", &more)];
        let denied = asked(&[one("Deny", &deny)], &action, "*") == Verdict::ExplicitDeny;
        prop_assert_eq!(asked(&after, &action, "*") == Verdict::ExplicitDeny, denied);
        if asked(&before, &action, "*") == Verdict::Allowed {
            prop_assert_eq!(asked(&after, &action, "*"), Verdict::Allowed);
        }
    }
}
