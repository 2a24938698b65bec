//! What differs between the three kinds of clusters.

use crate::sandbox::engine::Engine;
use crate::sandbox::spec::ResourceSpec;
use crate::words::kind::ResourceKind;

/// One of the three services.
#[derive(Debug)]
pub(crate) struct Family {
    /// AWS Backup's word.
    pub(crate) backup_type: &'static str,
    pub(crate) engine: &'static str,
    /// The engine's version; none where the source says it.
    version: Option<&'static str>,
    pub(crate) port: u16,
    /// How the default parameter group begins.
    group: &'static str,
    /// How many parts of the version name the default parameter group.
    group_parts: usize,
    /// Whether a real database server stands behind it, where the machine has the programs.
    pub(crate) serves: bool,
    /// Whether automated backups can outlive it.
    pub(crate) keeps_backups: bool,
    /// The longest master password; none where there are no users with passwords.
    pub(crate) longest_password: Option<usize>,
}

pub(super) static AURORA: Family = Family {
    backup_type: "Aurora",
    engine: "aurora-postgresql",
    version: None,
    port: 5432,
    group: "default.aurora-postgresql",
    group_parts: 1,
    serves: true,
    keeps_backups: true,
    longest_password: Some(128),
};

static AURORA_MYSQL: Family = Family {
    backup_type: "Aurora",
    engine: "aurora-mysql",
    version: None,
    port: 3306,
    group: "default.aurora-mysql",
    group_parts: 2,
    serves: true,
    keeps_backups: true,
    longest_password: Some(41),
};

pub(super) static DOCUMENT_DB: Family = Family {
    backup_type: "DocumentDB",
    engine: "docdb",
    version: Some("5.0.0"),
    port: 27_017,
    group: "default.docdb",
    group_parts: 2,
    serves: false,
    keeps_backups: false,
    longest_password: Some(100),
};

pub(super) static NEPTUNE: Family = Family {
    backup_type: "Neptune",
    engine: "neptune",
    version: Some("1.3.2.1"),
    port: 8_182,
    group: "default.neptune",
    group_parts: 2,
    serves: false,
    keeps_backups: false,
    longest_password: None,
};

/// What is special about a resource, if it is a cluster. Aurora is two: its engines share little but the name.
pub(crate) fn family(spec: &ResourceSpec) -> Option<&'static Family> {
    match spec.kind {
        ResourceKind::Aurora if spec.engine() == Engine::Postgres => Some(&AURORA),
        ResourceKind::Aurora => Some(&AURORA_MYSQL),
        ResourceKind::DocumentDb => Some(&DOCUMENT_DB),
        ResourceKind::Neptune => Some(&NEPTUNE),
        _ => None,
    }
}

impl Family {
    /// The version of a source's engine.
    pub(super) fn version(&self, spec: &ResourceSpec) -> String {
        self.version.map_or_else(|| spec.engine_version().to_owned(), str::to_owned)
    }

    /// `default.aurora-postgresql16`, `default.docdb5.0`: the default parameter group of a source's engine.
    pub(super) fn default_group(&self, spec: &ResourceSpec) -> String {
        let version = self.version(spec);
        let parts: Vec<&str> = version.split('.').take(self.group_parts).collect();
        format!("{}{}", self.group, parts.join("."))
    }

    /// `aurora-postgresql16`, `docdb5.0`: what a parameter group of the engine belongs to.
    pub(super) fn group_family(&self, spec: &ResourceSpec) -> String {
        let group = self.default_group(spec);
        group.strip_prefix("default.").map_or_else(|| group.clone(), str::to_owned)
    }

    /// A group of the source's that the destination does not have.
    pub(super) fn source_group(&self) -> String {
        format!("prod-{}", self.engine)
    }
}
