//! `ec2`: has an instance booted, and what does it say on its console?
//!
//! | observed | what |
//! |---|---|
//! | `state`, `system_check`, `instance_check` | as EC2 says: `running`, `ok`, `ok` |
//! | `boot_seconds` | from the launch to *this* attempt; null if EC2 tells no launch |
//! | `console_bytes` | with `console` or `console_never`: how long what EC2 tells of the console is |
//!
//! Checks that are not both ok are a miss, those that are not done yet too. So is a console without output where one is
//! looked at: what was not written cannot be searched. Patterns hold line by line.

use std::time::Duration;

use async_trait::async_trait;
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::InstanceHealth;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed, unasked};
use crate::probe::output::{last_words, nothing};
use crate::probe::reading::named;
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// Patterns that a definition may name for one console.
const MOST_PATTERNS: usize = 50;

/// What EC2 calls a check that has passed.
const OK: &str = "ok";

/// The kind.
pub struct Ec2;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ec2Settings {
    instance: Option<Given>,
    #[serde(default)]
    console: Vec<String>,
    #[serde(default)]
    console_never: Vec<String>,
}

#[async_trait]
impl ProbeCalls for Ec2 {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Ec2
    }

    fn about(&self) -> &'static str {
        "Look at an instance: its checks, its console, its boot."
    }

    fn holds_when(&self) -> &'static str {
        "both checks are ok"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/ec2.md")
    }

    fn fields(&self) -> Vec<Field> {
        let pattern = || Shape::Parsed { what: "a regular expression", format: None, parse: check_pattern };
        let patterns = || Shape::OneOrMore(Box::new(pattern()));
        vec![
            Field::optional("instance", Shape::Template, "The instance's id; by default the restored one's."),
            Field::optional(
                "console",
                patterns(),
                "Regular expressions that lines of the console must match; each must match one.",
            ),
            Field::optional(
                "console_never",
                patterns(),
                "Regular expressions that no line of the console may match, such as `Kernel panic`.",
            ),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeInstanceStatus", "ec2:DescribeInstances", "ec2:GetConsoleOutput"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["instance", "console", "console_never"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: Ec2Settings = typed(settings)?;
        settings.instance.as_ref().map_or(Ok(()), |instance| instance.check("instance"))?;
        if settings.console.len() + settings.console_never.len() > MOST_PATTERNS {
            return Err(format!("a console is searched for at most {MOST_PATTERNS} patterns"));
        }
        settings.console.iter().chain(&settings.console_never).try_for_each(|pattern| check_pattern(pattern))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: Ec2Settings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, look(&settings, target)).await.unwrap_or_else(late)
    }
}

/// `^` and `$` are those of a line.
fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).multi_line(true).build().map_err(|error| {
        let shown: String = pattern.chars().take(80).collect();
        format!("`{shown}` is not a regular expression: {error}")
    })
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    regex(pattern).map(drop)
}

async fn look(settings: &Ec2Settings, target: &Target) -> Outcome {
    let id = named(settings.instance.as_ref(), "instance", target)?;
    let health = target.instances.health(&id).await.map_err(|error| unasked(&error))?;
    let Some(health) = health else {
        return Err(miss(ProbeReason::Query, &format!("EC2 knows no instance `{id}` in {}", target.region)));
    };
    let mut seen = observed(&health, target);
    let mut problems: Vec<String> = unfit(&health).into_iter().collect();
    if !settings.console.is_empty() || !settings.console_never.is_empty() {
        let text = target.instances.console(&id).await.map_err(|error| unasked(&error))?;
        // Lines of a console end as those of a terminal do.
        let text = text.unwrap_or_default().replace('\r', "");
        seen.values.insert("console_bytes".to_owned(), text.len().into());
        seen.facts.insert("console (its end)".to_owned(), last_words(text.as_bytes(), &[]));
        problems.extend(search(settings, &text)?);
    }
    if problems.is_empty() {
        return Ok(seen);
    }
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::Expectation, &problems.join("; ")) })
}

fn observed(health: &InstanceHealth, target: &Target) -> Observed {
    let mut seen = nothing();
    let since = health.launched.map(|launched| target.now.duration_since(launched).as_secs().max(0));
    let mut add = |name: &str, value: Value| seen.values.insert(name.to_owned(), value);
    add("state", health.state.as_str().into());
    add("system_check", health.system.as_str().into());
    add("instance_check", health.instance.as_str().into());
    add("boot_seconds", since.map_or(Value::Null, Value::from));
    seen
}

fn unfit(health: &InstanceHealth) -> Option<String> {
    let InstanceHealth { state, system, instance, .. } = health;
    if system == OK && instance == OK {
        return None;
    }
    let comes = |word: &str| matches!(word, "initializing" | "insufficient-data");
    let hint = match state.as_str() {
        "pending" => "; it is starting: give the probe a `retry`",
        "running" if comes(system) || comes(instance) => {
            "; the checks take some minutes after a start: give the probe a `retry`"
        }
        _ => "",
    };
    Some(format!("the instance is `{state}`, its system check `{system}`, its instance check `{instance}`{hint}"))
}

/// What of the console is not as it must be.
fn search(settings: &Ec2Settings, text: &str) -> Result<Vec<String>, Miss> {
    if text.is_empty() {
        return Ok(vec!["EC2 has no console output yet; it takes some minutes: give the probe a `retry`".to_owned()]);
    }
    let regex = |pattern: &String| regex(pattern).map_err(|problem| miss(ProbeReason::Setup, &problem));
    let mut problems = Vec::new();
    for pattern in &settings.console {
        if !regex(pattern)?.is_match(text) {
            problems.push(format!("no line of the console matches `{pattern}`"));
        }
    }
    for pattern in &settings.console_never {
        if let Some(found) = regex(pattern)?.find(text) {
            problems.push(format!("the console says `{}`, which matches `{pattern}`", line(text, found.start())));
        }
    }
    Ok(problems)
}

