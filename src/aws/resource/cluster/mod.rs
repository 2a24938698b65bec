//! Clusters of Aurora, DocumentDB and Neptune (facts 2.2): the same restore over three SDKs.
//!
//! A restore job makes a cluster without members: nothing can connect to it (facts 0.3). `finish` adds the members, and
//! teardown takes them off before the cluster. What differs between the three is a [`Family`] and one use of a macro in
//! `sdk`.
//!
//! | file | what it knows |
//! |---|---|
//! | `facts` | name, ARN, members, the commands for a person |
//! | `settings` | the keys of `with:` |
//! | `metadata` | what `StartRestoreJob` is sent |
//! | `readiness` | the phase of a cluster's and of a member's status |
//! | `api` | the requests that are needed, in words that belong to none of the SDKs |
//! | `sdk` | the same requests over each SDK |
//! | `observe` | what a look means |
//! | `calls` | which request follows from what was seen |
//! | `leftovers` | the lists in which `drill sweep` looks |
//! | `preflight` | what can be predicted before anything is started |
//!
//! Invariant: no request about a global cluster is ever sent. Who is a member of one is reported, and left alone.

pub(crate) mod facts;
pub(crate) mod metadata;
pub(crate) mod settings;

#[cfg(feature = "aws")]
mod api;
#[cfg(feature = "aws")]
pub(crate) mod calls;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod observe;
#[cfg(feature = "aws")]
mod preflight;
#[cfg(feature = "aws")]
mod readiness;
#[cfg(feature = "aws")]
mod sdk;

use crate::words::kind::ResourceKind;

/// What one of the three services says differently.
#[derive(Debug)]
pub(crate) struct Family {
    /// Which type.
    pub(crate) kind: ResourceKind,
    /// AWS Backup's word for it (facts 1.6).
    pub(crate) word: &'static str,
    /// What it is to a person, with its article.
    pub(crate) noun: &'static str,
    /// What the names of its engines begin with.
    pub(crate) engine: &'static str,
    /// `engine` is the name of its only engine.
    pub(crate) sole_engine: bool,
    /// Its word on the `aws` command line.
    pub(crate) command: &'static str,
    /// The service can keep automated backups of a deleted cluster.
    pub(crate) keeps_backups: bool,
    /// The least and the most capacity units that a serverless member can have.
    pub(crate) capacity: (f64, f64),
    /// The documentation of `port:`.
    pub(crate) port_doc: &'static str,
    /// The IAM actions that the calls need.
    pub(crate) permissions: &'static [&'static str],
}

impl Family {
    /// Whether an engine is one of its own. RDS lists the clusters of all three services to whoever asks.
    pub(crate) fn has(&self, engine: &str) -> bool {
        if self.sole_engine { engine == self.engine } else { engine.starts_with(self.engine) }
    }
}
