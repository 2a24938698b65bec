//! Who names whom inside a definition: `on`, `needs`, references; unknown names, cycles, restores without a probe.

use std::collections::{HashMap, HashSet};

use crate::definition::check::Subject;
use crate::words::kind::ProbeKind;
use crate::words::reference::{Reference, Template, may_refer, references_in};
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, suggestion};
use crate::yaml::node::{Node, Value};
use crate::yaml::source::Span;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Restore,
    Probe,
    Action,
    Gate,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Restore => "a restore",
            Self::Probe => "a probe",
            Self::Action => "an action",
            Self::Gate => "a gate",
        }
    }
}

/// A restore, a probe, an action or a gate. It is known by its number: there may be thousands, and names are long.
#[derive(Debug, Clone, Copy)]
struct Thing<'a> {
    what: What,
    name: &'a str,
    number: usize,
}

/// All that a mapping of the definition names, sorted.
struct Known<'a> {
    what: What,
    sorted: Vec<(&'a str, &'a Node)>,
    /// Where each is in `sorted`.
    places: HashMap<&'a str, usize>,
    /// The number of the first.
    first: usize,
}

impl<'a> Known<'a> {
    fn of(root: &'a Node, (what, key): (What, &str), first: usize) -> Self {
        let entries = root.get(key).map(|(_, node)| node.entries()).unwrap_or_default();
        let mut sorted: Vec<(&str, &Node)> = entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        let places = sorted.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
        Self { what, sorted, places, first }
    }

    fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        let at = self.places.get(name)?;
        self.sorted.get(*at).map(|(_, node)| *node)
    }

    fn thing(&self, name: &str) -> Option<Thing<'a>> {
        let at = self.places.get(name)?;
        self.sorted.get(*at).map(|&(name, _)| Thing { what: self.what, name, number: self.first + at })
    }

    fn things(&self) -> Vec<(Thing<'a>, &'a Node)> {
        let numbered = self.sorted.iter().zip(self.first..);
        numbered.map(|(&(name, node), number)| (Thing { what: self.what, name, number }, node)).collect()
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.sorted.iter().map(|(name, _)| *name)
    }

    /// The number after the last.
    fn end(&self) -> usize {
        self.first + self.sorted.len()
    }
}

/// So many known names are compared with unknown ones to find what was meant: enough for every slip, and for a file full of
/// wrong names no more than some milliseconds.
const MOST_COMPARED: usize = 50_000;

/// What each thing waits for, by its number, and where that is written.
type Edges<'a> = Vec<Vec<(Thing<'a>, Span)>>;

/// Checks every name, then the order that they make.
pub fn check(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let restores = Known::of(subject.root, (What::Restore, "restore"), 0);
    let probes = Known::of(subject.root, (What::Probe, "probes"), restores.end());
    let actions = Known::of(subject.root, (What::Action, "actions"), probes.end());
    let gates = Known::of(subject.root, (What::Gate, "gates"), actions.end());
    let edges = vec![Vec::new(); gates.end()];
    let mut names = Names { subject, restores, probes, actions, gates, edges, compared: 0, problems };
    names.collect();
    let edges = std::mem::take(&mut names.edges);
    names.cycles(&edges);
    names.unproven();
}

struct Names<'a, 'p> {
    subject: &'a Subject<'a>,
    restores: Known<'a>,
    probes: Known<'a>,
    actions: Known<'a>,
    gates: Known<'a>,
    edges: Edges<'a>,
    compared: usize,
    problems: &'p mut Diagnostics,
}

