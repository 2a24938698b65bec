//! The engines, and what differs between them. The rest of this folder knows no engine by name.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use async_trait::async_trait;

use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::mariadb::MariaDb;
use crate::sandbox::sql::postgres::Postgres;
use crate::sandbox::sql::programs::Wanted;
use crate::sandbox::sql::seed::{Door, SeedFailed};
use crate::words::secret::Secret;

/// Which server program a database runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB. It stands for MySQL as well.
    MariaDb,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Postgres, Self::MariaDb];

    /// What is its own.
    pub(super) fn kind(self) -> &'static dyn Kind {
        match self {
            Self::Postgres => &Postgres,
            Self::MariaDb => &MariaDb,
        }
    }
}

/// What differs by engine.
#[async_trait]
pub(super) trait Kind: Send + Sync {
    /// Its name for people, such as `PostgreSQL`.
    fn name(&self) -> &'static str;

    /// Its name in files and process lists, such as `postgres`.
    fn word(&self) -> &'static str;

    /// Which programs it needs, and where they may be.
    fn wanted(&self) -> &'static Wanted;

    /// What to install where there are none.
    fn how_to_install(&self) -> &'static str;

    /// The arguments with which its maker makes the data folder that every server starts from as a copy.
    fn making(&self, data: &Path) -> Vec<OsString>;

    /// Changes when [`Kind::making`] does, so that no old folder is copied.
    fn form(&self) -> u32;

    /// Whether it can ask somebody whether a token of IAM is good ([`Place::tokens`]).
    fn takes_tokens(&self) -> bool {
        false
    }

    /// Writes what a server reads when it starts. The data folder is copied, and certificate and key stand in it.
    fn settle(&self, place: &Place<'_>) -> io::Result<()>;

    /// The arguments of the server program. `folder` is the server's own.
    fn arguments(&self, folder: &Path) -> Vec<OsString>;

    /// The signal that ends the server at once: nothing that it holds is worth a slower end.
    fn farewell(&self) -> &'static str;

    /// Whether a server that ended says that another process has its port.
    fn lost_its_port(&self, log: &str) -> bool;

    /// Whether the server answers at its door.
    async fn answers(&self, door: Door<'_>) -> bool;

    /// Makes the server hold what `data` says. The caller bounds the time.
    async fn fill(&self, door: Door<'_>, data: &Data) -> Result<(), SeedFailed>;

    /// Gives a user that is there another password. The caller bounds the time.
    async fn set_password(&self, door: Door<'_>, user: &str, password: &Secret) -> Result<(), SeedFailed>;
}

/// A server's folder before its first start. The paths need no quoting in settings (`home`).
pub(super) struct Place<'a> {
    /// For the socket, and whatever is no data.
    pub(super) folder: &'a Path,
    /// The data, with [`CERTIFICATE`] and [`KEY`].
    pub(super) data: &'a Path,
    /// What the server is called; letters, digits and hyphens.
    pub(super) name: &'a str,
    /// On 127.0.0.1.
    pub(super) port: u16,
    /// Where on 127.0.0.1 it may ask about tokens, over LDAP, if some of its users have them.
    pub(super) tokens: Option<u16>,
}

/// The server's certificate, in its data folder.
pub(super) const CERTIFICATE: &str = "server.crt";

/// The key of that.
pub(super) const KEY: &str = "server.key";
