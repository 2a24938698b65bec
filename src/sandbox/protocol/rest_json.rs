//! REST with JSON. Paths are taken with and without their trailing slash (boto3 sends it, the Rust SDK does not); ARNs in
//! them are percent-encoded.

use axum::http::header;
use serde_json::{Value, json};

use crate::sandbox::protocol::encoding::{form, segments};
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Ask, Router, Target, Wire};

/// Finds the operation of the service of this name by method, path, query and headers.
pub(crate) fn read(wire: &Wire, service: &str, route: Router) -> Result<Ask, Failure> {
    let segments = segments(&wire.path);
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let params = form(&wire.query);
    let target = Target { method: &wire.method, parts: &parts, params: &params, headers: &wire.headers };
    let (operation, labels) =
        route(&target).ok_or_else(|| Failure::unknown(&format!("{service} {} {}", wire.method, wire.path)))?;
    let body = if wire.body.is_empty() || is_bytes(wire) {
        Value::Null
    } else {
        serde_json::from_slice(&wire.body)
            .map_err(|_| Failure::bad("SerializationException", "the request's body is not JSON"))?
    };
    Ok(Ask { labels, params, body, ..wire.ask(operation) })
}

/// A payload of the caller's own, such as the event of a function: the service reads it.
fn is_bytes(wire: &Wire) -> bool {
    wire.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream")
}

/// An error's body.
pub(crate) fn error(failure: &Failure) -> String {
    let side = if failure.status >= 500 { "Server" } else { "Client" };
    json!({ "Code": failure.code, "Message": failure.message, "Type": side }).to_string()
}
