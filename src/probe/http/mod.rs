//! `http`: ask a server one question, and look at status, headers and body.
//!
//! `settings` is what a definition says; `url` where a request goes; `exchange` connects, asks and reads a bounded
//! answer; `observed` is what is seen in it; here is what follows a redirect.
//!
//! Observed: `status`, `milliseconds`, `bytes`, `content_type`, `location`, the start of a `body` that is text, and the
//! scalar fields of a body that is a JSON object (`health.db`; `json.status` for a name that is one of the former);
//! what `json` finds, by its names, and `header_NAME` for each of `observe_headers`. A status of 400 or more is a miss,
//! unless `any_status` is set. Headers go to the first server only, and each redirect is held against the guard of
//! addresses; what `allow_local` allows ends at the first server.

mod exchange;
mod observed;
mod settings;
mod url;

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use tokio::time::Instant;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::http::exchange::send;
use crate::probe::http::observed::observed;
use crate::probe::http::settings::{HttpSettings, Scheme, Verb, header};
use crate::probe::http::url::Url;
use crate::probe::input::{miss, shown, typed};
use crate::probe::output::{clean, redact};
use crate::probe::reach::{self, Place};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::secret::Secret;
use crate::words::text::tame;
use crate::yaml::shape::Field;

/// The kind.
pub struct Http;

#[async_trait]
impl ProbeCalls for Http {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Http
    }

    fn about(&self) -> &'static str {
        "Ask over HTTP."
    }

    fn holds_when(&self) -> &'static str {
        "an answer with a status below 400"
    }

    fn page(&self) -> &'static str {
        include_str!("../pages/http.md")
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["url", "scheme", "host", "port", "path", "method", "headers", "secret_headers", "body", "ca", "server_name"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<HttpSettings>(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: HttpSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no whole answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, ask(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

/// A request as it is sent next.
struct Wanted {
    url: Url,
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
    /// The server may be this machine, a link or a metadata service.
    local: bool,
    /// The longest first: one secret may be a part of another.
    secrets: Vec<Secret>,
}

async fn ask(settings: &HttpSettings, target: &Target, timeout: Duration) -> Outcome {
    let mut wanted = Wanted::fill(settings, target).await?;
    let outcome = follow(&mut wanted, settings, target, timeout).await;
    // Servers echo what they are sent.
    outcome.map_err(|miss| Miss { message: redact(&miss.message, &wanted.secrets), ..miss })
}

#[expect(clippy::disallowed_methods, reason = "how long a real server took is real time, in the sandbox too")]
async fn follow(wanted: &mut Wanted, settings: &HttpSettings, target: &Target, timeout: Duration) -> Outcome {
    let started = Instant::now();
    let mut hops = 0;
    loop {
        let place = Place { host: wanted.url.host.clone(), port: wanted.url.port, local: wanted.local };
        let answer = send(&wanted.url, &place, wanted.request()?, settings, target, timeout).await?;
        let Some(location) = answer.redirect().filter(|_| settings.follow > 0) else {
            let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut seen = observed(&answer, settings, &wanted.secrets);
            seen.values.insert("milliseconds".to_owned(), milliseconds.into());
            seen.facts.insert("url".to_owned(), clean(&wanted.url.text(), &wanted.secrets));
            seen.facts.insert("redirects followed".to_owned(), hops.to_string());
            seen.facts.extend(target.tunnel.as_ref().map(|way| ("tunnel".to_owned(), tame(&way.instance))));
            return judged(answer.status, seen, settings.any_status);
        };
        if hops == settings.follow {
            let message = format!("more than {hops} redirects; the last one leads to `{location}`");
            return Err(miss(ProbeReason::Expectation, &message));
        }
        hops += 1;
        wanted.turn(answer.status, &location)?;
    }
}

/// Whether a status of 400 or more was expected is not seen here: the setting says it.
fn judged(status: u16, seen: Observed, any_status: bool) -> Outcome {
    if status < 400 || any_status {
        return Ok(seen);
    }
    let message = format!(
        "the server answered with status {status}; if that is right, set `any_status: true` and expect it of `status`"
    );
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::Expectation, &message) })
}

