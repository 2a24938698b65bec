//! One connection, one transaction, one statement, one bounded answer.
//!
//! The driver is given a socket that is already connected to a checked address, so it resolves nothing itself, and that
//! stops after [`MOST_BYTES`], so a database cannot fill this machine's memory.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Connection, Error, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::definition::model::ProbeReason;
use crate::probe::input::miss;
use crate::probe::sql::failure::explain;
use crate::probe::sql::param::Param;
use crate::probe::sql::settings::SqlSettings;
use crate::probe::sql::tls::{Verified, prepare};
use crate::probe::sql::value::{Raw, decode};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, reach};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// What one attempt reads from the server at most, TLS included.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How long the server may take to see that the connection ends.
const FAREWELL: Duration = Duration::from_millis(500);

/// One attempt, without its own deadline: the caller drops it when time is up, which also ends the connection.
pub(super) async fn attempt(settings: &SqlSettings, target: &Target, timeout: Duration) -> Outcome {
    let place = reach::destination(settings.host.as_ref(), settings.port.as_ref(), target)?;
    let verified = prepare(settings, target, &place.host)?;
    let fill = |(index, given)| Param::fill(given, index, target);
    let params = settings.params.iter().enumerate().map(fill).collect::<Result<Vec<_>, _>>()?;
    let password = settings.password.read(target).await?;
    let config = login(settings, target, &password, verified.is_some())?;
    let addresses = reach::addresses(&place, target.endpoint.as_ref()).await?;
    let (stream, _) = reach::connect(&addresses, timeout).await?;
    let mut facts = BTreeMap::from([
        ("engine".to_owned(), settings.engine.word().to_owned()),
        ("tls".to_owned(), trust(verified.as_ref())),
    ]);
    let session =
        Session::open(stream, &config, verified).await.map_err(|error| redacted(explain(&error), &password))?;
    if let Some(version) = &session.version {
        facts.insert("server_version".to_owned(), tame(version));
    }
    let outcome = session.ask(settings, &params, settings.statement_limit(timeout)).await;
    let outcome = outcome.and_then(|rows| observed(&rows, settings.rows, facts));
    outcome.map(|seen| without(seen, &password)).map_err(|miss| redacted(miss, &password))
}

fn trust(verified: Option<&Verified>) -> String {
    match verified {
        Some(verified) => tame(&format!("certificate verified for {}", verified.server_name)),
        None => "insecure-off: not encrypted, and the server did not prove who it is".to_owned(),
    }
}

fn login(settings: &SqlSettings, target: &Target, password: &Secret, encrypted: bool) -> Result<Config, Miss> {
    let mut config = Config::new();
    config
        .user(settings.user.fill("user", target)?)
        .dbname(settings.database.fill("database", target)?)
        .password(password.expose())
        .application_name("drill")
        .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
    Ok(config)
}

/// An open connection and the task that drives it.
struct Session {
    client: Client,
    version: Option<String>,
    task: Task,
    full: Arc<AtomicBool>,
}

impl Session {
    async fn open(stream: TcpStream, config: &Config, verified: Option<Verified>) -> Result<Self, Error> {
        let full = Arc::new(AtomicBool::new(false));
        let stream = Bounded { stream, left: MOST_BYTES, full: Arc::clone(&full) };
        let (client, (task, version)) = match verified {
            Some(Verified { mut connect, server_name }) => {
                let made = <MakeRustlsConnect as MakeTlsConnect<Bounded>>::make_tls_connect(&mut connect, &server_name);
                let Ok(connector) = made;
                let (client, connection) = config.connect_raw(stream, connector).await?;
                (client, drive(connection))
            }
            None => {
                let (client, connection) = config.connect_raw(stream, NoTls).await?;
                (client, drive(connection))
            }
        };
        Ok(Self { client, version, task, full })
    }

