//! What answers behind a restored database, whatever its kind: a real server, if the machine has the programs.
//!
//! A making starts its server in `Making::prepare` ([`World::start_server`]), hands it over as a [`Database`] when the
//! restored thing appears, and lets [`Database::progress`] say whether the job must wait for it.

use crate::sandbox::data;
use crate::sandbox::sql::{Server, ServerState, Servers};
use crate::sandbox::thing::{JobView, Progress};
use crate::sandbox::world::World;
use crate::words::secret::Secret;

/// What stands behind restored databases.
pub(crate) struct Databases {
    pub(crate) servers: Option<Servers>,
    /// A port that accepts connections and closes them, for databases without a server.
    pub(crate) mute_port: u16,
}

/// What answers behind a database.
pub(crate) enum Database {
    /// A name that this machine cannot reach: the source.
    Elsewhere(String),
    /// A real server.
    Server(Server),
    /// The world's mute port: no server binaries here.
    Mute,
}

impl World {
    /// Starts a server with what the job's source held at the recovery point's moment; nothing without the programs of
    /// its engine. `tokens`: whether it lets users in with tokens of IAM.
    pub(crate) fn start_server(&self, job: &JobView, tokens: bool) -> Option<Server> {
        let servers = self.databases.servers.as_ref()?;
        if servers.missing(job.source.engine().server()).is_some() {
            return None;
        }
        let moments = (job.point_created, self.started);
        Some(servers.start(job.id, data::at_moment(job.source, self.seed, moments, tokens)))
    }
}

impl Database {
    /// The server that was started with the job, if any.
    pub(crate) fn handed_over(server: Option<Server>) -> Self {
        server.map_or(Self::Mute, Self::Server)
    }

    /// Where it answers; nothing while a server is not ready. `port` is the one of a database elsewhere.
    pub(crate) fn endpoint(&self, port: u16, mute_port: u16) -> Option<(String, u16)> {
        match self {
            Self::Elsewhere(host) => Some((host.clone(), port)),
            Self::Server(server) => match server.state() {
                ServerState::Ready { port } => Some(("127.0.0.1".to_owned(), port)),
                _ => None,
            },
            Self::Mute => Some(("127.0.0.1".to_owned(), mute_port)),
        }
    }

    /// Whether a real server is still starting.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self, Self::Server(server) if server.state() == ServerState::Starting)
    }

    /// Gives the master user another password, soon. There is nobody to give it to without a real server.
    pub(crate) fn set_master_password(&mut self, password: Secret) {
        if let Self::Server(server) = self {
            server.set_master_password(password);
        }
    }

    /// Whether a password was given that does not count yet.
    pub(crate) fn is_changing_password(&self) -> bool {
        matches!(self, Self::Server(server) if server.is_changing_password())
    }

    /// What its server means for the job that makes it.
    pub(crate) fn progress(&self) -> Progress {
        match self {
            Self::Server(server) => match server.state() {
                ServerState::Starting => Progress::Waits,
                ServerState::Ready { .. } => Progress::Ready,
                ServerState::Failed(why) => {
                    Progress::Failed(format!("The simulated AWS could not start a database server: {why}"))
                }
            },
            Self::Elsewhere(_) | Self::Mute => Progress::Ready,
        }
    }

    /// Takes a real server out; the mute port stays.
    pub(crate) fn take_server(&mut self) -> Option<Server> {
        match std::mem::replace(self, Self::Mute) {
            Self::Server(server) => Some(server),
            Self::Elsewhere(_) | Self::Mute => None,
        }
    }
}
