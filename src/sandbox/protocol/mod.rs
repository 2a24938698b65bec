//! The wire protocols of AWS: bytes in, an operation with its input out; an answer in, bytes out.
//!
//! Nothing here knows the world. `rest_json` speaks AWS Backup, `json` KMS, Secrets Manager and tagging, `query` RDS and STS
//! and, in its EC2 dialect, EC2. `scope` reads who is calling from the `SigV4` credential scope.

pub(crate) mod encoding;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest_json;
pub(crate) mod scope;
pub(crate) mod xml;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::Value;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::{Caller, Service};
use crate::sandbox::protocol::xml::Element;

/// A request as it came, its body read.
pub(crate) struct Wire {
    pub(crate) method: Method,
    /// The path, still percent-encoded.
    pub(crate) path: String,
    /// The query string, still percent-encoded.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A request understood: which operation, and what it was given.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Such as `StartRestoreJob`.
    pub(crate) operation: String,
    /// Values from the path, in order.
    pub(crate) labels: Vec<String>,
    /// The query string's or the form's names and values.
    pub(crate) params: Vec<(String, String)>,
    /// The JSON body; `Null` without one.
    pub(crate) body: Value,
}

/// An answer before it is written in a protocol.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Json(Value),
    Xml(Vec<Element>),
}

impl Ask {
    /// A query or form value.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A value from the path; empty if the path had fewer.
    pub(crate) fn label(&self, index: usize) -> &str {
        self.labels.get(index).map_or("", String::as_str)
    }

    /// A text of the JSON body.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A `true` of a form.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.param(name).map(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// Reads an operation from a request to this service.
pub(crate) fn read(service: Service, wire: &Wire) -> Result<Ask, Failure> {
    match service {
        Service::Backup => rest_json::read(wire),
        Service::Kms | Service::SecretsManager | Service::Tagging => json::read(wire),
        Service::Rds | Service::Sts | Service::Ec2 => query::read(wire),
    }
}

/// Writes what came of an operation.
pub(crate) fn write(
    caller: &Caller,
    operation: &str,
    result: &Result<Answer, Failure>,
    request_id: &str,
) -> Response<Body> {
    let (status, content_type, text, code) = match (caller.service, result) {
        (Service::Backup, Ok(answer)) => (200, "application/json", json::text(answer), None),
        (Service::Backup, Err(failure)) => {
            (failure.status, "application/json", rest_json::error(failure), Some(failure.code.clone()))
        }
        (Service::Kms | Service::SecretsManager | Service::Tagging, Ok(answer)) => {
            (200, "application/x-amz-json-1.1", json::text(answer), None)
        }
        (Service::Kms | Service::SecretsManager | Service::Tagging, Err(failure)) => {
            (failure.status, "application/x-amz-json-1.1", json::error(failure), Some(failure.code.clone()))
        }
        (service, Ok(answer)) => {
            (200, "text/xml;charset=UTF-8", query::answer(service, operation, answer, request_id), None)
        }
        (service, Err(failure)) => {
            (failure.status, "text/xml;charset=UTF-8", query::error(service, failure, request_id), None)
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(code) = code.and_then(|code| HeaderValue::from_str(&code).ok()) {
        headers.insert("x-amzn-errortype", code);
    }
    response
}
