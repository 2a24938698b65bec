//! Nodes → the model, or every problem.
//!
//! Order: shapes first, then what spans several keys. The later checks look at whatever the shapes let through, so that
//! one wrong key does not hide the rest; the model is made only when nothing is wrong.
//!
//! A definition may have thousands of probes: what is looked for by name is found through an index, never by a walk.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::cloud::resource::Types;
use crate::definition::model::Definition;
use crate::definition::{assemble, bounds, evidence, names, places, proof, shape};
use crate::yaml::check::check as check_shape;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::yaml::node::{Key, Node, Value};
use crate::yaml::shape::Shape;
use crate::yaml::source::{Sources, Span};

/// The mappings right below the root, each with its entries by name.
struct Index<'a>(HashMap<&'a str, HashMap<&'a str, (&'a Key, &'a Node)>>);

impl<'a> Index<'a> {
    fn of(root: &'a Node) -> Self {
        let mappings = root.entries().iter().filter(|(_, node)| matches!(node.value, Value::Map(_)));
        let entries = |node: &'a Node| node.entries().iter().map(|(key, node)| (key.name.as_str(), (key, node)));
        Self(mappings.map(|(key, node)| (key.name.as_str(), entries(node).collect())).collect())
    }

    /// The entries of a mapping.
    fn of_mapping(&self, mapping: &str) -> Option<&HashMap<&'a str, (&'a Key, &'a Node)>> {
        self.0.get(mapping)
    }
}

/// What the checks that span several keys look at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The nodes, for places.
    pub root: &'a Node,
    /// What the shapes let through, canonical.
    pub json: &'a Json,
    /// The texts.
    pub sources: &'a Sources,
    /// The resource types.
    pub types: Types,
    index: &'a Index<'a>,
}

impl<'a> Subject<'a> {
    /// The node at the end of a route.
    #[must_use]
    pub fn node(&self, route: &[&str]) -> Option<&'a Node> {
        if let [mapping, name, rest @ ..] = route
            && let Some(entries) = self.index.of_mapping(mapping)
        {
            return entries.get(*name).copied()?.1.follow(rest);
        }
        self.root.follow(route)
    }

    /// The key at the end of a route.
    fn key(&self, route: &[&str]) -> Option<&'a Key> {
        if let [mapping, name] = route
            && let Some(entries) = self.index.of_mapping(mapping)
        {
            return entries.get(*name).map(|(key, _)| *key);
        }
        let (last, parents) = route.split_last()?;
        self.node(parents)?.get(last).map(|(key, _)| key)
    }

    /// Where a value is written; where its nearest ancestor is, if it is not.
    #[must_use]
    pub fn value_span(&self, route: &[&str]) -> Span {
        let found = (0..=route.len()).rev().find_map(|length| self.node(&route[..length]));
        found.map_or(self.root.span, |node| node.span)
    }

    /// Where a key is written; where its nearest ancestor is, if it is not.
    #[must_use]
    pub fn key_span(&self, route: &[&str]) -> Span {
        let found = (1..=route.len()).rev().find_map(|length| self.key(&route[..length]));
        found.map_or(self.root.span, |key| key.span)
    }

    /// What the shapes let through at a route.
    #[must_use]
    pub fn at(&self, route: &[&str]) -> Option<&'a Json> {
        route.iter().try_fold(self.json, |json, step| json.get(step))
    }

    /// The text that the shapes let through at a route.
    #[must_use]
    pub fn text(&self, route: &[&str]) -> Option<&'a str> {
        self.at(route).and_then(Json::as_str)
    }

    /// The entries that the shapes let through at a route.
    pub fn entries(&self, route: &[&str]) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
        self.at(route).and_then(Json::as_object).into_iter().flatten()
    }
}

/// Checks the nodes of a definition whose file has this stem.
pub fn check(
    root: Node,
    stem: &str,
    types: Types,
    sources: &Sources,
    problems: &mut Diagnostics,
) -> Option<Definition> {
    let json = checked(root, stem, types, sources, problems)?;
    match assemble::definition(json) {
        Ok(definition) => Some(definition),
        Err(error) => {
            let message = format!("drill accepted this definition and cannot use it: {error}");
            problems.push(Diagnostic::error(Code::Defect, message).help("this is a defect of drill; please report it"));
            None
        }
    }
}

/// What the shapes let through, if nothing is wrong with it. The nodes are gone then: the model needs their room.
fn checked(root: Node, stem: &str, types: Types, sources: &Sources, problems: &mut Diagnostics) -> Option<Json> {
    let root = without_expectations_of_controls(root, problems);
    let fields = Shape::Map(shape::definition(types));
    let json = check_shape(sources, &root, &fields, "the definition", problems).unwrap_or_default();
    let index = Index::of(&root);
    let subject = Subject { root: &root, json: &json, sources, types, index: &index };
    places::check(&subject, stem, problems);
    bounds::check(&subject, problems);
    evidence::check(&subject, problems);
    names::check(&subject, problems);
    proof::check(&subject, problems);
    if problems.has_errors() { None } else { Some(json) }
}

const RIGHT_CONTROL: &str = "change the query, the target or the credential and predict how it fails, such as \
                             `negative_control: { sql: { query: \"SELECT 0 AS orders\" }, fails_with: expectation }`";

/// A control that changes what is expected shows only that a comparison works. It gets its own words, because the
/// mistake is natural; afterwards the key is gone, so that nothing complains of it twice.
fn without_expectations_of_controls(mut root: Node, problems: &mut Diagnostics) -> Node {
    let Some(Value::Map(probes)) = child(&mut root, "probes").map(|node| &mut node.value) else { return root };
    for (_, probe) in probes {
        let Value::Map(settings) = &mut probe.value else { continue };
        let Some(at) = settings.iter().position(|(key, _)| key.name == "negative_control") else { continue };
        let Value::Map(control) = &mut settings[at].1.value else { continue };
        let Some(expect) = control.iter().position(|(key, _)| key.name == "expect") else { continue };
        let (key, _) = control.remove(expect);
        let message = "a negative control with another expectation proves nothing: any probe fails when it must expect something else";
        let diagnostic = Diagnostic::error(Code::NegativeControl, message).at(key.span);
        problems.push(diagnostic.help(RIGHT_CONTROL));
        if control.iter().all(|(key, _)| key.name == "fails_with") {
            settings.remove(at);
        }
    }
    root
}

fn child<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|(known, _)| known.name == key).map(|(_, node)| node),
        _ => None,
    }
}
