//! The websocket to Session Manager: where it may lead, whom it trusts, how its request is signed.
//!
//! Invariant: it leads where the run's mode allows (`aws/witness`), which for AWS itself means TLS. It trusts the
//! machine's certificate store, as the SDK does. Every wait is bounded.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_types::SdkConfig;
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::aws::tunnel::channel::Broken;
use crate::aws::tunnel::message::LONGEST;
use crate::aws::witness::Place;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::kind::Mode;

/// The service behind the websocket, in host names and in signatures.
const SERVICE: &str = "ssmmessages";

/// What IAM calls opening the websocket.
pub(super) const OPERATION: &str = "ssmmessages:OpenDataChannel";

/// One message is on its way within this, or never. Real time.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// What of an answer that is no websocket is shown, in bytes.
const SHOWN: usize = 500;

/// An open websocket.
#[derive(Debug)]
pub(super) struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Line {
    /// Opens the websocket at `url`, which `ssm:StartSession` gave. The caller bounds the time.
    pub(super) async fn open(url: &str, config: &SdkConfig, mode: Mode) -> Result<Self, CloudError> {
        let over_http = over_http(url).ok_or_else(|| invalid("the session's address is no websocket"))?;
        let place = Place::new(SERVICE, &over_http);
        if !place.fits(mode) {
            let message = format!("a run of mode `{mode}` opens no websocket at `{}`", place.origin);
            return Err(invalid(&message));
        }
        let mut request = url.into_client_request().map_err(|error| invalid(&error.to_string()))?;
        sign_request(&mut request, &over_http, config).await?;
        let connector = if over_http.starts_with("https://") { trusting()? } else { Connector::Plain };
        let limits = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
        let opened = connect_async_tls_with_config(request, Some(limits), true, Some(connector)).await;
        let (socket, _) = opened.map_err(|error| unopened(&place, error))?;
        Ok(Self { socket })
    }

    /// Sends one text.
    pub(super) async fn say_text(&mut self, text: String) -> Result<(), Broken> {
        self.send(Message::text(text)).await
    }

    /// Sends one binary message.
    pub(super) async fn say(&mut self, bytes: Vec<u8>) -> Result<(), Broken> {
        self.send(Message::binary(bytes)).await
    }

    /// Lets everybody in between know that somebody is still here.
    pub(super) async fn ping(&mut self) -> Result<(), Broken> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// What comes next. May be dropped at any moment: nothing is lost.
    pub(super) async fn hear(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            match self.socket.next().await {
                Some(Ok(message)) if message.is_binary() || message.is_text() => {
                    return Ok(message.into_data().to_vec());
                }
                Some(Ok(Message::Close(_))) | None => return Err(Broken::HungUp),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Broken::Socket(error.to_string())),
            }
        }
    }

    /// Ends the websocket. The other side's answer is not waited for.
    pub(super) async fn hang_up(&mut self) {
        let _ = timeout(SEND_TIMEOUT, self.socket.close(None)).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), Broken> {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(sent) => sent.map_err(|error| Broken::Socket(error.to_string())),
            Err(_) => Err(Broken::Socket("it takes nothing more".to_owned())),
        }
    }
}

/// The address as an HTTP client writes it: what signatures are of, and what the witness knows.
fn over_http(url: &str) -> Option<String> {
    let secure = url.strip_prefix("wss://").map(|rest| format!("https://{rest}"));
    secure.or_else(|| url.strip_prefix("ws://").map(|rest| format!("http://{rest}")))
}

/// The machine's certificate store, by the one TLS provider.
fn trusting() -> Result<Connector, CloudError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let problem = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(invalid(&format!("this machine has no usable certificate store{problem}")));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(&format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::Rustls(Arc::new(config)))
}

