//! Where a request goes.

use hyper::Uri;
use hyper::http::uri::InvalidUri;

use crate::words::text::tame;

/// An absolute URL of HTTP, taken apart. Its parts hold nothing that could end a line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Over TLS.
    pub(super) https: bool,
    /// A DNS name or an address, an IPv6 address without brackets.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: u16,
    /// Path and query, from the first `/` on.
    pub(super) path: String,
}

impl Url {
    /// Reads a URL. A fragment is not a part of what is asked for, and is dropped.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|error: InvalidUri| format!("`{}` is not a URL: {error}", tame(text)))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("`{}` must start with `http://` or `https://`", tame(text))),
        };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if authority.contains('@') {
            return Err("a URL names no user and no password; put `authorization` into `secret_headers`".to_owned());
        }
        let host = uri.host().unwrap_or_default();
        let port = match (authority.strip_prefix(host), uri.port_u16()) {
            (Some(""), None) => usual_port(https),
            (_, Some(port @ 1..)) => port,
            _ => return Err(format!("`{}` names no port from 1 to 65535", tame(text))),
        };
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() {
            return Err(format!("`{}` names no host", tame(text)));
        }
        let path = match uri.query() {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        };
        Ok(Self { https, host: bare.to_owned(), port, path })
    }

    /// The URL of settings that name its parts. `path` may lack its first `/`.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub(super) fn of_parts(https: bool, host: &str, port: Option<u16>, path: &str) -> Result<Self, String> {
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        if bare.contains(['/', '?', '#', '@', '\\']) {
            return Err(format!("`{}` is not a host", tame(host)));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let scheme = if https { "https" } else { "http" };
        let host = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
        Self::parse(&format!("{scheme}://{host}:{}{slash}{path}", port.unwrap_or_else(|| usual_port(https))))
    }

    /// Where a redirect leads.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub(super) fn join(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.https { "https" } else { "http" };
        let before_path = location.split(['/', '?']).next().unwrap_or_default();
        if before_path.contains(':') {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let folder = path.rfind('/').map_or("/", |at| path.get(..=at).unwrap_or("/"));
        let joined = match location.chars().next() {
            None => self.path.clone(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            Some(_) => format!("{folder}{location}"),
        };
        Self::parse(&format!("{scheme}://{}{joined}", self.authority()))
    }

    /// Host and port as the `Host` header has them.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual_port(self.https) { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether the other URL is on the same server, spoken to in the same way.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.https == other.https && self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The whole.
    pub(super) fn text(&self) -> String {
        format!("{}://{}{}", if self.https { "https" } else { "http" }, self.authority(), self.path)
    }
}

fn usual_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_are_taken_apart_and_put_together() {
        for (text, authority, whole) in [
            ("http://a.example", "a.example", "http://a.example/"),
            ("https://a.example:443/x?y=1#z", "a.example", "https://a.example/x?y=1"),
            ("http://[::1]:8080/", "[::1]:8080", "http://[::1]:8080/"),
            ("http://10.0.0.1?x", "10.0.0.1", "http://10.0.0.1/?x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.authority().as_str(), url.text().as_str()), (authority, whole));
        }
        assert_eq!(Url::of_parts(false, "::1", Some(81), "x").unwrap().text(), "http://[::1]:81/x");
    }

    #[test]
    fn what_could_mislead_is_no_url() {
        for text in [
            "",
            "/x",
            "a.example",
            "ftp://a.example/",
            "http://u:p@a.example/",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://a b/",
            "http://a.example/\r\nX: y",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
        for host in ["a/b", "a@b", "a#b", "a b", ""] {
            assert!(Url::of_parts(false, host, None, "/").is_err(), "{host:?}");
        }
    }

    #[test]
    fn redirects_are_read_as_browsers_do() {
        let base = Url::parse("https://a.example:8443/x/y?q=1").unwrap();
        for (location, whole) in [
            ("/z", "https://a.example:8443/z"),
            ("z?w", "https://a.example:8443/x/z?w"),
            ("?w", "https://a.example:8443/x/y?w"),
            ("//b.example/", "https://b.example/"),
            ("http://b.example/z", "http://b.example/z"),
            ("/z?to=http://b", "https://a.example:8443/z?to=http://b"),
        ] {
            assert_eq!(base.join(location).unwrap().text(), whole);
        }
        assert!(base.join("javascript:alert(1)").is_err());
        assert!(base.same_origin(&base.join("/z").unwrap()));
        assert!(!base.same_origin(&base.join("//a.example/").unwrap()));
    }
}
