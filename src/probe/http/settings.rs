//! What a definition says about an `http` probe.

use std::collections::BTreeMap;

use hyper::header::HeaderName;
use serde::Deserialize;

use crate::probe::http::observed::{OWN_VALUES, check_observed_header, check_path, header_value};
use crate::probe::http::url::Url;
use crate::probe::input::{Given, SecretRef};
use crate::probe::reach::ALLOW_LOCAL;
use crate::words::reference::is_value_name;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// Redirects that a definition may ask to follow at most.
const MOST_REDIRECTS: u8 = 5;

/// Headers that follow from the request itself.
const OWN_HEADERS: &[&str] =
    &["connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"];

/// Headers whose values are secrets.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// The checked settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSettings {
    pub(super) url: Option<Given>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<Given>,
    pub(super) port: Option<Given>,
    pub(super) path: Option<Given>,
    #[serde(default)]
    pub(super) method: Verb,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Given>,
    #[serde(default)]
    pub(super) secret_headers: BTreeMap<String, SecretRef>,
    pub(super) body: Option<Given>,
    #[serde(default)]
    pub(super) follow: u8,
    pub(super) ca: Option<String>,
    pub(super) server_name: Option<Given>,
    #[serde(default)]
    pub(super) any_status: bool,
    #[serde(default)]
    pub(super) json: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) observe_headers: Vec<String>,
    #[serde(default)]
    pub(super) allow_local: bool,
}

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS, certificate and name checked.
    Https,
}

/// What the server is asked to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verb {
    /// Read.
    #[default]
    Get,
    /// Read the headers alone.
    Head,
    /// Ask what is possible.
    Options,
    /// Hand something over.
    Post,
    /// Put something there.
    Put,
    /// Change something.
    Patch,
    /// Remove something.
    Delete,
}

impl HttpSettings {
    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_place()?;
        if self.follow > MOST_REDIRECTS {
            return Err(format!("`follow` is at most {MOST_REDIRECTS}"));
        }
        for (key, given) in [("body", &self.body), ("server_name", &self.server_name)] {
            given.as_ref().map_or(Ok(()), |given| given.check(key))?;
        }
        let plain = self.url.is_none() && self.scheme.is_none_or(|scheme| scheme == Scheme::Http);
        if plain && self.follow == 0 && (self.ca.is_some() || self.server_name.is_some()) {
            return Err("`ca` and `server_name` mean nothing without TLS; write `scheme: https`".to_owned());
        }
        self.check_observed()?;
        let mut names = Vec::new();
        for (name, value) in &self.headers {
            names.push(header(name)?);
            value.check(&format!("headers.{name}"))?;
            if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
                return Err(format!("`{name}` is a credential; put it into `secret_headers`, as a reference"));
            }
        }
        for (name, secret) in &self.secret_headers {
            names.push(header(name)?);
            secret.check(&format!("secret_headers.{name}"))?;
        }
        let mut seen = Vec::new();
        for name in names {
            if seen.contains(&name) {
                return Err(format!("the header `{name}` is there twice"));
            }
            seen.push(name);
        }
        Ok(())
    }

    fn check_observed(&self) -> Result<(), String> {
        let mut names: Vec<String> = OWN_VALUES.iter().map(|name| (*name).to_owned()).collect();
        for name in &self.observe_headers {
            check_observed_header(name)?;
            names.push(header_value(name));
        }
        for (name, path) in &self.json {
            check_value_name(name)?;
            check_path(path)?;
            names.push(name.clone());
        }
        names.sort();
        let twice = names.windows(2).find_map(|pair| match pair {
            [one, next] if one == next => Some(one),
            _ => None,
        });
        twice.map_or(Ok(()), |name| Err(format!("two values would be observed as `{name}`")))
    }

    fn check_place(&self) -> Result<(), String> {
        if let Some(url) = &self.url {
            let parts = [self.host.is_some(), self.port.is_some(), self.path.is_some(), self.scheme.is_some()];
            if parts.contains(&true) {
                return Err("`url` says everything that `scheme`, `host`, `port` and `path` say; drop them".to_owned());
            }
            url.check("url")?;
            // With references in it, only the run knows what it will be.
            return url.literal().map_or(Ok(()), |text| Url::parse(&text).map(drop));
        }
        for (key, given) in [("host", &self.host), ("path", &self.path)] {
            given.as_ref().map_or(Ok(()), |given| given.check(key))?;
        }
        self.port.as_ref().map_or(Ok(()), |port| port.check_port("port"))
    }
}