    /// Asks, and ends the session whatever came of it.
    async fn ask(self, settings: &SqlSettings, params: &[Param], limit: Duration) -> Result<Vec<Row>, Miss> {
        let Self { mut client, mut task, full, .. } = self;
        let answer = rows(&mut client, settings, params, limit).await;
        // Without its client the connection says goodbye; if that takes long, the drop of `task` ends it.
        drop(client);
        tokio::time::timeout(FAREWELL, &mut task.0).await.ok();
        answer.map_err(|error| if full.load(Ordering::Relaxed) { too_large() } else { explain(&error) })
    }
}

fn too_large() -> Miss {
    let message = format!("the answer is larger than {} MiB; select less", MOST_BYTES / 1024 / 1024);
    miss(ProbeReason::Query, &message)
}

async fn rows(
    client: &mut Client,
    settings: &SqlSettings,
    params: &[Param],
    limit: Duration,
) -> Result<Vec<Row>, Error> {
    let transaction = client.build_transaction().read_only(settings.read_only).start().await?;
    // Zero would mean no limit at all.
    let milliseconds = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1);
    transaction.batch_execute(&format!("SET LOCAL statement_timeout = {milliseconds}")).await?;
    let statement = transaction.prepare(&settings.query).await?;
    let bound: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    let portal = transaction.bind(&statement, &bound).await?;
    // One row more than wanted tells "all" from "more".
    let most = i32::try_from(settings.rows).unwrap_or(i32::MAX - 1) + 1;
    let rows = transaction.query_portal(&portal, most).await?;
    transaction.rollback().await?;
    Ok(rows)
}

fn observed(rows: &[Row], most: u32, mut facts: BTreeMap<String, String>) -> Outcome {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let count = if rows.len() > most { format!("more than {most}") } else { rows.len().to_string() };
    facts.insert("rows".to_owned(), count);
    let mut values = BTreeMap::new();
    if let Some(row) = rows.first() {
        for (index, column) in row.columns().iter().enumerate() {
            let name = tame(column.name());
            let value = cell(row, index, &name, column.type_())?;
            if *column.type_() == Type::TIMESTAMP {
                facts.insert(format!("{name} time zone"), "none in the column, taken for UTC".to_owned());
            }
            if values.insert(name.clone(), value).is_some() {
                let message = format!("two columns are named `{name}`; give them names of their own with `AS`");
                return Err(miss(ProbeReason::Query, &message));
            }
        }
    }
    Ok(Observed { values, facts })
}

fn cell(row: &Row, index: usize, name: &str, kind: &Type) -> Result<Value, Miss> {
    let Raw(raw) = row.try_get::<_, Raw<'_>>(index).map_err(|error| explain(&error))?;
    let Some(raw) = raw else { return Ok(Value::Null) };
    decode(kind, raw).ok_or_else(|| {
        let message = format!("cannot read column `{name}` of type `{}`; cast column `{name}` to text", kind.name());
        miss(ProbeReason::Query, &message)
    })
}

/// Servers echo what they are sent, and a query may select what it must not.
fn redacted(mut miss: Miss, password: &Secret) -> Miss {
    miss.message = password.redact(&miss.message);
    miss.observed = miss.observed.map(|seen| without(seen, password));
    miss
}

fn without(seen: Observed, password: &Secret) -> Observed {
    let clean = |value: Value| match value {
        Value::String(text) => Value::String(password.redact(&text)),
        other => other,
    };
    let values = seen.values.into_iter().map(|(name, value)| (password.redact(&name), clean(value))).collect();
    let facts = seen.facts.into_iter().map(|(name, fact)| (name, password.redact(&fact))).collect();
    Observed { values, facts }
}

/// The connection's task. It ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn drive<T>(connection: Connection<Bounded, T>) -> (Task, Option<String>)
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

/// A socket that fails once it has delivered [`MOST_BYTES`].
struct Bounded {
    stream: TcpStream,
    left: usize,
    full: Arc<AtomicBool>,
}

impl AsyncRead for Bounded {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            this.full.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the answer is too large")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.left = this.left.saturating_sub(buffer.filled().len().saturating_sub(before));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