/// Session Manager knows its callers by the token; newer clients sign as well, and IAM is then asked for [`OPERATION`].
async fn sign_request(request: &mut Request, over_http: &str, config: &SdkConfig) -> Result<(), CloudError> {
    let unsigned = |reason: &str| CloudError::new(OPERATION, ErrorKind::Credentials, "unsigned", reason, None);
    let provider = config.credentials_provider().ok_or_else(|| unsigned("there are no credentials"))?;
    let region = config.region().ok_or_else(|| unsigned("there is no region"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(&error.to_string()))?;
    signed(request, over_http, region.as_ref(), credentials).map_err(|reason| unsigned(&reason))
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the machine's time, whatever the world's is")]
fn signed(request: &mut Request, over_http: &str, region: &str, credentials: Credentials) -> Result<(), String> {
    let identity = Identity::from(credentials);
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(Timestamp::now().into())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let asked = SignableRequest::new("GET", over_http, std::iter::empty(), SignableBody::empty())
        .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(asked, &parameters).map_err(|error| error.to_string())?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

fn unopened(place: &Place, error: Error) -> CloudError {
    let (kind, code, said) = match error {
        Error::Http(answer) => {
            let status = answer.status().as_u16();
            let kind = match status {
                401 | 403 => ErrorKind::Denied,
                429 => ErrorKind::Throttled,
                500.. => ErrorKind::Unavailable,
                _ => ErrorKind::Unreadable,
            };
            let body = answer.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body)).into_owned();
            (kind, format!("http_{status}"), format!("it was answered with {status}: {body}"))
        }
        Error::Io(error) => (ErrorKind::Unreachable, "connect".to_owned(), error.to_string()),
        Error::Tls(error) => (ErrorKind::Unreachable, "tls".to_owned(), error.to_string()),
        error => (ErrorKind::Unreadable, "websocket".to_owned(), error.to_string()),
    };
    let mend = match kind {
        ErrorKind::Denied => "; allow `ssmmessages:OpenDataChannel` on `arn:aws:ssm:*:*:session/*`",
        ErrorKind::Unreachable => "; this machine needs a way there, without a proxy",
        _ => "",
    };
    let message = format!("no websocket at `{}`: {said}{mend}", place.origin);
    CloudError::new(OPERATION, kind, &code, &message, None)
}

fn invalid(message: &str) -> CloudError {
    CloudError::new(OPERATION, ErrorKind::Invalid, "endpoint", message, None)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_types::SdkConfig;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    use super::{Line, over_http, signed};
    use crate::cloud::error::ErrorKind;
    use crate::words::kind::Mode;

    #[tokio::test]
    async fn a_websocket_leads_where_the_mode_allows() {
        let config = SdkConfig::builder().build();
        let aws = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s";
        for (url, mode) in [
            ("ws://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s", Mode::Aws),
            ("wss://ssmmessages.eu-west-1.amazonaws.com.evil.example/s", Mode::Aws),
            ("ws://127.0.0.1:1/s", Mode::Aws),
            ("https://ssmmessages.eu-west-1.amazonaws.com/s", Mode::Aws),
            (aws, Mode::Sandbox),
            ("", Mode::CustomEndpoint),
        ] {
            let refused = Line::open(url, &config, mode).await.unwrap_err();
            assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::Invalid, "endpoint"), "{url}");
        }
        // What is allowed goes on, and finds that there is nobody to sign.
        let unsigned = Line::open(aws, &config, Mode::Aws).await.unwrap_err();
        assert_eq!(unsigned.kind, ErrorKind::Credentials);
    }

    #[test]
    fn the_request_is_signed_for_the_service_behind_the_websocket() {
        let url = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s?role=publish_subscribe&cell=a+b/c=";
        let mut request = url.into_client_request().unwrap();
        let credentials = Credentials::new("AKIDEXAMPLE", "secret-canary", Some("token".to_owned()), None, "test");
        signed(&mut request, &over_http(url).unwrap(), "eu-west-1", credentials).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let signature = header("authorization");
        assert!(signature.contains("/eu-west-1/ssmmessages/aws4_request"), "{signature}");
        assert!(signature.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{signature}");
        assert_eq!(header("x-amz-security-token"), "token");
        assert_eq!(request.uri().to_string(), url);
        assert!(!format!("{:?}", request.headers()).contains("canary"));
    }
}
