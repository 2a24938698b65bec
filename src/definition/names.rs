//! Who names whom inside a definition: `on`, `needs`, references; unknown names, cycles, restores without a probe.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::check::Subject;
use crate::words::kind::ProbeKind;
use crate::words::reference::{OPEN, Reference, Template, references_in};
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::yaml::node::{Node, Span, Value};

/// A restore, a probe, an action or a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    Restore(&'a str),
    Probe(&'a str),
    Action(&'a str),
    Gate(&'a str),
}

impl<'a> Thing<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Restore(name) | Self::Probe(name) | Self::Action(name) | Self::Gate(name) => name,
        }
    }
}

impl Thing<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Restore(_) => "a restore",
            Self::Probe(_) => "a probe",
            Self::Action(_) => "an action",
            Self::Gate(_) => "a gate",
        }
    }
}

/// So many known names are compared with unknown ones to find what was meant: enough for every slip, and for a file full of
/// wrong names no more than some milliseconds.
const MOST_COMPARED: usize = 50_000;

/// What waits for what, and where that is written.
type Edges<'a> = BTreeMap<Thing<'a>, Vec<(Thing<'a>, Span)>>;

/// Checks every name, then the order that they make.
pub fn check(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let mut names = Names {
        subject,
        restores: keys(subject.root, "restore"),
        probes: keys(subject.root, "probes"),
        actions: keys(subject.root, "actions"),
        gates: keys(subject.root, "gates"),
        edges: BTreeMap::new(),
        compared: 0,
        problems,
    };
    names.collect();
    let edges = std::mem::take(&mut names.edges);
    names.cycles(&edges);
    names.unproven();
}

fn keys<'a>(root: &'a Node, key: &str) -> BTreeMap<&'a str, &'a Node> {
    let entries = root.get(key).map(|(_, node)| node.entries()).unwrap_or_default();
    entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect()
}

struct Names<'a, 'p> {
    subject: &'a Subject<'a>,
    restores: BTreeMap<&'a str, &'a Node>,
    probes: BTreeMap<&'a str, &'a Node>,
    actions: BTreeMap<&'a str, &'a Node>,
    gates: BTreeMap<&'a str, &'a Node>,
    edges: Edges<'a>,
    compared: usize,
    problems: &'p mut Diagnostics,
}

