//! One login, one transaction that is always rolled back, statement by statement, bounded answers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::Value;
use tiberius::error::Error;
use tiberius::{AuthMethod, Client, ColumnType, Config, EncryptionLevel, Query, QueryItem, ResultMetadata, Row};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{miss, shown};
use crate::probe::sql::engine::{Answer, Door, Question};
use crate::probe::sql::sqlserver::failure::explain;
use crate::probe::sql::sqlserver::value::{decode, is_zoneless};
use crate::probe::sql::wire::FAREWELL;
use crate::words::text::tame;

/// How the driver logs in.
pub(super) fn login(door: &Door, read_only: bool) -> Config {
    let mut config = Config::new();
    config.host(&door.host);
    config.port(door.port);
    config.database(&door.database);
    config.authentication(AuthMethod::sql_server(&door.user, door.password.expose()));
    config.application_name("drill");
    config.client_name("drill");
    config.readonly(read_only);
    // The greeting saw to it: what the driver sends goes through TLS, unless the definition switched it off.
    config.encryption(EncryptionLevel::NotSupported);
    config.lossy_utf16_decoding(true);
    // The attempt and each question have limits of their own.
    config.handshake_timeout(None);
    config.command_timeout(None);
    config
}

/// Logs in, asks, and leaves: whatever was done is not kept.
pub(super) async fn ask<S>(config: Config, stream: S, questions: &[Question]) -> Result<Vec<Answer>, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut client = Client::connect(config, stream.compat_write()).await.map_err(told)?;
    let answers = answers(&mut client, questions).await;
    // An answer that was left in the middle is in the way of a goodbye: then the end of the connection ends the
    // transaction.
    let leave = async {
        if let Ok(said) = client.simple_query("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await {
            said.into_results().await.ok();
        }
        client.close().await.ok();
    };
    tokio::time::timeout(FAREWELL, leave).await.ok();
    answers
}

fn told(error: Error) -> Miss {
    explain(&error)
}

async fn answers<S>(client: &mut Client<Compat<S>>, questions: &[Question]) -> Result<Vec<Answer>, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let version = begin(client, questions).await?;
    let mut answers = Vec::new();
    for question in questions {
        let late = |_| {
            let message = format!("the server gave no whole answer within {}", shown(question.limit));
            Err(miss(ProbeReason::Timeout, &message))
        };
        let mut answer = tokio::time::timeout(question.limit, answer(client, question)).await.unwrap_or_else(late)?;
        if let Some(version) = &version {
            answer.facts.insert("server_version".to_owned(), version.clone());
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// Bounds what the server does, and begins the transaction. The server's version.
async fn begin<S>(client: &mut Client<Compat<S>>, questions: &[Question]) -> Result<Option<String>, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let said = client.simple_query(beginning(questions)).await.map_err(told)?;
    let row = said.into_row().await.map_err(told)?;
    let version = row.as_ref().and_then(|row| row.try_get::<&str, _>(0).ok().flatten());
    Ok(version.map(tame))
}

/// The first batch. A server that counts rows of all statements would also count those that are changed, so it does
/// only where nothing is.
fn beginning(questions: &[Question]) -> String {
    let limit = questions.iter().map(|question| question.limit).max().unwrap_or(Duration::ZERO);
    let milliseconds = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1);
    let rows = questions.iter().map(|question| question.rows).max().unwrap_or(0);
    let rows = if questions.iter().all(|question| question.read_only) {
        // One row more than wanted tells "all" from "more".
        format!("SET ROWCOUNT {}; ", i32::try_from(rows).unwrap_or(i32::MAX).saturating_add(1))
    } else {
        String::new()
    };
    format!(
        "SET LOCK_TIMEOUT {milliseconds}; {rows}SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS \
         version; BEGIN TRANSACTION"
    )
}

