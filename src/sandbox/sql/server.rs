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
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::seed::{Door, SeedFailed, seed};
use crate::sandbox::sql::servers::Ground;
use crate::sandbox::sql::settings::{Prepared, log_path, prepare};
use crate::sandbox::sql::supervise::launch;
use crate::sandbox::sql::wait;

/// How long a started server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// How long the writes may take.
const SEED_LIMIT: Duration = Duration::from_mins(3);

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

/// A PostgreSQL server of this process. When this is dropped, the server ends and its files are removed, soon after;
/// [`Server::stop`] also waits for that.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    state: watch::Receiver<ServerState>,
    /// Never sent on: that it is gone is the message.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What to start.
pub(super) struct Order {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) data: Data,
}

impl Server {
    pub(super) fn begin(ground: Arc<Ground>, order: Order) -> Self {
        let folder = order.folder.clone();
        let (say, state) = watch::channel(ServerState::Starting);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(live(ground, Arc::new(order), say, stopped));
        Self { folder, state, stop, task }
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
    #[error("its files cannot be prepared: {0}")]
    Files(io::Error),
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

/// The task. Its arguments outlive all that it starts, so the sandbox's folder goes last.
async fn live(
    ground: Arc<Ground>,
    order: Arc<Order>,
    say: watch::Sender<ServerState>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut ending = Err(Failure::PortTaken);
    for _ in 0..PORT_TRIES {
        ending = serve(&ground, &order, &say, &mut stopped).await;
        if !matches!(ending, Err(Failure::PortTaken)) {
            break;
        }
    }
    if let Err(failure) = ending {
        say.send_replace(ServerState::Failed(format!("the PostgreSQL server for `{}`: {failure}", order.name)));
    }
}

/// Starts the server on a new port and stays with it to its end: `Ok` if we were told to end it.
async fn serve(
    ground: &Arc<Ground>,
    order: &Arc<Order>,
    say: &watch::Sender<ServerState>,
    stopped: &mut oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let port = free_port().map_err(Failure::Launch)?;
    let Prepared { folder, log } = prepared(ground, order, port).await?;
    if matches!(stopped.try_recv(), Err(TryRecvError::Closed)) {
        return Ok(());
    }
    let mut supervised = launch(ground, folder.path(), log).map_err(Failure::Launch)?;
    folder.hand_over();
    let ending = tokio::select! {
        _ = &mut *stopped => Ok(()),
        () = supervised.gone() => Err(ended(&order.folder)),
        came_up = come_up(order, port) => match came_up {
            Err(failure) => Err(failure),
            Ok(()) => {
                say.send_replace(ServerState::Ready { port });
                tokio::select! {
                    _ = &mut *stopped => Ok(()),
                    () = supervised.gone() => Err(ended(&order.folder)),
                }
            }
        },
    };
    supervised.end().await;
    ending
}

/// Copies on a thread of its own. What it made is removed if nobody waits for it any more.
async fn prepared(ground: &Arc<Ground>, order: &Arc<Order>, port: u16) -> Result<Prepared, Failure> {
    let (ground, order) = (Arc::clone(ground), Arc::clone(order));
    let copying = tokio::task::spawn_blocking(move || prepare(&ground, &order.folder, &order.name, port));
    match copying.await {
        Ok(made) => made.map_err(Failure::Files),
        Err(cut_off) => Err(Failure::Files(io::Error::other(cut_off))),
    }
}

/// Waits until the server answers, then fills it.
async fn come_up(order: &Order, port: u16) -> Result<(), Failure> {
    let door = Door { folder: &order.folder, port };
    let answering = async {
        while !door.answers().await {
            wait::pause().await;
        }
    };
    tokio::time::timeout(ANSWER_LIMIT, answering)
        .await
        .map_err(|_| Failure::Silent { log: last_words(&order.folder) })?;
    match tokio::time::timeout(SEED_LIMIT, seed(door, &order.data)).await {
        Ok(seeded) => seeded.map_err(Failure::Seed),
        Err(_) => Err(Failure::SeedTooLong),
    }
}

/// A port that is free now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Why a server ended by itself, from its log. The log is there until the shell is told to clean up.
fn ended(folder: &Path) -> Failure {
    let log = last_words(folder);
    if log.contains("could not bind") || log.contains("could not create any TCP/IP sockets") {
        return Failure::PortTaken;
    }
    Failure::Ended(log)
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
    use std::fs;

    #[test]
    fn a_taken_port_is_told_from_other_ends() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(ended(folder.path()), Failure::Ended(log) if log == "it said nothing"));
        fs::write(folder.path().join("log"), "FATAL:  could not create any TCP/IP sockets\n").unwrap();
        assert!(matches!(ended(folder.path()), Failure::PortTaken));
        fs::write(folder.path().join("log"), "FATAL:  out of memory\nLOG:  shut down\n").unwrap();
        assert!(matches!(ended(folder.path()), Failure::Ended(log) if log.contains("out of memory | LOG")));
    }
}
