//! The code of a refused request, in whatever protocol. Pure.
//!
//! The SDK reads it too, but into a type of each operation; here it must be known of all of them.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::SignedDuration;
use serde_json::Value;

/// AWS's word for what it refused with; none where the answer has none that can be read.
pub(crate) fn code(response: &HttpResponse) -> Option<String> {
    let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
    let written = header.or_else(|| in_body(response.body().bytes()?))?;
    // `aws.protocols#ThrottlingException:http://…` is what some services write.
    let word = written.split(':').next().unwrap_or_default();
    let word = word.rsplit('#').next().unwrap_or_default().trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// How long the answer asks to wait, where it says so in seconds.
pub(crate) fn retry_after(response: &HttpResponse) -> Option<SignedDuration> {
    let seconds = response.headers().get("retry-after")?.trim().parse::<u32>().ok()?;
    Some(SignedDuration::from_secs(i64::from(seconds)))
}

fn in_body(body: &[u8]) -> Option<String> {
    match body.first()? {
        b'{' => in_json(body),
        b'<' => in_xml(body),
        _ => in_cbor(body),
    }
}

fn in_json(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    ["__type", "code", "Code"].iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned)
}

fn in_xml(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

/// The text behind the key `__type`: its length stands in the five low bits of the byte before it, or in the next one.
fn in_cbor(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"__type";
    let at = body.windows(KEY.len()).position(|window| window == KEY)?;
    let (first, rest) = body.get(at + KEY.len()..)?.split_first()?;
    let (length, text) = match first {
        0x60..=0x77 => (usize::from(first - 0x60), rest),
        0x78 => rest.split_first().map(|(length, text)| (usize::from(*length), text))?,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use jiff::SignedDuration;

    use super::{code, retry_after};

    fn answer(header: Option<&'static str>, body: &[u8]) -> HttpResponse {
        let mut answer = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body.to_vec()));
        if let Some(header) = header {
            answer.headers_mut().insert("x-amzn-errortype", header);
        }
        answer
    }

    #[test]
    fn every_protocol_says_its_code_somewhere() {
        let cbor = [b"\xbf\x66__type\x73ThrottlingException".as_slice(), b"\x67message\x61x\xff"].concat();
        let answers: [(Option<&'static str>, &[u8]); 6] = [
            (Some("ThrottlingException"), b""),
            (Some("ThrottlingException:http://internal.amazon.com/coral/"), b"{}"),
            (None, br#"{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#),
            (None, br#"{"code": "ThrottlingException"}"#),
            (None, b"<ErrorResponse><Error><Code>ThrottlingException</Code></Error></ErrorResponse>"),
            (None, &cbor),
        ];
        for (header, body) in answers {
            assert_eq!(code(&answer(header, body)).as_deref(), Some("ThrottlingException"), "{header:?} {body:?}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_has_no_code() {
        for body in [
            b"".as_slice(),
            b"{",
            b"{\"__type\": 5}",
            b"<html>",
            b"<Code>",
            b"__type",
            b"__type\x78",
            b"__type\x79\x01",
        ] {
            assert_eq!(code(&answer(None, body)), None, "{body:?}");
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds() {
        let mut asks = answer(None, b"");
        assert_eq!(retry_after(&asks), None);
        for (text, wanted) in [("7", Some(7)), ("soon", None), ("-1", None)] {
            asks.headers_mut().insert("retry-after", text);
            assert_eq!(retry_after(&asks), wanted.map(SignedDuration::from_secs), "{text}");
        }
    }
}
