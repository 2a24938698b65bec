//! One request over one connection, and a bounded answer.
//!
//! The connection goes to an address that was checked; nothing is resolved a second time.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::http::settings::HttpSettings;
use crate::probe::http::url::Url;
use crate::probe::input::{chain, miss};
use crate::probe::reach::{self, Dialled, Place};
use crate::probe::target::Target;
use crate::probe::trust::{cause, certificate_name, trusting, unproven};

/// What of an answer's body is read at most.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// What to do where nobody named a CA bundle.
const NO_BUNDLE: &str = "give the path of one as `ca: PATH` in the probe, or as `--ca-bundle PATH`; for certificates \
                         of public CAs, `ca: system` is this machine's own store";

/// What a server answered.
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    headers: HeaderMap,
    /// The body, as far as it was read.
    pub(super) body: Vec<u8>,
    /// There was more of the body.
    pub(super) cut: bool,
}

impl Answer {
    /// The content type, not made harmless.
    pub(super) fn content_type(&self) -> Option<String> {
        self.text(&CONTENT_TYPE)
    }

    /// Where a redirect leads, not made harmless.
    pub(super) fn location(&self) -> Option<String> {
        self.text(&LOCATION)
    }

    /// Where to ask next, if the status says so.
    pub(super) fn redirect(&self) -> Option<String> {
        if matches!(self.status, 301 | 302 | 303 | 307 | 308) { self.location() } else { None }
    }

    /// Every value of a header, with commas between, not made harmless.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let values: Vec<String> = self.headers.get_all(name).iter().map(text).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn text(&self, name: &HeaderName) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// Connects to where `url` leads, if a probe may, and asks. `place` is the URL's.
///
/// # Errors
/// `unreachable`, `connection`, `tls` or `setup`; the caller's time-out is the bound.
pub(super) async fn send(
    url: &Url,
    place: &Place,
    request: Request<Full<Bytes>>,
    settings: &HttpSettings,
    target: &Target,
    timeout: Duration,
) -> Result<Answer, Miss> {
    let secure = if url.https { Some(prepare(url, settings, target)?) } else { None };
    // The tunnel, if any, stays open until the answer is read.
    let Dialled { stream, held: _held, .. } = reach::dial(place, target, timeout).await?;
    let Some((connector, name)) = secure else {
        return exchange(stream, request).await;
    };
    let stream = connector.connect(name, stream).await.map_err(|error| match cause::<rustls::Error>(&error) {
        Some(tls) => unproven(tls, ""),
        None => miss(ProbeReason::Connection, &format!("the connection ended before it was encrypted: {error}")),
    })?;
    exchange(stream, request).await
}

fn prepare(url: &Url, settings: &HttpSettings, target: &Target) -> Result<(TlsConnector, ServerName<'static>), Miss> {
    let name = match &settings.server_name {
        Some(given) => given.fill("server_name", target)?,
        None => url.host.clone(),
    };
    let name = certificate_name(&name)?;
    let mut config = trusting(settings.ca.as_deref(), target, NO_BUNDLE)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsConnector::from(Arc::new(config)), name))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // It ends with the attempt: dropping the set aborts it.
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Whoever asks is told of whatever ends the connection.
        connection.await.ok();
    });
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let (Parts { status, headers, .. }, mut incoming) = answer.into_parts();
    let (mut body, mut cut) = (Vec::new(), false);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        let room = MOST_BYTES.saturating_sub(body.len());
        body.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            cut = true;
            break;
        }
    }
    Ok(Answer { status: status.as_u16(), headers, body, cut })
}

fn broken(error: &hyper::Error) -> Miss {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return unproven(tls, "");
    }
    let what = if error.is_parse() { "what answers there does not speak HTTP" } else { "no whole answer came" };
    miss(ProbeReason::Connection, &format!("{what}: {}", chain(error)))
}
