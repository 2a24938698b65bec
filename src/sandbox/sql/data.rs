//! What a server holds: a database, who may read it, and what was written to it until the recovery point.

use std::fmt;

use jiff::Timestamp;

use crate::sandbox::sql::engine::Engine;

/// The contents of one server.
#[derive(Clone)]
pub struct Data {
    /// The server that holds it.
    pub engine: Engine,
    /// The database's name.
    pub database: String,
    /// Users and their passwords. Each may connect to the database and read every table of it, and no more.
    pub users: Vec<(String, String)>,
    /// A user who owns the database. One who is not among the users has a password that nobody knows, until
    /// [`Server::set_master_password`](crate::sandbox::sql::Server::set_master_password).
    pub master: Option<String>,
    /// Users who log in with a token of IAM and not with a password; for the rest they are as the others. MariaDB lets
    /// none of them in.
    pub token_users: Vec<String>,
    /// What was written, in any order; the server runs it by time, and what has the same time in the order given.
    pub writes: Vec<Write>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|(user, _)| user.as_str()).collect();
        f.debug_struct("Data")
            .field("engine", &self.engine)
            .field("database", &self.database)
            .field("users", &users)
            .field("master", &self.master)
            .field("token_users", &self.token_users)
            .field("writes", &self.writes.len())
            .finish()
    }
}

/// SQL that ran on the source at an instant: one statement, or several with `;` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// When it was committed, in the world's time.
    pub at: Timestamp,
    /// The SQL, in the engine's dialect. It runs as the database's owner, who has no rights outside it.
    pub sql: String,
}

#[cfg(test)]
mod tests {
    use super::Data;
    use crate::sandbox::sql::engine::Engine;

    #[test]
    fn passwords_are_not_shown() {
        let users = vec![("probe".to_owned(), "hunter2".to_owned())];
        let database = "shop".to_owned();
        let data =
            Data { engine: Engine::Postgres, database, users, master: None, token_users: vec![], writes: vec![] };
        let shown = format!("{data:?}");
        assert!(shown.contains("probe") && !shown.contains("hunter2"), "{shown}");
    }
}
