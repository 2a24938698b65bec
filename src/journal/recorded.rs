//! What a passed run leaves for later runs to compare with.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::journal::event::{LastPass, Tried};
use crate::journal::state::{ProbeState, State};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;

/// What a probe of this kind records without being told to.
fn always(kind: ProbeKind) -> &'static [&'static str] {
    match kind {
        ProbeKind::SqlSchema => &["schema"],
        _ => &[],
    }
}

/// The recorded values of a run, by probe. The caller sees to it that the run passed.
#[must_use]
pub fn recorded(state: &State) -> LastPass {
    let probes = state.started.plan.definition.probes.iter();
    let recorded: BTreeMap<Name, BTreeMap<String, Value>> = probes
        .filter_map(|(name, probe)| {
            let names = probe.record.iter().map(String::as_str).chain(always(probe.kind).iter().copied());
            let seen = state.probes.get(name).and_then(held)?;
            let values: BTreeMap<String, Value> =
                names.filter_map(|value| Some((value.to_owned(), seen.get(value)?.clone()))).collect();
            (!values.is_empty()).then(|| (name.clone(), values))
        })
        .collect();
    LastPass { run: state.run, at: state.started_at, recorded }
}

fn held(probe: &ProbeState) -> Option<&BTreeMap<String, Value>> {
    probe.tried.iter().rev().find_map(|(_, _, tried)| match tried {
        Tried::Held { observed, .. } => Some(&observed.values),
        Tried::Missed { .. } => None,
    })
}
