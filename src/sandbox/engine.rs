//! What the databases of RDS and Aurora run, in RDS's words, and which real server stands for it.

use jiff::Timestamp;
use serde::Deserialize;

use crate::sandbox::sql;
use crate::words::kind::ResourceKind;

/// An engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Engine {
    /// PostgreSQL, Aurora PostgreSQL.
    #[default]
    #[serde(rename = "postgres")]
    Postgres,
    /// MySQL, Aurora MySQL. A MariaDB server answers for it.
    #[serde(rename = "mysql")]
    MySql,
    /// MariaDB.
    #[serde(rename = "mariadb")]
    MariaDb,
}

impl Engine {
    /// The engine of a resource that `sql` probes ask in this dialect.
    pub(crate) fn of_probe(word: &str, kind: ResourceKind) -> Option<Self> {
        match (word, kind) {
            ("postgres", _) => Some(Self::Postgres),
            ("mysql", ResourceKind::Aurora) => Some(Self::MySql),
            ("mysql", _) => Some(Self::MariaDb),
            _ => None,
        }
    }

    /// Whether resources of this kind run it.
    pub(crate) fn fits(self, kind: ResourceKind) -> bool {
        match kind {
            ResourceKind::Rds => true,
            ResourceKind::Aurora => self != Self::MariaDb,
            _ => false,
        }
    }

    /// RDS's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    /// The server program that stands for it.
    pub(crate) fn server(self) -> sql::Engine {
        match self {
            Self::Postgres => sql::Engine::Postgres,
            Self::MySql | Self::MariaDb => sql::Engine::MariaDb,
        }
    }

    /// Whether the version of that program is its own.
    pub(crate) fn is_its_server(self) -> bool {
        self != Self::MySql
    }

    /// The version of a resource of this kind, where nothing else says one.
    pub(crate) fn usual_version(self, kind: ResourceKind) -> &'static str {
        match (self, kind) {
            (Self::Postgres, _) => "16.6",
            (Self::MySql, ResourceKind::Aurora) => "8.0.mysql_aurora.3.08.0",
            (Self::MySql, _) => "8.0.40",
            (Self::MariaDb, _) => "10.11.10",
        }
    }

    /// The port that it listens on unless told otherwise.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql | Self::MariaDb => 3306,
        }
    }

    /// The master user that the RDS console proposes.
    pub(crate) fn usual_master(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql | Self::MariaDb => "admin",
        }
    }

    /// The longest password that its master user may have.
    pub(crate) fn longest_password(self) -> usize {
        match self {
            Self::Postgres => 128,
            Self::MySql | Self::MariaDb => 41,
        }
    }

    /// `LicenseModel`.
    pub(crate) fn license(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql-license",
            Self::MySql | Self::MariaDb => "general-public-license",
        }
    }

    /// The log that it exports to CloudWatch.
    pub(crate) fn log(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::MySql | Self::MariaDb => "error",
        }
    }

    /// `16`, `8.0`, `10.11`: what parameter and option groups are made for.
    pub(crate) fn major(self, version: &str) -> String {
        let parts = if self == Self::Postgres { 1 } else { 2 };
        version.split('.').take(parts).collect::<Vec<_>>().join(".")
    }

    /// `postgres16`, `mariadb10.11`: what a parameter group of this version belongs to.
    pub(crate) fn group_family(self, version: &str) -> String {
        format!("{}{}", self.word(), self.major(version))
    }

    /// `default:postgres-16`, `default:mariadb-10-11`: the default option group of a version.
    pub(crate) fn option_group(self, version: &str) -> String {
        format!("default:{}-{}", self.word(), self.major(version).replace('.', "-"))
    }

    /// A moment as a literal of its dialect, in UTC.
    pub(crate) fn moment(self, at: Timestamp) -> String {
        match self {
            Self::Postgres => format!("TIMESTAMPTZ '{at}'"),
            // Six digits are the most that a column of it can hold.
            Self::MySql | Self::MariaDb => format!("TIMESTAMP'{}'", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;
    use crate::words::kind::ResourceKind;

    #[test]
    fn groups_carry_the_major_version() {
        assert_eq!(Engine::Postgres.group_family("16.6"), "postgres16");
        assert_eq!(Engine::MariaDb.group_family("10.11.14"), "mariadb10.11");
        assert_eq!(Engine::MariaDb.option_group("10.11.14"), "default:mariadb-10-11");
        assert_eq!(Engine::Postgres.option_group("16.6"), "default:postgres-16");
    }

    #[test]
    fn a_probe_s_dialect_names_the_engine_that_its_kind_has() {
        assert_eq!(Engine::of_probe("mysql", ResourceKind::Rds), Some(Engine::MariaDb));
        assert_eq!(Engine::of_probe("mysql", ResourceKind::Aurora), Some(Engine::MySql));
        assert_eq!(Engine::of_probe("sqlserver", ResourceKind::Rds), None);
        assert!(!Engine::MariaDb.fits(ResourceKind::Aurora) && !Engine::Postgres.fits(ResourceKind::DynamoDb));
    }

    #[test]
    fn a_moment_is_in_utc_and_in_the_dialect() {
        let at = "2026-11-21T08:00:00.123456789Z".parse().unwrap();
        assert_eq!(Engine::MariaDb.moment(at), "TIMESTAMP'2026-11-21 08:00:00.123456'");
        assert_eq!(Engine::Postgres.moment(at), "TIMESTAMPTZ '2026-11-21T08:00:00.123456789Z'");
    }
}
