//! MariaDB. It answers for MySQL too: what drills ask of a restored database means the same to both.

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

/// MariaDB.
pub(super) struct MariaDb;

static WANTED: Wanted = Wanted {
    server: "mariadbd",
    maker: "mariadb-install-db",
    helper: Some("my_print_defaults"),
    beside: &["", "bin", "scripts"],
    places: &[
        ("/usr", "sbin", ""),
        ("/usr", "libexec", ""),
        ("/usr/local", "sbin", ""),
        ("/opt/homebrew/opt", "mariadb", "bin"),
        ("/usr/local/opt", "mariadb", "bin"),
        ("/usr/local", "mariadb", "bin"),
        ("/usr/local", "mysql", "bin"),
    ],
    asks_version: &["--no-defaults", "--version"],
    version: version_of,
    // `require_secure_transport` came with it.
    oldest: (10, 5),
    series_parts: 2,
};

#[async_trait]
impl Kind for MariaDb {
    fn name(&self) -> &'static str {
        "MariaDB"
    }

    fn word(&self) -> &'static str {
        "mariadb"
    }

    fn wanted(&self) -> &'static Wanted {
        &WANTED
    }

    fn how_to_install(&self) -> &'static str {
        "no MariaDB server (10.5 or later) is installed; install one with `DRILL_SETUP=mariadb scripts/setup.sh`, or with \
         `apt-get install mariadb-server-core mariadb-client-core` (Debian, Ubuntu), `dnf install mariadb-server` \
         (Fedora), `brew install mariadb` (macOS), or put its `mariadb-install-db` and `mariadbd` on the PATH"
    }

    fn making(&self, data: &Path) -> Vec<OsString> {
        let mut data_folder = OsString::from("--datadir=");
        data_folder.push(data);
        // A server that starts removes every temporary table that it finds, also another's in a folder they share.
        let mut own_folder = OsString::from("--tmpdir=");
        own_folder.push(data.parent().unwrap_or(data));
        let mut arguments = vec![
            OsString::from("--no-defaults"),
            data_folder,
            own_folder,
            // No account can log in over the network, nor without being this account of the system. A server's own
            // first file makes the administrator (`settings`).
            "--auth-root-authentication-method=socket".into(),
            format!("--auth-root-socket-user={ADMIN}").into(),
            "--skip-test-db".into(),
            // Does not ask the system to resolve its own name.
            "--force".into(),
        ];
        arguments.extend(settings::SIZES.iter().map(|(name, value)| OsString::from(format!("--{name}={value}"))));
        arguments
    }

    fn form(&self) -> u32 {
        1
    }

    fn settle(&self, place: &Place<'_>) -> io::Result<()> {
        settings::write(place)
    }

    fn arguments(&self, folder: &Path) -> Vec<OsString> {
        let mut settings_file = OsString::from("--defaults-file=");
        settings_file.push(folder.join(settings::FILE));
        vec![settings_file]
    }

    /// Its own shutdown takes a second. Killed, it leaves nothing but files.
    fn farewell(&self) -> &'static str {
        "KILL"
    }

    fn lost_its_port(&self, log: &str) -> bool {
        log.contains("Bind on TCP/IP port") || log.contains("Do you already have another server running on port")
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

/// The version in the answer to `mariadbd --version`, such as `mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for …`. The
/// server of MySQL, which some call by the same name, says no such thing.
fn version_of(answer: &str) -> Option<String> {
    let (before, _) = answer.split_once("-MariaDB")?;
    let version = before.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{MariaDb, version_of};
    use crate::sandbox::sql::engine::Kind;
    use std::path::Path;

    #[test]
    fn the_version_is_read_out_of_the_answer() {
        let said = "/usr/sbin/mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)\n";
        assert_eq!(version_of(said).as_deref(), Some("10.11.14"));
        assert_eq!(version_of("mariadbd from 12.0.2-MariaDB, client 15.2\n").as_deref(), Some("12.0.2"));
        assert_eq!(version_of("/usr/sbin/mysqld  Ver 8.0.40 for Linux on x86_64 (MySQL Community Server)\n"), None);
        assert_eq!(version_of("é-MariaDB"), None);
    }

    #[test]
    fn what_reads_no_defaults_says_so_first() {
        assert_eq!(MariaDb.making(Path::new("/tmp/x/data"))[0], "--no-defaults");
        assert_eq!(MariaDb.arguments(Path::new("/tmp/x"))[0], "--defaults-file=/tmp/x/my.cnf");
    }

    #[test]
    fn a_lost_port_is_told_from_other_ends() {
        assert!(
            MariaDb.lost_its_port("[ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address in use")
        );
        assert!(!MariaDb.lost_its_port("[ERROR] InnoDB: Cannot allocate memory"));
    }
}
