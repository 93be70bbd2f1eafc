use super::*;
use proptest::prelude::*;

fn framer() -> Framer {
    Framer::new(1024, 10)
}

/// Fed whole and byte by byte, the outcome is the same.
fn outcome(text: &str) -> (Result<(), Fault>, u64, Phase) {
    let mut whole = framer();
    let answer = whole.feed(text.as_bytes()).map_err(|refused| refused.fault);
    let mut piecewise = framer();
    let mut last = Ok(());
    for byte in text.as_bytes() {
        if last.is_ok() {
            last = piecewise.feed(&[*byte]).map_err(|refused| refused.fault);
        }
    }
    assert_eq!(answer, last, "{text:?}");
    assert_eq!(whole.requests(), piecewise.requests(), "{text:?}");
    assert_eq!(whole.phase(), piecewise.phase(), "{text:?}");
    (answer, whole.requests(), whole.phase())
}

fn accepted(text: &str, requests: u64, phase: Phase) {
    assert_eq!(outcome(text), (Ok(()), requests, phase), "{text:?}");
}

fn refused(text: &str, fault: Fault) {
    assert_eq!(outcome(text).0, Err(fault), "{text:?}");
}

#[test]
fn follows_sound_requests() {
    accepted("", 0, Phase::Between);
    accepted("GET / HT", 0, Phase::Head);
    accepted("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1, Phase::Between);
    accepted(
        "\r\nGET / HTTP/1.0\r\nhost:a\r\n\r\nPUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET",
        2,
        Phase::Head,
    );
    accepted("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", 1, Phase::Body);
    let chunked = "PUT /x HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n";
    accepted(&format!("{chunked}3;x=y\r\nab\n\r\n0\r\n\r\n"), 1, Phase::Between);
    accepted(&format!("{chunked}A\r\n0123456789\r\n0\r\nx-amz-a: b\r\n\r\n"), 1, Phase::Between);
    accepted(&format!("{chunked}A\r\n0123456789\r\n0\r\nx-amz-a: b\r\n"), 1, Phase::Body);
}

#[test]
fn refuses_what_reads_in_more_than_one_way() {
    let with = |headers: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
    refused(&with("Content-Length: 5\r\nTransfer-Encoding: chunked"), Fault::LengthAndEncoding);
    refused(&with("Transfer-Encoding: chunked\r\nContent-Length: 5"), Fault::LengthAndEncoding);
    refused(&with("Content-Length: 5\r\nContent-Length: 5"), Fault::SeveralLengths);
    refused(&with("Content-Length: 5\r\nContent-Length: 6"), Fault::SeveralLengths);
    for bad in ["5, 5", "+5", "-1", "5 5", "0x5", "", "99999999999999999999"] {
        refused(&with(&format!("Content-Length: {bad}")), Fault::Length);
    }
    for bad in ["identity", "gzip, chunked", "chunked, identity", "xchunked", "chunked;q=1", ""] {
        refused(&with(&format!("Transfer-Encoding: {bad}")), Fault::Encoding);
    }
    refused(&with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), Fault::Encoding);
    refused(&with("Transfer-Encoding : chunked"), Fault::HeaderName);
    refused(&with("Content-Length : 5"), Fault::HeaderName);
    refused(&with(": 5"), Fault::HeaderName);
    refused(&with("no colon"), Fault::HeaderName);
    refused(&with("X: a\r\n folded"), Fault::FoldedHeader);
    refused(&with("X: a\r\n\tfolded"), Fault::FoldedHeader);
    refused(&with("X: a\nY: b"), Fault::BareLineFeed);
    refused(&with("X: a\rY: b"), Fault::BareCarriageReturn);
    refused(&with("X: a\0b"), Fault::ControlCharacter);
    refused(&with("Host: b"), Fault::Hosts);
    refused("GET / HTTP/1.1\r\n\r\n", Fault::Hosts);
    refused("GET / HTTP/1.1\n\n", Fault::BareLineFeed);
    refused("\nGET / HTTP/1.1\r\n", Fault::BareLineFeed);
    refused("\r\n\r\n\r\n", Fault::RequestLine);
    for line in ["GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 x", "G@T / HTTP/1.1", "GET / HTTP/2.0"]
    {
        refused(&format!("{line}\r\nHost: a\r\n\r\n"), Fault::RequestLine);
    }
    refused(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        Fault::EncodingInHttp10,
    );
}

#[test]
fn refuses_malformed_chunks() {
    for body in ["\r\n", "g\r\n", "3\nabc", "3\r\nabcd", "3\r\nabc\n", "1 \r\na", "-1\r\n", ";\r\n"]
    {
        let text = format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        refused(&text, Fault::Chunk);
    }
    let endless = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;".to_owned();
    refused(&(endless + &"x".repeat(300)), Fault::Chunk);
}

#[test]
fn bounds_the_head() {
    refused(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000)), Fault::HeadTooLong);
    refused(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(11)), Fault::TooManyHeaders);
}

#[test]
fn hands_on_what_precedes_a_refused_head() {
    let mut framer = framer();
    let good = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    let text = format!("{good}GET / HTTP/1.1\nHost: a\n\n");
    let refused = framer.feed(text.as_bytes()).unwrap_err();
    assert_eq!(refused, Refused { good: good.len(), fault: Fault::BareLineFeed });
    assert!(framer.feed(b"GET").is_err(), "nothing follows a refusal");
}

proptest! {
    /// Whatever comes, in whatever pieces: no panic, and the pieces make no difference.
    #[test]
    fn pieces_make_no_difference(
        parts in prop::collection::vec(prop_oneof![
            Just("GET / HTTP/1.1\r\n"), Just("POST /x HTTP/1.0\r\n"), Just("Host: a\r\n"),
            Just("Content-Length: 4\r\n"), Just("Transfer-Encoding: chunked\r\n"), Just("\r\n"),
            Just("\n"), Just("\r"), Just("4\r\n"), Just("abcd"), Just("0\r\n"), Just(" "), Just(":"),
        ], 0..24),
        cuts in prop::collection::vec(1usize..9, 0..64),
    ) {
        let text = parts.concat();
        let (answer, requests, phase) = outcome(&text);
        let mut framer = framer();
        let (mut rest, mut last) = (text.as_bytes(), Ok(()));
        for cut in cuts.iter().chain(std::iter::repeat(&7)) {
            if rest.is_empty() || last.is_err() { break }
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            last = framer.feed(piece).map_err(|refused| refused.fault);
            rest = tail;
        }
        prop_assert_eq!((last, framer.requests(), framer.phase()), (answer, requests, phase));
    }
}