impl<'a> Names<'a, '_> {
    fn collect(&mut self) {
        for (name, node) in self.restores.clone() {
            self.needs(Thing::Restore(name), node);
            self.settings_of_restore(name);
        }
        for (name, node) in self.probes.clone() {
            let thing = Thing::Probe(name);
            self.on(thing, node);
            self.needs(thing, node);
            self.settings(thing, node, "negative_control");
            self.ways(thing, node);
        }
        for (name, node) in self.actions.clone() {
            let thing = Thing::Action(name);
            self.on(thing, node);
            self.needs(thing, node);
            self.settings(thing, node, "undo");
        }
        for (name, node) in self.gates.clone() {
            self.needs(Thing::Gate(name), node);
        }
        self.group();
    }

    /// The settings of a probe or an action, and those of its control or its undo.
    fn settings(&mut self, thing: Thing<'a>, node: &'a Node, second: &str) {
        for kind in ProbeKind::WORDS.iter().copied() {
            if let Some((_, settings)) = node.get(kind) {
                self.references(thing, settings);
            }
            if let Some(settings) = node.follow(&[second, kind]) {
                self.references(thing, settings);
            }
        }
    }

    /// `when` and `via` of a probe.
    fn ways(&mut self, thing: Thing<'a>, node: &'a Node) {
        if let Some(value) = node.follow(&["when", "value"]) {
            self.references(thing, value);
            self.known_beforehand(value);
        }
        for way in ["ssm_tunnel", "lambda"] {
            if let Some(way) = node.follow(&["via", way]) {
                self.references(thing, way);
            }
        }
    }

    /// A condition is decided from the journal alone, so that a resumed run decides alike.
    fn known_beforehand(&mut self, node: &Node) {
        let Some(template) = node.text().and_then(|text| Template::parse(text).ok()) else { return };
        if template.references().next().is_none() {
            let message = "this condition refers to nothing: it is always the same";
            self.problems.push(Diagnostic::error(Code::Expectation, message).at(node.span));
        }
        if template.references().any(|reference| matches!(reference, Reference::Environment(_))) {
            let message = "a condition cannot look at the environment, which may differ when a run is resumed";
            let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(node.span);
            self.problems.push(diagnostic.help("use `${{ vars.NAME }}` and `--var`"));
        }
    }

    /// `consistency: { of: [...] }` names restores.
    fn group(&mut self) {
        let Some(node) = self.subject.node(&["consistency", "of"]) else { return };
        let Value::List(items) = &node.value else { return };
        for item in items {
            if let Some(name) = item.text().filter(|name| !self.restores.contains_key(name)) {
                let known: Vec<&str> = self.restores.keys().copied().collect();
                self.unknown("restore", name, &known, item.span);
            }
        }
    }

    fn edge(&mut self, from: Thing<'a>, to: Thing<'a>, place: Span) {
        self.edges.entry(from).or_default().push((to, place));
    }

    fn on(&mut self, thing: Thing<'a>, node: &'a Node) {
        let Some((_, on)) = node.get("on") else { return };
        let names = match &on.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(on),
        };
        for item in names {
            let Some(name) = item.text() else { continue };
            let selects = self.restores.get(name).is_some_and(|node| node.get("select").is_some());
            if selects && matches!(thing, Thing::Action(_)) {
                let message = format!("`{name}` is a selection: it becomes several restores, and an action is on one");
                self.problems.push(Diagnostic::error(Code::UnknownName, message).at(item.span));
            } else if self.restores.contains_key(name) {
                self.edge(thing, Thing::Restore(name), item.span);
            } else {
                let known: Vec<&str> = self.restores.keys().copied().collect();
                self.unknown("restore", name, &known, item.span);
            }
        }
    }

    /// Whether a probe becomes one for each of several restores.
    fn is_several(&self, probe: &str) -> bool {
        let Some((_, on)) = self.probes.get(probe).and_then(|node| node.get("on")) else { return false };
        match &on.value {
            Value::List(items) => items.len() > 1,
            _ => on.text().and_then(|name| self.restores.get(name)).is_some_and(|node| node.get("select").is_some()),
        }
    }

    fn needs(&mut self, thing: Thing<'a>, node: &'a Node) {
        let Some(Value::List(items)) = node.get("needs").map(|(_, needs)| &needs.value) else { return };
        for item in items {
            let Some(name) = item.text() else { continue };
            let found: Vec<Thing<'a>> = [
                self.restores.contains_key(name).then_some(Thing::Restore(name)),
                self.probes.contains_key(name).then_some(Thing::Probe(name)),
                self.actions.contains_key(name).then_some(Thing::Action(name)),
                self.gates.contains_key(name).then_some(Thing::Gate(name)),
            ]
            .into_iter()
            .flatten()
            .collect();
            match found.as_slice() {
                [one] => self.edge(thing, *one, item.span),
                [] => {
                    let all = [&self.restores, &self.probes, &self.actions, &self.gates];
                    let known: Vec<&str> = all.into_iter().flat_map(|names| names.keys()).copied().collect();
                    self.unknown("restore, probe, action or gate", name, &known, item.span);
                }
                several => {
                    let words: Vec<&str> = several.iter().map(|thing| thing.word()).collect();
                    let message = format!("`{name}` is both {}; `needs` cannot tell them apart", words.join(" and "));
                    let diagnostic = Diagnostic::error(Code::AmbiguousName, message).at(item.span);
                    self.problems.push(diagnostic.help("rename one of them"));
                }
            }
        }
    }

    fn unknown(&mut self, what: &str, name: &str, known: &[&str], place: Span) {
        let shown: String = name.chars().take(60).collect();
        let diagnostic = Diagnostic::error(Code::UnknownName, format!("no {what} is named `{shown}`")).at(place);
        self.compared = self.compared.saturating_add(known.len());
        let help = if self.compared > MOST_COMPARED { None } else { suggestion(name, known) };
        self.problems.push(diagnostic.maybe_help(help));
    }

    /// Restores start before anything that could fill a reference to a step.
    fn settings_of_restore(&mut self, name: &str) {
        for part in ["with", "metadata"] {
            let route = ["restore", name, part];
            let references = self.subject.at(&route).map(references_in).unwrap_or_default();
            for reference in references.iter().filter(|one| one.restore().is_some() || one.probe().is_some()) {
                let message = format!(
                    "`{reference}` cannot be used in `{part}`: only probes and actions can refer to what a step gives"
                );
                let place = self.subject.key_span(&route);
                self.problems.push(Diagnostic::error(Code::UnexpectedReference, message).at(place));
            }
        }
    }

    fn references(&mut self, from: Thing<'a>, node: &'a Node) {
        match &node.value {
            Value::List(items) => {
                for item in items {
                    self.references(from, item);
                }
            }
            Value::Map(entries) => {
                for (_, value) in entries {
                    self.references(from, value);
                }
            }
            Value::Text(text) if text.contains(OPEN) => {
                // What cannot be read was said when the shape was checked.
                let Ok(template) = Template::parse(text) else { return };
                for reference in template.references() {
                    self.reference(from, reference, node);
                }
            }
            _ => {}
        }
    }

    fn reference(&mut self, from: Thing<'a>, reference: &Reference, node: &'a Node) {
        let text = reference.text();
        let place = match self.subject.sources.slice(node.span).find(&text) {
            Some(at) => Span { start: node.span.start + at, end: node.span.start + at + text.len(), ..node.span },
            None => node.span,
        };
        if let Some(name) = reference.restore() {
            match self.restores.get_key_value(name.as_str()).map(|(known, _)| *known) {
                Some(known) if self.restores.get(known).is_some_and(|node| node.get("select").is_some()) => {
                    let message = format!("`{known}` is a selection: it becomes several restores");
                    let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(place);
                    self.problems.push(diagnostic.help("write `on.…` for the restore that the probe itself is on"));
                }
                Some(known) => self.edge(from, Thing::Restore(known), place),
                None => {
                    let known: Vec<&str> = self.restores.keys().copied().collect();
                    self.unknown("restore", name.as_str(), &known, place);
                }
            }
        }
        if let Some(name) = reference.probe() {
            match self.probes.get_key_value(name.as_str()).map(|(known, _)| *known) {
                Some(known) if self.is_several(known) && !self.is_several(from.name()) => {
                    let message =
                        format!("`{known}` is one probe for each of several restores: which of them is not said");
                    let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(place);
                    self.problems.push(diagnostic.help("write a probe of its own for the one that is meant"));
                }
                Some(known) => self.edge(from, Thing::Probe(known), place),
                None => {
                    let known: Vec<&str> = self.probes.keys().copied().collect();
                    self.unknown("probe", name.as_str(), &known, place);
                }
            }
        }
    }

    /// Depth first, without recursion: a definition may chain thousands of probes.
    fn cycles(&mut self, edges: &Edges<'a>) {
        let mut done: BTreeSet<Thing<'a>> = BTreeSet::new();
        for start in edges.keys() {
            let mut path: Vec<(Thing<'a>, usize)> = vec![(*start, 0)];
            let mut on_path: BTreeSet<Thing<'a>> = BTreeSet::from([*start]);
            while let Some((thing, next)) = path.pop() {
                let out = edges.get(&thing).map(Vec::as_slice).unwrap_or_default();
                let Some((to, place)) = out.get(next).filter(|_| !done.contains(&thing)) else {
                    on_path.remove(&thing);
                    done.insert(thing);
                    continue;
                };
                path.push((thing, next + 1));
                if on_path.contains(to) {
                    self.cycle(&path, *to, *place);
                } else if !done.contains(to) {
                    on_path.insert(*to);
                    path.push((*to, 0));
                }
            }
        }
    }

    fn cycle(&mut self, path: &[(Thing<'a>, usize)], back_to: Thing<'a>, place: Span) {
        let mut names: Vec<&str> =
            path.iter().map(|(thing, _)| *thing).skip_while(|thing| *thing != back_to).map(Thing::name).collect();
        names.push(back_to.name());
        let message = match names.as_slice() {
            [one, again] if one == again => format!("`{one}` waits for itself"),
            _ => format!("these wait for each other: {}", names.join(" -> ")),
        };
        self.problems.push(Diagnostic::error(Code::Cycle, message).at(place).label("this closes the circle"));
    }

    fn unproven(&mut self) {
        let proven = self.proven();
        for restore in self.restores.keys().copied().filter(|restore| !proven.contains(restore)) {
            let message = format!("no required probe proves the restore `{restore}`");
            let place = self.subject.key_span(&["restore", restore]);
            let diagnostic = Diagnostic::error(Code::Unproven, message).at(place);
            self.problems.push(
                diagnostic
                    .help(format!("add a probe with `on: {restore}`; one with `severity: advisory` does not count")),
            );
        }
    }

    /// What required probes are on.
    fn proven(&self) -> BTreeSet<&'a str> {
        let required = self.probes.values().copied().filter(|probe| {
            let severity = probe.get("severity").and_then(|(_, severity)| severity.text());
            severity != Some("advisory")
        });
        let on = required.filter_map(|probe| probe.get("on")).flat_map(|(_, on)| match &on.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(on),
        });
        on.filter_map(Node::text).collect()
    }
}
