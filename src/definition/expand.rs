//! One for each: selections become restores, and a probe on several restores becomes one probe for each of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::{Action, Definition, Probe, Via};
use crate::words::arn::Arn;
use crate::words::id::Name;
use crate::words::reference::{OPEN, Reference, exchange};

/// Expands a definition. `found` are the resources of each selection; without an entry a selection has none.
#[must_use]
pub fn expand(mut definition: Definition, found: &BTreeMap<Name, Vec<Arn>>) -> Definition {
    let mut taken: BTreeSet<Name> = names(&definition);
    let mut children: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    for (name, selection) in std::mem::take(&mut definition.selections) {
        let of_it = children.entry(name.clone()).or_default();
        for arn in found.get(&name).into_iter().flatten() {
            let child = free(&mut taken, &name, arn.name());
            definition.restore.insert(child.clone(), selection.template.of(arn.clone()));
            of_it.push(child);
        }
    }
    let probes = std::mem::take(&mut definition.probes);
    let mut copies: BTreeMap<Name, Vec<(Name, Name)>> = BTreeMap::new();
    for (name, probe) in &probes {
        let single = probe.on_each.is_empty() && !children.contains_key(&probe.on);
        if !single {
            let targets = targets(probe, &children);
            let copy = |target: Name| (free(&mut taken, name, target.as_str()), target);
            copies.insert(name.clone(), targets.into_iter().map(copy).collect());
        }
    }
    let expansion = Expansion { children, copies };
    for (name, probe) in probes {
        match expansion.copies.get(&name) {
            None => {
                let target = probe.on.clone();
                definition.probes.insert(name, expansion.probe(probe, &target));
            }
            Some(copies) => {
                for (copy, target) in copies {
                    definition.probes.insert(copy.clone(), expansion.probe(probe.clone(), target));
                }
            }
        }
    }
    for action in definition.actions.values_mut() {
        expansion.action(action);
    }
    for gate in definition.gates.values_mut() {
        gate.needs = expansion.needs(&gate.needs, None);
    }
    for restore in definition.restore.values_mut() {
        restore.needs = expansion.needs(&restore.needs, None);
    }
    if let Some(group) = &mut definition.consistency {
        group.of = expansion.needs(&group.of, None);
    }
    definition
}

fn names(definition: &Definition) -> BTreeSet<Name> {
    let restores = definition.restore.keys().chain(definition.selections.keys());
    let others = definition.probes.keys().chain(definition.actions.keys()).chain(definition.gates.keys());
    restores.chain(others).cloned().collect()
}

fn targets(probe: &Probe, children: &BTreeMap<Name, Vec<Name>>) -> Vec<Name> {
    let on = if probe.on_each.is_empty() { std::slice::from_ref(&probe.on) } else { &probe.on_each };
    on.iter().flat_map(|name| children.get(name).cloned().unwrap_or_else(|| vec![name.clone()])).collect()
}

/// `NAME-DETAIL` as a name that nobody has yet, with a number where it is taken or was cut.
fn free(taken: &mut BTreeSet<Name>, name: &Name, detail: &str) -> Name {
    let slug: String = detail.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let whole = format!("{name}-{}", words.join("-"));
    let mut number = 1;
    loop {
        let end = if number == 1 { String::new() } else { format!("-{number}") };
        let cut: String = whole.chars().take(Name::LONGEST - end.len()).collect();
        let candidate = format!("{}{end}", cut.trim_end_matches('-')).parse::<Name>();
        match candidate {
            Ok(candidate) if taken.insert(candidate.clone()) => return candidate,
            _ => number += 1,
        }
    }
}

struct Expansion {
    /// Selection → its restores.
    children: BTreeMap<Name, Vec<Name>>,
    /// Probe → its copies, each with the restore that it is on.
    copies: BTreeMap<Name, Vec<(Name, Name)>>,
}

impl Expansion {
    fn probe(&self, mut probe: Probe, target: &Name) -> Probe {
        probe.on = target.clone();
        probe.on_each.clear();
        probe.needs = self.needs(&probe.needs, Some(target));
        probe.settings = self.settings(std::mem::take(&mut probe.settings), Some(target));
        if let Some(control) = &mut probe.negative_control {
            control.settings = self.settings(std::mem::take(&mut control.settings), Some(target));
        }
        if let Some(when) = &mut probe.when {
            when.value = self.text(&when.value, target);
        }
        probe.via = probe.via.map(|via| match via {
            Via::SsmTunnel(instance) => Via::SsmTunnel(self.text(&instance, target)),
            Via::Lambda(function) => Via::Lambda(self.text(&function, target)),
        });
        probe
    }

    fn action(&self, action: &mut Action) {
        let on = action.on.clone();
        action.needs = self.needs(&action.needs, on.as_ref());
        action.settings = self.settings(std::mem::take(&mut action.settings), on.as_ref());
        if let Some(undo) = &mut action.undo {
            undo.settings = self.settings(std::mem::take(&mut undo.settings), on.as_ref());
        }
    }

    /// What needs one of several, and is itself on one of them, needs its own; otherwise all of them.
    fn needs(&self, needs: &[Name], own: Option<&Name>) -> Vec<Name> {
        let one = |name: &Name| -> Vec<Name> {
            if let Some(copies) = self.copies.get(name) {
                let mine = copies.iter().find(|(_, target)| Some(target) == own);
                return match mine {
                    Some((copy, _)) => vec![copy.clone()],
                    None => copies.iter().map(|(copy, _)| copy.clone()).collect(),
                };
            }
            self.children.get(name).cloned().unwrap_or_else(|| vec![name.clone()])
        };
        needs.iter().flat_map(one).collect()
    }

    fn text(&self, text: &str, own: &Name) -> String {
        let whole = Settings::from_iter([("text".to_owned(), Value::from(text))]);
        let changed = self.settings(whole, Some(own));
        changed.get("text").and_then(Value::as_str).unwrap_or(text).to_owned()
    }

    fn settings(&self, settings: Settings, own: Option<&Name>) -> Settings {
        if !settings.values().any(mentions) {
            return settings;
        }
        let other = |reference: &Reference| match (reference, own) {
            (Reference::On(output), Some(name)) => Some(Reference::Restore { name: name.clone(), output: *output }),
            (Reference::Probe { name, value }, _) => {
                let copies = self.copies.get(name)?;
                let mine = copies.iter().find(|(_, target)| Some(target) == own).or(copies.first())?;
                Some(Reference::Probe { name: mine.0.clone(), value: value.clone() })
            }
            _ => None,
        };
        let settings = Value::Object(settings);
        match exchange(&settings, &other) {
            Value::Object(exchanged) => exchanged,
            _ => Settings::new(),
        }
    }
}

/// Whether a text of a value may hold a reference.
fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(OPEN),
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(entries) => entries.values().any(mentions),
        _ => false,
    }
}
