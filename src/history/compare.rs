//! Two runs of one drill side by side: what took longer, and what is not the same any more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value;

use crate::history::difference::difference;
use crate::history::past::{Past, PastRestore};
use crate::history::trend::Measured;
use crate::journal::measure::Measures;
use crate::plan::show::show_size;
use crate::words::id::Name;
use crate::words::kind::Verdict;

/// What differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Everything that both or one of them timed, whether it differs or not.
    pub timings: Vec<Timing>,
    /// What is not the same.
    pub changes: Vec<Change>,
    /// The lines of the definition that one of them has alone.
    pub definition: Vec<String>,
}

/// Something that was timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// What, such as `rto` or `phase restore`.
    pub what: String,
    /// In the first run.
    pub before: Option<SignedDuration>,
    /// In the second.
    pub after: Option<SignedDuration>,
}

impl Timing {
    /// How much longer the second took; below zero, it was faster.
    #[must_use]
    pub fn longer(&self) -> Option<SignedDuration> {
        Some(self.after?.saturating_sub(self.before?))
    }
}

/// Something that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of what: `run`, `restore orders`, `probe has-orders`.
    pub about: String,
    /// What of it.
    pub what: String,
    /// In the first run; none if there was nothing.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
}

/// Compares two runs of one drill.
#[must_use]
pub fn compare(before: &Past, after: &Past) -> Comparison {
    let mut changes = Changes { about: "run".to_owned(), found: Vec::new() };
    changes.of_run(before, after);
    for name in both(&before.restores, &after.restores) {
        changes.about = format!("restore {name}");
        changes.of_restore(before.restores.get(name), after.restores.get(name));
    }
    for name in both(&before.probes, &after.probes) {
        changes.about = format!("probe {name}");
        let (one, other) = (before.probes.get(name), after.probes.get(name));
        changes.texts("result", one.map(|probe| probe.ended), other.map(|probe| probe.ended));
        let shown = |past: Option<&BTreeMap<String, Value>>| -> BTreeMap<String, String> {
            past.into_iter().flatten().map(|(key, value)| (key.clone(), shown_value(value))).collect()
        };
        changes.maps("", &shown(one.map(|probe| &probe.values)), &shown(other.map(|probe| &probe.values)));
    }
    Comparison {
        timings: timings(before, after),
        changes: changes.found,
        definition: difference(&before.text, &after.text),
    }
}

fn both<'a, V>(one: &'a BTreeMap<Name, V>, other: &'a BTreeMap<Name, V>) -> BTreeSet<&'a Name> {
    one.keys().chain(other.keys()).collect()
}

fn timings(before: &Past, after: &Past) -> Vec<Timing> {
    let value = |past: &Past, of: Measured| past.measures().and_then(|measures| of.of(measures).value);
    let measures = Measured::ALL.into_iter().map(|of| Timing {
        what: of.word().to_owned(),
        before: value(before, of),
        after: value(after, of),
    });
    let phases = |past: &Past| past.measures().map(|measures| measures.rto_phases.clone()).unwrap_or_default();
    let (one, other) = (phases(before), phases(after));
    let took = |phases: &[(String, SignedDuration)], name: &str| {
        phases.iter().find(|(phase, _)| phase == name).map(|(_, took)| *took)
    };
    let mut names: Vec<&String> = one.iter().map(|(name, _)| name).collect();
    names.extend(other.iter().map(|(name, _)| name).filter(|name| took(&one, name).is_none()));
    let phases = names.into_iter().map(|name| Timing {
        what: format!("phase {name}"),
        before: took(&one, name),
        after: took(&other, name),
    });
    let ages = both(&before.restores, &after.restores).into_iter().map(|name| Timing {
        what: format!("age of the recovery point of {name}"),
        before: age(before, name),
        after: age(after, name),
    });
    let waited = |measures: Option<&Measures>| measures.map(|measures| measures.waited);
    let waited = Timing {
        what: "waited for people".to_owned(),
        before: waited(before.measures()),
        after: waited(after.measures()),
    };
    let is_known = |timing: &Timing| timing.before.is_some() || timing.after.is_some();
    let nobody_waited = [waited.before, waited.after].into_iter().flatten().all(|time| time.is_zero());
    let all = measures.chain(phases).chain((!nobody_waited).then_some(waited)).chain(ages);
    all.filter(is_known).collect()
}

fn age(past: &Past, name: &Name) -> Option<SignedDuration> {
    let created = past.restores.get(name)?.created?;
    Some(past.started.duration_since(created))
}

/// A JSON value as a person would write it.
fn shown_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Changes, as they are found.
struct Changes {
    about: String,
    found: Vec<Change>,
}

impl Changes {
    fn texts(&mut self, what: &str, before: Option<&str>, after: Option<&str>) {
        if before != after {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let (before, after) = (text(before), text(after));
            self.found.push(Change { about: self.about.clone(), what: what.to_owned(), before, after });
        }
    }

    fn maps(&mut self, of: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let text = |map: &BTreeMap<String, String>| map.get(key).cloned();
            let what = format!("{of}{key}");
            self.texts(&what, text(before).as_deref(), text(after).as_deref());
        }
    }

    fn of_run(&mut self, before: &Past, after: &Past) {
        let verdict = |past: &Past| past.verdict().map_or("not over", Verdict::word);
        self.texts("verdict", Some(verdict(before)), Some(verdict(after)));
        self.texts("mode", Some(before.mode.word()), Some(after.mode.word()));
        self.texts("version of drill", Some(before.version.as_str()), Some(after.version.as_str()));
        self.maps("variable ", &before.vars, &after.vars);
        let hash = |past: &Past| past.text_sha256.chars().take(12).collect::<String>();
        let (one, other) = (hash(before), hash(after));
        self.texts("definition (SHA-256)", Some(one.as_str()), Some(other.as_str()));
    }

    fn of_restore(&mut self, before: Option<&PastRestore>, after: Option<&PastRestore>) {
        let mut one = |what: &str, text: fn(&PastRestore) -> Option<String>| {
            self.texts(what, before.and_then(text).as_deref(), after.and_then(text).as_deref());
        };
        one("type", |restore| Some(restore.kind.to_string()));
        one("resource", |restore| Some(restore.resource.to_string()));
        one("recovery point", |restore| restore.point.as_ref().map(ToString::to_string));
        one("size", |restore| restore.size_bytes.map(show_size));
        one("key", |restore| restore.key.as_ref().map(ToString::to_string));
        one("backup plan", |restore| restore.backup_plan.clone());
        let facts = |restore: Option<&PastRestore>| restore.map(|restore| restore.facts.clone()).unwrap_or_default();
        self.maps("", &facts(before), &facts(after));
        let sent =
            |restore: Option<&PastRestore>| restore.map(|restore| restore.parameters.clone()).unwrap_or_default();
        self.maps("parameter ", &sent(before), &sent(after));
    }
}
