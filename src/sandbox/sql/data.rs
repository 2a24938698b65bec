//! What a server holds: a database, who may read it, and what was written to it until the recovery point.

use std::fmt;

use jiff::Timestamp;

/// The contents of one server.
#[derive(Clone)]
pub struct Data {
    /// The database's name.
    pub database: String,
    /// Users and their passwords. Each may connect to the database and read every table of it, and no more.
    pub users: Vec<(String, String)>,
    /// What was written, in any order; the server runs it by time, and what has the same time in the order given.
    pub writes: Vec<Write>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|(user, _)| user.as_str()).collect();
        f.debug_struct("Data")
            .field("database", &self.database)
            .field("users", &users)
            .field("writes", &self.writes.len())
            .finish()
    }
}

/// SQL that ran on the source at an instant: one statement, or several with `;` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// When it was committed, in the world's time.
    pub at: Timestamp,
    /// The SQL. It runs as the database's owner, who is no superuser.
    pub sql: String,
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn passwords_are_not_shown() {
        let users = vec![("probe".to_owned(), "hunter2".to_owned())];
        let data = Data { database: "shop".to_owned(), users, writes: vec![] };
        let shown = format!("{data:?}");
        assert!(shown.contains("probe") && !shown.contains("hunter2"), "{shown}");
    }
}
