//! What all servers of one sandbox share, and what a machine may lack for it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sandbox::sql::account::Account;
use crate::sandbox::sql::authority::Authority;
use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::engine::Engine;
use crate::sandbox::sql::home::Home;
use crate::sandbox::sql::programs::Programs;
use crate::sandbox::sql::server::{Order, Server};

/// Why this machine cannot run database servers, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// No usable server programs of this engine. The others are not affected.
    #[error("{}", .0.kind().how_to_install())]
    Programs(Engine),
    /// The servers do not run as root, and root has nobody to lend them to.
    #[error(
        "database servers do not run as root, and there is no account `postgres` or `nobody`, or no `setpriv` to change \
         to it; run drill as an ordinary user, or install util-linux"
    )]
    Account,
    /// The cache folder cannot be used.
    #[error("the cache folder `{}` cannot be used: {reason}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// There is no place for a server's files and its socket.
    #[error("there is no folder for the servers' temporary files: {0}")]
    Home(io::Error),
}

/// Starts servers. Holds the folder in which they live; both end with the last [`Server`] after this is dropped.
#[derive(Debug, Clone)]
pub struct Servers {
    ground: Arc<Ground>,
}

/// What every server of a sandbox stands on.
#[derive(Debug)]
pub(super) struct Ground {
    programs: BTreeMap<Engine, Programs>,
    pub(super) account: Option<Account>,
    pub(super) cache: PathBuf,
    pub(super) authority: Authority,
    pub(super) home: Home,
    next: AtomicU64,
}

impl Servers {
    /// Looks for the server programs, removes what dead sandboxes left, and makes the certificate authority if the
    /// cache has none. Blocks, for some ten milliseconds; data folders are made later, at an engine's first start.
    ///
    /// # Errors
    /// When no server at all could run; it says what is missing, and how to get it. What one engine lacks is told by
    /// [`Servers::missing`].
    pub fn find(cache: &Path) -> Result<Self, Missing> {
        let account = Account::needed().map_err(|_| Missing::Account)?;
        let found = |engine: Engine| Some((engine, Programs::find(engine.kind().wanted())?));
        let programs = Engine::ALL.into_iter().filter_map(found).collect();
        let unusable = |reason| Missing::Cache { folder: cache.to_owned(), reason };
        let cache = cache.join("databases");
        fs::create_dir_all(&cache).map_err(unusable)?;
        let cache = fs::canonicalize(cache).map_err(unusable)?;
        let authority = Authority::open(&cache).map_err(unusable)?;
        let home = Home::open(account.as_ref()).map_err(Missing::Home)?;
        Ok(Self { ground: Arc::new(Ground { programs, account, cache, authority, home, next: AtomicU64::new(0) }) })
    }

    /// What this engine lacks here, if anything.
    #[must_use]
    pub fn missing(&self, engine: Engine) -> Option<Missing> {
        self.ground.programs(engine).err()
    }

    /// The version of an engine's servers, such as `17.2`.
    #[must_use]
    pub fn version(&self, engine: Engine) -> Option<&str> {
        self.ground.programs.get(&engine).map(Programs::version)
    }

    /// The PEM file with the authority that signs every server's certificate. The same for the life of the cache.
    #[must_use]
    pub fn ca_bundle(&self) -> &Path {
        self.ground.authority.bundle()
    }

    /// Starts a server and returns at once; [`Server::state`] tells how far it is. `name` is for people: the process
    /// list and messages.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn start(&self, name: &str, data: Data) -> Server {
        let number = self.ground.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.ground.home.place(&number.to_string());
        Server::begin(Arc::clone(&self.ground), Order { name: name.to_owned(), folder, data })
    }
}

impl Ground {
    /// The programs of an engine.
    pub(super) fn programs(&self, engine: Engine) -> Result<&Programs, Missing> {
        self.programs.get(&engine).ok_or(Missing::Programs(engine))
    }

    /// How to run a program as the account that may: the program to start, and what stands before its own arguments.
    pub(super) fn as_account(&self, program: &Path) -> (OsString, Vec<OsString>) {
        let program = program.as_os_str().to_owned();
        match &self.account {
            None => (program, Vec::new()),
            Some(account) => {
                let mut words = account.prefix();
                words.push(program);
                let first = words.remove(0);
                (first, words)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Missing;
    use crate::sandbox::sql::engine::Engine;

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        for (engine, name) in [(Engine::Postgres, "PostgreSQL"), (Engine::MariaDb, "MariaDB")] {
            let text = Missing::Programs(engine).to_string();
            for word in [name, "apt-get install", "dnf install", "brew install", "scripts/setup.sh"] {
                assert!(text.contains(word), "{text}");
            }
        }
    }
}
