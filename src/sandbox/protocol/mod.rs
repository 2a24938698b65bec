//! The wire protocols of AWS: bytes in, an operation with its input out; an answer in, bytes out.
//!
//! Nothing here knows the world, or a service by name: a service says which [`Protocol`] it speaks and, where operations
//! are paths, routes them. `scope` reads who is calling from the `SigV4` credential scope.

mod answer;
pub(crate) mod cbor;
mod chunked;
pub(crate) mod encoding;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest_json;
mod rest_xml;
pub(crate) mod scope;
pub(crate) mod xml;

use axum::http::{HeaderMap, Method};
use serde_json::Value;

pub(crate) use crate::sandbox::protocol::answer::{Answer, write};
use crate::sandbox::protocol::failure::Failure;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    RestJson,
    /// The operation stands in `X-Amz-Target`. The version is `1.0` or `1.1`.
    Json {
        version: &'static str,
    },
    /// Smithy's RPC v2: the operation stands in the path, bodies are CBOR.
    Cbor,
    /// A form in, XML of this namespace out.
    Query {
        namespace: &'static str,
    },
    /// EC2's dialect of the same.
    Ec2Query,
    RestXml,
}

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

/// What a REST request is routed by.
pub(crate) struct Target<'a> {
    pub(crate) method: &'a Method,
    /// The path's segments, decoded. In `RestXml` a bucket and a key, or fewer.
    pub(crate) parts: &'a [&'a str],
    /// The query string's names and values.
    pub(crate) params: &'a [(String, String)],
    pub(crate) headers: &'a HeaderMap,
}

/// An operation, and the values in its path in order.
pub(crate) type Route = (&'static str, Vec<String>);

/// How a service finds the operation.
pub(crate) type Router<'r> = &'r dyn Fn(&Target) -> Option<Route>;

/// A request understood: which operation, and what it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// Such as `StartRestoreJob`.
    pub(crate) operation: String,
    /// Values from the path, in order.
    pub(crate) labels: Vec<String>,
    /// The query string's or the form's names and values.
    pub(crate) params: Vec<(String, String)>,
    /// The JSON body; `Null` without one.
    pub(crate) body: Value,
    /// The body's bytes, whatever they are.
    pub(crate) raw: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl Wire {
    /// The operation with bytes and headers, before the protocol has read more.
    fn ask(&self, operation: &str) -> Ask {
        let (raw, headers) = (self.body.clone(), self.headers.clone());
        Ask { operation: operation.to_owned(), raw, headers, ..Ask::default() }
    }
}

impl Target<'_> {
    /// Whether the query string names this, with or without a value: `?versioning`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.params.iter().any(|(known, _)| known == name)
    }
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

/// Reads an operation from a request to the service of this name.
pub(crate) fn read(protocol: Protocol, wire: &Wire, service: &str, route: Router) -> Result<Ask, Failure> {
    match protocol {
        Protocol::RestJson => rest_json::read(wire, service, route),
        Protocol::RestXml => rest_xml::read(wire, service, route),
        Protocol::Json { .. } => json::read(wire),
        Protocol::Cbor => cbor::read(wire),
        Protocol::Query { .. } | Protocol::Ec2Query => query::read(wire),
    }
}
