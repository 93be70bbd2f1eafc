use super::*;
use rstest::rstest;

fn met(operator: &str, values: &[&str], wanted: &[&str]) -> bool {
    let context = match values {
        ["-"] => Context::default(),
        values => Context::default().with("aws:Key", values.iter().copied()),
    };
    let condition = Condition {
        operator: operator.to_owned(),
        keys: vec![("aws:key".to_owned(), wanted.iter().map(|one| (*one).to_owned()).collect())],
    };
    is_met(&condition, &context, true)
}

#[rstest]
#[case::equal("StringEquals", &["a"], &["b", "a"], true)]
#[case::wildcards_are_text("StringEquals", &["ab"], &["a*"], false)]
#[case::absent("StringEquals", &["-"], &["a"], false)]
#[case::absent_if_exists("StringEqualsIfExists", &["-"], &["a"], true)]
#[case::not("StringNotEquals", &["a"], &["a", "b"], false)]
#[case::not_absent("StringNotEquals", &["-"], &["a"], true)]
#[case::ignoring_case("StringEqualsIgnoreCase", &["ADA"], &["ada"], true)]
#[case::like("StringLike", &["home/ada"], &["home/*"], true)]
#[case::not_like("StringNotLike", &["home/ada"], &["home/*"], false)]
#[case::number("NumericLessThanEquals", &["10"], &["10.0"], true)]
#[case::no_number("NumericEquals", &["ten"], &["10"], false)]
#[case::date("DateGreaterThan", &["2026-11-30T00:00:00Z"], &["2026-11-29"], true)]
#[case::epoch("DateLessThan", &["1700000000"], &["2026-11-29T00:00:00Z"], true)]
#[case::zone("DateEquals", &["2026-11-30T01:00:00+01:00"], &["2026-11-30T00:00:00Z"], true)]
#[case::boolean("Bool", &["true"], &["True"], true)]
#[case::network("IpAddress", &["203.0.113.9"], &["203.0.113.0/24"], true)]
#[case::outside("IpAddress", &["203.0.114.9"], &["203.0.113.0/24"], false)]
#[case::everywhere("IpAddress", &["203.0.114.9"], &["0.0.0.0/0"], true)]
#[case::six("IpAddress", &["2001:db8::1"], &["2001:db8::/32"], true)]
#[case::other_family("IpAddress", &["2001:db8::1"], &["0.0.0.0/0"], false)]
#[case::no_network("NotIpAddress", &["203.0.113.9"], &["203.0.113.9"], false)]
#[case::arn("ArnLike", &["arn:aws:iam::1:role/x"], &["arn:aws:iam::*:role/*"], true)]
#[case::star_stays_in_its_part("ArnLike", &["arn:aws:s3:::a:b"], &["arn:*:a:b"], false)]
#[case::null("Null", &["-"], &["true"], true)]
#[case::not_null("Null", &["x"], &["false"], true)]
#[case::all("ForAllValues:StringEquals", &["a", "b"], &["a", "b", "c"], true)]
#[case::not_all("ForAllValues:StringEquals", &["a", "z"], &["a", "b", "c"], false)]
#[case::all_of_none("ForAllValues:StringEquals", &["-"], &["a"], true)]
#[case::any("ForAnyValue:StringEquals", &["z", "a"], &["a"], true)]
#[case::any_of_none("ForAnyValue:StringEquals", &["-"], &["a"], false)]
#[case::unknown("StringSounds", &["a"], &["a"], false)]
fn operators(
    #[case] operator: &str,
    #[case] values: &[&str],
    #[case] wanted: &[&str],
    #[case] expected: bool,
) {
    assert_eq!(met(operator, values, wanted), expected);
}

#[rstest]
#[case("2017-07-01T00:00:00Z", true)]
#[case("2016-12-13T21:20:37.593194+00:00", true)]
#[case("2016-12-13t2:00:00.5+23", true)]
#[case("01T", true)]
#[case("-292275054", true)]
#[case("1700000000", true)]
#[case("234-13", false)]
#[case("soon", false)]
#[case("2016-12-13T02:00:00+1", false)]
#[case("2016-12-13T02:00:00.1234567890Z", false)]
#[case("9223372036854775808", false)]
#[case("", false)]
fn dates(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(is_date(text), expected);
}
