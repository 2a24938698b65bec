//! Resources of `type: other`: their calls are what the definition says, made with the probe kinds that can do something.
//!
//! `gone` decides alone whether the thing exists; `ready` whether it is usable; `teardown` removes it. Each is told the
//! expected name as `DRILL_NAME` (for a command) and through `${{ on.identifier }}` and `${{ on.arn }}`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Phase, Removal, ResourceCalls, Settings, Subject};
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Miss, kind};
use crate::run::services::Services;
use crate::run::target::bare;
use crate::words::kind::{CheckId, ProbeKind};
use crate::words::reference::{Reference, RestoreOutput, references_in};

/// One question's longest time. Real time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The calls of `type: other`.
pub(crate) struct OtherCalls {
    target: Target,
}

impl OtherCalls {
    /// With the means of a run.
    pub(crate) fn new(services: &Services) -> Self {
        Self { target: bare(services) }
    }

    /// Asks one of the definition's questions.
    async fn ask(&self, question: &str, subject: &Subject) -> Result<Result<(), Miss>, CloudError> {
        let operation = format!("other:{question}");
        let Some((how, settings)) = action(&subject.with, question) else {
            let message = format!("the definition has no `{question}`");
            return Err(CloudError::new(&operation, ErrorKind::Invalid, "definition", &message, None));
        };
        let mut target = self.target.clone();
        target.identifier = Some(subject.id().unwrap_or(&subject.expected.name).to_owned());
        target.values = values(subject, settings);
        let settings = with_name(how, settings, subject);
        match kind(how).attempt(&settings, &target, TIMEOUT).await {
            Ok(_) => Ok(Ok(())),
            Err(miss) => match miss.reason {
                // It could not be asked: that says nothing about the thing.
                ProbeReason::Setup | ProbeReason::Timeout | ProbeReason::Connection | ProbeReason::Authentication => {
                    Err(CloudError::new(&operation, ErrorKind::Unavailable, "not_asked", &miss.message, None))
                }
                _ => Ok(Err(miss)),
            },
        }
    }
}

/// The kind and the settings of one of `ready`, `teardown`, `gone`.
fn action<'a>(with: &'a Settings, question: &str) -> Option<(ProbeKind, &'a Settings)> {
    let (word, settings) = with.get(question)?.as_object()?.iter().next()?;
    Some((ProbeKind::from_word(word)?, settings.as_object()?))
}

fn values(subject: &Subject, settings: &Settings) -> BTreeMap<String, String> {
    let value = |reference: &Reference| match reference {
        Reference::On(RestoreOutput::Identifier) => Some(subject.id().unwrap_or(&subject.expected.name).to_owned()),
        Reference::On(RestoreOutput::Arn) => subject.arn().map(ToString::to_string),
        _ => None,
    };
    let references = references_in(&Value::Object(settings.clone()));
    references.iter().filter_map(|reference| Some((reference.text(), value(reference)?))).collect()
}

fn with_name(how: ProbeKind, settings: &Settings, subject: &Subject) -> Settings {
    let mut settings = settings.clone();
    if how == ProbeKind::Command {
        let env = settings.entry("env").or_insert_with(|| Value::Object(Settings::new()));
        if let Value::Object(env) = env {
            env.insert("DRILL_NAME".to_owned(), subject.expected.name.clone().into());
            env.insert("DRILL_REGION".to_owned(), subject.expected.region.to_string().into());
        }
    }
    settings
}

#[async_trait]
impl ResourceCalls for OtherCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        if self.ask("gone", subject).await?.is_ok() {
            return Ok(Observation::absent());
        }
        let (phase, status) = match self.ask("ready", subject).await? {
            Ok(()) => (Phase::Ready, "`ready` holds"),
            Err(_) => (Phase::Pending, "`ready` does not hold"),
        };
        Ok(Observation { phase, status: status.to_owned(), ..Observation::absent() })
    }

    async fn tags(&self, _subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        Ok(BTreeMap::new())
    }

    async fn untag(&self, _subject: &Subject, _keys: &[String]) -> Result<(), CloudError> {
        Ok(())
    }

    async fn tag(&self, _subject: &Subject, _tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        Ok(())
    }

    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        match self.ask("teardown", subject).await? {
            Ok(()) => Ok(Removal::Asked),
            Err(miss) => Err(CloudError::new("other:teardown", ErrorKind::Busy, "refused", &miss.message, None)),
        }
    }

    async fn preflight(&self, _ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let what = format!("name {}", subject.expected.name);
        let (result, detail) = match self.ask("gone", subject).await {
            Ok(Ok(())) => (CheckResult::Ok, "`gone` holds: nothing has it".to_owned()),
            Ok(Err(miss)) => {
                (CheckResult::Failed, format!("`gone` must hold before anything is restored: {}", miss.message))
            }
            Err(error) => (CheckResult::NotChecked, error.to_string()),
        };
        vec![Check::new(CheckId::NameFree, &what, result, &detail)]
    }
}
