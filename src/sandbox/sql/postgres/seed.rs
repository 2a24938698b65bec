//! Fills a PostgreSQL server that has just started: users, database, rights, and what was written.

use std::collections::BTreeMap;
use std::error::Error as _;

use tokio_postgres::{Client, Config, NoTls};

use crate::sandbox::sql::data::{Data, Write};
use crate::sandbox::sql::postgres::settings::TOKENS;
use crate::sandbox::sql::seed::{
    ADMIN, CONNECT_LIMIT, Door, Numbered, OWNER, SeedFailed, failed_write, in_order, unknown_password,
};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The database that `initdb` makes.
const FIRST_DATABASE: &str = "postgres";

/// How much SQL is sent at once.
const BATCH_BYTES: usize = 256 * 1_024;

/// Connects over the socket. The connection ends when the client is dropped.
async fn enter(door: Door<'_>, user: &'static str, database: &str) -> Result<Client, SeedFailed> {
    let mut config = Config::new();
    config
        .host_path(door.folder)
        .port(door.port)
        .user(user)
        .dbname(database)
        .application_name("drill")
        .connect_timeout(CONNECT_LIMIT);
    let (client, connection) = config.connect(NoTls).await.map_err(|error| SeedFailed::Connect {
        user,
        database: tame(database),
        message: told(&error),
    })?;
    tokio::spawn(connection);
    Ok(client)
}

/// Whether the server answers.
pub(super) async fn answers(door: Door<'_>) -> bool {
    match enter(door, ADMIN, FIRST_DATABASE).await {
        Ok(client) => client.batch_execute("SELECT 1").await.is_ok(),
        Err(_) => false,
    }
}

/// Makes the server hold what `data` says.
pub(super) async fn fill(door: Door<'_>, data: &Data) -> Result<(), SeedFailed> {
    let mut users: BTreeMap<&str, &str> =
        data.users.iter().map(|(user, password)| (user.as_str(), password.as_str())).collect();
    let unknown = unknown_password();
    users.extend(data.token_users.iter().map(|user| (user.as_str(), unknown.as_str())));
    let admin = enter(door, ADMIN, FIRST_DATABASE).await?;
    run_each(&admin, &founding(&data.database, &users, data.master.as_deref())).await?;
    run_each(&admin, &admitting(&data.token_users)).await?;
    let inside = enter(door, ADMIN, &data.database).await?;
    run_each(&inside, &opening()).await?;
    let owner = enter(door, OWNER, &data.database).await?;
    run_each(&owner, &granting(&users)).await?;
    write_all(&owner, &data.writes).await?;
    run_each(&admin, &[format!("ALTER ROLE {} NOLOGIN", name(OWNER))]).await
}

/// Gives a user another password.
pub(super) async fn set_password(door: Door<'_>, user: &str, password: &Secret) -> Result<(), SeedFailed> {
    let admin = enter(door, ADMIN, FIRST_DATABASE).await?;
    let statement = format!("ALTER ROLE {} PASSWORD {}", name(user), literal(password.expose()));
    admin.batch_execute(&statement).await.map_err(|error| SeedFailed::Password(password.redact(&told(&error))))
}

/// One statement a request: `CREATE DATABASE` does not run together with others.
async fn run_each(client: &Client, statements: &[String]) -> Result<(), SeedFailed> {
    for statement in statements {
        client.batch_execute(statement).await.map_err(|error| SeedFailed::Found(told(&error)))?;
    }
    Ok(())
}

fn founding(database: &str, users: &BTreeMap<&str, &str>, master: Option<&str>) -> Vec<String> {
    let (owner, shop) = (name(OWNER), name(database));
    let role = |user: &str, password: &str| format!("CREATE ROLE {} LOGIN PASSWORD {}", name(user), literal(password));
    let mut statements = vec![format!("CREATE ROLE {owner} LOGIN")];
    statements.extend(users.iter().map(|(user, password)| role(user, password)));
    if database == FIRST_DATABASE {
        statements.push(format!("ALTER DATABASE {shop} OWNER TO {owner}"));
    } else {
        statements.push(format!("CREATE DATABASE {shop} OWNER {owner}"));
    }
    statements.push(format!("REVOKE ALL ON DATABASE {shop} FROM PUBLIC"));
    statements.extend(users.keys().map(|user| format!("GRANT CONNECT ON DATABASE {shop} TO {}", name(user))));
    if let Some(master) = master {
        if !users.contains_key(master) {
            statements.push(role(master, &unknown_password()));
        }
        // It owns what the owner owns, and like the one of RDS it is no superuser.
        statements.push(format!("GRANT {owner} TO {}", name(master)));
    }
    statements
}

/// Lets users in with tokens, as `GRANT rds_iam` does on RDS.
fn admitting(token_users: &[String]) -> Vec<String> {
    if token_users.is_empty() {
        return Vec::new();
    }
    let grants = token_users.iter().map(|user| format!("GRANT {TOKENS} TO {}", name(user)));
    std::iter::once(format!("CREATE ROLE {TOKENS}")).chain(grants).collect()
}

/// The schema `public` belongs to nobody of ours before PostgreSQL 15.
fn opening() -> Vec<String> {
    vec![
        format!("GRANT ALL ON SCHEMA public TO {}", name(OWNER)),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
    ]
}

