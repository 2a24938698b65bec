//! Lambda functions: those that a definition names exist in the destination, and answer what they are given.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::sandbox::inventory::Thing;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::{Shelf, Tagged};
use crate::sandbox::world::World;
use crate::words::kind::ProbeKind;

/// The functions of one account and region, by name.
#[derive(Default)]
pub(crate) struct LambdaShelf {
    pub(crate) functions: BTreeSet<String>,
}

impl Shelf for LambdaShelf {
    fn advance(&mut self, _now: Timestamp) {}

    /// A function that nobody calls costs nothing.
    fn things(&self) -> Vec<Thing> {
        Vec::new()
    }

    fn tagged(&self) -> Vec<Tagged> {
        Vec::new()
    }
}

/// Adds the functions that the definition's probes invoke.
pub(crate) fn add_named(world: &mut World, spec: &ResourceSpec) {
    let probes = spec.probes.iter().filter(|probe| probe.kind == ProbeKind::Lambda);
    let named = probes.filter_map(|probe| probe.settings.get("function").and_then(literal)).map(name);
    let named: Vec<String> = named.map(str::to_owned).collect();
    world.site(&spec.destination).shelves.lambda.functions.extend(named);
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
