//! `custom`: a question by a program of the user's own, `drill-probe-NAME`, which speaks JSON on its standard input and
//! output. [`protocol`] is what is said, `found` is where programs are looked for.
//!
//! No shell, no arguments. What it is told, secrets included, comes over standard input alone: whoever lists the
//! machine's processes sees neither. Its environment is PATH, HOME, LANG and TZ. It and everything in its process group
//! end with the attempt's time-out, and what it prints is bounded.
//!
//! Observed: the scalars, and lists of scalars, that it answers.

mod found;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

pub use crate::probe::custom::found::{Found, find};

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::custom::found::{PREFIX, program};
use crate::probe::input::{SecretRef, check_data, environment, fill_data, miss, shown, typed};
use crate::probe::process::{self, Program, absolute};
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls, protocol, reach};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;
use crate::words::reference::is_variable_name;
use crate::words::secret::Secret;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The kind.
pub struct Custom;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomSettings {
    name: String,
    #[serde(default)]
    with: Settings,
    #[serde(default)]
    secrets: BTreeMap<String, SecretRef>,
}

#[async_trait]
impl ProbeCalls for Custom {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Custom
    }

    fn about(&self) -> &'static str {
        "Ask by a program of your own, `drill-probe-NAME`."
    }

    fn holds_when(&self) -> &'static str {
        "the program answers with values"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/custom.md")
    }

    fn fields(&self) -> Vec<Field> {
        let name = Shape::Parsed {
            what: "a custom probe's name",
            format: Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"),
            parse: check_name,
        };
        let key = Shape::Parsed {
            what: "a secret's name",
            format: Some("^[A-Za-z_][A-Za-z0-9_-]{0,63}$"),
            parse: check_secret_name,
        };
        let with = Shape::Dictionary { key: Box::new(Shape::Text), of: Box::new(Shape::Any), min: 0 };
        let secrets = Shape::Dictionary { key: Box::new(key), of: Box::new(Shape::SecretRef), min: 0 };
        vec![
            Field::required("name", name, "NAME of the program `drill-probe-NAME`, in `probes/` or on PATH."),
            Field::optional("with", with, "What the program is told, as JSON; references become texts in it."),
            Field::optional("secrets", secrets, "Secrets that it is told, by names that it knows."),
        ]
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["with", "secrets"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: CustomSettings = typed(settings)?;
        check_name(&settings.name)?;
        for (name, secret) in &settings.secrets {
            check_secret_name(name)?;
            secret.check(&format!("secrets.{name}"))?;
        }
        settings.with.iter().try_for_each(|(key, value)| check_data(value, &format!("with.{key}")))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: CustomSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("not done within {}; it was ended", shown(timeout))));
        // Dropping the attempt ends the process group.
        tokio::time::timeout(timeout, ask(settings, target, timeout)).await.unwrap_or_else(late)
    }
}

fn check_name(name: &str) -> Result<(), String> {
    name.parse::<Name>().map(drop).map_err(|error| tame(&error.to_string()))
}

fn check_secret_name(name: &str) -> Result<(), String> {
    if is_variable_name(name) { Ok(()) } else { Err(format!("`{}` cannot name a secret", tame(name))) }
}

async fn ask(settings: CustomSettings, target: &Target, timeout: Duration) -> Outcome {
    reach::directly(target, "custom")?;
    let CustomSettings { name, with, secrets: references } = settings;
    let with = fill_data(&Value::Object(with), "with", target)?;
    let folder = absolute(&target.folder)?;
    let path = program(&name, &folder, &environment("PATH").unwrap_or_default())?;
    let mut told = BTreeMap::new();
    for (key, reference) in &references {
        told.insert(key.clone(), reference.read(target).await?);
    }
    let request = protocol::request(&name, &with, &told, target, timeout).to_string();
    let program = Program {
        name: format!("{PREFIX}{name}"),
        path,
        arguments: Vec::new(),
        folder,
        variables: Vec::new(),
        input: Some(request.into_bytes()),
    };
    let ended = process::run(program).await?;
    // The longest first: one secret may be a part of another.
    let mut secrets: Vec<Secret> = told.into_values().collect();
    secrets.sort_by_key(|secret| Reverse(secret.expose().len()));
    match ended.failure(&secrets) {
        Some(failure) => Err(failure),
        None => protocol::read(&ended.output, &secrets),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Custom;
    use crate::probe::ProbeCalls as _;

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        Custom.check(&settings)
    }

    #[test]
    fn settings_are_checked() {
        let good = json!({
            "name": "row-count", "with": { "path": "/${{ on.identifier }}", "deep": [{ "x": 1 }] },
            "secrets": { "token": { "env": "TOKEN" } },
        });
        assert_eq!(check(good), Ok(()));
        for (bad, part) in [
            (json!({}), "name"),
            (json!({ "name": "../row-count" }), "row-count"),
            (json!({ "name": "Row" }), "Row"),
            (json!({ "name": "a", "with": { "path": "${{ nothing }}" } }), "with.path"),
            (json!({ "name": "a", "secrets": { "a b": { "env": "X" } } }), "cannot name a secret"),
            (json!({ "name": "a", "secrets": { "a": "canary-9f2c" } }), "a secret is a reference"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
    }
}
