//! `tcp`: does something accept connections there? The smallest probe: it proves a listener, not a database.
//!
//! Observed: `address` and `milliseconds` until the connection stood. Nothing is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::target::Target;
use crate::probe::{Observed, Outcome, ProbeCalls, reach};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// The kind.
pub struct Tcp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpSettings {
    host: Option<Given>,
    port: Option<Given>,
}

#[async_trait]
impl ProbeCalls for Tcp {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Tcp
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
            Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's."),
        ]
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
    let started = Instant::now();
    let addresses = reach::addresses(&place, target.endpoint.as_ref()).await?;
    let (_stream, address) = reach::connect(&addresses, timeout).await?;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let values = BTreeMap::from([
        ("address".to_owned(), Value::from(address.to_string())),
        ("milliseconds".to_owned(), Value::from(milliseconds)),
    ]);
    Ok(Observed { values, facts: BTreeMap::new() })
}
