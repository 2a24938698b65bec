//! A simulated Lambda function that asks in drill's place: it is given what a custom probe is given, really connects
//! inside of the world's network, and answers likewise (docs/custom-probes.md, version 1).
//!
//! It knows `tcp`, and `sql` of PostgreSQL. Secrets it reads itself, in the world's Secrets Manager.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::sandbox::clock::ticks;
use crate::sandbox::private;
use crate::sandbox::spec::Place;
use crate::sandbox::sql::{Question, Unanswered, reply};
use crate::sandbox::world::{Site, World};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The function's own limit; real time.
const LONGEST: Duration = Duration::from_secs(25);

/// What it was asked, with everything of the world that it needs.
pub(crate) struct Errand {
    what: What,
    host: String,
    port: u16,
    within: Duration,
}

enum What {
    /// Nothing that is simulated, or nothing that can be done: the miss.
    No(Unanswered),
    Tcp(SocketAddr),
    Sql(Box<Question>),
}

impl Errand {
    /// Reads what the function is given.
    pub(crate) fn read(world: &mut World, place: &Place, payload: &Value) -> Self {
        let settings = payload.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
        let seconds = payload.get("timeout_seconds").and_then(Value::as_u64).unwrap_or(20);
        let within = Duration::from_secs(seconds.max(1)).min(LONGEST);
        let target = payload.get("target");
        let given = |name: &str| settings.get(name).or_else(|| target.and_then(|target| target.get(name)));
        let host = given("host").and_then(Value::as_str).unwrap_or_default().to_owned();
        let port = given("port").and_then(number).unwrap_or_default();
        let kind = payload.get("kind").and_then(Value::as_str).unwrap_or_default();
        let what = if payload.get("drill_probe") != Some(&json!(1)) {
            no("setup", "the function speaks version 1 of the probes' protocol")
        } else if !["tcp", "sql"].contains(&kind) {
            no("setup", &format!("the simulated function knows `tcp` and `sql`, not `{}`", tame(kind)))
        } else {
            let ca = world.databases.servers.as_ref().map(|servers| servers.ca_bundle().to_owned());
            let mute_port = world.databases.mute_port;
            let site = world.site(place);
            match private::route(site, mute_port, None, &host, port) {
                None => no("unreachable", &format!("nothing answers at {}:{port} from the function", tame(&host))),
                Some(at) if kind == "tcp" => What::Tcp(at),
                Some(at) => {
                    let asked = question(site, &settings, (at, &host), ca, within);
                    asked.map_or_else(What::No, |question| What::Sql(Box::new(question)))
                }
            }
        };
        Self { what, host, port, within }
    }

    /// Does it, and answers.
    pub(crate) async fn run(self) -> Value {
        let done = match self.what {
            What::No(why) => Err(why),
            What::Tcp(at) => connect(at, &format!("{}:{}", self.host, self.port), self.within).await,
            What::Sql(question) => match timeout(self.within, reply(&question)).await {
                Ok(answered) => answered.map(|(values, rows)| {
                    json!({ "values": values, "facts": { "rows": rows.to_string(), "engine": "postgres" } })
                }),
                Err(_) => Err(Unanswered { reason: "timeout", message: "the database did not answer".to_owned() }),
            },
        };
        done.unwrap_or_else(
            |Unanswered { reason, message }| json!({ "miss": { "reason": reason, "message": message } }),
        )
    }
}

fn no(reason: &'static str, message: &str) -> What {
    What::No(Unanswered { reason, message: message.to_owned() })
}

/// A port is a number, or text that is one.
fn number(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().and_then(|number| u16::try_from(number).ok()),
    }
}

async fn connect(at: SocketAddr, place: &str, within: Duration) -> Result<Value, Unanswered> {
    let began = ticks();
    match timeout(within, TcpStream::connect(at)).await {
        Ok(Ok(_)) => {
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(json!({ "values": { "address": place, "milliseconds": milliseconds } }))
        }
        Ok(Err(error)) => Err(Unanswered { reason: "connection", message: format!("{place}: {error}") }),
        Err(_) => Err(Unanswered { reason: "unreachable", message: format!("{place}: no answer") }),
    }
}

fn question(
    site: &Site,
    settings: &Map<String, Value>,
    (at, host): (SocketAddr, &str),
    ca: Option<PathBuf>,
    within: Duration,
) -> Result<Question, Unanswered> {
    let setup = |message: &str| Unanswered { reason: "setup", message: message.to_owned() };
    let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("engine").is_some_and(|engine| engine != "postgres") {
        return Err(setup("the simulated function asks PostgreSQL alone"));
    }
    if settings.get("params").and_then(Value::as_array).is_some_and(|params| !params.is_empty()) {
        return Err(setup("the simulated function binds no `params`"));
    }
    let named = settings.get("tls").and_then(|tls| tls.get("server_name")).and_then(Value::as_str);
    let (Some(database), Some(user), Some(query)) = (text("database"), text("user"), text("query")) else {
        return Err(setup("`database`, `user` and `query` are needed"));
    };
    Ok(Question {
        at,
        name: named.unwrap_or(host).to_owned(),
        ca: ca.ok_or_else(|| setup("the simulated AWS has no database server"))?,
        database,
        user,
        password: secret(site, settings.get("password")).map_err(|what| setup(&what))?,
        query,
        within,
    })
}

/// The secret that a reference names, as the function's own role reads it.
fn secret(site: &Site, reference: Option<&Value>) -> Result<Secret, String> {
    let part = |name: &str| reference.and_then(|reference| reference.get(name)).and_then(Value::as_str);
    let id = part("secretsmanager").ok_or("the simulated function reads secrets of Secrets Manager alone")?;
    let found = site.secrets.iter().find(|secret| secret.name == id || secret.arn == id);
    let found = found.ok_or_else(|| format!("there is no secret `{}`", tame(id)))?;
    let Some(key) = part("key") else { return Ok(Secret::new(found.value.clone())) };
    let object: Value = serde_json::from_str(&found.value).unwrap_or_default();
    let value = object.get(key).and_then(Value::as_str);
    value.map(|value| Secret::new(value.to_owned())).ok_or_else(|| format!("it has no key `{}`", tame(key)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::net::TcpListener;

    use super::{connect, number};

    #[tokio::test]
    async fn a_port_is_really_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let answer = connect(at, "db:5432", Duration::from_secs(5)).await.unwrap();
        assert_eq!(answer["values"]["address"], json!("db:5432"));
        drop(listener);
        assert_eq!(connect(at, "db:5432", Duration::from_secs(5)).await.unwrap_err().reason, "connection");
        assert_eq!((number(&json!("5432")), number(&json!(5432)), number(&json!(-1))), (Some(5432), Some(5432), None));
    }
}
