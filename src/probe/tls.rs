//! `tls`: shake hands, look at the certificates, hang up. It proves who answers, not what is inside.
//!
//! `starttls` is for protocols that begin in the clear, `recorder` remembers what was shown, `certificate` is what that
//! says. A certificate that is not trusted, not valid now or for another name is a miss, and what was
//! observed is told all the same. "Now" is the run's clock.
//!
//! Observed: `subject`, `issuer`, `names`, `not_after`, `days_left`, `key`, `sha256`, `chain` (certificates shown),
//! `protocol`, `cipher`, and `alpn` where one was agreed on.

mod certificate;
mod recorder;
mod starttls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::{ClientConnection, ProtocolVersion};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::reach::{self, Place};
use crate::probe::target::Target;
use crate::probe::tls::certificate::observed;
use crate::probe::tls::recorder::Recorder;
use crate::probe::tls::starttls::Start;
use crate::probe::trust::{cause, certificate_name, roots, unproven, versions};
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// What to do where nobody named a CA bundle.
const NO_BUNDLE: &str = "give the path of one as `ca: PATH` in the probe (databases of RDS: global-bundle.pem from \
                         https://truststore.pki.rds.amazonaws.com), or as `--ca-bundle PATH`; `ca: system` is this \
                         machine's own store";

/// Goodbye takes no longer than this: the answer is known.
const LONGEST_GOODBYE: Duration = Duration::from_millis(200);

/// The kind.
pub struct Tls;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSettings {
    host: Option<Given>,
    port: Option<Given>,
    server_name: Option<Given>,
    ca: Option<String>,
    #[serde(default)]
    alpn: Vec<String>,
    #[serde(default)]
    starttls: Start,
    #[serde(default)]
    allow_local: bool,
}

#[async_trait]
impl ProbeCalls for Tls {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Tls
    }

    fn about(&self) -> &'static str {
        "Shake hands over TLS and look at the certificates."
    }

    fn holds_when(&self) -> &'static str {
        "the server proves who it is"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/tls.md")
    }

    fn fields(&self) -> Vec<Field> {
        let alpn = Shape::List { of: Box::new(Shape::Text), min: 1 };
        vec![
            Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
            Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's."),
            Field::optional("server_name", Shape::Template, "The name in the certificate; by default the host."),
            Field::optional("ca", Shape::Text, "A CA bundle in PEM, or `system`: this machine's certificate store."),
            Field::optional("alpn", alpn, "Protocols to offer, the best first: `h2`, `http/1.1`."),
            Field::optional("starttls", Shape::Choice(Start::WORDS), "What comes before TLS; `none` by default."),
            Field::optional("allow_local", Shape::Bool, reach::ALLOW_LOCAL),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["host", "port", "server_name", "ca", "alpn", "starttls"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: TlsSettings = typed(settings)?;
        for (key, given) in [("host", &settings.host), ("server_name", &settings.server_name)] {
            given.as_ref().map_or(Ok(()), |given| given.check(key))?;
        }
        settings.port.as_ref().map_or(Ok(()), |port| port.check_port("port"))?;
        match settings.alpn.iter().find(|protocol| protocol.is_empty() || protocol.len() > 255) {
            Some(protocol) => Err(format!("`{}` in `alpn` is not the name of a protocol", tame(protocol))),
            None => Ok(()),
        }
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: TlsSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no handshake within {}", shown(timeout))));
        tokio::time::timeout(timeout, look(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

async fn look(settings: &TlsSettings, target: &Target, timeout: Duration) -> Outcome {
    let place = reach::destination(settings.host.as_ref(), settings.port.as_ref(), target)?;
    let place = Place { local: settings.allow_local, ..place };
    let name = match &settings.server_name {
        Some(given) => given.fill("server_name", target)?,
        None => place.bare()?.to_owned(),
    };
    let name = certificate_name(&name)?;
    let recorder = Arc::new(Recorder::new(roots(settings.ca.as_deref(), target, NO_BUNDLE)?, target.now)?);
    let verifier = Arc::clone(&recorder);
    let mut config = versions()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();

    let mut dialled = reach::dial(&place, target, timeout).await?;
    let greeting = settings.starttls.agree(&mut dialled.stream).await?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, dialled.stream).await;
    let mut seen = observed(&recorder.chain(), target.now);
    seen.facts.insert("address".to_owned(), tame(&dialled.address));
    let tunnel = target.tunnel.as_ref().map(|way| tame(&way.instance));
    for (name, text) in [("server", greeting), ("tunnel", tunnel)] {
        if let Some(text) = text {
            seen.facts.insert(name.to_owned(), text);
        }
    }
    match shaken {
        Ok(mut stream) => {
            agreed(stream.get_ref().1, &mut seen);
            // Who hangs up without a word is seen as an attacker by some servers' logs.
            tokio::time::timeout(LONGEST_GOODBYE, stream.shutdown()).await.ok();
            Ok(seen)
        }
        Err(error) => Err(Miss { observed: Some(seen), ..failed(&error) }),
    }
}

/// What both sides agreed on.
fn agreed(session: &ClientConnection, seen: &mut Observed) {
    let protocol = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
        Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
        _ => None,
    };
    let cipher = session.negotiated_cipher_suite().and_then(|agreed| agreed.suite().as_str());
    let alpn = session.alpn_protocol().map(|protocol| tame(&String::from_utf8_lossy(protocol)));
    let texts = [("protocol", protocol.map(str::to_owned)), ("cipher", cipher.map(str::to_owned)), ("alpn", alpn)];
    for (name, text) in texts {
        if let Some(text) = text {
            seen.values.insert(name.to_owned(), Value::from(text));
        }
    }
}

fn failed(error: &io::Error) -> Miss {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    match cause::<rustls::Error>(error) {
        Some(tls @ InvalidCertificate(_)) => unproven(tls, ""),
        Some(tls @ InvalidMessage(_)) => {
            let message = format!("what answers there does not speak TLS: {tls}; check `port` and `starttls`");
            miss(ProbeReason::Tls, &message)
        }
        Some(tls) => miss(ProbeReason::Tls, &format!("no TLS could be agreed on: {tls}")),
        None => miss(ProbeReason::Connection, &format!("the connection ended before it was encrypted: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Tls;
    use crate::probe::ProbeCalls as _;

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        Tls.check(&settings)
    }

    #[test]
    fn settings_are_checked() {
        for good in [
            json!({}),
            json!({ "host": "${{ on.endpoint.host }}", "port": 443, "ca": "system", "alpn": ["h2"] }),
            json!({ "starttls": "mysql", "server_name": "db.example.com", "allow_local": true }),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for (bad, part) in [
            (json!({ "starttls": "imap" }), "do not fit"),
            (json!({ "alpn": [""] }), "not the name of a protocol"),
            (json!({ "port": 0 }), "`port`"),
            (json!({ "host": "${{ x }}" }), "`host`"),
            (json!({ "days_left": 30 }), "days_left"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
