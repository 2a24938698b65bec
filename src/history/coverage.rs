//! What is proven, resource by resource: definitions held against the runs that there were.
//!
//! Nobody is asked: what a run did not see is not known here. What came by import without the signature of a trusted key
//! shows nothing; it counts where it speaks against what was proven.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::definition::model::Definition;
use crate::history::past::{ENGINE_VERSION, Past, PastRestore};
use crate::words::arn::Arn;
use crate::words::id::Name;
use crate::words::kind::{ResourceKind, Verdict};

/// A definition as it stands now.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// SHA-256 of its text.
    pub text_sha256: &'a str,
    /// Its variables.
    pub vars: &'a std::collections::BTreeMap<String, String>,
    /// The present.
    pub at: Timestamp,
}

/// One resource of one drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The name of its restore, or of its selection.
    pub name: Name,
    /// Its type.
    pub kind: ResourceKind,
    /// The source resource; none for a selection that no run resolved.
    pub resource: Option<Arn>,
    /// When the newest run started that found a recovery point of it.
    pub exists: Option<Timestamp>,
    /// … that found a copy of it.
    pub copied: Option<Timestamp>,
    /// … that restored it until it was usable.
    pub restored: Option<Timestamp>,
    /// … that asked it a required probe.
    pub probed: Option<Timestamp>,
    /// … that passed.
    pub proven: Option<Timestamp>,
    /// How long ago that was.
    pub age: Option<SignedDuration>,
    /// `policy.proven_every`.
    pub policy: Option<SignedDuration>,
    /// Why it does not count as proven; empty if it does.
    pub stale: Vec<Stale>,
}

/// Why a resource does not count as proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// No run tried it.
    NeverRun,
    /// No run that tried it passed.
    NeverPassed,
    /// The only runs that passed came by import, and nobody known signed them.
    SignerUnknown,
    /// The last pass is older than the policy allows.
    Overdue,
    /// A run after the last pass failed.
    Failed,
    /// The definition's text is another one.
    Definition,
    /// The text is the same and what it is compiled to is not, or another backup plan makes the recovery points.
    Plan,
    /// A later run saw another version of the engine.
    EngineVersion,
    /// A later run saw recovery points under another key.
    Key,
}

impl Stale {
    /// The word of JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverRun => "never_run",
            Self::NeverPassed => "never_passed",
            Self::SignerUnknown => "signer_unknown",
            Self::Overdue => "overdue",
            Self::Failed => "failed",
            Self::Definition => "definition_changed",
            Self::Plan => "plan_changed",
            Self::EngineVersion => "engine_version_changed",
            Self::Key => "key_changed",
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NeverRun => "never run",
            Self::NeverPassed => "never passed",
            Self::SignerUnknown => "signer unknown",
            Self::Overdue => "overdue",
            Self::Failed => "failed since",
            Self::Definition => "definition changed",
            Self::Plan => "plan changed",
            Self::EngineVersion => "engine version changed",
            Self::Key => "key changed",
        })
    }
}

/// Every resource of a definition. `pasts` are the drill's runs of one mode, newest first; the newest that is a proof
/// ([`Past::is_proof`]) must be among them.
#[must_use]
pub fn coverage(now: &Now<'_>, pasts: &[Past]) -> Vec<Covered> {
    let definition = now.definition;
    let named = definition.restore.iter();
    let mut all: Vec<Covered> =
        named.map(|(name, restore)| covered(now, pasts, name, restore.kind, &restore.resource)).collect();
    if definition.selections.is_empty() {
        return all;
    }
    // What a selection stands for is known only to the runs that resolved it.
    let newest = pasts.iter().find(|past| past.restores.keys().any(|name| !definition.restore.contains_key(name)));
    let resolved: Vec<(&Name, &PastRestore)> = newest
        .iter()
        .flat_map(|past| &past.restores)
        .filter(|(name, _)| !definition.restore.contains_key(*name))
        .collect();
    if resolved.is_empty() {
        let open = definition.selections.iter();
        all.extend(open.map(|(name, selection)| nothing(now, name, selection.template.kind)));
    }
    all.extend(resolved.into_iter().map(|(name, restore)| covered(now, pasts, name, restore.kind, &restore.resource)));
    all
}

