//! A run as two Mermaid diagrams that GitHub renders.
//!
//! Only step ids, statuses and times stand in them, none of which can hold a character that Mermaid reads as syntax.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::state::{State, StepState};
use crate::plan::show::mermaid::{edges, label, node};
use crate::plan::step::{Step, Work};
use crate::report::facts::steps::{critical, icon, since, status, took};
use crate::words::id::{Name, StepId};
use crate::words::time::show_duration;

/// Classes of the flowchart's nodes: status and look.
const LOOKS: [(&str, &str); 6] = [
    ("passed", "fill:#d3f9d8,stroke:#2b8a3e,color:#111"),
    ("failed", "fill:#ffe3e3,stroke:#c92a2a,color:#111"),
    ("skipped", "fill:#f1f3f5,stroke:#868e96,color:#111"),
    ("not_measured", "fill:#fff3bf,stroke:#e67700,color:#111"),
    ("running", "fill:#d0ebff,stroke:#1864ab,color:#111"),
    ("waiting", "fill:#ffffff,stroke:#adb5bd,color:#111"),
];

/// Mermaid texts, without fences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagram {
    /// What happened when; null if no step began.
    pub timeline: Option<String>,
    /// Which step came after which, and how each ended.
    pub graph: String,
}

/// Both diagrams.
#[must_use]
pub fn diagram(state: &State) -> Diagram {
    Diagram { timeline: timeline(state), graph: graph(state) }
}

fn graph(state: &State) -> String {
    let plan = &state.started.plan;
    let mut out = String::from("flowchart LR\n");
    for step in &plan.steps {
        let now = now(state, step);
        let took = took(now).map(|took| format!("<br/>{}", label(&show_duration(took)))).unwrap_or_default();
        let _ = writeln!(out, "    {}[\"{} {}{took}\"]", node(&step.id), icon(now), label(step.id.as_str()));
    }
    out.push_str(&edges(plan));
    for (word, look) in LOOKS {
        let nodes: Vec<String> =
            plan.steps.iter().filter(|step| status(now(state, step)) == word).map(|step| node(&step.id)).collect();
        if !nodes.is_empty() {
            let _ = writeln!(out, "    classDef {word} {look}\n    class {} {word}", nodes.join(","));
        }
    }
    out
}

fn timeline(state: &State) -> Option<String> {
    let plan = &state.started.plan;
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| since(now(state, step)).is_some()).collect();
    if steps.is_empty() {
        return None;
    }
    let end = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    let long = end.duration_since(state.started_at) > SignedDuration::from_hours(24);
    let axis = if long { "%m-%d %H:%M" } else { "%H:%M:%S" };
    let mut out = format!("gantt\n    dateFormat YYYY-MM-DD HH:mm:ss\n    axisFormat {axis}\n    todayMarker off\n");
    let of_run: Vec<&Step> = steps.iter().copied().filter(|step| restore_of(state, step).is_none()).collect();
    let path = critical(state);
    section("Run", &of_run, (state, &path), end, &mut out);
    for restore in plan.definition.restore.keys() {
        let own: Vec<&Step> = steps.iter().copied().filter(|step| restore_of(state, step) == Some(restore)).collect();
        section(&format!("Restore {restore}"), &own, (state, &path), end, &mut out);
    }
    Some(out)
}

fn section(
    name: &str,
    steps: &[&Step],
    (state, critical): (&State, &BTreeSet<StepId>),
    end: Timestamp,
    out: &mut String,
) {
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(out, "    section {name}");
    for step in steps {
        let now = now(state, step);
        let Some(began) = since(now) else { continue };
        let ended = took(now).and_then(|took| began.checked_add(took).ok()).unwrap_or(end);
        let tag = match status(now) {
            "passed" => "done, ",
            "failed" => "crit, ",
            "running" => "active, ",
            _ => "",
        };
        // A bar needs a length to be seen.
        let shortest = began.checked_add(SignedDuration::from_secs(1)).unwrap_or(began);
        let star = if critical.contains(&step.id) { " ★" } else { "" };
        let _ = writeln!(out, "    {}{star} :{tag}{}, {}", step.id, moment(began), moment(ended.max(shortest)));
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn now<'a>(state: &'a State, step: &Step) -> &'a StepState {
    state.steps.get(&step.id).unwrap_or(&StepState::Waiting)
}

fn restore_of<'a>(state: &'a State, step: &'a Step) -> Option<&'a Name> {
    match &step.work {
        Work::Preflight | Work::Report | Work::Gate(_) => None,
        Work::Pick(name) | Work::Restore(name) | Work::Ready(name) | Work::Finish(name) | Work::Teardown(name) => {
            Some(name)
        }
        Work::Action(name) | Work::Undo(name) => {
            state.started.plan.definition.actions.get(name).and_then(|action| action.on.as_ref())
        }
        Work::Probe(name) => state.started.plan.definition.probes.get(name).map(|probe| &probe.on),
    }
}