async fn answer<S>(client: &mut Client<Compat<S>>, question: &Question) -> Result<Answer, Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut query = Query::new(question.query.as_str());
    for param in &question.params {
        query.bind(param.as_deref());
    }
    let mut said = query.query(client).await.map_err(told)?;
    let most = usize::try_from(question.rows).unwrap_or(usize::MAX);
    let (mut columns, mut rows, mut more) = (Vec::new(), Vec::new(), false);
    // To the end, because an error may come after rows.
    while let Some(item) = said.try_next().await.map_err(told)? {
        match item {
            QueryItem::Metadata(metadata) if metadata.result_index() == 0 => columns = named(&metadata),
            QueryItem::Metadata(_) => {
                return Err(miss(ProbeReason::Query, "the query gives more than one answer; ask one question"));
            }
            QueryItem::Row(row) if rows.len() < most => rows.push(cells(&row, &columns)?),
            QueryItem::Row(_) => more = true,
        }
    }
    let zoneless = columns.iter().filter(|(_, kind)| is_zoneless(*kind));
    let facts: BTreeMap<String, String> = zoneless
        .map(|(name, _)| (format!("{name} time zone"), "none in the column, taken for UTC".to_owned()))
        .collect();
    Ok(Answer { columns: columns.into_iter().map(|(name, _)| name).collect(), rows, more, facts })
}

/// Names and types. A column that has no name is called by its place.
fn named(metadata: &ResultMetadata) -> Vec<(String, ColumnType)> {
    let name = |index: usize, name: &str| if name.is_empty() { format!("column {}", index + 1) } else { tame(name) };
    let columns = metadata.columns().iter().enumerate();
    columns.map(|(index, column)| (name(index, column.name()), column.column_type())).collect()
}

fn cells(row: &Row, columns: &[(String, ColumnType)]) -> Result<Vec<Value>, Miss> {
    let cells: Vec<Option<Value>> = row.cells().map(|(column, cell)| decode(column.column_type(), cell)).collect();
    if cells.len() != columns.len() {
        return Err(miss(ProbeReason::Connection, "the server sent a row of other columns than it had named"));
    }
    cells.into_iter().zip(columns).map(|(cell, (name, kind))| cell.ok_or_else(|| unread(name, *kind))).collect()
}

fn unread(name: &str, kind: ColumnType) -> Miss {
    let message = match kind {
        ColumnType::Money | ColumnType::Money4 => {
            format!(
                "column `{name}` of type `money` is too large to be exact; cast column `{name}` to `decimal(19, 4)`"
            )
        }
        _ => format!("cannot read column `{name}` of type `{kind:?}`; cast column `{name}` to text, with `CONVERT`"),
    };
    miss(ProbeReason::Query, &message)
}

#[cfg(test)]
mod tests {
    use super::beginning;
    use crate::probe::sql::engine::Question;
    use std::time::Duration;

    fn question(read_only: bool, rows: u32, limit: Duration) -> Question {
        Question { query: "SELECT 1".to_owned(), params: Vec::new(), read_only, limit, rows }
    }

    #[test]
    fn what_the_server_does_is_bounded() {
        let second = Duration::from_secs(1);
        let said = beginning(&[question(true, 10, second), question(true, 1_000, second * 2)]);
        assert!(said.starts_with("SET LOCK_TIMEOUT 2000; SET ROWCOUNT 1001; SELECT CAST("), "{said}");
        assert!(said.ends_with("; BEGIN TRANSACTION"), "{said}");
        let said = beginning(&[question(true, 10, second), question(false, 10, second)]);
        assert!(!said.contains("ROWCOUNT"), "{said}");
        let said = beginning(&[question(true, u32::MAX, Duration::ZERO)]);
        assert!(said.starts_with("SET LOCK_TIMEOUT 1; SET ROWCOUNT 2147483647; "), "{said}");
        let said = beginning(&[question(true, 1, Duration::MAX)]);
        assert!(said.starts_with("SET LOCK_TIMEOUT 2147483647; "), "{said}");
    }
}
