//! REST with XML: S3's dialect. The bucket is the first segment of the path, or the first label of the host; what follows
//! is the key, slashes included. Bodies are XML or an object's bytes.

use axum::http::header;

use crate::sandbox::protocol::encoding::{decode, form};
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::HEAD;
use crate::sandbox::protocol::xml::{self, Element, text};
use crate::sandbox::protocol::{Ask, Router, Target, Wire, chunked};

/// Finds the operation by method, query and headers. A target's parts are nothing, a bucket, or a bucket and a key.
pub(crate) fn read(wire: &Wire, service: &str, route: Router) -> Result<Ask, Failure> {
    let unknown = || Failure::unknown(&format!("{service} {} {}", wire.method, wire.path));
    let path = wire.path.strip_prefix('/').unwrap_or(&wire.path);
    let host = wire.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (bucket, key) = match bucket_of_host(host) {
        Some(bucket) => (bucket.to_owned(), path),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decode(bucket, false), key)
        }
    };
    let key = decode(key, false);
    let parts: Vec<&str> = [bucket.as_str(), key.as_str()].into_iter().take_while(|part| !part.is_empty()).collect();
    let params = form(&wire.query);
    let target = Target { method: &wire.method, parts: &parts, params: &params, headers: &wire.headers };
    let (operation, labels) = route(&target).ok_or_else(unknown)?;
    let raw = chunked::body(wire)?;
    Ok(Ask { labels, params, raw, ..wire.ask(operation) })
}

/// The bucket in `BUCKET.localhost` and `BUCKET.s3.eu-west-1.amazonaws.com`; an address and a bare name have none.
fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let known = name.strip_suffix(".localhost").or_else(|| name.rsplit_once(".s3.").map(|(bucket, _)| bucket));
    known.filter(|bucket| !bucket.is_empty())
}

/// An answer's body: a whole document, its root included.
pub(crate) fn answer(elements: &[Element]) -> String {
    format!("{HEAD}{}", xml::write(elements))
}

/// An error's body.
pub(crate) fn error(failure: &Failure, request_id: &str) -> String {
    let members = vec![text("Code", &failure.code), text("Message", &failure.message), text("RequestId", request_id)];
    format!("{HEAD}{}", xml::write(&[xml::node("Error", members)]))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method, header};

    use super::{error, read};
    use crate::sandbox::protocol::failure::Failure;
    use crate::sandbox::protocol::{Ask, Route, Target, Wire};

    fn ask(host: &'static str, path: &str, query: &str) -> Ask {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        let wire = Wire { method: Method::GET, path: path.into(), query: query.into(), headers, body: b"x".to_vec() };
        let route = |target: &Target| -> Option<Route> {
            let operation = if target.has("versioning") { "GetBucketVersioning" } else { "GetObject" };
            Some((operation, target.parts.iter().map(|part| (*part).to_owned()).collect()))
        };
        read(&wire, "s3", &route).unwrap()
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        assert_eq!(ask("127.0.0.1:4566", "/b/a%20x//c/", "").labels, ["b", "a x//c/"]);
        assert_eq!(ask("b.localhost:4566", "/a/c", "").labels, ["b", "a/c"]);
        assert_eq!(ask("my.b.s3.eu-west-1.amazonaws.com", "/a", "").labels, ["my.b", "a"]);
        let flagged = ask("s3.eu-west-1.amazonaws.com", "/b", "versioning");
        assert_eq!((flagged.operation.as_str(), flagged.labels.len()), ("GetBucketVersioning", 1));
        assert_eq!(flagged.raw, b"x");
        assert!(ask("localhost", "/", "").labels.is_empty());
    }

    #[test]
    fn an_error_is_the_root() {
        let body = error(&Failure::new(404, "NoSuchBucket", "no"), "r");
        assert!(
            body.ends_with("<Error><Code>NoSuchBucket</Code><Message>no</Message><RequestId>r</RequestId></Error>")
        );
    }
}
