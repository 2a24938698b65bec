//! `sql`: ask a restored PostgreSQL database one question over verified TLS.
//!
//! `settings` is what a definition says; `tls` decides whom to trust; `session` connects, asks inside a transaction that
//! is read-only and always rolled back, and reads a bounded answer; `param` binds values; `value` turns columns into
//! JSON; `failure` turns what went wrong into a miss.
//!
//! Observed values are the columns of the *first* row. The fact `rows` says how many rows there were: with none, there
//! are no values; with several, the others are not looked at. One statement only: the extended protocol refuses more.

mod failure;
mod param;
mod session;
mod settings;
mod tls;
mod value;

use std::time::Duration;

use async_trait::async_trait;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, shown, typed};
use crate::probe::sql::settings::SqlSettings;
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// The kind.
pub struct Sql;

#[async_trait]
impl ProbeCalls for Sql {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Sql
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["query", "params", "password", "user", "database", "host", "port", "tls"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<SqlSettings>(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: SqlSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, session::attempt(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}
