//! One for each: selections become restores, and a probe on several restores becomes one probe for each of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::{Action, Definition, Probe, Via};
use crate::words::arn::Arn;
use crate::words::id::Name;
use crate::words::reference::{Reference, exchange, may_refer};

/// Expands a definition. `found` are the resources of each selection; without an entry a selection has none.
#[must_use]
pub fn expand(mut definition: Definition, found: &BTreeMap<Name, Vec<Arn>>) -> Definition {
    let is_single = |probe: &Probe| probe.on_each.is_empty();
    let all_single = definition.selections.is_empty() && definition.probes.values().all(is_single);
    let expansion = if all_single { Expansion::default() } else { multiplied(&mut definition, found) };
    for probe in definition.probes.values_mut() {
        expansion.probe(probe);
    }
    for action in definition.actions.values_mut() {
        expansion.action(action);
    }
    for gate in definition.gates.values_mut() {
        expansion.needs(&mut gate.needs, None);
    }
    for restore in definition.restore.values_mut() {
        expansion.needs(&mut restore.needs, None);
    }
    if let Some(group) = &mut definition.consistency {
        expansion.needs(&mut group.of, None);
    }
    definition
}

/// Makes one restore for each resource of a selection, and one probe for each of several restores. What they name is not
/// changed yet.
fn multiplied(definition: &mut Definition, found: &BTreeMap<Name, Vec<Arn>>) -> Expansion {
    let mut taken: BTreeSet<Name> = names(definition);
    let mut children: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    for (name, selection) in std::mem::take(&mut definition.selections) {
        let of_it = children.entry(name.clone()).or_default();
        for arn in found.get(&name).into_iter().flatten() {
            let child = free(&mut taken, &name, arn.name());
            definition.restore.insert(child.clone(), selection.template.of(arn.clone()));
            of_it.push(child);
        }
    }
    let mut copies: BTreeMap<Name, Vec<(Name, Name)>> = BTreeMap::new();
    for (name, probe) in &*definition.probes {
        let single = probe.on_each.is_empty() && !children.contains_key(&probe.on);
        if !single {
            let targets = targets(probe, &children);
            let copy = |target: Name| (free(&mut taken, name, target.as_str()), target);
            copies.insert(name.clone(), targets.into_iter().map(copy).collect());
        }
    }
    for (name, copies) in &copies {
        let Some(probe) = definition.probes.remove(name) else { continue };
        for (copy, target) in copies {
            let probe = Probe { on: target.clone(), on_each: Vec::new(), ..probe.clone() };
            definition.probes.insert(copy.clone(), probe);
        }
    }
    Expansion { children, copies }
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

#[derive(Default)]
struct Expansion {
    /// Selection → its restores.
    children: BTreeMap<Name, Vec<Name>>,
    /// Probe → its copies, each with the restore that it is on.
    copies: BTreeMap<Name, Vec<(Name, Name)>>,
}

impl Expansion {
    fn probe(&self, probe: &mut Probe) {
        let target = Some(&probe.on);
        self.needs(&mut probe.needs, target);
        self.settings(&mut probe.settings, target);
        if let Some(control) = &mut probe.negative_control {
            self.settings(&mut control.settings, target);
        }
        if let Some(when) = &mut probe.when {
            self.text(&mut when.value, target);
        }
        if let Some(Via::SsmTunnel(text) | Via::Lambda(text)) = &mut probe.via {
            self.text(text, target);
        }
    }

    fn action(&self, action: &mut Action) {
        let on = action.on.as_ref();
        self.needs(&mut action.needs, on);
        self.settings(&mut action.settings, on);
        if let Some(undo) = &mut action.undo {
            self.settings(&mut undo.settings, on);
        }
    }

    /// What needs one of several, and is itself on one of them, needs its own; otherwise all of them.
    fn needs(&self, needs: &mut Vec<Name>, own: Option<&Name>) {
        if self.copies.is_empty() && self.children.is_empty() {
            return;
        }
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
        *needs = needs.iter().flat_map(one).collect();
    }

    fn text(&self, text: &mut String, own: Option<&Name>) {
        if may_refer(text)
            && let Value::String(changed) = self.value(&Value::from(text.as_str()), own)
        {
            *text = changed;
        }
    }

    fn settings(&self, settings: &mut Settings, own: Option<&Name>) {
        for value in settings.values_mut().filter(|value| mentions(value)) {
            *value = self.value(value, own);
        }
    }

    fn value(&self, value: &Value, own: Option<&Name>) -> Value {
        let other = |reference: &Reference| match (reference, own) {
            (Reference::On(output), Some(name)) => Some(Reference::Restore { name: name.clone(), output: *output }),
            (Reference::Probe { name, value }, _) => {
                let copies = self.copies.get(name)?;
                let mine = copies.iter().find(|(_, target)| Some(target) == own).or(copies.first())?;
                Some(Reference::Probe { name: mine.0.clone(), value: value.clone() })
            }
            _ => None,
        };
        exchange(value, &other)
    }
}

/// Whether a text of a value may hold a reference.
fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => may_refer(text),
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(entries) => entries.values().any(mentions),
        _ => false,
    }
}
