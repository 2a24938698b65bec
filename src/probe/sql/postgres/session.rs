//! One connection, one transaction, statement by statement, bounded answers.
//!
//! The driver is given a socket that is already connected to a checked address, so it resolves nothing itself, and that
//! stops after a number of bytes, so a database cannot fill this machine's memory.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Column, Config, Connection, Error, Row, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::sql::engine::{Answer, Door, Question};
use crate::probe::sql::postgres::failure::explain;
use crate::probe::sql::postgres::param::Param;
use crate::probe::sql::postgres::value::{Raw, decode};
use crate::probe::sql::wire::{Bounded, FAREWELL, Full, Task, too_large};
use crate::words::text::tame;

/// An open connection and the task that drives it.
pub(super) struct Session {
    client: Client,
    version: Option<String>,
    task: Task<()>,
    full: Full,
}

impl Session {
    /// Logs in over a connection that stands.
    pub(super) async fn open(stream: TcpStream, door: &Door) -> Result<Self, Miss> {
        let full = Full::default();
        let stream = Bounded::new(stream, full.clone());
        let config = login(door);
        let (client, (task, version)) = match &door.trust {
            Some(trusted) => {
                let mut connect = MakeRustlsConnect::new(trusted.config.clone());
                let made = <MakeRustlsConnect as MakeTlsConnect<Bounded>>::make_tls_connect(
                    &mut connect,
                    &trusted.server_name,
                );
                let Ok(connector) = made;
                let (client, connection) = config.connect_raw(stream, connector).await.map_err(told)?;
                (client, drive(connection))
            }
            None => {
                let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(told)?;
                (client, drive(connection))
            }
        };
        Ok(Self { client, version, task, full })
    }

    /// Asks, and ends the session whatever came of it.
    pub(super) async fn ask(self, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
        let Self { mut client, version, mut task, full } = self;
        let answers = answers(&mut client, questions).await;
        // Without its client the connection says goodbye; if that takes long, the drop of `task` ends it.
        drop(client);
        tokio::time::timeout(FAREWELL, &mut task.0).await.ok();
        let mut answers = answers.map_err(|missed| if full.is_full() { too_large() } else { missed })?;
        if let Some(version) = &version {
            for answer in &mut answers {
                answer.facts.insert("server_version".to_owned(), tame(version));
            }
        }
        Ok(answers)
    }
}

fn login(door: &Door) -> Config {
    let mut config = Config::new();
    config
        .user(door.user.as_str())
        .dbname(door.database.as_str())
        .password(door.password.expose())
        .application_name("drill")
        .ssl_mode(if door.trust.is_some() { SslMode::Require } else { SslMode::Disable });
    config
}

fn told(error: Error) -> Miss {
    explain(&error)
}

async fn answers(client: &mut Client, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
    let read_only = questions.iter().all(|question| question.read_only);
    let transaction = client.build_transaction().read_only(read_only).start().await.map_err(told)?;
    let mut answers = Vec::new();
    for question in questions {
        answers.push(answer(&transaction, question).await?);
    }
    transaction.rollback().await.map_err(told)?;
    Ok(answers)
}

async fn answer(transaction: &Transaction<'_>, question: &Question) -> Result<Answer, Miss> {
    // Zero would mean no limit at all.
    let milliseconds = i32::try_from(question.limit.as_millis()).unwrap_or(i32::MAX).max(1);
    let limit = format!("SET LOCAL statement_timeout = {milliseconds}");
    transaction.batch_execute(&limit).await.map_err(told)?;
    let statement = transaction.prepare(&question.query).await.map_err(told)?;
    let params: Vec<Param<'_>> = question.params.iter().map(|param| Param(param.as_deref())).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    let portal = transaction.bind(&statement, &bound).await.map_err(told)?;
    // One row more than wanted tells "all" from "more".
    let most = i32::try_from(question.rows).unwrap_or(i32::MAX - 1);
    let mut found = transaction.query_portal(&portal, most.saturating_add(1)).await.map_err(told)?;
    let wanted = usize::try_from(question.rows).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    read(statement.columns(), &found, more)
}

fn read(columns: &[Column], found: &[Row], more: bool) -> Result<Answer, Miss> {
    let names: Vec<String> = columns.iter().map(|column| tame(column.name())).collect();
    let mut facts = BTreeMap::new();
    for (name, column) in names.iter().zip(columns) {
        if *column.type_() == Type::TIMESTAMP {
            facts.insert(format!("{name} time zone"), "none in the column, taken for UTC".to_owned());
        }
    }
    let mut rows = Vec::new();
    for row in found {
        let cells = names.iter().zip(columns).enumerate();
        let cells = cells.map(|(index, (name, column))| cell(row, index, name, column.type_()));
        rows.push(cells.collect::<Result<Vec<Value>, Miss>>()?);
    }
    Ok(Answer { columns: names, rows, more, facts })
}

fn cell(row: &Row, index: usize, name: &str, kind: &Type) -> Result<Value, Miss> {
    let Raw(raw) = row.try_get::<_, Raw<'_>>(index).map_err(told)?;
    let Some(raw) = raw else { return Ok(Value::Null) };
    decode(kind, raw).ok_or_else(|| {
        let message = format!("cannot read column `{name}` of type `{}`; cast column `{name}` to text", kind.name());
        miss(ProbeReason::Query, &message)
    })
}

fn drive<T>(connection: Connection<Bounded, T>) -> (Task<()>, Option<String>)
where
    T: TlsStream + Unpin + Send + 'static,
{
    let version = connection.parameter("server_version").map(str::to_owned);
    let task = tokio::spawn(async move {
        // The client is told of whatever ends the connection.
        connection.await.ok();
    });
    (Task(task), version)
}
