//! What filling a server has in common, whatever its engine: how one comes in, in which order writes run, and what can
//! go wrong.
//!
//! Two accounts do it, over the socket, where no password is asked: the administrator makes users and the database;
//! the owner, who may do nothing outside the database, runs the writes. So a world file's SQL cannot read files or
//! start programs. Then the owner may not log in any more.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::sandbox::sql::data::Write;

/// The administrator, named like the one of RDS, so that no drill's own user has its name.
pub(super) const ADMIN: &str = "rdsadmin";

/// Who owns the database.
pub(super) const OWNER: &str = "drill_owner";

/// How long the socket may take to accept.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A server that could not be filled.
#[derive(Debug, thiserror::Error)]
pub(super) enum SeedFailed {
    #[error("cannot connect as `{user}` to the database `{database}`: {message}")]
    Connect { user: &'static str, database: String, message: String },
    #[error("cannot make users and database: {0}")]
    Found(String),
    #[error("write {number} of {total} (at {at}) fails: {message}")]
    Write { number: usize, total: usize, at: Timestamp, message: String },
    #[error("cannot change the password of the master user: {0}")]
    Password(String),
}

/// The way in: the folder with the socket, and the port, which a socket's name may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Door<'a> {
    pub(super) folder: &'a Path,
    pub(super) port: u16,
}

/// A password that nobody knows.
pub(super) fn unknown_password() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A write and its place in the order, from 1.
pub(super) type Numbered<'a> = (usize, &'a Write);

/// The writes by time; those of one instant in the order given.
pub(super) fn in_order(writes: &[Write]) -> Vec<Numbered<'_>> {
    let mut ordered: Vec<&Write> = writes.iter().collect();
    ordered.sort_by_key(|write| write.at);
    ordered.into_iter().enumerate().map(|(index, write)| (index + 1, write)).collect()
}

/// The failure of one of so many writes.
pub(super) fn failed_write((number, write): Numbered<'_>, total: usize, message: String) -> SeedFailed {
    SeedFailed::Write { number, total, at: write.at, message }
}

#[cfg(test)]
mod tests {
    use super::in_order;
    use crate::sandbox::sql::data::Write;
    use jiff::Timestamp;

    #[test]
    fn writes_run_by_time_and_those_of_one_instant_in_their_order() {
        let write = |second: i64, sql: &str| Write { at: Timestamp::from_second(second).unwrap(), sql: sql.to_owned() };
        let writes = [write(9, "c"), write(1, "a"), write(9, "d"), write(2, "b")];
        let ordered: Vec<(usize, &str)> =
            in_order(&writes).into_iter().map(|(number, write)| (number, write.sql.as_str())).collect();
        assert_eq!(ordered, [(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    }
}
