//! PostgreSQL.

mod seed;
mod settings;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use async_trait::async_trait;

use crate::sandbox::sql::data::Data;
use crate::sandbox::sql::engine::{Kind, Place};
use crate::sandbox::sql::programs::Wanted;
use crate::sandbox::sql::seed::{ADMIN, Door, SeedFailed};
use crate::words::secret::Secret;

/// PostgreSQL.
pub(super) struct Postgres;

static WANTED: Wanted = Wanted {
    server: "postgres",
    maker: "initdb",
    helper: None,
    beside: &[""],
    places: &[
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", "."),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/usr/local", "pgsql", "bin"),
        ("/Library/PostgreSQL", "", "bin"),
    ],
    asks_version: &["--version"],
    version: version_of,
    oldest: (12, 0),
    series_parts: 1,
};

#[async_trait]
impl Kind for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn word(&self) -> &'static str {
        "postgres"
    }

    fn wanted(&self) -> &'static Wanted {
        &WANTED
    }

    fn how_to_install(&self) -> &'static str {
        "no PostgreSQL server (12 or later) is installed; install one with `scripts/setup.sh`, or with `apt-get install \
         postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), `brew install postgresql@17` (macOS), \
         or put its `initdb` and `postgres` on the PATH"
    }

    fn making(&self, data: &Path) -> Vec<OsString> {
        vec![
            "-D".into(),
            data.into(),
            format!("--username={ADMIN}").into(),
            "--encoding=UTF8".into(),
            "--no-locale".into(),
            // One-megabyte segments: a data folder of 28 MB and not 44, copied for every server.
            "--wal-segsize=1".into(),
            "--no-sync".into(),
            // Replaced before any server starts; stated so that initdb does not warn.
            "--auth-local=trust".into(),
            "--auth-host=reject".into(),
        ]
    }

    fn form(&self) -> u32 {
        1
    }

    fn takes_tokens(&self) -> bool {
        true
    }

    fn settle(&self, place: &Place<'_>) -> io::Result<()> {
        settings::write(place)
    }

    fn arguments(&self, folder: &Path) -> Vec<OsString> {
        vec!["-D".into(), folder.join("data").into()]
    }

    /// An immediate shutdown. A killed server would leave its shared memory behind.
    fn farewell(&self) -> &'static str {
        "QUIT"
    }

    fn lost_its_port(&self, log: &str) -> bool {
        log.contains("could not bind") || log.contains("could not create any TCP/IP sockets")
    }

    async fn answers(&self, door: Door<'_>) -> bool {
        seed::answers(door).await
    }

    async fn fill(&self, door: Door<'_>, data: &Data) -> Result<(), SeedFailed> {
        seed::fill(door, data).await
    }

    async fn set_password(&self, door: Door<'_>, user: &str, password: &Secret) -> Result<(), SeedFailed> {
        seed::set_password(door, user, password).await
    }
}

/// The version in the answer to `postgres --version`, such as `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`.
fn version_of(answer: &str) -> Option<String> {
    let (_, version) = answer.split_once("(PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version.get(..end).map(|version| version.trim_end_matches('.').to_owned()).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Postgres, version_of};
    use crate::sandbox::sql::engine::Kind;

    #[test]
    fn the_version_is_read_out_of_the_answer() {
        let version = |answer: &str| version_of(answer);
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n").as_deref(), Some("19"));
        assert_eq!(version("postgres (PostgreSQL) devel\n"), None);
        assert_eq!(version("something else 15"), None);
    }

    #[test]
    fn a_lost_port_is_told_from_other_ends() {
        assert!(Postgres.lost_its_port("FATAL:  could not create any TCP/IP sockets"));
        assert!(!Postgres.lost_its_port("FATAL:  out of memory"));
    }
}
