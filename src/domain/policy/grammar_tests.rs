use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

/// A managed policy of one statement that is right but for what `edit` changes.
fn managed(edit: impl FnOnce(&mut Value)) -> Result<(), Malformed> {
    let mut policy = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}],
    });
    edit(&mut policy);
    check(&policy.to_string(), Use::Managed)
}

fn statement_with(member: &str, value: Value) -> Result<(), Malformed> {
    managed(|policy| policy["Statement"][0][member] = value)
}

#[rstest]
#[case::no_json("{", Malformed::Json)]
#[case::no_object("[]", Malformed::Syntax)]
#[case::a_text("\"a policy\"", Malformed::Syntax)]
#[case::no_statement(r#"{"Version":"2012-10-17"}"#, Malformed::Syntax)]
#[case::none(r#"{"Version":"2012-10-17","Statement":[]}"#, Malformed::Syntax)]
#[case::unknown_version(r#"{"Version":"2020-01-01","Statement":[{}]}"#, Malformed::Syntax)]
fn documents(#[case] document: &str, #[case] expected: Malformed) {
    assert_eq!(check(document, Use::Managed), Err(expected));
}

#[test]
fn versions() {
    for (version, of_role) in
        [(Some("2012-10-17"), Ok(())), (Some("2008-10-17"), Ok(())), (None, Ok(()))]
    {
        let policy = json!({
            "Version": version,
            "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
        });
        let mut policy = policy;
        if version.is_none() {
            policy.as_object_mut().unwrap().remove("Version");
        }
        assert_eq!(check(&policy.to_string(), Use::Inline), of_role);
        let managed = check(&policy.to_string(), Use::Managed);
        assert_eq!(managed.is_ok(), version == Some("2012-10-17"), "{managed:?}");
    }
}

#[rstest]
#[case::effect("Effect", json!("Maybe"), Malformed::Syntax)]
#[case::effect_in_another_case("Effect", json!("allow"), Malformed::Legacy)]
#[case::sid("Sid", json!({}), Malformed::Syntax)]
#[case::extra("Extra", json!(1), Malformed::Syntax)]
#[case::both("NotAction", json!([]), Malformed::Syntax)]
#[case::nested_action("Action", json!([["s3:*"]]), Malformed::Syntax)]
#[case::no_actions("Action", json!([]), Malformed::NoAction)]
#[case::no_vendor("Action", json!("GetObject"), Malformed::Prefix)]
#[case::empty_action("Action", json!(""), Malformed::Prefix)]
#[case::two_colons("Action", json!("s3:Get:Object"), Malformed::Colons)]
#[case::odd_vendor("Action", json!("s 3:GetObject"), Malformed::Vendor("s 3".into()))]
#[case::principal("Principal", json!("*"), Malformed::Principal)]
#[case::no_resources("Resource", json!([]), Malformed::NoResource)]
#[case::no_arn("Resource", json!("data"), Malformed::NoArn("data".into()))]
#[case::empty_resource("Resource", json!(["*", ""]), Malformed::NoArn(String::new()))]
#[case::short("Resource", json!("arn:aws:s3::data"), Malformed::Legacy)]
#[case::no_service("Resource", json!("arn:aws:::1:data"), Malformed::Legacy)]
#[case::only_partition("Resource", json!("arn:aws"), Malformed::NoVendor)]
#[case::bucket_in_a_region("Resource", json!("arn:aws:s3:eu-west-1::data"), Malformed::Region("arn:aws:s3:eu-west-1::data".into()))]
#[case::iam_in_a_region("Resource", json!("arn:aws:iam:eu-west-1:1:role/x"), Malformed::IamRegion("arn:aws:iam:eu-west-1:1:role/x".into()))]
#[case::iam_path("Resource", json!("arn:aws:iam::1:thing/x"), Malformed::IamPath)]
#[case::condition_list("Condition", json!([]), Malformed::Syntax)]
#[case::condition_text("Condition", json!({"StringEquals": "a"}), Malformed::Syntax)]
#[case::condition_object("Condition", json!({"StringEquals": {"aws:x": {}}}), Malformed::Syntax)]
#[case::operator("Condition", json!({"Equals": {"aws:x": "1"}}), Malformed::Syntax)]
#[case::quantifier("Condition", json!({"ForAnyValue::StringEquals": {"aws:x": "1"}}), Malformed::Syntax)]
#[case::date("Condition", json!({"DateLessThan": {"aws:CurrentTime": "soon"}}), Malformed::Legacy)]
#[case::month("Condition", json!({"DateLessThan": {"aws:CurrentTime": "2017-13"}}), Malformed::Legacy)]
fn statements(#[case] member: &str, #[case] value: Value, #[case] expected: Malformed) {
    assert_eq!(statement_with(member, value), Err(expected));
}

#[test]
fn an_unknown_partition_is_told_with_the_arn_as_it_was_read() {
    assert_eq!(
        statement_with("Resource", json!("x:mars:s3")).unwrap_err().to_string(),
        r#"Partition "mars" is not valid for resource "arn:mars:s3:*:*:*"."#
    );
}

