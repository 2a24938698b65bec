//! What a definition says about a `sql` probe.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::probe::input::{Given, SecretRef};
use crate::yaml::shape::{Field, Shape};

/// Rows that are fetched unless the definition says otherwise.
const USUAL_ROWS: u32 = 1_000;

/// Rows that a definition may ask for at most.
const MOST_ROWS: u32 = 100_000;

/// The checked settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlSettings {
    #[serde(default)]
    pub(super) engine: Engine,
    pub(super) host: Option<Given>,
    pub(super) port: Option<Given>,
    pub(super) database: Given,
    pub(super) user: Given,
    pub(super) password: SecretRef,
    #[serde(default)]
    pub(super) tls: TlsSettings,
    pub(super) query: String,
    #[serde(default)]
    pub(super) params: Vec<Given>,
    #[serde(default = "yes")]
    pub(super) read_only: bool,
    statement_timeout: Option<SignedDuration>,
    #[serde(default = "usual_rows")]
    pub(super) rows: u32,
}

/// The database's kind.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) enum Engine {
    /// PostgreSQL, Aurora PostgreSQL.
    #[default]
    #[serde(rename = "postgres")]
    Postgres,
}

/// How the connection is protected.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSettings {
    #[serde(default)]
    pub(super) mode: TlsMode,
    pub(super) ca: Option<String>,
    pub(super) server_name: Option<Given>,
}

/// Whether the server must prove who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum TlsMode {
    /// Encrypted, certificate and name checked.
    #[default]
    #[serde(rename = "verify")]
    Verify,
    /// Neither. The report says so.
    #[serde(rename = "insecure-off")]
    InsecureOff,
}

fn yes() -> bool {
    true
}

fn usual_rows() -> u32 {
    USUAL_ROWS
}

impl Engine {
    /// The word that definitions use.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
        }
    }
}

impl SqlSettings {
    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, given) in [("host", &self.host), ("tls.server_name", &self.tls.server_name)] {
            given.as_ref().map_or(Ok(()), |given| given.check(key))?;
        }
        self.port.as_ref().map_or(Ok(()), |port| port.check_port("port"))?;
        self.database.check("database")?;
        self.user.check("user")?;
        for (index, param) in self.params.iter().enumerate().filter(|(_, param)| !param.is_null()) {
            param.check(&format!("params[{index}]"))?;
        }
        if self.query.trim().is_empty() {
            return Err("`query` is empty".to_owned());
        }
        if self.query.contains("${{") {
            return Err(
                "`query` takes no references, they could change its meaning; write `$1` and put the reference \
                        into `params`"
                    .to_owned(),
            );
        }
        if self.tls.mode == TlsMode::InsecureOff && (self.tls.ca.is_some() || self.tls.server_name.is_some()) {
            return Err("`tls.ca` and `tls.server_name` mean nothing with `mode: insecure-off`".to_owned());
        }
        Ok(())
    }

    /// How long the server may work on the statement: never longer than the attempt.
    pub(super) fn statement_limit(&self, attempt: Duration) -> Duration {
        let wanted = self.statement_timeout.and_then(|limit| Duration::try_from(limit).ok());
        wanted.map_or(attempt, |limit| limit.min(attempt))
    }
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let rows = Shape::Integer { min: 1, max: i64::from(MOST_ROWS) };
    vec![
        Field::optional("engine", Shape::Choice(&["postgres"]), "The database's kind; only `postgres` so far."),
        Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
        Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's."),
        Field::required("database", Shape::Template, "The database."),
        Field::required("user", Shape::Template, "The user. It needs no more than CONNECT and SELECT."),
        Field::required("password", Shape::SecretRef, "Where the password lives."),
        Field::optional("tls", Shape::Map(tls_fields()), "How the server proves who it is."),
        Field::required("query", Shape::Text, "One statement without references; the first row is observed."),
        Field::optional(
            "params",
            Shape::List { of: Box::new(Shape::Template), min: 0 },
            "Values for `$1`, `$2`, … of the query. PostgreSQL infers their types.",
        ),
        Field::optional("read_only", Shape::Bool, "Ask in a read-only transaction (the default); always rolled back."),
        Field::optional("statement_timeout", Shape::Duration, "The server gives up then; by default `timeout`."),
        Field::optional("rows", rows, "Rows to fetch at most; 1,000 by default."),
    ]
}

fn tls_fields() -> Vec<Field> {
    let modes = Shape::Choice(&["verify", "insecure-off"]);
    vec![
        Field::optional("mode", modes, "`verify` (the default), or `insecure-off`: not encrypted, nothing checked."),
        Field::optional("ca", Shape::Text, "A CA bundle in PEM, relative to the definition's folder."),
        Field::optional("server_name", Shape::Template, "The name in the certificate; by default the host."),
    ]
}

#[cfg(test)]
mod tests {
    use super::SqlSettings;
    use crate::probe::input::typed;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn read(change: Value) -> Result<SqlSettings, String> {
        let mut all = json!({ "database": "shop", "user": "probe", "password": { "env": "PW" }, "query": "SELECT 1" });
        let (Value::Object(all), Value::Object(change)) = (&mut all, change) else { unreachable!() };
        all.extend(change);
        typed::<SqlSettings>(all).and_then(|settings| settings.check().map(|()| settings))
    }

    #[test]
    fn defaults_are_the_careful_ones() {
        let settings = read(json!({})).unwrap();
        assert!(settings.read_only);
        assert_eq!(settings.rows, 1_000);
        assert_eq!(settings.statement_limit(Duration::from_secs(30)), Duration::from_secs(30));
        let settings = read(json!({ "statement_timeout": "PT2S" })).unwrap();
        assert_eq!(settings.statement_limit(Duration::from_secs(30)), Duration::from_secs(2));
        assert_eq!(settings.statement_limit(Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn what_cannot_work_or_is_not_safe_is_refused() {
        for (change, part) in [
            (json!({ "query": "SELECT '${{ run.id }}'" }), "put the reference into `params`"),
            (json!({ "query": "  " }), "`query` is empty"),
            (json!({ "password": "canary-9f2c" }), "a secret is a reference"),
            (json!({ "tls": { "mode": "off" } }), "insecure-off"),
            (json!({ "tls": { "mode": "insecure-off", "ca": "ca.pem" } }), "mean nothing"),
            (json!({ "port": "http" }), "1 to 65535"),
            (json!({ "sql": 1 }), "unknown field"),
        ] {
            let problem = read(change).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
    }
}
