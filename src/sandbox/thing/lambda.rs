//! Lambda functions: those that a definition or a world file names exist in the destination. They answer what they are
//! given, or ask in drill's place.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::definition::model::Via;
use crate::sandbox::file::FunctionFile;
use crate::sandbox::inventory::Thing;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::{Shelf, Tagged};
use crate::sandbox::world::World;
use crate::words::kind::ProbeKind;

/// The functions of one account and region, by name.
#[derive(Default)]
pub(crate) struct LambdaShelf {
    pub(crate) functions: BTreeMap<String, Function>,
}

/// A function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// It answers what custom probes are asked.
    pub(crate) probes: bool,
}

impl Shelf for LambdaShelf {
    fn advance(&mut self, _now: Timestamp) {}

    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// A function that nobody calls costs nothing.
    fn things(&self) -> Vec<Thing> {
        Vec::new()
    }

    fn tagged(&self) -> Vec<Tagged> {
        Vec::new()
    }
}

/// Adds the functions that the definition's probes invoke, and those that ask in drill's place.
pub(crate) fn add_named(world: &mut World, spec: &ResourceSpec) {
    let probes = spec.probes.iter().filter(|probe| probe.kind == ProbeKind::Lambda);
    let named = probes.filter_map(|probe| probe.settings.get("function").and_then(literal)).map(name);
    let asking = spec.probes.iter().filter_map(|probe| match &probe.via {
        Some(Via::Lambda(function)) if !function.contains("${{") => Some(name(function)),
        _ => None,
    });
    let functions = &mut world.site(&spec.destination).shelves.lambda.functions;
    for function in named {
        functions.entry(function.to_owned()).or_default();
    }
    for function in asking {
        functions.entry(function.to_owned()).or_default().probes = true;
    }
}

/// Adds a function that a world file declares, or changes one that the definition names.
pub(crate) fn declare(world: &mut World, place: &Place, function: &str, declared: FunctionFile) {
    let functions = &mut world.site(place).shelves.lambda.functions;
    functions.insert(name(function).to_owned(), Function { probes: declared.probes });
}

/// The name in a name, in `name:alias`, in an ARN or in `ACCOUNT:function:name`.
pub(crate) fn name(function: &str) -> &str {
    let rest = function.split_once(":function:").map_or(function, |(_, rest)| rest);
    let rest = rest.strip_prefix("function:").unwrap_or(rest);
    rest.split(':').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_function_is_named_in_several_ways() {
        for text in ["check", "check:live", "arn:aws:lambda:eu-west-1:123456789012:function:check:live"] {
            assert_eq!(name(text), "check", "{text}");
        }
    }
}
