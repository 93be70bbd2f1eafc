//! Malformed requests.

use super::tests::with_bucket;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever members of whatever operation are sent with whatever values, with whatever body: the
    /// answer is never that the fault is ours.
    #[test]
    fn no_request_makes_s3_fail(
        seed: u64,
        values in proptest::collection::vec("[ -~]{0,12}|-?[0-9]{1,20}|\"[a-f0-9]{32}\"|bytes=[0-9]{0,3}-[0-9]{0,3}", 12),
        body in "(<[A-Za-z]{1,8}>){0,3}[ -~]{0,30}",
        target in "/(bkt|absent|[a-z%.]{0,5})(/[a-z%]{0,4})?",
    ) {
        let service = crate::api::model::service("s3").unwrap();
        let operations: Vec<_> = service.operations().collect();
        let operation = operations[(seed % operations.len() as u64) as usize];
        let literals = operation.http.uri.split_once('?').map_or("", |(_, literals)| literals);
        let (mut query, mut headers) = (literals.to_owned(), Vec::new());
        let members = service.input(operation).map(|input| &input.members[..]).unwrap_or_default();
        for (at, member) in members.iter().enumerate() {
            let value = &values[(seed as usize).wrapping_add(at) % values.len()];
            // Some of them, another choice each time.
            if seed.rotate_left(at as u32 % 64) & 3 != 0 {
                continue;
            }
            match member.location {
                crate::api::model::Location::Query => {
                    let value = percent_encoding::utf8_percent_encode(
                        value,
                        percent_encoding::NON_ALPHANUMERIC,
                    );
                    query.push_str(&format!("&{}={value}", member.wire_name()));
                }
                crate::api::model::Location::Header if member.name != "ContentLength" => {
                    headers.push((member.wire_name().to_ascii_lowercase(), value.clone()));
                }
                _ => {}
            }
        }
        let target = format!("{target}?{query}");
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = with_bucket().await;
            bench.call("PUT", "/bkt/k", &[], b"x").await;
            if target.parse::<http::Uri>().is_err() {
                return;
            }
            let answer = bench.call(operation.http.method, &target, &headers, body.as_bytes()).await;
            let ours = answer.status >= 500 && answer.status != 501;
            assert!(!ours, "{} {target} {headers:?}: {} {}", operation.name, answer.status, answer.body);
        });
    }
}