/// Before the writes, so that it covers every table and schema that they make.
fn granting(users: &BTreeMap<&str, &str>) -> Vec<String> {
    users
        .keys()
        .flat_map(|user| {
            let user = name(user);
            [
                format!("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {user}"),
                format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {user}"),
                format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO {user}"),
            ]
        })
        .collect()
}

/// Runs the writes by time. Several go in one request, which is one transaction: if it fails, none of them happened,
/// and they run one by one to find which it is.
async fn write_all(owner: &Client, writes: &[Write]) -> Result<(), SeedFailed> {
    for batch in batches(writes) {
        if batch.len() > 1 && owner.batch_execute(&joined(&batch)).await.is_ok() {
            continue;
        }
        for numbered in batch {
            let written = owner.batch_execute(&numbered.1.sql).await;
            written.map_err(|error| failed_write(numbered, writes.len(), told(&error)))?;
        }
    }
    Ok(())
}

/// The writes by time, in groups that may run as one transaction.
fn batches(writes: &[Write]) -> Vec<Vec<Numbered<'_>>> {
    let mut batches: Vec<Vec<Numbered<'_>>> = Vec::new();
    // What still fits into the last batch, in bytes; nothing may join it if this is `None`.
    let mut room: Option<usize> = None;
    for numbered in in_order(writes) {
        let (_, write) = numbered;
        let alone = stands_alone(&write.sql);
        match (room.and_then(|left| left.checked_sub(write.sql.len())), batches.last_mut()) {
            (Some(left), Some(last)) if !alone => {
                last.push(numbered);
                room = Some(left);
            }
            _ => {
                batches.push(vec![numbered]);
                room = (!alone).then(|| BATCH_BYTES.saturating_sub(write.sql.len()));
            }
        }
    }
    batches
}

/// Each on its own line, with its own end, so that a comment at the end of one does not reach into the next.
fn joined(batch: &[Numbered<'_>]) -> String {
    batch.iter().map(|(_, write)| format!("{}\n;\n", write.sql)).collect()
}

/// Whether SQL may control transactions, or cannot run inside one, or changes the session for what follows. Words
/// inside a text or a function count too: such a write just goes by itself.
fn stands_alone(sql: &str) -> bool {
    const WORDS: [&str; 12] = [
        "begin",
        "commit",
        "rollback",
        "abort",
        "end",
        "transaction",
        "savepoint",
        "vacuum",
        "concurrently",
        "set",
        "system",
        "prepare",
    ];
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// A name in SQL, quoted.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text in SQL, quoted, whatever the server's setting for backslashes.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// What the server says, without its details: those can quote data.
fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(refusal), _) => tame(refusal.message()),
        (None, Some(cause)) => tame(&format!("{error}: {cause}")),
        (None, None) => tame(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_BYTES, batches, founding, joined, literal, name, stands_alone};
    use crate::sandbox::sql::data::Write;
    use jiff::Timestamp;
    use std::collections::BTreeMap;

    fn write(second: i64, sql: &str) -> Write {
        Write { at: Timestamp::from_second(second).unwrap(), sql: sql.to_owned() }
    }

    #[test]
    fn what_cannot_share_a_transaction_runs_alone_and_batches_are_bounded() {
        let big = "x".repeat(BATCH_BYTES / 2 + 1);
        let writes =
            [write(1, "a"), write(2, "b"), write(3, "VACUUM orders"), write(4, "c"), write(5, &big), write(6, &big)];
        let sizes: Vec<usize> = batches(&writes).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 2, 1]);
        assert!(stands_alone("Begin; INSERT") && !stands_alone("INSERT INTO weekends VALUES (1)"));
    }

    #[test]
    fn a_comment_at_the_end_stays_in_its_write() {
        let writes = [write(1, "SELECT 1 -- one"), write(2, "SELECT 2;")];
        assert_eq!(joined(&batches(&writes).remove(0)), "SELECT 1 -- one\n;\nSELECT 2;\n;\n");
    }

    #[test]
    fn names_and_passwords_cannot_leave_their_quotes() {
        assert_eq!(name("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }

    #[test]
    fn only_the_users_may_connect() {
        let statements = founding("shop", &BTreeMap::from([("probe", "pw")]), None);
        assert!(statements.contains(&"CREATE DATABASE \"shop\" OWNER \"drill_owner\"".to_owned()));
        assert!(statements.contains(&"REVOKE ALL ON DATABASE \"shop\" FROM PUBLIC".to_owned()));
        assert!(statements.contains(&"GRANT CONNECT ON DATABASE \"shop\" TO \"probe\"".to_owned()));
        assert!(founding("postgres", &BTreeMap::new(), None).iter().any(|s| s.starts_with("ALTER DATABASE")));
    }

    #[test]
    fn a_master_user_owns_what_the_owner_owns_and_is_made_once() {
        let made = |users: &BTreeMap<&str, &str>| {
            let all = founding("shop", users, Some("chief"));
            let roles = all.iter().filter(|one| one.starts_with("CREATE ROLE \"chief\" LOGIN PASSWORD '")).count();
            (roles, all.contains(&"GRANT \"drill_owner\" TO \"chief\"".to_owned()))
        };
        assert_eq!(made(&BTreeMap::new()), (1, true));
        assert_eq!(made(&BTreeMap::from([("chief", "pw")])), (1, true));
    }
}
