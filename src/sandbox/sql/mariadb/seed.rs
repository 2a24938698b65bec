//! Fills a MariaDB server that has just started: users, database, rights, and what was written.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

use crate::sandbox::sql::data::{Data, Write};
use crate::sandbox::sql::mariadb::settings::socket;
use crate::sandbox::sql::seed::{
    ADMIN, CONNECT_LIMIT, Door, OWNER, SeedFailed, failed_write, in_order, unknown_password,
};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The server's own databases. Whoever may write to them may do everything.
const ITS_OWN: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Connects over the socket.
async fn enter(door: Door<'_>, user: &'static str, database: Option<&str>) -> Result<Conn, SeedFailed> {
    let failed = |message: String| SeedFailed::Connect {
        user,
        database: database.map_or_else(|| "none".to_owned(), tame),
        message,
    };
    let options = OptsBuilder::default()
        .socket(Some(socket(door.folder).display().to_string()))
        .user(Some(user))
        .db_name(database);
    match tokio::time::timeout(CONNECT_LIMIT, Conn::new(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(failed(told(&error))),
        Err(_) => Err(failed(format!("no answer within {} s", CONNECT_LIMIT.as_secs()))),
    }
}

/// Ends a connection in peace. What it was for has happened: a connection that is gone already is no failure.
async fn leave(connection: Conn) {
    let _ = connection.disconnect().await;
}

/// Whether the server answers.
pub(super) async fn answers(door: Door<'_>) -> bool {
    let Ok(mut admin) = enter(door, ADMIN, None).await else { return false };
    let answers = admin.query_drop("SELECT 1").await.is_ok();
    leave(admin).await;
    answers
}

/// Makes the server hold what `data` says.
pub(super) async fn fill(door: Door<'_>, data: &Data) -> Result<(), SeedFailed> {
    if ITS_OWN.iter().any(|own| own.eq_ignore_ascii_case(&data.database)) {
        return Err(SeedFailed::Found(format!("`{}` is the server's own; name another one", tame(&data.database))));
    }
    let mut users: BTreeMap<&str, &str> =
        data.users.iter().map(|(user, password)| (user.as_str(), password.as_str())).collect();
    let unknown = unknown_password();
    users.extend(data.token_users.iter().map(|user| (user.as_str(), unknown.as_str())));
    let mut admin = enter(door, ADMIN, None).await?;
    run_each(&mut admin, &founding(&data.database, &users, data.master.as_deref())).await?;
    let mut owner = enter(door, OWNER, Some(&data.database)).await?;
    write_all(&mut owner, &data.writes).await?;
    leave(owner).await;
    run_each(&mut admin, &[format!("ALTER USER {}@localhost ACCOUNT LOCK", name(OWNER))]).await?;
    leave(admin).await;
    Ok(())
}

/// Gives a user another password.
pub(super) async fn set_password(door: Door<'_>, user: &str, password: &Secret) -> Result<(), SeedFailed> {
    let mut admin = enter(door, ADMIN, None).await?;
    let statement = format!("ALTER USER {} IDENTIFIED BY {}", anywhere(user), literal(password.expose()));
    let changed = admin.query_drop(statement.as_str()).await;
    leave(admin).await;
    changed.map_err(|error| SeedFailed::Password(password.redact(&told(&error))))
}

async fn run_each(connection: &mut Conn, statements: &[String]) -> Result<(), SeedFailed> {
    for statement in statements {
        connection.query_drop(statement.as_str()).await.map_err(|error| SeedFailed::Found(told(&error)))?;
    }
    Ok(())
}

/// The owner has every right inside the database and none outside: no right to files among them.
fn founding(database: &str, users: &BTreeMap<&str, &str>, master: Option<&str>) -> Vec<String> {
    let all_of_it = pattern(database);
    let user =
        |user: &str, password: &str| format!("CREATE USER {} IDENTIFIED BY {}", anywhere(user), literal(password));
    let mut statements = vec![
        format!("CREATE DATABASE {} CHARACTER SET utf8mb4", name(database)),
        format!("CREATE USER {}@localhost", name(OWNER)),
        format!("GRANT ALL PRIVILEGES ON {all_of_it} TO {}@localhost", name(OWNER)),
    ];
    for (reader, password) in users {
        statements.push(user(reader, password));
        statements.push(format!("GRANT SELECT, SHOW VIEW ON {all_of_it} TO {}", anywhere(reader)));
    }
    if let Some(master) = master {
        if !users.contains_key(master) {
            statements.push(user(master, &unknown_password()));
        }
        statements.push(format!("GRANT ALL PRIVILEGES ON {all_of_it} TO {} WITH GRANT OPTION", anywhere(master)));
    }
    statements
}

/// Runs the writes by time, one by one: 2,000 take 0.2 s.
async fn write_all(owner: &mut Conn, writes: &[Write]) -> Result<(), SeedFailed> {
    for numbered in in_order(writes) {
        let written = owner.query_drop(numbered.1.sql.as_str()).await;
        written.map_err(|error| failed_write(numbered, writes.len(), told(&error)))?;
    }
    Ok(())
}

/// A name in SQL, quoted.
fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// Everything in a database, as `GRANT` wants it: `_` and `%` would stand for other characters.
fn pattern(database: &str) -> String {
    let plain = database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
    format!("{}.*", name(&plain))
}

/// A user who may come from every host.
fn anywhere(user: &str) -> String {
    format!("{}@`%`", name(user))
}

/// A text in SQL, quoted.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// What the server says.
fn told(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Server(refusal) => tame(&refusal.message),
        other => tame(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{founding, literal, name, pattern};
    use std::collections::BTreeMap;

    #[test]
    fn names_and_passwords_cannot_leave_their_quotes() {
        assert_eq!(name("a`; DROP"), "`a``; DROP`");
        assert_eq!(literal("it's \\ '"), "'it''s \\\\ '''");
        assert_eq!(pattern("a_b%"), "`a\\_b\\%`.*");
    }

    #[test]
    fn users_read_one_database_and_the_master_owns_it() {
        let statements = founding("shop", &BTreeMap::from([("probe", "pw")]), Some("chief"));
        assert!(statements.contains(&"CREATE USER `probe`@`%` IDENTIFIED BY 'pw'".to_owned()));
        assert!(statements.contains(&"GRANT SELECT, SHOW VIEW ON `shop`.* TO `probe`@`%`".to_owned()));
        assert!(statements.iter().any(|one| one.starts_with("CREATE USER `chief`@`%` IDENTIFIED BY '")));
        assert!(statements.contains(&"GRANT ALL PRIVILEGES ON `shop`.* TO `chief`@`%` WITH GRANT OPTION".to_owned()));
        let known = founding("shop", &BTreeMap::from([("chief", "pw")]), Some("chief"));
        assert_eq!(known.iter().filter(|one| one.starts_with("CREATE USER `chief`")).count(), 1);
    }
}
