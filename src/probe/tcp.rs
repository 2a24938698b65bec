//! `tcp`: does something accept connections there? The smallest probe: it proves a listener, not a database.
//!
//! Observed: `address` and `milliseconds` until the connection stood. Nothing is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::reach::{self, Place};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// For so long a connection through a tunnel must stand, in real time; at most a tenth of the attempt.
const STANDS_FOR: Duration = Duration::from_secs(2);

/// The kind.
pub struct Tcp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpSettings {
    host: Option<Given>,
    port: Option<Given>,
    #[serde(default)]
    allow_local: bool,
}

#[async_trait]
impl ProbeCalls for Tcp {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Tcp
    }

    fn about(&self) -> &'static str {
        "Connect to a port."
    }

    fn holds_when(&self) -> &'static str {
        "the port accepts a connection"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/tcp.md")
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
            Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's."),
            Field::optional("allow_local", Shape::Bool, reach::ALLOW_LOCAL),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["port", "host"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: TcpSettings = typed(settings)?;
        settings.host.as_ref().map_or(Ok(()), |host| host.check("host"))?;
        settings.port.as_ref().map_or(Ok(()), |port| port.check_port("port"))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: TcpSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("not connected within {}", shown(timeout))));
        tokio::time::timeout(timeout, dial(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a real socket took is real time, in the sandbox too")]
async fn dial(settings: &TcpSettings, target: &Target, timeout: Duration) -> Outcome {
    let place = reach::destination(settings.host.as_ref(), settings.port.as_ref(), target)?;
    let place = Place { local: settings.allow_local, ..place };
    let started = Instant::now();
    let mut dialled = reach::dial(&place, target, timeout).await?;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut facts = BTreeMap::new();
    if let Some(way) = &target.tunnel {
        stands(&mut dialled.stream, &place, STANDS_FOR.min(timeout / 10)).await?;
        facts.insert("tunnel".to_owned(), tame(&way.instance));
    }
    let values = BTreeMap::from([
        ("address".to_owned(), Value::from(tame(&dialled.address))),
        ("milliseconds".to_owned(), Value::from(milliseconds)),
    ]);
    Ok(Observed { values, facts })
}

/// A tunnel takes a connection here before the instance has tried the target, and hangs up if that failed.
async fn stands(stream: &mut TcpStream, place: &Place, within: Duration) -> Result<(), Miss> {
    let mut first = [0_u8; 1];
    let ended = match tokio::time::timeout(within, stream.read(&mut first)).await {
        Err(_) | Ok(Ok(1..)) => return Ok(()),
        Ok(Ok(0)) => "it was closed at once".to_owned(),
        Ok(Err(error)) => error.to_string(),
    };
    let message = format!("the instance did not get through to {}, or was turned away: {ended}", place.text());
    Err(miss(ProbeReason::Connection, &message))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::Tcp;
    use crate::cloud::error::CloudError;
    use crate::cloud::remote::{Tunnel, Tunnels};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::{Target, Way};
    use crate::probe::{Outcome, ProbeCalls as _};

    struct Straight(SocketAddr);

    #[async_trait]
    impl Tunnels for Straight {
        async fn open(&self, _: &str, _: &str, _: u16) -> Result<Tunnel, CloudError> {
            Ok(Tunnel { address: self.0, held: Box::new(()) })
        }
    }

    async fn attempt(settings: Value, target: &Target) -> Outcome {
        let Value::Object(settings) = settings else { unreachable!() };
        Tcp.check(&settings).unwrap();
        Tcp.attempt(&settings, target, Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn local_places_are_for_those_who_ask_for_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let here = json!({ "host": "127.0.0.1", "port": port });
        let missed = attempt(here, &Target::for_tests()).await.unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Setup, "{}", missed.message);
        let told = json!({ "host": "127.0.0.1", "port": port, "allow_local": true });
        assert!(attempt(told, &Target::for_tests()).await.is_ok());
    }

    #[tokio::test]
    async fn a_tunnel_whose_far_end_is_closed_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tunnels = Arc::new(Straight(listener.local_addr().unwrap()));
        let way = Way { instance: "i-0a1b2c3d".to_owned(), tunnels };
        let target = Target { tunnel: Some(way), ..Target::for_tests() };
        let orders = json!({ "host": "orders.example.com", "port": 5432 });
        let hangs_up = async { drop(listener.accept().await.unwrap()) };
        let (missed, ()) = tokio::join!(attempt(orders.clone(), &target), hangs_up);
        assert_eq!(missed.unwrap_err().reason, ProbeReason::Connection);
        let seen = attempt(orders, &target).await.unwrap();
        assert_eq!(seen.values["address"], json!("orders.example.com:5432"));
        assert_eq!(seen.facts["tunnel"], "i-0a1b2c3d");
    }
}
