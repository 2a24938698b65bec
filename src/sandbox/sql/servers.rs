//! What all servers of one sandbox share, and what a machine may lack for it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sandbox::sql::account::Account;
use crate::sandbox::sql::authority::Authority;
use crate::sandbox::sql::binaries::Binaries;
use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::home::Home;
use crate::sandbox::sql::server::{Order, Server};

/// Why this machine cannot run PostgreSQL servers, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// No usable server programs.
    #[error(
        "no PostgreSQL server (12 or later) is installed; install one with `scripts/setup.sh`, or with \
         `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), \
         `brew install postgresql@17` (macOS), or put its `initdb` and `postgres` on the PATH"
    )]
    Programs,
    /// PostgreSQL does not run as root, and root has nobody to lend it to.
    #[error(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody`, or no `setpriv` to change \
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
    pub(super) binaries: Binaries,
    pub(super) account: Option<Account>,
    pub(super) cache: PathBuf,
    pub(super) authority: Authority,
    pub(super) home: Home,
    next: AtomicU64,
}

impl Servers {
    /// Looks for the server programs, removes what dead sandboxes left, and makes the certificate authority if the
    /// cache has none. Blocks, for some ten milliseconds; `initdb` runs later, at the first start.
    ///
    /// # Errors
    /// When something is missing; it says what, and how to get it.
    pub fn find(cache: &Path) -> Result<Self, Missing> {
        let binaries = Binaries::find().ok_or(Missing::Programs)?;
        let account = Account::needed().map_err(|_| Missing::Account)?;
        let unusable = |reason| Missing::Cache { folder: cache.to_owned(), reason };
        let cache = cache.join("postgres");
        fs::create_dir_all(&cache).map_err(unusable)?;
        let cache = fs::canonicalize(cache).map_err(unusable)?;
        let authority = Authority::open(&cache).map_err(unusable)?;
        let home = Home::open(account.as_ref()).map_err(Missing::Home)?;
        Ok(Self { ground: Arc::new(Ground { binaries, account, cache, authority, home, next: AtomicU64::new(0) }) })
    }

    /// The version of the servers, such as `17.2`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.ground.binaries.version()
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
    /// How to run one of the programs as the account that may: the program to start, and what stands before its own
    /// arguments.
    pub(super) fn as_account(&self, name: &str) -> (OsString, Vec<OsString>) {
        let program = self.binaries.program(name).into_os_string();
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

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        let text = Missing::Programs.to_string();
        for word in ["apt-get install", "dnf install", "brew install", "scripts/setup.sh"] {
            assert!(text.contains(word), "{text}");
        }
    }
}
