//! What is written into a PostgreSQL server's folder before it starts: settings, and who may connect.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

use crate::sandbox::sql::engine::{CERTIFICATE, KEY, Place};
use crate::sandbox::sql::ldap::PREFIX;
use crate::sandbox::sql::seed::{ADMIN, OWNER};

/// The role of users who log in with tokens, named as on RDS.
pub(super) const TOKENS: &str = "rds_iam";

/// Writes both.
pub(super) fn write(place: &Place<'_>) -> io::Result<()> {
    let settings = settings(place);
    OpenOptions::new().append(true).open(place.data.join("postgresql.conf"))?.write_all(settings.as_bytes())?;
    fs::write(place.data.join("pg_hba.conf"), who_may_connect(place.tokens))
}

/// Settings that win over those of `initdb`, because they stand after them.
fn settings(place: &Place<'_>) -> String {
    let Place { folder, name, port, .. } = place;
    let socket_folder = folder.display();
    format!(
        "
cluster_name = 'drill {name}'
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket_folder}'
ssl = on
ssl_cert_file = '{CERTIFICATE}'
ssl_key_file = '{KEY}'
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
/// account that runs the server, so that only this account and root come to the first line. As on RDS, whoever has the
/// role [`TOKENS`] needs a token. A server that was built without LDAP starts only where nobody has it.
fn who_may_connect(tokens: Option<u16>) -> String {
    let by_token = tokens.map_or_else(String::new, |port| {
        format!(
            "hostssl all +{TOKENS} 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={port} ldapprefix=\"{PREFIX}\"\n"
        )
    });
    format!(
        "\
local   all {ADMIN},{OWNER} trust
hostssl all {ADMIN},{OWNER} 127.0.0.1/32 reject
{by_token}\
hostssl all all 127.0.0.1/32 scram-sha-256
"
    )
}

#[cfg(test)]
mod tests {
    use super::{settings, who_may_connect};
    use crate::sandbox::sql::engine::Place;
    use std::path::Path;

    #[test]
    fn the_server_is_where_it_is_looked_for() {
        let (folder, data) = (Path::new("/tmp/x/0"), Path::new("/tmp/x/0/data"));
        let text = settings(&Place { folder, data, name: "orders", port: 5_432, tokens: None });
        assert!(text.contains("cluster_name = 'drill orders'\n") && text.contains("port = 5432\n"), "{text}");
        assert!(text.contains("unix_socket_directories = '/tmp/x/0'"));
    }

    #[test]
    fn nobody_connects_over_tcp_without_tls() {
        for tokens in [None, Some(3_890)] {
            let text = who_may_connect(tokens);
            assert!(text.lines().all(|line| line.starts_with("local ") || line.starts_with("hostssl ")), "{text}");
            assert_eq!(text.contains("+rds_iam 127.0.0.1/32 ldap "), tokens.is_some(), "{text}");
        }
    }
}
