//! What each engine is asked about a schema.
//!
//! Every column of every answer is text, in the same order for all engines, so that one reader makes lines of them:
//!
//! | question | columns |
//! |---|---|
//! | tables | schema, name, kind |
//! | columns | schema, table, name, type, `not null`, default, more |
//! | indexes | schema, table, name, head, part, tail |
//! | constraints | schema, table, name, head, part, other table, its part, tail |
//!
//! Indexes and constraints of several columns come as several rows, one for each part, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::sql::engine::{Answer, Engine, Question, ask};
use crate::probe::sql::login::Login;
use crate::probe::sql_schema::{mysql, postgres, sqlserver};
use crate::probe::target::Target;

/// Rows of one answer at most: columns of all tables, for the most part.
const MOST_ROWS: u32 = 100_000;

/// The questions to one engine.
pub(super) struct Questions {
    /// What makes the session ready.
    pub(super) before: &'static [&'static str],
    pub(super) tables: &'static str,
    pub(super) columns: &'static str,
    pub(super) indexes: &'static str,
    pub(super) constraints: &'static [&'static str],
}

/// What a database said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) tables: Vec<Vec<Value>>,
    pub(super) columns: Vec<Vec<Value>>,
    pub(super) indexes: Vec<Vec<Value>>,
    pub(super) constraints: Vec<Vec<Value>>,
    /// Server version, how it proved who it is.
    pub(super) facts: BTreeMap<String, String>,
}

/// Asks the database that the settings lead to from `target`.
pub(super) async fn read(login: &Login, target: &Target, timeout: Duration) -> Result<Said, Miss> {
    let questions = match login.engine() {
        Engine::Postgres => &postgres::QUESTIONS,
        Engine::MySql => &mysql::QUESTIONS,
        Engine::SqlServer => &sqlserver::QUESTIONS,
    };
    let fixed = [questions.tables, questions.columns, questions.indexes];
    let texts: Vec<&str> =
        questions.before.iter().copied().chain(fixed).chain(questions.constraints.iter().copied()).collect();
    let mut answers = answers(login, target, &texts, timeout).await?.into_iter();
    let before: Vec<Answer> = answers.by_ref().take(questions.before.len()).collect();
    let tables = answers.next();
    let mut said = Said {
        facts: tables.as_ref().map(|answer| answer.facts.clone()).unwrap_or_default(),
        tables: rows(tables),
        columns: rows(answers.next()),
        indexes: rows(answers.next()),
        constraints: answers.flat_map(|answer| answer.rows).collect(),
    };
    if let (Engine::MySql, Some(checks)) = (login.engine(), mysql::checks(&before)) {
        let more = self::answers(login, target, &[checks], timeout).await?;
        said.constraints.extend(more.into_iter().flat_map(|answer| answer.rows));
    }
    Ok(said)
}

fn rows(answer: Option<Answer>) -> Vec<Vec<Value>> {
    answer.map(|answer| answer.rows).unwrap_or_default()
}

/// One connection, whatever the number of questions.
async fn answers(login: &Login, target: &Target, texts: &[&str], timeout: Duration) -> Result<Vec<Answer>, Miss> {
    let question = |text: &&str| Question {
        query: (*text).to_owned(),
        params: Vec::new(),
        read_only: true,
        limit: timeout,
        rows: MOST_ROWS,
    };
    let questions: Vec<Question> = texts.iter().map(question).collect();
    let door = login.door(target, timeout).await?;
    let answers = ask(login.engine(), door, &questions).await?;
    if answers.iter().any(|answer| answer.more) {
        let message =
            format!("the schema has more than {MOST_ROWS} columns, indexes or constraints: too many to compare");
        return Err(miss(ProbeReason::Setup, &message));
    }
    Ok(answers)
}
