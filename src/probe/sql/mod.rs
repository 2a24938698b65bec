//! `sql`: ask a restored database one question over verified TLS.
//!
//! `login` is who asks and where, `tls` whom to trust, `settings` what is asked; `engine` hands all of it to the module
//! of the database's kind, and what comes back is clean of the password. Each of those modules connects to checked
//! addresses alone, asks inside a transaction that is rolled back, and reads a bounded answer. `wire` and `scalar` are
//! what they share. `sql_schema` and `compare` ask through `login` and `engine`, too.
//!
//! Observed values are the columns of the *first* row, or of all rows as lists. The fact `rows` says how many rows
//! there were. One statement only.

pub(crate) mod engine;
pub(crate) mod login;
mod mysql;
mod postgres;
mod scalar;
mod settings;
mod sqlserver;
mod tls;
mod wire;

pub(crate) use crate::probe::sql::sqlserver::encryption_of;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, shown, typed};
use crate::probe::sql::engine::Answer;
use crate::probe::sql::settings::{Rows, SqlSettings};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// The kind.
pub struct Sql;

#[async_trait]
impl ProbeCalls for Sql {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Sql
    }

    fn about(&self) -> &'static str {
        "Ask a database a question."
    }

    fn holds_when(&self) -> &'static str {
        "the database answers the query"
    }

    fn page(&self) -> &'static str {
        include_str!("../pages/sql.md")
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["query", "params", "password", "user", "database", "host", "port", "tls"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<SqlSettings>(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: SqlSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, attempt(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

/// One attempt, without its own deadline: the caller drops it when time is up, which also ends the connection.
async fn attempt(settings: &SqlSettings, target: &Target, timeout: Duration) -> Outcome {
    let question = settings.question(target, timeout)?;
    let door = settings.login.door(target, timeout).await?;
    let answers = engine::ask(settings.login.engine(), door, &[question]).await?;
    let none = || miss(ProbeReason::Query, "the database gave no answer");
    observed(answers.into_iter().next().ok_or_else(none)?, settings.answer, settings.rows)
}

fn observed(answer: Answer, which: Rows, most: u32) -> Outcome {
    let Answer { columns, rows, more, mut facts } = answer;
    distinct(&columns)?;
    let values = match which {
        Rows::First => first(columns, rows.first()),
        Rows::All if more => {
            let message = format!(
                "the answer has more than {most} rows, and a part of them would prove nothing of the rest: select less"
            );
            return Err(miss(ProbeReason::Query, &message));
        }
        Rows::All => all(columns, &rows),
    };
    facts.insert("rows".to_owned(), if more { format!("more than {most}") } else { rows.len().to_string() });
    Ok(Observed { values, facts })
}

fn distinct(columns: &[String]) -> Result<(), Miss> {
    let twice =
        columns.iter().enumerate().find(|(index, name)| columns.iter().take(*index).any(|other| other == *name));
    twice.map_or(Ok(()), |(_, name)| {
        let message = format!("two columns are named `{name}`; give them names of their own with `AS`");
        Err(miss(ProbeReason::Query, &message))
    })
}

fn first(columns: Vec<String>, row: Option<&Vec<Value>>) -> BTreeMap<String, Value> {
    columns.into_iter().zip(row.into_iter().flatten().cloned()).collect()
}

fn all(columns: Vec<String>, rows: &[Vec<Value>]) -> BTreeMap<String, Value> {
    let list = |index: usize| rows.iter().filter_map(|row| row.get(index).cloned()).collect::<Vec<Value>>();
    columns.into_iter().enumerate().map(|(index, name)| (name, Value::from(list(index)))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Rows, observed};
    use crate::definition::model::ProbeReason;
    use crate::probe::sql::engine::Answer;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn answer(columns: &[&str], count: i64, more: bool) -> Answer {
        let names = columns.iter().map(|name| (*name).to_owned()).collect();
        let rows = (0..count).map(|row| columns.iter().map(|name| json!(format!("{name}{row}"))).collect()).collect();
        Answer { columns: names, rows, more, facts: BTreeMap::new() }
    }

    #[test]
    fn the_first_row_is_values_and_all_rows_are_lists() {
        let seen = observed(answer(&["a", "b"], 2, true), Rows::First, 2).unwrap();
        assert_eq!(seen.values, BTreeMap::from([("a".into(), json!("a0")), ("b".into(), json!("b0"))]));
        assert_eq!(seen.facts["rows"], "more than 2");
        let seen = observed(answer(&["a", "b"], 2, false), Rows::All, 2).unwrap();
        assert_eq!(seen.values, BTreeMap::from([("a".into(), json!(["a0", "a1"])), ("b".into(), json!(["b0", "b1"]))]));
        assert_eq!(seen.facts["rows"], "2");
    }

    #[test]
    fn no_rows_are_no_values_and_empty_lists() {
        assert!(observed(answer(&["a"], 0, false), Rows::First, 2).unwrap().values.is_empty());
        let seen = observed(answer(&["a"], 0, false), Rows::All, 2).unwrap();
        assert_eq!((&seen.values["a"], seen.facts["rows"].as_str()), (&json!([]), "0"));
    }

    #[test]
    fn a_part_of_the_rows_is_not_taken_for_all_and_names_are_distinct() {
        let missed = observed(answer(&["a"], 2, true), Rows::All, 2).unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Query);
        assert!(missed.message.contains("more than 2 rows"), "{}", missed.message);
        let missed = observed(answer(&["a", "b", "a"], 1, false), Rows::First, 2).unwrap_err();
        assert!(missed.message.contains("two columns are named `a`"), "{}", missed.message);
    }
}
