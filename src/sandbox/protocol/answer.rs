//! An answer before it is written in a protocol, and how each protocol writes it.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::Element;
use crate::sandbox::protocol::{Protocol, cbor, json, query, rest_json, rest_xml};

/// What an operation answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// JSON, or CBOR, with status 200.
    Json(Value),
    /// XML, with status 200: the members of the operation's result, or the whole document in `RestXml`.
    Xml(Vec<Element>),
    /// Anything else, in REST protocols.
    Raw { status: u16, headers: Vec<(HeaderName, String)>, body: Vec<u8> },
}

impl Answer {
    /// No body, such as 204.
    pub(crate) fn empty(status: u16) -> Self {
        Self::Raw { status, headers: Vec::new(), body: Vec::new() }
    }
}

/// Writes what came of an operation.
pub(crate) fn write(
    protocol: Protocol,
    operation: &str,
    result: &Result<Answer, Failure>,
    request_id: &str,
) -> Response<Body> {
    let mut response = match result {
        Ok(Answer::Raw { status, headers, body }) => raw(*status, headers, body),
        Ok(answer) => written(200, protocol, &good(protocol, operation, answer, request_id)),
        Err(failure) => written(failure.status, protocol, &bad(protocol, failure, request_id)),
    };
    let headers = response.headers_mut();
    let id = if matches!(protocol, Protocol::RestXml) { "x-amz-request-id" } else { "x-amzn-requestid" };
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(id, value);
    }
    if protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Err(failure) = result
        && matches!(protocol, Protocol::RestJson | Protocol::Json { .. })
        && let Ok(code) = HeaderValue::from_str(&failure.code)
    {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

fn good(protocol: Protocol, operation: &str, answer: &Answer, request_id: &str) -> Vec<u8> {
    let text = match (protocol, answer) {
        (Protocol::Cbor, _) => return cbor::answer(answer),
        (Protocol::RestJson | Protocol::Json { .. }, Answer::Json(value)) => value.to_string(),
        (Protocol::Query { .. } | Protocol::Ec2Query, Answer::Xml(elements)) => {
            query::answer(protocol, operation, elements, request_id)
        }
        (Protocol::RestXml, Answer::Xml(elements)) => rest_xml::answer(elements),
        (Protocol::RestJson | Protocol::Json { .. }, _) => "{}".to_owned(),
        (Protocol::Query { .. } | Protocol::Ec2Query, _) => query::answer(protocol, operation, &[], request_id),
        (Protocol::RestXml, _) => String::new(),
    };
    text.into_bytes()
}

fn bad(protocol: Protocol, failure: &Failure, request_id: &str) -> Vec<u8> {
    let text = match protocol {
        Protocol::Cbor => return cbor::error(failure),
        Protocol::RestJson => rest_json::error(failure),
        Protocol::Json { .. } => json::error(failure),
        Protocol::Query { .. } | Protocol::Ec2Query => query::error(protocol, failure, request_id),
        Protocol::RestXml => rest_xml::error(failure, request_id),
    };
    text.into_bytes()
}

fn written(status: u16, protocol: Protocol, body: &[u8]) -> Response<Body> {
    let content_type = match protocol {
        Protocol::RestJson => "application/json",
        Protocol::Json { version: "1.0" } => "application/x-amz-json-1.0",
        Protocol::Json { .. } => "application/x-amz-json-1.1",
        Protocol::Cbor => "application/cbor",
        Protocol::Query { .. } | Protocol::Ec2Query => "text/xml;charset=UTF-8",
        Protocol::RestXml => "application/xml",
    };
    raw(status, &[(header::CONTENT_TYPE, content_type.to_owned())], body)
}

fn raw(status: u16, headers: &[(HeaderName, String)], body: &[u8]) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_vec()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{Answer, header, write};
    use crate::sandbox::protocol::Protocol;
    use crate::sandbox::protocol::failure::Failure;

    #[test]
    fn an_answer_has_its_own_status_and_no_more_body_than_it_says() {
        let headers = vec![(header::CONTENT_TYPE, "text/plain".to_owned())];
        let made = Answer::Raw { status: 201, headers, body: b"made".to_vec() };
        let made = write(Protocol::RestXml, "X", &Ok(made), "r");
        assert_eq!((made.status().as_u16(), made.headers()["content-type"].to_str().unwrap()), (201, "text/plain"));
        let gone = write(Protocol::RestXml, "X", &Ok(Answer::empty(204)), "r");
        assert_eq!((gone.status().as_u16(), gone.headers().contains_key("content-type")), (204, false));
    }

    #[test]
    fn an_error_is_named_in_the_header_where_the_protocol_has_one() {
        let failure = || Err(Failure::new(409, "Conflict", "no"));
        let json = write(Protocol::Json { version: "1.0" }, "X", &failure(), "r");
        assert_eq!(json.headers()["x-amzn-errortype"], "Conflict");
        assert_eq!(json.headers()["content-type"], "application/x-amz-json-1.0");
        let cbor = write(Protocol::Cbor, "X", &failure(), "r");
        assert_eq!(cbor.headers()["content-type"], "application/cbor");
        assert_eq!(cbor.headers()["smithy-protocol"], "rpc-v2-cbor");
        let xml = write(Protocol::RestXml, "X", &failure(), "r");
        assert_eq!((xml.status().as_u16(), xml.headers().contains_key("x-amzn-errortype")), (409, false));
    }
}
