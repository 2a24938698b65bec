//! `/_world`: how another process looks at a world and steers it. JSON in, JSON out, version 1.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::clock::machine_now;
use crate::sandbox::fault::{Fault, add_fault};
use crate::sandbox::hold::Hold;
use crate::sandbox::inventory;
use crate::sandbox::server::Shared;
use crate::words::text::tame;
use crate::words::time::Clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

/// Answers a request to `/_world…`.
pub(crate) fn answer(shared: &Shared, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let rest = path.strip_prefix("/_world").unwrap_or(path).trim_matches('/');
    let parts: Vec<&str> = rest.split('/').collect();
    let result = match (method.as_str(), parts.as_slice()) {
        ("GET", [""]) => Ok(state(shared)),
        ("GET", ["inventory"]) => Ok(json!(inventory::take(&shared.world()))),
        ("POST", ["faults"]) => read::<Fault>(body).and_then(|fault| {
            fault.sense()?;
            add_fault(&mut shared.world(), fault);
            Ok(json!({ "version": 1 }))
        }),
        ("POST", ["advance"]) => read::<Advance>(body).map(|advance| {
            shared.clock.advance(SignedDuration::from_secs(i64::from(advance.seconds)));
            json!({ "version": 1, "now": shared.clock.now() })
        }),
        ("POST", ["hold"]) => {
            read::<Hold>(body).map(|hold| json!({ "version": 1, "id": shared.holds.set_remote(hold) }))
        }
        ("GET", ["hold", id]) => number(id).and_then(|id| match shared.holds.is_reached(id) {
            Some(reached) => Ok(json!({ "version": 1, "id": id, "reached": reached })),
            None => Err(format!("there is no hold {id}")),
        }),
        ("POST", ["release", id]) => number(id).and_then(|id| {
            let known = shared.holds.release(id);
            known.then(|| json!({ "version": 1, "id": id })).ok_or_else(|| format!("there is no hold {id}"))
        }),
        _ => Err("the world knows GET /_world, /_world/inventory, /_world/hold/ID and POST /_world/faults, /_world/advance, \
                  /_world/hold, /_world/release/ID"
            .to_owned()),
    };
    match result {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(message) => respond(StatusCode::BAD_REQUEST, &json!({ "version": 1, "error": tame(&message) })),
    }
}

/// What `Remote` reads.
fn state(shared: &Shared) -> Value {
    json!({
        "version": 1,
        "id": shared.id,
        "now": shared.clock.now(),
        "speed": shared.clock.speed(),
        "seed": shared.seed,
        "made": shared.made,
        "ca_bundle": shared.ca_bundle,
        "sql_missing": shared.sql_missing,
        "frozen_at_real_ms": machine_now().as_millisecond(),
    })
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the request's body cannot be used: {error}"))
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{}` is not the number of a hold", tame(text)))
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
