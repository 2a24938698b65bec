//! What a definition says about a `sql` probe.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::probe::Miss;
use crate::probe::input::Given;
use crate::probe::sql::engine::{Engine, Question};
use crate::probe::sql::login::Login;
use crate::probe::sql::sqlserver;
use crate::probe::target::Target;
use crate::yaml::shape::{Field, Shape};

/// Rows that are read unless the definition says otherwise.
const USUAL_ROWS: u32 = 1_000;

/// Rows that a definition may ask for at most.
const MOST_ROWS: u32 = 100_000;

/// Rows that become lists of values at most: a list is in the journal and in the report.
const MOST_LISTED: u32 = 1_000;

/// The checked settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlSettings {
    #[serde(flatten)]
    pub(super) login: Login,
    query: String,
    #[serde(default)]
    params: Vec<Given>,
    #[serde(default)]
    pub(super) answer: Rows,
    #[serde(default = "yes")]
    read_only: bool,
    statement_timeout: Option<SignedDuration>,
    #[serde(default = "usual_rows")]
    pub(super) rows: u32,
}

/// Which rows are observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rows {
    /// The first: a value for each column.
    #[default]
    First,
    /// All: a list for each column.
    All,
}

fn yes() -> bool {
    true
}

fn usual_rows() -> u32 {
    USUAL_ROWS
}

impl SqlSettings {
    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.login.check()?;
        for (index, param) in self.params.iter().enumerate().filter(|(_, param)| !param.is_null()) {
            param.check(&format!("params[{index}]"))?;
        }
        if self.query.trim().is_empty() {
            return Err("`query` is empty".to_owned());
        }
        if self.query.contains("${{") {
            return Err(format!(
                "`query` takes no references, they could change its meaning; write `{}` and put the reference into \
                 `params`",
                self.login.engine().placeholder()
            ));
        }
        if self.read_only && self.login.engine() == Engine::SqlServer {
            sqlserver::check_query(&self.query)?;
        }
        if self.answer == Rows::All && self.rows > MOST_LISTED {
            return Err(format!("`answer: all` observes {MOST_LISTED} rows at most; make `rows` no larger"));
        }
        Ok(())
    }

    /// The statement, with the references of its parameters filled.
    ///
    /// # Errors
    /// A `setup` miss where a reference has no value.
    pub(super) fn question(&self, target: &Target, attempt: Duration) -> Result<Question, Miss> {
        let fill = |(index, given): (usize, &Given)| {
            let text = || given.fill(&format!("params[{index}]"), target);
            if given.is_null() { Ok(None) } else { text().map(Some) }
        };
        Ok(Question {
            query: self.query.clone(),
            params: self.params.iter().enumerate().map(fill).collect::<Result<_, Miss>>()?,
            read_only: self.read_only,
            limit: self.statement_limit(attempt),
            rows: self.rows,
        })
    }

    /// How long the server may work on the statement: never longer than the attempt.
    fn statement_limit(&self, attempt: Duration) -> Duration {
        let wanted = self.statement_timeout.and_then(|limit| Duration::try_from(limit).ok());
        wanted.map_or(attempt, |limit| limit.min(attempt))
    }
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let rows = Shape::Integer { min: 1, max: i64::from(MOST_ROWS) };
    let mut fields = Login::fields();
    fields.extend([
        Field::required("query", Shape::Text, "One statement without references."),
        Field::optional(
            "params",
            Shape::List { of: Box::new(Shape::Template), min: 0 },
            "Values for `$1`, `$2`, … of the query; for each `?` with `mysql`, for `@P1`, `@P2`, … with `sqlserver`.",
        ),
        Field::optional(
            "answer",
            Shape::Choice(&["first", "all"]),
            "`first` (the default): the first row is observed. `all`: of each column the list of its values.",
        ),
        Field::optional("read_only", Shape::Bool, "Ask in a read-only transaction (the default); always rolled back."),
        Field::optional("statement_timeout", Shape::Duration, "The server gives up then; by default `timeout`."),
        Field::optional("rows", rows, "Rows to read at most; 1,000 by default, which is the most with `answer: all`."),
    ]);
    fields
}

#[cfg(test)]
mod tests {
    use super::{Rows, SqlSettings};
    use crate::definition::model::ProbeReason;
    use crate::probe::input::typed;
    use crate::probe::sql::engine::Engine;
    use crate::probe::target::Target;
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
        assert_eq!((settings.rows, settings.answer), (1_000, Rows::First));
        assert_eq!(settings.login.engine(), Engine::Postgres);
        assert_eq!(settings.statement_limit(Duration::from_secs(30)), Duration::from_secs(30));
        let settings = read(json!({ "statement_timeout": "PT2S" })).unwrap();
        assert_eq!(settings.statement_limit(Duration::from_secs(30)), Duration::from_secs(2));
        assert_eq!(settings.statement_limit(Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn what_cannot_work_or_is_not_safe_is_refused() {
        for (change, part) in [
            (json!({ "query": "SELECT '${{ run.id }}'" }), "write `$1` and put the reference into `params`"),
            (json!({ "query": "SELECT '${{ run.id }}'", "engine": "mysql" }), "write `?` and"),
            (json!({ "query": "SELECT '${{ run.id }}'", "engine": "sqlserver" }), "write `@P1` and"),
            (json!({ "query": "  " }), "`query` is empty"),
            (json!({ "password": "canary-9f2c" }), "a secret is a reference"),
            (json!({ "tls": { "mode": "off" } }), "insecure-off"),
            (json!({ "tls": { "mode": "insecure-off", "ca": "ca.pem" } }), "mean nothing"),
            (json!({ "tls": { "mode": "insecure-off" }, "password": { "rds_iam": true } }), "mode: verify"),
            (json!({ "engine": "sqlserver", "query": "DELETE FROM orders" }), "no read-only transaction"),
            (json!({ "port": "http" }), "1 to 65535"),
            (json!({ "engine": "oracle" }), "unknown variant"),
            (json!({ "answer": "all", "rows": 1_001 }), "1000 rows at most"),
            (json!({ "sql": 1 }), "unknown field"),
        ] {
            let problem = read(change).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
        assert!(read(json!({ "answer": "all", "rows": 1_000 })).is_ok());
        assert!(read(json!({ "rows": 100_000 })).is_ok());
    }

    #[test]
    fn parameters_are_filled_and_null_stays_null() {
        let mut target = Target::for_tests();
        let settings = read(json!({ "params": [10, null, "${{ run.id }}", true] })).unwrap();
        let missed = settings.question(&target, Duration::from_secs(5)).err().unwrap();
        assert_eq!(missed.reason, ProbeReason::Setup);
        assert!(missed.message.contains("params[2]"), "{}", missed.message);
        target.values.insert("run.id".to_owned(), "'; DROP TABLE orders; --".to_owned());
        let question = settings.question(&target, Duration::from_secs(5)).unwrap();
        let texts: Vec<Option<&str>> = question.params.iter().map(Option::as_deref).collect();
        assert_eq!(texts, [Some("10"), None, Some("'; DROP TABLE orders; --"), Some("true")]);
    }
}
