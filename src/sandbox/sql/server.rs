//! One server's life: copy, start, fill, serve, end.
//!
//! One task owns it. The [`Server`] that the simulated AWS holds is a handle: it reads the task's state, and letting go
//! of it tells the task to end.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::engine::Kind;
use crate::sandbox::sql::ldap::Clerk;
use crate::sandbox::sql::seed::{Door, SeedFailed};
use crate::sandbox::sql::servers::{Ground, Missing};
use crate::sandbox::sql::settings::{Prepared, Unprepared, log_path, prepare};
use crate::sandbox::sql::supervise::launch;
use crate::sandbox::sql::wait;
use crate::words::secret::Secret;

/// How long a started server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// How long the writes may take.
const SEED_LIMIT: Duration = Duration::from_mins(3);

/// How long a change of a password may take.
const PASSWORD_LIMIT: Duration = Duration::from_secs(20);

/// How long `stop` waits: longer than the task's own bounds for the end of a server.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How many ports are tried: another process can take one between our look and the server's start.
const PORT_TRIES: u32 = 5;

/// How far a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerState {
    /// Its files are being copied, it starts, or it is being filled.
    Starting,
    /// It answers on 127.0.0.1.
    Ready {
        /// The TCP port.
        port: u16,
    },
    /// It did not start, or has ended by itself. The text says why.
    Failed(String),
}

/// A database server of this process. When this is dropped, the server ends and its files are removed, soon after;
/// [`Server::stop`] also waits for that.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    state: watch::Receiver<ServerState>,
    /// Never sent on: that it is gone is the message.
    stop: oneshot::Sender<()>,
    passwords: mpsc::UnboundedSender<Secret>,
    /// How many passwords were sent, and how many the task is done with.
    asked: u32,
    done: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

/// What to start.
pub(super) struct Order {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) data: Data,
}

/// The task's ends of what joins it to its handle.
struct Reins {
    say: watch::Sender<ServerState>,
    stopped: oneshot::Receiver<()>,
    passwords: mpsc::UnboundedReceiver<Secret>,
    done: watch::Sender<u32>,
}

impl Server {
    pub(super) fn begin(ground: Arc<Ground>, order: Order) -> Self {
        let folder = order.folder.clone();
        let (say, state) = watch::channel(ServerState::Starting);
        let (stop, stopped) = oneshot::channel();
        let (passwords, received) = mpsc::unbounded_channel();
        let (finish, done) = watch::channel(0);
        let reins = Reins { say, stopped, passwords: received, done: finish };
        let task = tokio::spawn(live(ground, Arc::new(order), reins));
        Self { folder, state, stop, passwords, asked: 0, done, task }
    }

    /// How far it is, now. Never waits.
    #[must_use]
    pub fn state(&self) -> ServerState {
        self.state.borrow().clone()
    }

    /// Where its files are while it lives.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the master user of its [`Data`] this password, soon: [`Server::is_changing_password`] tells when. Without a
    /// master user, or when it has ended, nothing happens.
    pub fn set_master_password(&mut self, password: Secret) {
        if self.passwords.send(password).is_ok() {
            self.asked += 1;
        }
    }

    /// Whether a password was given that does not count yet. Never waits.
    #[must_use]
    pub fn is_changing_password(&self) -> bool {
        *self.done.borrow() < self.asked && !self.passwords.is_closed()
    }

    /// Ends the server, and returns when its process and its files are gone: some 50 ms.
    pub async fn stop(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // The task bounds each of its own waits. If it is cut off all the same, the shell above the server cleans up.
        let _ = tokio::time::timeout(STOP_LIMIT, task).await;
    }
}

/// Why a server is not there.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
    #[error("it cannot be started: {0}")]
    Launch(io::Error),
    #[error("it ended: {0}")]
    Ended(String),
    #[error("another process took its port, {PORT_TRIES} times in a row")]
    PortTaken,
    #[error("it did not answer within {} s: {log}", ANSWER_LIMIT.as_secs())]
    Silent { log: String },
    #[error("the writes did not end within {} s", SEED_LIMIT.as_secs())]
    SeedTooLong,
    #[error("{0}")]
    Seed(SeedFailed),
}

impl Order {
    fn kind(&self) -> &'static dyn Kind {
        self.data.engine.kind()
    }

    /// Who tells the server that a token is good, if it has users with tokens.
    async fn clerk(&self) -> io::Result<Option<Clerk>> {
        if self.data.token_users.is_empty() || !self.kind().takes_tokens() {
            return Ok(None);
        }
        Clerk::open().await.map(Some)
    }
}

/// The task. Its arguments outlive all that it starts, so the sandbox's folder goes last.
async fn live(ground: Arc<Ground>, order: Arc<Order>, mut reins: Reins) {
    let mut ending = Err(Failure::PortTaken);
    for _ in 0..PORT_TRIES {
        ending = serve(&ground, &order, &mut reins).await;
        if !matches!(ending, Err(Failure::PortTaken)) {
            break;
        }
    }
    if let Err(failure) = ending {
        let server = order.kind().name();
        reins.say.send_replace(ServerState::Failed(format!("the {server} server for `{}`: {failure}", order.name)));
    }
}

