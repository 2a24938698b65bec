//! Which of the values that a query gave are journalled: those that something needs. The rest is data of production that
//! no report has to hold.
//!
//! Pure. What a probe expects, measures and records is needed, and what a reference anywhere in the definition reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::definition::model::{Definition, Probe};
use crate::journal::event::Tried;
use crate::probe::Observed;
use crate::words::id::Name;
use crate::words::kind::ProbeKind;
use crate::words::reference::{Reference, references_in};
use crate::words::text::tame;

/// The fact that names what was left out.
const LEFT_OUT: &str = "values not kept";

/// The names of the values that are needed of each query of a definition. Made once for a plan: what reads a value may
/// stand anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed(BTreeMap<Name, BTreeSet<String>>);

impl Needed {
    /// Of all queries.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let queries = definition.probes.iter().filter(|(_, probe)| probe.kind == ProbeKind::Sql);
        let own = |probe: &Probe| -> BTreeSet<String> {
            probe.expect.keys().chain(&probe.record).chain(&probe.measures.data_age).cloned().collect()
        };
        let mut needed: BTreeMap<Name, BTreeSet<String>> =
            queries.map(|(name, probe)| (name.clone(), own(probe))).collect();
        if needed.is_empty() {
            return Self::default();
        }
        let whole = serde_json::to_value(definition).unwrap_or(Value::Null);
        for reference in references_in(&whole) {
            if let Reference::Probe { name, value } = reference
                && let Some(names) = needed.get_mut(&name)
            {
                names.insert(value);
            }
        }
        Self(needed)
    }

    /// Of one probe; nothing for a probe whose values are its own words, not data.
    #[must_use]
    pub fn of_probe(&self, name: &Name) -> Option<&BTreeSet<String>> {
        self.0.get(name)
    }
}

/// An attempt with nothing but the values that are needed, and the names of the others.
#[must_use]
pub fn without_the_rest(tried: Tried, needed: Option<&BTreeSet<String>>) -> Tried {
    let Some(needed) = needed else { return tried };
    match tried {
        Tried::Held { observed, explained } => Tried::Held { observed: cut(observed, needed), explained },
        Tried::Missed { mut miss } => {
            miss.observed = miss.observed.map(|observed| cut(observed, needed));
            Tried::Missed { miss }
        }
    }
}

fn cut(mut observed: Observed, needed: &BTreeSet<String>) -> Observed {
    let names: Vec<&str> = observed.values.keys().map(String::as_str).filter(|name| !needed.contains(*name)).collect();
    if !names.is_empty() {
        let left_out = tame(&names.join(", "));
        observed.facts.insert(LEFT_OUT.to_owned(), left_out);
        observed.values.retain(|name, _| needed.contains(name));
    }
    observed
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::without_the_rest;
    use crate::journal::event::Tried;
    use crate::probe::Observed;

    #[test]
    fn what_nothing_needs_is_named_and_not_kept() {
        let values = BTreeMap::from([("orders".to_owned(), json!(7)), ("customer".to_owned(), json!("Ada"))]);
        let held = Tried::Held { observed: Observed { values, facts: BTreeMap::new() }, explained: Vec::new() };
        let needed = BTreeSet::from(["orders".to_owned()]);
        let Tried::Held { observed, .. } = without_the_rest(held.clone(), Some(&needed)) else { panic!("it held") };
        assert_eq!(observed.values.keys().collect::<Vec<_>>(), ["orders"]);
        assert_eq!(observed.facts["values not kept"], "customer");
        assert_eq!(without_the_rest(held.clone(), None), held);
    }
}