/// The line of a text around a place, as far as a message shows it.
fn line(text: &str, at: usize) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rsplit('\n').next().unwrap_or_default();
    let end = after.split('\n').next().unwrap_or_default();
    format!("{start}{end}").trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::{Ec2, line};
    use crate::cloud::data::{InstanceHealth, Instances};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::probe::{Outcome, ProbeCalls as _};

    /// One instance `i-1`, launched 90 s before the tests' present.
    struct One {
        checks: (&'static str, &'static str),
        console: Option<&'static str>,
    }

    #[async_trait]
    impl Instances for One {
        async fn health(&self, id: &str) -> Result<Option<InstanceHealth>, CloudError> {
            match id {
                "i-1" => Ok(Some(InstanceHealth {
                    state: "running".to_owned(),
                    system: self.checks.0.to_owned(),
                    instance: self.checks.1.to_owned(),
                    launched: Some("2026-10-31T23:58:30Z".parse().unwrap()),
                })),
                "i-secret" => {
                    let operation = "ec2:DescribeInstanceStatus";
                    Err(CloudError::new(operation, ErrorKind::Denied, "UnauthorizedOperation", "no", None))
                }
                _ => Ok(None),
            }
        }

        async fn console(&self, _: &str) -> Result<Option<String>, CloudError> {
            Ok(self.console.map(str::to_owned))
        }
    }

    const BOOTED: &str = "[    0.0] Linux\r\n\u{1b}[32mshop: ready\u{1b}[0m\r\nip-10-0-0-1 login: ";

    async fn attempt(settings: Value, one: One) -> Outcome {
        let Value::Object(settings) = settings else { unreachable!() };
        Ec2.check(&settings).unwrap();
        let target = Target { instances: Arc::new(one), identifier: Some("i-1".to_owned()), ..Target::for_tests() };
        Ec2.attempt(&settings, &target, Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn a_booted_instance_holds() {
        let settings = json!({ "console": ["shop: ready", "login:"], "console_never": ["Kernel panic"] });
        let seen = attempt(settings, One { checks: ("ok", "ok"), console: Some(BOOTED) }).await.unwrap();
        for (name, value) in [
            ("state", json!("running")),
            ("system_check", json!("ok")),
            ("instance_check", json!("ok")),
            ("boot_seconds", json!(90)),
            ("console_bytes", json!(BOOTED.len() - 2)),
        ] {
            assert_eq!(seen.values[name], value, "{name}");
        }
        let shown = &seen.facts["console (its end)"];
        assert!(shown.ends_with("login:") && !shown.contains('\u{1b}'), "{shown}");
    }

    #[tokio::test]
    async fn a_console_is_looked_at_only_where_it_is_asked_for() {
        let seen = attempt(json!({}), One { checks: ("ok", "ok"), console: Some("x") }).await.unwrap();
        assert!(!seen.values.contains_key("console_bytes"));
    }

    #[tokio::test]
    async fn every_miss_has_its_reason() {
        let panic = "Linux\r\nKernel panic - not syncing\u{1b}\r\n";
        for (settings, checks, console, reason, part) in [
            (json!({}), ("ok", "initializing"), None, ProbeReason::Expectation, "`retry`"),
            (json!({}), ("impaired", "ok"), None, ProbeReason::Expectation, "system check `impaired`"),
            (json!({ "instance": "i-2" }), ("ok", "ok"), None, ProbeReason::Query, "no instance `i-2`"),
            (json!({ "instance": "i-secret" }), ("ok", "ok"), None, ProbeReason::Setup, "IAM"),
            (json!({ "console": ["^login"] }), ("ok", "ok"), Some(BOOTED), ProbeReason::Expectation, "`^login`"),
            (json!({ "console": ["a"] }), ("ok", "ok"), None, ProbeReason::Expectation, "no console output"),
            (json!({ "console_never": ["a"] }), ("ok", "ok"), None, ProbeReason::Expectation, "no console output"),
            (
                json!({ "console_never": ["Kernel panic"] }),
                ("ok", "ok"),
                Some(panic),
                ProbeReason::Expectation,
                "`Kernel panic - not syncing\u{fffd}`",
            ),
        ] {
            let missed = attempt(settings.clone(), One { checks, console }).await.unwrap_err();
            assert_eq!(missed.reason, reason, "{settings}");
            assert!(missed.message.contains(part), "{settings}: {}", missed.message);
        }
    }

    #[tokio::test]
    async fn checks_and_console_are_told_together() {
        let missed = attempt(json!({ "console": ["ready!"] }), One { checks: ("ok", "impaired"), console: Some("x") });
        let missed = missed.await.unwrap_err();
        assert!(missed.message.contains("`impaired`") && missed.message.contains("`ready!`"), "{}", missed.message);
        assert_eq!(missed.observed.unwrap().values["console_bytes"], json!(1));
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for (settings, part) in [
            (json!({ "console": ["("] }), "not a regular expression"),
            (json!({ "console_never": vec!["x"; 51] }), "at most 50"),
            (json!({ "instance": "${{ nonsense }}" }), "instance"),
        ] {
            let Value::Object(settings) = settings else { unreachable!() };
            let problem = Ec2.check(&settings).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn a_line_is_found_around_a_place() {
        for (text, at, found) in [("a\n bc \nd", 3, "bc"), ("ab", 0, "ab"), ("a", 9, "a")] {
            assert_eq!(line(text, at), found);
        }
    }
}