impl Wanted {
    async fn fill(settings: &HttpSettings, target: &Target) -> Result<Self, Miss> {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let mut headers = Vec::new();
        for (name, given) in &settings.headers {
            let text = given.fill(&format!("headers.{name}"), target)?;
            let value = HeaderValue::from_str(&text)
                .map_err(|_| setup(format!("`headers.{name}` holds what no header can carry: `{text}`")))?;
            headers.push((header(name).map_err(setup)?, value));
        }
        let mut secrets = Vec::new();
        for (name, reference) in &settings.secret_headers {
            let secret = reference.read(target).await?;
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| setup(format!("no header can carry the secret of `secret_headers.{name}`")))?;
            value.set_sensitive(true);
            headers.push((header(name).map_err(setup)?, value));
            // `Bearer TOKEN`: a server that echoes it may leave the first word out.
            secrets.extend(secret.expose().rsplit(' ').next().map(|last| Secret::new(last.to_owned())));
            secrets.push(secret);
        }
        secrets.sort_by_key(|secret: &Secret| std::cmp::Reverse(secret.expose().len()));
        let body = settings.body.as_ref().map(|body| body.fill("body", target)).transpose()?.unwrap_or_default();
        let (url, method) = (place(settings, target)?, settings.method.into());
        Ok(Self { url, method, headers, body, local: settings.allow_local, secrets })
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Miss> {
        let unfit = |what: &str| miss(ProbeReason::Setup, &format!("`{}`: {what}", self.url.text()));
        let uri: Uri = self.url.path.parse().map_err(|_| unfit("this path cannot be asked for"))?;
        let host = HeaderValue::from_str(&self.url.authority()).map_err(|_| unfit("this is not a host"))?;
        let mut request = Request::new(Full::new(Bytes::from(self.body.clone())));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, HeaderValue::from_static("drill"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(request)
    }

    /// Turns to where a redirect leads. What other servers than the first get is the bare question.
    fn turn(&mut self, status: u16, location: &str) -> Result<(), Miss> {
        let next = self.url.join(location).map_err(|problem| {
            miss(ProbeReason::Expectation, &format!("the server redirects to where nothing can be asked: {problem}"))
        })?;
        if self.url.https && !next.https {
            let message = format!("the server redirects from https to `{}`, where nothing is encrypted", next.text());
            return Err(miss(ProbeReason::Tls, &message));
        }
        if !self.url.same_origin(&next) {
            self.headers.clear();
            self.local = false;
        }
        let read_only = self.method == Method::GET || self.method == Method::HEAD;
        if !read_only && matches!(status, 301..=303) {
            self.method = Method::GET;
            self.body.clear();
        }
        self.url = next;
        Ok(())
    }
}

/// Where the settings say that the first request goes.
fn place(settings: &HttpSettings, target: &Target) -> Result<Url, Miss> {
    let url = match &settings.url {
        Some(url) => Url::parse(&url.fill("url", target)?),
        None => {
            let host = reach::host_of(settings.host.as_ref(), target)?;
            let port = reach::port_of(settings.port.as_ref(), target)?;
            let path = settings.path.as_ref().map(|path| path.fill("path", target)).transpose()?;
            let https = settings.scheme == Some(Scheme::Https);
            Url::of_parts(https, &host, port, path.as_deref().unwrap_or("/"))
        }
    };
    url.map_err(|problem| miss(ProbeReason::Setup, &problem))
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Head => Self::HEAD,
            Verb::Options => Self::OPTIONS,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
            Verb::Patch => Self::PATCH,
            Verb::Delete => Self::DELETE,
        }
    }
}

#[cfg(test)]
mod tests;
