//! Ways through instances: Session Manager's port forwarding. Permissions: [`crate::aws::permissions::TUNNELS`].
//!
//! ```text
//! probe ──loopback──▶ forward ──talk, channel, message──▶ line ──websocket──▶ Session Manager ──▶ SSM Agent ──▶ host
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `message` | the bytes of one message |
//! | `channel` | order, acknowledgements, what is sent again |
//! | `handshake` | what is agreed on first |
//! | `line` | the websocket: TLS, signature, where it may lead |
//! | `talk` | a conversation from its opening to its end |
//! | `forward` | the listener on this machine, and both directions |
//!
//! One connection at a time goes through a session, and this takes one in all. The SSM Agent does not tell when the
//! place behind it hangs up: whoever waits for the end of a connection waits until a time-out.

mod channel;
mod forward;
mod handshake;
mod line;
mod message;
mod talk;

use std::time::Duration;

use async_trait::async_trait;
use aws_types::SdkConfig;
use tokio::runtime::Handle as Runtime;
use tokio::time::timeout;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::session::Clients;
use crate::aws::tunnel::channel::Broken;
use crate::aws::tunnel::line::{Line, OPERATION};
use crate::aws::tunnel::talk::Talk;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::remote::{Tunnel, Tunnels};
use crate::words::kind::Mode;
use crate::words::secret::Secret;

/// AWS's document that forwards a port of another host.
const DOCUMENT: &str = "AWS-StartPortForwardingSessionToRemoteHost";

const START: &str = "ssm:StartSession";

/// One phase (the websocket, the handshake, the connection behind the instance) takes no longer. Real time.
const PHASE: Duration = Duration::from_secs(20);

/// [`Tunnels`] over SSM.
pub struct AwsTunnels {
    client: Handle<aws_sdk_ssm::Client>,
    config: SdkConfig,
    mode: Mode,
}

impl AwsTunnels {
    /// Over the destination's client; its configuration signs what no client sends, and `mode` says where that may go.
    #[must_use]
    pub fn new(clients: &Clients, config: SdkConfig, mode: Mode) -> Self {
        Self { client: clients.ssm.clone(), config, mode }
    }

    /// `ssm:StartSession`: the session, its websocket's address, its token.
    async fn start(&self, instance: &str, host: &str, port: u16) -> Result<(Session, String, Secret), CloudError> {
        let ask = self.client.start_session().target(instance).document_name(DOCUMENT).reason("drill");
        let ask = ask
            .parameters("host", vec![host.to_owned()])
            .parameters("portNumber", vec![port.to_string()])
            .parameters("localPortNumber", vec!["0".to_owned()]);
        let answer = ask.send().await.map_err(|error| unstarted(cloud_error(START, &error), instance))?;
        let id = answer.session_id().ok_or_else(|| unreadable(START, "the answer names no session"))?;
        // From here on there is something to end.
        let session = Session { client: self.client.clone(), id: id.to_owned() };
        match (answer.stream_url(), answer.token_value()) {
            (Some(url), Some(token)) => Ok((session, url.to_owned(), Secret::new(token.to_owned()))),
            _ => Err(unreadable(START, "the answer gives no way to the session")),
        }
    }
}

#[async_trait]
impl Tunnels for AwsTunnels {
    async fn open(&self, instance: &str, host: &str, port: u16) -> Result<Tunnel, CloudError> {
        let (session, url, token) = self.start(instance, host, port).await?;
        let line = timeout(PHASE, Line::open(&url, &self.config, self.mode)).await;
        let line = line.map_err(|_| late("Session Manager's websocket did not open"))??;
        let mut talk = Talk::new(line);
        let agreed = timeout(PHASE, talk.agree(&token)).await;
        let agreed = agreed.map_err(|_| late("the SSM Agent on the instance did not agree on a session"))?;
        agreed.map_err(|broken| unagreed(&broken))?;
        let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        match timeout(PHASE, talk.reach()).await {
            Ok(reached) => reached.map_err(|broken| unreached(instance, &place, &broken))?,
            Err(_) => return Err(silent(instance, &place)),
        }
        let listening = forward::listen(talk, session).await;
        listening.map_err(|error| unreadable(OPERATION, &format!("this machine cannot listen on loopback: {error}")))
    }
}