/// Starts the server on a new port and stays with it to its end: `Ok` if we were told to end it.
async fn serve(ground: &Arc<Ground>, order: &Arc<Order>, reins: &mut Reins) -> Result<(), Failure> {
    let Reins { say, stopped, passwords, done } = reins;
    let port = free_port().map_err(Failure::Launch)?;
    let clerk = order.clerk().await.map_err(Failure::Launch)?;
    let Prepared { folder, log } = prepared(ground, order, port, clerk.as_ref().map(Clerk::port)).await?;
    if matches!(stopped.try_recv(), Err(TryRecvError::Closed)) {
        return Ok(());
    }
    let programs = ground.programs(order.data.engine)?;
    let mut supervised = launch(ground, (order.kind(), programs), folder.path(), log).map_err(Failure::Launch)?;
    folder.hand_over();
    let ending = tokio::select! {
        _ = &mut *stopped => Ok(()),
        () = supervised.gone() => Err(ended(order.kind(), &order.folder)),
        came_up = come_up(order, port) => match came_up {
            Err(failure) => Err(failure),
            Ok(()) => {
                say.send_replace(ServerState::Ready { port });
                tokio::select! {
                    _ = &mut *stopped => Ok(()),
                    () = supervised.gone() => Err(ended(order.kind(), &order.folder)),
                    () = change_passwords(order, port, passwords, done) => Ok(()),
                    () = answer_about_tokens(clerk.as_ref(), port) => Ok(()),
                }
            }
        },
    };
    supervised.end().await;
    ending
}

/// Copies on a thread of its own. What it made is removed if nobody waits for it any more.
async fn prepared(
    ground: &Arc<Ground>,
    order: &Arc<Order>,
    port: u16,
    tokens: Option<u16>,
) -> Result<Prepared, Failure> {
    let (ground, order) = (Arc::clone(ground), Arc::clone(order));
    let copying = tokio::task::spawn_blocking(move || {
        prepare(&ground, order.data.engine, &order.folder, (order.name.as_str(), port, tokens))
    });
    match copying.await {
        Ok(made) => made.map_err(Failure::Unprepared),
        Err(cut_off) => Err(Failure::Unprepared(io::Error::other(cut_off).into())),
    }
}

/// Waits until the server answers, then fills it.
async fn come_up(order: &Order, port: u16) -> Result<(), Failure> {
    let (kind, door) = (order.kind(), Door { folder: &order.folder, port });
    let answering = async {
        while !kind.answers(door).await {
            wait::pause().await;
        }
    };
    tokio::time::timeout(ANSWER_LIMIT, answering)
        .await
        .map_err(|_| Failure::Silent { log: last_words(&order.folder) })?;
    match tokio::time::timeout(SEED_LIMIT, kind.fill(door, &order.data)).await {
        Ok(seeded) => seeded.map_err(Failure::Seed),
        Err(_) => Err(Failure::SeedTooLong),
    }
}

/// Gives the master user one password after the other, until the server or the handle is gone.
async fn change_passwords(
    order: &Order,
    port: u16,
    passwords: &mut mpsc::UnboundedReceiver<Secret>,
    done: &watch::Sender<u32>,
) {
    let door = Door { folder: &order.folder, port };
    while let Some(password) = passwords.recv().await {
        if let Some(master) = &order.data.master {
            let changing = order.kind().set_password(door, master, &password);
            match tokio::time::timeout(PASSWORD_LIMIT, changing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(server = %order.name, %error, "a password was not changed"),
                Err(_) => tracing::warn!(server = %order.name, "a password was not changed in time"),
            }
        }
        done.send_modify(|count| *count += 1);
    }
    // The handle is gone, and that ends the server.
    std::future::pending::<()>().await;
}

/// Until nobody wants to know any more.
async fn answer_about_tokens(clerk: Option<&Clerk>, port: u16) {
    match clerk {
        Some(clerk) => clerk.answer(port).await,
        None => std::future::pending().await,
    }
}

/// A port that is free now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Why a server ended by itself, from its log. The log is there until the shell is told to clean up.
fn ended(kind: &dyn Kind, folder: &Path) -> Failure {
    let log = last_words(folder);
    if kind.lost_its_port(&log) { Failure::PortTaken } else { Failure::Ended(log) }
}

fn last_words(folder: &Path) -> String {
    match fs::read(log_path(folder)) {
        Ok(log) if !log.is_empty() => wait::tail(&String::from_utf8_lossy(&log)),
        _ => "it said nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, ended};
    use crate::sandbox::sql::engine::Engine;
    use std::fs;

    #[test]
    fn a_taken_port_is_told_from_other_ends() {
        let folder = tempfile::tempdir().unwrap();
        let ended = || ended(Engine::Postgres.kind(), folder.path());
        assert!(matches!(ended(), Failure::Ended(log) if log == "it said nothing"));
        fs::write(folder.path().join("log"), "FATAL:  could not create any TCP/IP sockets\n").unwrap();
        assert!(matches!(ended(), Failure::PortTaken));
        fs::write(folder.path().join("log"), "FATAL:  out of memory\nLOG:  shut down\n").unwrap();
        assert!(matches!(ended(), Failure::Ended(log) if log.contains("out of memory | LOG")));
    }
}