fn nothing(now: &Now<'_>, name: &Name, kind: ResourceKind) -> Covered {
    Covered {
        name: name.clone(),
        kind,
        resource: None,
        exists: None,
        copied: None,
        restored: None,
        probed: None,
        proven: None,
        age: None,
        policy: now.definition.policy.proven_every,
        stale: vec![Stale::NeverRun],
    }
}

/// A run, and what it knows of one resource.
type Known<'a> = (&'a Past, &'a Name, &'a PastRestore);

fn covered(now: &Now<'_>, pasts: &[Past], name: &Name, kind: ResourceKind, resource: &Arn) -> Covered {
    let known: Vec<Known<'_>> =
        pasts.iter().filter_map(|past| past.of(resource).map(|(name, restore)| (past, name, restore))).collect();
    let newest = |is: fn(&PastRestore) -> bool| {
        let shown = known.iter().find(|(past, _, restore)| past.origin.is_trusted() && is(restore));
        shown.map(|(past, _, _)| past.started)
    };
    let pass = known.iter().position(|(past, _, _)| past.is_proof());
    let proven = pass.and_then(|at| known.get(at)).map(|(past, _, _)| past.started);
    let age = proven.map(|proven| now.at.duration_since(proven));
    Covered {
        exists: newest(|restore| restore.point.is_some()),
        copied: newest(|restore| restore.copied),
        restored: newest(|restore| restore.restored),
        probed: newest(|restore| restore.probed),
        proven,
        age,
        resource: Some(resource.clone()),
        stale: match pass.and_then(|at| Some((known.get(at)?, known.get(..at)?))) {
            Some((pass, since)) => stale(now, name, *pass, since, age),
            None if known.is_empty() => vec![Stale::NeverRun],
            None => unproven(&known),
        },
        ..nothing(now, name, kind)
    }
}

/// Why runs that are no proof are none.
fn unproven(known: &[Known<'_>]) -> Vec<Stale> {
    let is_claimed = known.iter().any(|(past, _, _)| past.verdict() == Some(Verdict::Passed));
    let first = if is_claimed { Stale::SignerUnknown } else { Stale::NeverPassed };
    let failed = known.iter().any(|(past, _, _)| past.is_failure());
    std::iter::once(first).chain(failed.then_some(Stale::Failed)).collect()
}

fn stale(now: &Now<'_>, name: &Name, pass: Known<'_>, since: &[Known<'_>], age: Option<SignedDuration>) -> Vec<Stale> {
    let (past, _, proven) = pass;
    let is_overdue = now.definition.policy.proven_every.zip(age).is_some_and(|(every, age)| age > every);
    let other_text = past.text_sha256 != now.text_sha256;
    // The newest run since that knows it knows something else than the pass. What nobody saw did not change.
    let changed = |of: fn(&PastRestore) -> Option<&str>| {
        let seen = since.iter().find_map(|(_, _, restore)| of(restore));
        of(proven).zip(seen).is_some_and(|(knew, seen)| knew != seen)
    };
    let reasons = [
        (Stale::Overdue, is_overdue),
        (Stale::Failed, since.iter().any(|(past, _, _)| past.is_failure())),
        (Stale::Definition, other_text),
        (Stale::Plan, !other_text && is_other_plan(now, name, pass) || changed(|one| one.backup_plan.as_deref())),
        (Stale::EngineVersion, changed(|one| one.facts.get(ENGINE_VERSION).map(String::as_str))),
        (Stale::Key, changed(|one| one.key.as_ref().map(Arn::as_str))),
    ];
    reasons.into_iter().filter(|(_, is)| *is).map(|(reason, _)| reason).collect()
}

/// Whether the same text means something else for this restore now: because of `_defaults.yaml`, or of drill itself. A run
/// with other variables, and a restore of a selection, cannot be told apart from that.
fn is_other_plan(now: &Now<'_>, name: &Name, (past, past_name, _): Known<'_>) -> bool {
    let (then, now_is) = (&past.definition, now.definition);
    if past.vars != *now.vars || !now_is.selections.is_empty() {
        return false;
    }
    let probes = |definition: &Definition, on: &Name| {
        let of_it = definition.probes.iter().filter(|(_, probe)| &probe.on == on);
        of_it.map(|(name, probe)| (name.clone(), probe.clone())).collect::<Vec<_>>()
    };
    then.source != now_is.source
        || then.destination != now_is.destination
        || then.restore.get(past_name) != now_is.restore.get(name)
        || probes(then, past_name) != probes(now_is, name)
}