/// A header's name, lower-case.
pub(super) fn header(name: &str) -> Result<HeaderName, String> {
    let parsed =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{}` cannot name a header", tame(name)))?;
    if OWN_HEADERS.contains(&parsed.as_str()) {
        return Err(format!("the header `{parsed}` is set by drill"));
    }
    Ok(parsed)
}

fn check_header(name: &str) -> Result<(), String> {
    header(name).map(drop)
}

fn check_value_name(name: &str) -> Result<(), String> {
    if is_value_name(name) {
        return Ok(());
    }
    Err(format!("`{}` cannot name a value: letters, digits, `_`, `-` and dots between can", tame(name)))
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let name = || {
        Box::new(Shape::Parsed {
            what: "a header's name",
            format: Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
            parse: check_header,
        })
    };
    let headers = Shape::Dictionary { key: name(), of: Box::new(Shape::Template), min: 0 };
    let secrets = Shape::Dictionary { key: name(), of: Box::new(Shape::SecretRef), min: 0 };
    let value = Shape::Parsed { what: "an observed value's name", format: None, parse: check_value_name };
    let path = Shape::Parsed { what: "a JSONPath", format: Some("^[$]"), parse: check_path };
    let json = Shape::Dictionary { key: Box::new(value), of: Box::new(path), min: 1 };
    let observed = Shape::Parsed { what: "a header's name", format: None, parse: check_observed_header };
    let observed = Shape::List { of: Box::new(observed), min: 1 };
    let methods = Shape::Choice(&["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]);
    let follow = Shape::Integer { min: 0, max: i64::from(MOST_REDIRECTS) };
    vec![
        Field::optional("url", Shape::Template, "What to ask for; or `scheme`, `host`, `port` and `path`."),
        Field::optional("scheme", Shape::Choice(&["http", "https"]), "`http` (the default) or `https`."),
        Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
        Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's, else 80 or 443."),
        Field::optional("path", Shape::Template, "Path and query; `/` by default."),
        Field::optional("method", methods, "The method; GET by default."),
        Field::optional("headers", headers, "Headers of the request. A redirect to another server does not get them."),
        Field::optional("secret_headers", secrets, "Headers whose values are secrets, such as `authorization`."),
        Field::optional("body", Shape::Template, "What is sent."),
        Field::optional("follow", follow, "Redirects to follow, 0 (the default) to 5; never from https to http."),
        Field::optional("ca", Shape::Text, "A CA bundle in PEM, or `system`: this machine's certificate store."),
        Field::optional("server_name", Shape::Template, "The name in the certificate; by default the host."),
        Field::optional("any_status", Shape::Bool, "A status of 400 or more is an answer too; expect one of `status`."),
        Field::optional("json", json, "Values of a JSON answer, each a name and a JSONPath (RFC 9535)."),
        Field::optional("observe_headers", observed, "Headers of the answer, observed as `header_NAME`."),
        Field::optional("allow_local", Shape::Bool, ALLOW_LOCAL),
    ]
}

#[cfg(test)]
mod tests {
    use super::HttpSettings;
    use crate::probe::input::typed;
    use serde_json::{Value, json};

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        typed::<HttpSettings>(&settings).and_then(|settings| settings.check())
    }

    #[test]
    fn settings_belong_together() {
        for good in [
            json!({}),
            json!({ "url": "https://a.example/", "ca": "ca.pem" }),
            json!({ "url": "http://${{ on.endpoint.host }}:8080/", "method": "POST", "body": "{}" }),
            json!({ "path": "/health", "headers": { "Host": "shop" }, "secret_headers": { "x-key": { "env": "K" } } }),
            json!({ "json": { "first.id": "$.items[0].id", "all": "$.items[*].id" }, "observe_headers": ["ETag"] }),
            json!({ "scheme": "https", "ca": "system", "allow_local": true }),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for (bad, part) in [
            (json!({ "url": "http://a.example/", "path": "/x" }), "drop them"),
            (json!({ "url": "a.example" }), "must start with"),
            (json!({ "ca": "ca.pem" }), "scheme: https"),
            (json!({ "follow": 6 }), "at most 5"),
            (json!({ "method": "TRACE" }), "the settings do not fit"),
            (json!({ "headers": { "a b": "x" } }), "cannot name a header"),
            (json!({ "headers": { "Content-Length": "1" } }), "set by drill"),
            (json!({ "headers": { "Authorization": "canary-9f2c" } }), "secret_headers"),
            (json!({ "secret_headers": { "authorization": "canary-9f2c" } }), "a secret is a reference"),
            (json!({ "secret_headers": { "authorization": { "rds_iam": true } } }), "`secret_headers.authorization`"),
            (json!({ "headers": { "X-A": "x" }, "secret_headers": { "x-a": { "env": "B" } } }), "there twice"),
            (json!({ "json": { "a b": "$.a" } }), "cannot name a value"),
            (json!({ "json": { "a": "a.b" } }), "no JSONPath"),
            (json!({ "json": { "status": "$.status" } }), "observed as `status`"),
            (json!({ "json": { "header_etag": "$.x" }, "observe_headers": ["ETag"] }), "observed as `header_etag`"),
            (json!({ "observe_headers": ["x-a", "X_A"] }), "observed as `header_x_a`"),
            (json!({ "observe_headers": ["set-cookie"] }), "a credential"),
            (json!({ "url": "file:///etc/passwd" }), "is not a URL"),
            (json!({ "url": "gopher://a.example/" }), "must start with"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
    }
}
