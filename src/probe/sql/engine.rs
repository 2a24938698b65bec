//! What every engine's module takes and gives, and the one door to them.
//!
//! Invariant: whatever a server echoes, the password leaves this module neither in an answer nor in a miss.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::Value;

use crate::probe::reach::Open;
use crate::probe::sql::{mysql, postgres, sqlserver};
use crate::probe::{Miss, Observed};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The database's kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Engine {
    /// PostgreSQL, Aurora PostgreSQL.
    #[default]
    #[serde(rename = "postgres")]
    Postgres,
    /// MySQL, MariaDB, Aurora MySQL.
    #[serde(rename = "mysql")]
    MySql,
    /// SQL Server.
    #[serde(rename = "sqlserver")]
    SqlServer,
}

impl Engine {
    /// The words that definitions use.
    pub(crate) const WORDS: &'static [&'static str] = &["postgres", "mysql", "sqlserver"];

    /// The word that definitions use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::SqlServer => "sqlserver",
        }
    }

    /// How a query names the first of its parameters.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Postgres => "$1",
            Self::MySql => "?",
            Self::SqlServer => "@P1",
        }
    }
}

/// Everything that a driver needs to log in: the place is resolved and checked, the secret is read.
pub(crate) struct Door {
    /// A DNS name or an address, as the setting or the API gave it: not the tunnel's.
    pub(crate) host: String,
    /// Likewise.
    pub(crate) port: u16,
    /// Where to connect. It must live as long as the connection does.
    pub(crate) open: Open,
    /// The database.
    pub(crate) database: String,
    /// The user.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: Secret,
    /// The password is a token of IAM, which servers want to see in the clear: only through verified TLS.
    pub(crate) token: bool,
    /// Whom to trust; `None` where the definition switched TLS off.
    pub(crate) trust: Option<Trusted>,
    /// How long connecting may take, in real time.
    pub(crate) timeout: Duration,
}

/// What the server must prove.
pub(crate) struct Trusted {
    /// Trusts the bundle alone.
    pub(crate) config: ClientConfig,
    /// The bundle's file, for drivers that read it by themselves.
    pub(crate) bundle: PathBuf,
    /// The name that the certificate must carry.
    pub(crate) server_name: String,
}

/// One statement.
#[derive(Clone)]
pub(crate) struct Question {
    /// The statement, references never filled.
    pub(crate) query: String,
    /// What is bound to its parameters; `None` is SQL's `NULL`.
    pub(crate) params: Vec<Option<String>>,
    /// Whether the server must refuse to write. Of several questions each must allow writing.
    pub(crate) read_only: bool,
    /// How long the server may work on it.
    pub(crate) limit: Duration,
    /// Rows that are read at most.
    pub(crate) rows: u32,
}

/// What a statement gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The columns' names, harmless.
    pub(crate) columns: Vec<String>,
    /// JSON scalars, one for each column; texts are harmless and bounded. No more rows than asked for.
    pub(crate) rows: Vec<Vec<Value>>,
    /// There was at least one row more.
    pub(crate) more: bool,
    /// Facts for the report: `engine`, `server`, `server_version`, `tls`.
    pub(crate) facts: BTreeMap<String, String>,
}

/// One connection, one transaction that is rolled back, the questions in order, bounded answers: one for each.
///
/// It has no deadline of its own but for connecting: whoever calls it drops it when time is up, which also ends the
/// connection.
///
/// # Errors
/// The miss for what went wrong first.
pub(crate) async fn ask(engine: Engine, door: Door, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
    let password = door.password.clone();
    let facts = [
        ("engine", engine.word().to_owned()),
        ("server", tame(&format!("{}:{}", door.host, door.port))),
        ("tls", trust(door.trust.as_ref())),
    ];
    let answers = match engine {
        Engine::Postgres => postgres::ask(door, questions).await,
        Engine::MySql => mysql::ask(door, questions).await,
        Engine::SqlServer => sqlserver::ask(door, questions).await,
    };
    let mut answers = answers.map_err(|miss| redacted(miss, &password))?;
    for answer in &mut answers {
        answer.facts.extend(facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())));
    }
    Ok(answers.into_iter().map(|answer| without(answer, &password)).collect())
}

fn trust(trusted: Option<&Trusted>) -> String {
    match trusted {
        Some(trusted) => tame(&format!("certificate verified for {}", trusted.server_name)),
        None => "insecure-off: not encrypted, and the server did not prove who it is".to_owned(),
    }
}

/// Servers echo what they are sent, and a query may select what it must not.
fn without(answer: Answer, password: &Secret) -> Answer {
    Answer {
        columns: answer.columns.iter().map(|name| password.redact(name)).collect(),
        rows: answer
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(|value| hidden(value, password)).collect())
            .collect(),
        more: answer.more,
        facts: facts(answer.facts, password),
    }
}

fn redacted(mut miss: Miss, password: &Secret) -> Miss {
    miss.message = password.redact(&miss.message);
    miss.observed = miss.observed.map(|Observed { values, facts: said }| Observed {
        values: values.into_iter().map(|(name, value)| (password.redact(&name), hidden(value, password))).collect(),
        facts: facts(said, password),
    });
    miss
}

fn facts(facts: BTreeMap<String, String>, password: &Secret) -> BTreeMap<String, String> {
    facts.into_iter().map(|(name, fact)| (password.redact(&name), password.redact(&fact))).collect()
}

fn hidden(value: Value, password: &Secret) -> Value {
    match value {
        Value::String(text) => Value::String(password.redact(&text)),
        Value::Array(values) => values.into_iter().map(|value| hidden(value, password)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Engine, redacted, without};
    use crate::definition::model::ProbeReason;
    use crate::probe::input::miss;
    use crate::words::secret::Secret;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn words_are_those_that_definitions_use() {
        for word in Engine::WORDS {
            let engine: Engine = serde_json::from_value(json!(word)).unwrap();
            assert_eq!(engine.word(), *word);
        }
        assert_eq!(Engine::default(), Engine::Postgres);
    }

    #[test]
    fn the_password_is_in_no_answer_and_no_miss() {
        let password = Secret::new("canary-9f2c".to_owned());
        let answer = Answer {
            columns: vec!["a canary-9f2c".to_owned(), "b".to_owned()],
            rows: vec![vec![json!("x canary-9f2c"), json!(1)], vec![json!(null), json!(true)]],
            more: true,
            facts: BTreeMap::from([("server_version".to_owned(), "1 canary-9f2c".to_owned())]),
        };
        let clean = without(answer, &password);
        assert_eq!(clean.columns, ["a [secret]", "b"]);
        assert_eq!(clean.rows, [[json!("x [secret]"), json!(1)], [json!(null), json!(true)]]);
        assert!(clean.more && clean.facts["server_version"] == "1 [secret]");
        let missed = redacted(miss(ProbeReason::Query, "near canary-9f2c"), &password);
        assert_eq!(missed.message, "near [secret]");
    }
}
