//! What is written into a server's folder before it starts: settings, who may connect, certificate.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::sandbox::sql::authority::{Issued, write_private};
use crate::sandbox::sql::home::{Folder, copy_tree};
use crate::sandbox::sql::seed::{ADMIN, OWNER};
use crate::sandbox::sql::servers::Ground;
use crate::sandbox::sql::template;

/// A folder from which a server can start, and the file that takes what it says.
pub(super) struct Prepared {
    pub(super) folder: Folder,
    pub(super) log: File,
}

/// Makes the folder of a server: a copy of the template, its own settings, its own certificate.
pub(super) fn prepare(ground: &Ground, folder: &Path, name: &str, port: u16) -> io::Result<Prepared> {
    let template = template::folder(ground)?;
    let issued = ground.authority.issue()?;
    let folder = Folder::make(folder.to_owned())?;
    let data = folder.path().join("data");
    copy_tree(&template, &data)?;
    write(&data, &issued, &settings(folder.path(), name, port))?;
    let log = OpenOptions::new().create_new(true).append(true).open(log_path(folder.path()))?;
    folder.give_to(ground.account.as_ref())?;
    Ok(Prepared { folder, log })
}

/// Where a server's own messages are.
pub(super) fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn write(data: &Path, issued: &Issued, settings: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(data.join("postgresql.conf"))?.write_all(settings.as_bytes())?;
    fs::write(data.join("pg_hba.conf"), who_may_connect())?;
    write_private(&data.join("server.crt"), issued.certificate.as_bytes())?;
    write_private(&data.join("server.key"), issued.key.as_bytes())
}

/// Settings that win over those of `initdb`, because they stand after them.
fn settings(folder: &Path, name: &str, port: u16) -> String {
    let socket_folder = folder.display();
    let shown: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(48).collect();
    format!(
        "
cluster_name = 'drill {shown}'
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket_folder}'
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
password_encryption = 'scram-sha-256'

# The data are a copy that nobody keeps: nothing needs to survive a crash, and it should be small and quick.
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
min_wal_size = '2MB'
max_wal_size = '32MB'
shared_buffers = '16MB'
max_connections = 20
max_logical_replication_workers = 0
max_parallel_workers_per_gather = 0
autovacuum = off
jit = off

# Times are the world's, in UTC. Statements are kept out of the log: they can hold passwords.
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
logging_collector = off
log_destination = 'stderr'
log_statement = 'none'
log_min_error_statement = 'panic'
"
    )
}

/// Whoever matches no line is refused, and so is a connection without TLS. The socket stands in a folder of the
/// account that runs the server, so that only this account and root come to the first line.
fn who_may_connect() -> String {
    format!(
        "\
local   all {ADMIN},{OWNER} trust
hostssl all {ADMIN},{OWNER} 127.0.0.1/32 reject
hostssl all all 127.0.0.1/32 scram-sha-256
"
    )
}

#[cfg(test)]
mod tests {
    use super::{settings, who_may_connect};
    use std::path::Path;

    #[test]
    fn a_name_cannot_add_a_setting() {
        let text = settings(Path::new("/tmp/x/0"), "orders'\nfsync = on #", 5_432);
        assert!(text.contains("cluster_name = 'drill ordersfsyncon'\n"), "{text}");
        assert!(text.contains("unix_socket_directories = '/tmp/x/0'"));
    }

    #[test]
    fn nobody_connects_over_tcp_without_tls() {
        let text = who_may_connect();
        assert!(text.lines().all(|line| line.starts_with("local ") || line.starts_with("hostssl ")), "{text}");
    }
}