/// A session that SSM knows of. When this is dropped it is ended, by a task of its own and as well as that can be: SSM
/// ends what was forgotten after some minutes.
struct Session {
    client: Handle<aws_sdk_ssm::Client>,
    id: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        let Ok(runtime) = Runtime::try_current() else { return };
        let ask = self.client.terminate_session().session_id(std::mem::take(&mut self.id));
        runtime.spawn(async move {
            if let Err(error) = ask.send().await {
                let error = cloud_error("ssm:TerminateSession", &error);
                tracing::debug!(%error, "a session could not be ended");
            }
        });
    }
}

/// Which permissions, and on what: the action alone mends nothing here.
fn unstarted(error: CloudError, instance: &str) -> CloudError {
    if error.kind != ErrorKind::Denied {
        return error;
    }
    let message = format!(
        "{}; allow `ssm:StartSession` on the instance `{instance}` and on \
         `arn:aws:ssm:*::document/{DOCUMENT}`, and `ssm:TerminateSession` and `ssmmessages:OpenDataChannel` on \
         `arn:aws:ssm:*:*:session/*`",
        error.message
    );
    CloudError { message, ..error }
}

fn late(what: &str) -> CloudError {
    let message = format!("{what} within {} s", PHASE.as_secs());
    CloudError::new(OPERATION, ErrorKind::Unavailable, "timeout", &message, None)
}

fn unagreed(broken: &Broken) -> CloudError {
    let (kind, code) = match broken {
        Broken::Refused(refused) => (ErrorKind::Invalid, refused.code()),
        Broken::Unreadable(_) => (ErrorKind::Unreadable, "unreadable"),
        Broken::Closed(_) | Broken::HungUp => (ErrorKind::Unavailable, "channel_closed"),
        Broken::Socket(_) | Broken::Unacknowledged => (ErrorKind::Unavailable, "connection"),
    };
    CloudError::new(OPERATION, kind, code, &broken.to_string(), None)
}

/// The session works, and the place behind the instance does not answer. A refusal is an answer.
fn unreached(instance: &str, place: &str, broken: &Broken) -> CloudError {
    let Broken::Closed(words) = broken else { return unagreed(broken) };
    let code = if words.contains("connection refused") { "ConnectionRefused" } else { "no_route" };
    let message = format!(
        "`{instance}` cannot connect to {place}: {broken}; let the security group of {place} admit the instance"
    );
    CloudError::new(START, ErrorKind::Unreachable, code, &message, None)
}

fn silent(instance: &str, place: &str) -> CloudError {
    let message = format!(
        "nothing answered `{instance}` at {place} within {} s; let the security group of {place} admit the instance",
        PHASE.as_secs()
    );
    CloudError::new(START, ErrorKind::Unreachable, "no_answer", &message, None)
}

#[cfg(test)]
mod tests {
    use super::{unagreed, unreached, unstarted};
    use crate::aws::tunnel::channel::Broken;
    use crate::aws::tunnel::handshake::Refused;
    use crate::cloud::error::{CloudError, ErrorKind};

    #[test]
    fn a_missing_permission_is_named_with_what_it_is_for() {
        let error = |kind| CloudError::new("ssm:StartSession", kind, "X", "no", None);
        let denied = unstarted(error(ErrorKind::Denied), "i-1").message;
        for part in ["`ssm:StartSession`", "`i-1`", "ToRemoteHost`", "`ssm:TerminateSession`"] {
            assert!(denied.contains(part), "{denied}");
        }
        assert_eq!(unstarted(error(ErrorKind::Invalid), "i-1").message, "no");
    }

    #[test]
    fn a_refused_connection_is_told_from_a_place_that_cannot_be_reached() {
        for (words, code) in [
            (
                "Unable to connect to specified port: dial tcp 10.0.0.5:5432: connect: connection refused",
                "ConnectionRefused",
            ),
            ("Unable to connect to specified port: missing address", "no_route"),
        ] {
            let error = unreached("i-1", "db:5432", &Broken::Closed(words.to_owned()));
            assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unreachable, code));
            assert!(error.message.contains(words) && error.message.contains("security group"), "{error}");
        }
        assert_eq!(unreached("i-1", "db:5432", &Broken::HungUp).kind, ErrorKind::Unavailable);
        let refused = unagreed(&Broken::Refused(Refused::Encryption));
        assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::Invalid, "kms_encryption"));
    }
}