impl<'a> Names<'a, '_> {
    fn collect(&mut self) {
        for (thing, node) in self.restores.things() {
            self.needs(thing, node);
            self.settings_of_restore(thing.name);
        }
        for (thing, node) in self.probes.things() {
            self.on(thing, node);
            self.needs(thing, node);
            self.settings(thing, node, "negative_control");
            self.ways(thing, node);
        }
        for (thing, node) in self.actions.things() {
            self.on(thing, node);
            self.needs(thing, node);
            self.settings(thing, node, "undo");
        }
        for (thing, node) in self.gates.things() {
            self.needs(thing, node);
        }
        self.group();
    }

    /// The settings of a probe or an action, and those of its control or its undo.
    fn settings(&mut self, thing: Thing<'a>, node: &'a Node, second: &str) {
        let first = of_kinds(node).map(|(kind, settings)| (kind, false, settings));
        let second = node.get(second).into_iter().flat_map(|(_, node)| of_kinds(node));
        let second = second.map(|(kind, settings)| (kind, true, settings));
        let mut found: Vec<(ProbeKind, bool, &'a Node)> = first.chain(second).collect();
        found.sort_unstable_by_key(|(kind, is_second, _)| (*kind, *is_second));
        for (_, _, settings) in found {
            self.references(thing, settings);
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
            if let Some(name) = item.text().filter(|name| !self.restores.contains(name)) {
                let known: Vec<&str> = self.restores.names().collect();
                self.unknown("restore", name, &known, item.span);
            }
        }
    }

    fn edge(&mut self, from: Thing<'a>, to: Thing<'a>, place: Span) {
        if let Some(edges) = self.edges.get_mut(from.number) {
            edges.push((to, place));
        }
    }

    fn on(&mut self, thing: Thing<'a>, node: &'a Node) {
        let Some((_, on)) = node.get("on") else { return };
        let names = match &on.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(on),
        };
        for item in names {
            let Some(name) = item.text() else { continue };
            let selects = || self.restores.get(name).is_some_and(|node| node.get("select").is_some());
            if thing.what == What::Action && selects() {
                let message = format!("`{name}` is a selection: it becomes several restores, and an action is on one");
                self.problems.push(Diagnostic::error(Code::UnknownName, message).at(item.span));
            } else if let Some(restore) = self.restores.thing(name) {
                self.edge(thing, restore, item.span);
            } else {
                let known: Vec<&str> = self.restores.names().collect();
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
            let all = [&self.restores, &self.probes, &self.actions, &self.gates];
            let found: Vec<Thing<'a>> = all.into_iter().filter_map(|known| known.thing(name)).collect();
            match found.as_slice() {
                [one] => self.edge(thing, *one, item.span),
                [] => {
                    let known: Vec<&str> = all.into_iter().flat_map(Known::names).collect();
                    self.unknown("restore, probe, action or gate", name, &known, item.span);
                }
                several => {
                    let words: Vec<&str> = several.iter().map(|thing| thing.what.word()).collect();
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
            Value::Text(text) if may_refer(text) => {
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
            Some(at) => {
                let start = node.span.start() + at;
                Span::new(node.span.source(), start, start + text.len())
            }
            None => node.span,
        };
        if let Some(name) = reference.restore() {
            match self.restores.thing(name.as_str()) {
                Some(known) if self.restores.get(known.name).is_some_and(|node| node.get("select").is_some()) => {
                    let message = format!("`{name}` is a selection: it becomes several restores");
                    let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(place);
                    self.problems.push(diagnostic.help("write `on.…` for the restore that the probe itself is on"));
                }
                Some(known) => self.edge(from, known, place),
                None => {
                    let known: Vec<&str> = self.restores.names().collect();
                    self.unknown("restore", name.as_str(), &known, place);
                }
            }
        }
        if let Some(name) = reference.probe() {
            match self.probes.thing(name.as_str()) {
                Some(known) if self.is_several(known.name) && !self.is_several(from.name) => {
                    let message =
                        format!("`{name}` is one probe for each of several restores: which of them is not said");
                    let diagnostic = Diagnostic::error(Code::UnexpectedReference, message).at(place);
                    self.problems.push(diagnostic.help("write a probe of its own for the one that is meant"));
                }
                Some(known) => self.edge(from, known, place),
                None => {
                    let known: Vec<&str> = self.probes.names().collect();
                    self.unknown("probe", name.as_str(), &known, place);
                }
            }
        }
    }

    /// Depth first, without recursion: a definition may chain thousands of probes.
    fn cycles(&mut self, edges: &Edges<'a>) {
        let mut done = vec![false; edges.len()];
        // Nothing is left on the path when it comes back to its start.
        let mut on_path = vec![false; edges.len()];
        let all = [&self.restores, &self.probes, &self.actions, &self.gates];
        let starts: Vec<Thing<'a>> = all.into_iter().flat_map(Known::things).map(|(thing, _)| thing).collect();
        for start in starts.into_iter().filter(|start| !edges[start.number].is_empty()) {
            let mut path: Vec<(Thing<'a>, usize)> = vec![(start, 0)];
            on_path[start.number] = true;
            while let Some((thing, next)) = path.pop() {
                let Some((to, place)) = edges[thing.number].get(next).filter(|_| !done[thing.number]) else {
                    on_path[thing.number] = false;
                    done[thing.number] = true;
                    continue;
                };
                path.push((thing, next + 1));
                if on_path[to.number] {
                    self.cycle(&path, *to, *place);
                } else if !done[to.number] {
                    on_path[to.number] = true;
                    path.push((*to, 0));
                }
            }
        }
    }

    fn cycle(&mut self, path: &[(Thing<'a>, usize)], back_to: Thing<'a>, place: Span) {
        let mut names: Vec<&str> = path
            .iter()
            .map(|(thing, _)| thing)
            .skip_while(|thing| thing.number != back_to.number)
            .map(|thing| thing.name)
            .collect();
        names.push(back_to.name);
        let message = match names.as_slice() {
            [one, again] if one == again => format!("`{one}` waits for itself"),
            _ => format!("these wait for each other: {}", names.join(" -> ")),
        };
        self.problems.push(Diagnostic::error(Code::Cycle, message).at(place).label("this closes the circle"));
    }

    fn unproven(&mut self) {
        let proven = self.proven();
        for restore in self.restores.names().filter(|restore| !proven.contains(restore)) {
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
    fn proven(&self) -> HashSet<&'a str> {
        let required = self.probes.sorted.iter().map(|(_, probe)| *probe).filter(|probe| {
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

/// What is written at the keys that are kinds.
fn of_kinds(node: &Node) -> impl Iterator<Item = (ProbeKind, &Node)> {
    node.entries().iter().filter_map(|(key, node)| Some((ProbeKind::from_word(&key.name)?, node)))
}
