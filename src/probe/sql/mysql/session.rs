//! One connection, one transaction, statement by statement, bounded answers.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Conn, Error, Opts, Params, Row, Value as Sql};
use serde_json::Value;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::sql::engine::{Answer, Question};
use crate::probe::sql::mysql::failure::{UNKNOWN_VARIABLE, asking, entering};
use crate::probe::sql::mysql::value::{decode, word};
use crate::probe::sql::wire::FAREWELL;
use crate::words::text::tame;

/// The longest limit of a statement that both kinds of server take, in seconds: a month.
const LONGEST_LIMIT_SECONDS: u64 = 31 * 24 * 60 * 60;

/// Logs in, asks, and leaves: whatever was done is not kept.
pub(super) async fn ask(opts: Opts, questions: Vec<Question>) -> Result<Vec<Answer>, Miss> {
    let mut conn = Conn::new(opts).await.map_err(|error| entering(&error))?;
    let version = version(&mut conn).await?;
    begin(&mut conn, questions.iter().all(|question| question.read_only)).await?;
    let mut answers = Vec::new();
    for (index, question) in questions.iter().enumerate() {
        limit(&mut conn, &version, question.limit).await?;
        let last = index + 1 == questions.len();
        let mut answer = answer(&mut conn, question, last).await?;
        answer.facts.insert("server_version".to_owned(), tame(&version));
        answers.push(answer);
    }
    // Rows that nobody reads are in the way of a goodbye: then the end of the connection ends the transaction.
    if answers.last().is_none_or(|answer| !answer.more) {
        conn.query_drop("ROLLBACK").await.map_err(told)?;
        tokio::time::timeout(FAREWELL, conn.disconnect()).await.ok();
    }
    Ok(answers)
}

fn told(error: Error) -> Miss {
    asking(&error)
}

async fn version(conn: &mut Conn) -> Result<String, Miss> {
    let row: Option<Row> = conn.query_first("SELECT VERSION()").await.map_err(told)?;
    match row.as_ref().and_then(|row| row.as_ref(0)) {
        Some(Sql::Bytes(raw)) => Ok(String::from_utf8_lossy(raw).into_owned()),
        _ => Err(miss(ProbeReason::Connection, "the server does not tell its version")),
    }
}

/// Texts in UTF-8, times in UTC, and a transaction.
async fn begin(conn: &mut Conn, read_only: bool) -> Result<(), Miss> {
    // A statement such as `DROP TABLE` ends the transaction before it looks whether that is read-only. The session is
    // then what refuses it.
    let transaction: &[&str] = if read_only {
        &["SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"]
    } else {
        &["START TRANSACTION"]
    };
    for statement in ["SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00'"].iter().chain(transaction) {
        conn.query_drop(*statement).await.map_err(told)?;
    }
    Ok(())
}

async fn limit(conn: &mut Conn, version: &str, limit: Duration) -> Result<(), Miss> {
    match conn.query_drop(limiting(version, limit)).await {
        // Versions before 5.7.8 know no limit: the attempt's own ends them.
        Err(Error::Server(refusal)) if refusal.code == UNKNOWN_VARIABLE => Ok(()),
        other => other.map_err(told),
    }
}

/// MariaDB and MySQL have different names and units for it. Zero would mean no limit at all.
fn limiting(version: &str, limit: Duration) -> String {
    let limit = limit.clamp(Duration::from_millis(1), Duration::from_secs(LONGEST_LIMIT_SECONDS));
    if version.to_ascii_lowercase().contains("mariadb") {
        format!("SET SESSION max_statement_time = {:.3}", limit.as_secs_f64())
    } else {
        format!("SET SESSION max_execution_time = {}", limit.as_millis())
    }
}

async fn answer(conn: &mut Conn, question: &Question, last: bool) -> Result<Answer, Miss> {
    let statement = conn.prep(question.query.as_str()).await.map_err(told)?;
    // As text, whatever the column: the server converts it. A number would make every text that is none equal to 0.
    let texts = question.params.iter().map(Option::as_deref);
    let bound = texts.map(|text| text.map_or(Sql::NULL, |text| Sql::Bytes(text.as_bytes().to_vec())));
    let mut result = conn.exec_iter(statement, Params::Positional(bound.collect())).await.map_err(told)?;
    let columns = result.columns().map(|columns| columns.to_vec()).unwrap_or_default();
    let names: Vec<String> = columns.iter().map(|column| tame(&column.name_str())).collect();
    let most = usize::try_from(question.rows).unwrap_or(usize::MAX);
    let (mut rows, mut more) = (Vec::new(), false);
    // Row by row: `collect` would read all of them. A procedure's second result begins after the first `None`.
    while let Some(row) = result.next().await.map_err(told)? {
        if rows.len() == most {
            more = true;
            break;
        }
        rows.push(cells(&row, &columns, &names)?);
    }
    if !(more && last) {
        result.drop_result().await.map_err(told)?;
    }
    let mut facts = BTreeMap::new();
    for (name, column) in names.iter().zip(&columns) {
        if column.column_type() == ColumnType::MYSQL_TYPE_DATETIME {
            facts.insert(format!("{name} time zone"), "none in the column, taken for UTC".to_owned());
        }
    }
    Ok(Answer { columns: names, rows, more, facts })
}

fn cells(row: &Row, columns: &[Column], names: &[String]) -> Result<Vec<Value>, Miss> {
    let cell = |(index, (column, name)): (usize, (&Column, &String))| {
        let value = row.as_ref(index).and_then(|value| decode(column, value));
        value.ok_or_else(|| unread(column, name))
    };
    columns.iter().zip(names).enumerate().map(cell).collect()
}

fn unread(column: &Column, name: &str) -> Miss {
    let message = format!(
        "cannot read column `{name}` of type `{}`; cast column `{name}` to text, with `CAST(… AS CHAR)` or `HEX(…)`",
        word(column)
    );
    miss(ProbeReason::Query, &message)
}

#[cfg(test)]
mod tests {
    use super::limiting;
    use std::time::Duration;

    #[test]
    fn each_kind_of_server_is_told_its_own_limit_and_never_none() {
        for (version, limit, statement) in [
            ("8.0.36", Duration::from_millis(200), "SET SESSION max_execution_time = 200"),
            ("8.0.36", Duration::from_micros(1), "SET SESSION max_execution_time = 1"),
            ("8.0.36", Duration::MAX, "SET SESSION max_execution_time = 2678400000"),
            ("10.11.14-MariaDB-0+deb12u2", Duration::from_millis(200), "SET SESSION max_statement_time = 0.200"),
            ("11.4.2-mariadb", Duration::ZERO, "SET SESSION max_statement_time = 0.001"),
        ] {
            assert_eq!(limiting(version, limit), statement);
        }
    }
}