#[rstest]
#[case("Action", json!("*"))]
#[case("Action", json!(["sagemaker:Create*", "ecr.x:Y", "made-up:Thing"]))]
#[case("Resource", json!(["*", "arn:aws:sagemaker:*:*:endpoint/*"]))]
#[case("Resource", json!("arn:aws:s3:us-west-2:123456789012:accesspoint/mine"))]
#[case("Resource", json!("arn:aws:iam::123456789012:role/${aws:username}"))]
#[case("Resource", json!("arn:aws:iam::123456789012:*"))]
#[case("Resource", json!(["arn:aws:kms:*:123456789012:key/*", null]))]
#[case("Condition", json!({}))]
#[case("Condition", json!({"unknown": {}}))]
#[case("Condition", json!({"ForAllValues:StringLikeIfExists": {"aws:TagKeys": ["a", "b"]}}))]
#[case("Condition", json!({"Bool": {"aws:SecureTransport": true}}))]
#[case("Condition", json!({"DateGreaterThan": {"aws:CurrentTime": "2017-07-01T00:00:00Z"}}))]
#[case("Sid", json!("One"))]
fn accepted(#[case] member: &str, #[case] value: Value) {
    assert_eq!(statement_with(member, value), Ok(()));
}

#[test]
fn the_first_fault_that_iam_looks_for_is_told() {
    let twice = |second: Value| {
        managed(|policy| {
            policy["Statement"][0]["Sid"] = json!("a");
            policy["Statement"].as_array_mut().unwrap().push(second);
        })
    };
    assert_eq!(twice(json!({"Sid": "a", "Effect": "Allow"})), Err(Malformed::TwoOfOneId));
    assert_eq!(twice(json!({"Sid": "b", "Effect": "Deny"})), Err(Malformed::NoAction));
    assert_eq!(twice(json!({"Sid": "a", "Effect": "deny"})), Err(Malformed::Legacy));
    // A resource that is no ARN comes before an action with too many colons.
    let both = managed(|policy| {
        policy["Statement"][0]["Action"] = json!("s:3:x");
        policy["Statement"][0]["Resource"] = json!("x");
    });
    assert_eq!(both, Err(Malformed::NoArn("x".into())));
}

fn trusting(statement: Value) -> Result<(), Malformed> {
    check(&json!({"Statement": [statement]}).to_string(), Use::Trust)
}

#[rstest]
#[case::resource(json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}), Err(Malformed::TrustResource))]
#[case::no_principal(json!({"Effect": "Allow", "Action": "sts:AssumeRole"}), Err(Malformed::NoPrincipal))]
#[case::no_action(json!({"Effect": "Allow", "Principal": "*"}), Err(Malformed::NoTrustAction))]
#[case::of_another(json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}), Err(Malformed::NotSts))]
#[case::unknown_action(json!({"Effect": "Allow", "Principal": "*", "Action": "sts:Assume"}), Err(Malformed::NotSts))]
#[case::typo(json!({"Effect": "Allow", "Principals": "*", "Action": "sts:AssumeRole"}), Err(Malformed::Syntax))]
#[case::principal_type(json!({"Effect": "Allow", "Principal": {"User": "x"}, "Action": "sts:AssumeRole"}), Err(Malformed::Syntax))]
#[case::service(json!({"Effect": "Allow", "Principal": {"Service": "sagemaker"}, "Action": "sts:AssumeRole"}), Err(Malformed::InvalidPrincipal("\"SERVICE\":\"sagemaker\"".into())))]
#[case::several(json!({"Effect": "Allow", "Principal": {"AWS": ["123456789012", "arn:aws:iam::1:root"]}, "Action": ["sts:AssumeRole", "sts:TagSession"]}), Ok(()))]
#[case::all_of_sts(json!({"Effect": "Allow", "Principal": {"Service": ["sagemaker.amazonaws.com"]}, "Action": "sts:*"}), Ok(()))]
fn trust_policies(#[case] statement: Value, #[case] expected: Result<(), Malformed>) {
    assert_eq!(trusting(statement), expected);
}

proptest! {
    /// Whatever a document holds, it is judged without a panic; and what is accepted can be read.
    #[test]
    fn any_document_is_judged(
        version in prop::option::of("2012-10-17|2008-10-17|x"),
        effect in "Allow|Deny|allow|x",
        action in "[a-z0-9:*]{0,8}",
        resource in "(arn:)?[a-z:*/0-9]{0,16}",
        operator in "StringEquals|DateLessThan|ForAnyValue:StringLike|Null|x",
        value in "[0-9T:Z+.-]{0,12}|[a-z]{0,4}",
    ) {
        let policy = json!({
            "Version": version,
            "Statement": {"Effect": effect, "Action": action, "Resource": resource, "Condition": {operator: {"aws:x": value}}},
        });
        for policy_use in [Use::Managed, Use::Inline, Use::Trust] {
            if check(&policy.to_string(), policy_use).is_ok() {
                prop_assert!(super::super::Policy::read(&policy.to_string()).is_some());
            }
        }
    }
}
