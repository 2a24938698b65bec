//! JSON 1.0 and 1.1. The operation stands in `X-Amz-Target`.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Ask, Wire};

/// Reads the operation and its JSON input.
pub(crate) fn read(wire: &Wire) -> Result<Ask, Failure> {
    let target = wire.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation =
        target.rsplit('.').next().filter(|name| !name.is_empty()).ok_or_else(|| Failure::unknown("(no target)"))?;
    let body = if wire.body.is_empty() { &b"{}"[..] } else { &wire.body };
    let body = serde_json::from_slice::<Value>(body)
        .map_err(|_| Failure::bad("SerializationException", "the request's body is not JSON"))?;
    Ok(Ask { body, ..wire.ask(operation) })
}

/// An error's body.
pub(crate) fn error(failure: &Failure) -> String {
    let mut body = json!({ "__type": failure.code, "message": failure.message });
    if let (Some(body), Some(Value::Object(members))) = (body.as_object_mut(), failure.members.as_deref()) {
        body.extend(members.clone());
    }
    body.to_string()
}

/// An instant as JSON bodies carry it: epoch seconds with milliseconds (facts 1.1).
pub(crate) fn instant(at: jiff::Timestamp) -> Value {
    json!(at.duration_since(jiff::Timestamp::UNIX_EPOCH).as_millis_f64() / 1_000.0)
}
