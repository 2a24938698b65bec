//! What of an answer is observed: its status, its headers, its body, and what JSONPaths find in it.

use hyper::header::HeaderName;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::probe::Observed;
use crate::probe::http::exchange::{Answer, MOST_BYTES};
use crate::probe::http::settings::HttpSettings;
use crate::probe::output::{clean, excerpt, flattened, kept, nothing};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// What of a body is observed as text, in bytes.
pub(super) const SHOWN_BODY_BYTES: usize = 4 * 1024;

/// What is always observed under these names; a JSON field of such a name has `json.` before it.
pub(super) const OWN_VALUES: &[&str] = &["status", "milliseconds", "bytes", "content_type", "location", "body"];

/// The longest JSONPath, in bytes.
const LONGEST_PATH: usize = 500;

/// The values of an answer.
pub(super) fn observed(answer: &Answer, settings: &HttpSettings, secrets: &[Secret]) -> Observed {
    let body: Option<Value> = if answer.cut { None } else { serde_json::from_slice(&answer.body).ok() };
    let named = found(body.as_ref(), settings, secrets);
    let mut seen = match body {
        Some(Value::Object(fields)) => flattened(fields, OWN_VALUES, secrets),
        _ => nothing(),
    };
    // A field of the body never stands in for what was asked for by name.
    let headers: Vec<String> = settings.observe_headers.iter().map(|name| header_value(name)).collect();
    seen.values.retain(|name, _| !settings.json.contains_key(name) && !headers.contains(name));
    seen.values.extend(named.values);
    seen.facts.extend(named.facts);
    let mut add = |name: &str, value: Value| seen.values.insert(name.to_owned(), value);
    add("status", answer.status.into());
    add("bytes", answer.body.len().into());
    let texts = [
        ("content_type", answer.content_type().map(|text| clean(&text, secrets))),
        ("location", answer.location().map(|text| clean(&text, secrets))),
        ("body", excerpt(&answer.body, SHOWN_BODY_BYTES, secrets)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            add(name, text.into());
        }
    }
    for name in &settings.observe_headers {
        if let Some(text) = answer.header(name) {
            add(&header_value(name), clean(&text, secrets).into());
        }
    }
    if answer.cut {
        let read = format!("only the first {} MiB were read", MOST_BYTES / 1024 / 1024);
        seen.facts.insert("body".to_owned(), read);
    }
    seen
}

/// The name under which a header is observed: `etag` as `header_etag`, `X-Request-Id` as `header_x_request_id`.
pub(super) fn header_value(name: &str) -> String {
    format!("header_{}", name.to_ascii_lowercase().replace('-', "_"))
}

/// Whether a header of an answer can be observed under its name.
///
/// # Errors
/// A sentence for the user.
pub(super) fn check_observed_header(name: &str) -> Result<(), String> {
    let plain = |name: &HeaderName| name.as_str().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok().filter(plain);
    let Some(parsed) = parsed else { return Err(format!("`{}` is no header that can be observed", tame(name))) };
    if matches!(parsed.as_str(), "set-cookie" | "set-cookie2") {
        return Err(format!("`{parsed}` holds a credential, which no report should show"));
    }
    Ok(())
}

/// Whether a text is a JSONPath that ends soon on any answer: for each of its values, the whole answer may not be
/// looked through once more.
///
/// # Errors
/// A sentence for the user.
pub(super) fn check_path(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_PATH {
        return Err(format!("a path is at most {LONGEST_PATH} bytes long"));
    }
    JsonPath::parse(text).map_err(|error| tame(&format!("`{text}` is no JSONPath (RFC 9535): {error}")))?;
    let bare = unquoted(text);
    if bare.matches("..").count() > 1 || bare.matches('$').count() > 1 {
        return Err(format!("`{}`: `$` stands at the start alone, and `..` at one place at most", tame(text)));
    }
    Ok(())
}

/// A path without what it holds in quotes.
fn unquoted(path: &str) -> String {
    let (mut out, mut quote, mut escaped) = (String::new(), None, false);
    for c in path.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None => out.push(c),
        }
    }
    out
}

/// What the paths find: one match as it is, several as a list. What is not there is not observed.
fn found(body: Option<&Value>, settings: &HttpSettings, secrets: &[Secret]) -> Observed {
    let mut seen = nothing();
    if settings.json.is_empty() {
        return seen;
    }
    let Some(body) = body else {
        seen.facts.insert("json".to_owned(), "the body is not JSON, or not all of it was read".to_owned());
        return seen;
    };
    for (name, path) in &settings.json {
        // The settings were checked: what cannot be read finds nothing.
        let matches = JsonPath::parse(path).map(|path| path.query(body).all()).unwrap_or_default();
        let value = match matches.as_slice() {
            [] => None,
            [one] => kept(one, secrets),
            many => kept(&many.iter().map(|one| (*one).clone()).collect(), secrets),
        };
        if let Some(value) = value {
            seen.values.insert(name.clone(), value);
            continue;
        }
        let why = if matches.is_empty() { "nothing is there" } else { "neither a scalar nor a list of at most 1,000" };
        seen.facts.insert(tame(&format!("{name} (not observed)")), why.to_owned());
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::{check_observed_header, check_path, header_value};

    #[test]
    fn paths_are_of_the_standard_and_end_soon() {
        for good in ["$", "$.items[*].id", "$..id", "$['$type'].x", "$.a[?@.kind == 'a..b$'].x", r#"$["a\"..b"]..x"#] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        let long = format!("$.{}", "x".repeat(500));
        for bad in ["", "items", "$.items[", "$..a..b", "$.a[?@.x == $.b]", "$.a[?count($..b) > 1]", long.as_str()] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_become_names_and_cookies_stay_away() {
        assert_eq!(header_value("X-Request-Id"), "header_x_request_id");
        for good in ["etag", "Content-Length", "x_y"] {
            assert_eq!(check_observed_header(good), Ok(()));
        }
        for bad in ["", "a b", "a.b", "Set-Cookie"] {
            assert!(check_observed_header(bad).is_err(), "{bad}");
        }
    }
}
