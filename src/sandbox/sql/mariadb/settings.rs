//! What is written into a MariaDB server's folder before it starts: settings, and the administrator.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sandbox::sql::authority::write_private;
use crate::sandbox::sql::engine::{CERTIFICATE, KEY, Place};
use crate::sandbox::sql::home::make_folder;
use crate::sandbox::sql::seed::ADMIN;

/// The settings' file, in the server's folder.
pub(super) const FILE: &str = "my.cnf";

/// What the server runs before it takes its first connection.
const FIRST: &str = "first.sql";

/// Sizes that the template and every copy of it must agree on, as small as they can be: 19 MB and not 140.
pub(super) const SIZES: &[(&str, &str)] = &[
    ("innodb-data-file-path", "ibdata1:4M:autoextend"),
    ("innodb-autoextend-increment", "1"),
    ("innodb-log-file-size", "4M"),
    ("innodb-undo-tablespaces", "0"),
];

/// Writes both.
pub(super) fn write(place: &Place<'_>) -> io::Result<()> {
    make_folder(&place.folder.join("tmp"), 0o700)?;
    fs::write(place.folder.join(FIRST), first())?;
    write_private(&place.folder.join(FILE), settings(place).as_bytes())
}

/// The socket in a server's folder.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.MARIADB")
}

/// Nobody but the administrator, who has no password and comes through the socket alone: with `skip_name_resolve` no
/// connection from the network is one from `localhost`. The socket stands in a folder of the account that runs the
/// server, so that only this account and root reach it.
fn first() -> String {
    format!(
        "CREATE OR REPLACE USER {ADMIN}@localhost;\n\
         GRANT ALL PRIVILEGES ON *.* TO {ADMIN}@localhost WITH GRANT OPTION;\n\
         DROP USER IF EXISTS root@localhost;\n"
    )
}

fn settings(place: &Place<'_>) -> String {
    let Place { folder, data, name, port, .. } = place;
    let (socket, folder, data) = (socket(folder), folder.display(), data.display());
    let socket = socket.display();
    let sizes: String = SIZES.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!(
        "\
# drill {name}
[mariadbd]
datadir = {data}
tmpdir = {folder}/tmp
pid_file = {data}/server.pid
init_file = {folder}/{FIRST}
socket = {socket}
bind_address = 127.0.0.1
port = {port}
skip_name_resolve = ON
require_secure_transport = ON
ssl_cert = {data}/{CERTIFICATE}
ssl_key = {data}/{KEY}

# SQL reads and writes no files.
local_infile = OFF
secure_file_priv = {folder}/tmp
symbolic_links = OFF

# The data are a copy that nobody keeps: nothing needs to survive a crash, and it should be small and quick.
{sizes}\
skip_log_bin
innodb_temp_data_file_path = ibtmp1:2M:autoextend
innodb_doublewrite = OFF
innodb_flush_log_at_trx_commit = 0
loose_innodb_flush_method = nosync
innodb_buffer_pool_size = 16M
innodb_log_buffer_size = 2M
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_buffer_pool_load_at_startup = OFF
key_buffer_size = 1M
aria_pagecache_buffer_size = 2M
table_open_cache = 200
thread_cache_size = 4
max_connections = 20
performance_schema = OFF
event_scheduler = OFF

# Times are the world's, in UTC. Statements are kept out of the log: they can hold passwords.
default_time_zone = '+00:00'
character_set_server = utf8mb4
collation_server = utf8mb4_general_ci
general_log = OFF
slow_query_log = OFF
log_warnings = 1
"
    )
}

#[cfg(test)]
mod tests {
    use super::{first, settings, socket};
    use crate::sandbox::sql::engine::Place;
    use std::path::Path;

    #[test]
    fn the_server_is_on_loopback_with_tls_alone() {
        let (folder, data) = (Path::new("/tmp/x/0"), Path::new("/tmp/x/0/data"));
        let text = settings(&Place { folder, data, name: "orders", port: 3_306, tokens: None });
        let lines: Vec<&str> = text.lines().collect();
        for line in
            ["bind_address = 127.0.0.1", "require_secure_transport = ON", "port = 3306", "innodb-log-file-size = 4M"]
        {
            assert!(lines.contains(&line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn nobody_but_the_administrator_is_there_at_first() {
        assert!(first().lines().all(|line| line.contains("@localhost")), "{}", first());
    }

    #[test]
    fn the_socket_fits_into_its_address() {
        // The longest folder for temporary files, and what `home` adds.
        let folder = format!("/{}", "x".repeat(56 + 32 - 1));
        assert!(socket(Path::new(&folder)).as_os_str().len() <= 103);
    }
}
