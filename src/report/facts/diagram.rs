//! A run as two Mermaid diagrams that GitHub renders.
//!
//! Only step ids, statuses and times stand in them, none of which can hold a character that Mermaid reads as syntax.
//! They are bounded: Mermaid refuses to draw a text that is too long, so of many steps they show the most telling.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::state::{State, StepState};
use crate::plan::show::mermaid::{edges_between, label, node};
use crate::plan::step::{Step, Work};
use crate::report::facts::steps::{icon, status, took};
use crate::report::facts::timeline::{Bar, Timeline, telling};
use crate::words::id::StepId;
use crate::words::time::show_duration;

/// The most steps that a diagram shows. Mermaid draws 50,000 characters and 500 edges at most.
pub const MOST_STEPS: usize = 100;

/// With more arrows than this the flowchart leaves the teardown out: its arrows lead from everything.
const MOST_ARROWS: usize = 40;

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
    /// How to read its arrows.
    pub legend: String,
    /// That some steps are in neither diagram, and which; null if all are in them.
    pub left_out: Option<String>,
}

/// Both diagrams.
#[must_use]
pub fn diagram(state: &State, timeline: Option<&Timeline>) -> Diagram {
    let all = state.started.plan.steps.len();
    let shown = shown(state, timeline);
    let left_out = (shown.len() < all).then(|| {
        format!(
            "The pictures show {} of {all} steps: the critical path, what did not pass, and what took longest. The table \
             below has every step.",
            shown.len()
        )
    });
    let (graph, legend) = graph(state, &shown);
    let timeline = timeline.map(|timeline| gantt(timeline, &shown));
    Diagram { timeline, graph, legend: legend.to_owned(), left_out }
}

/// Every step, or those that tell most; before anything began, the first of the plan.
fn shown<'a>(state: &'a State, timeline: Option<&'a Timeline>) -> BTreeSet<&'a str> {
    let steps = &state.started.plan.steps;
    match timeline.filter(|_| steps.len() > MOST_STEPS) {
        Some(timeline) => telling(timeline, MOST_STEPS),
        None => steps.iter().take(MOST_STEPS).map(|step| step.id.as_str()).collect(),
    }
}

fn graph(state: &State, shown: &BTreeSet<&str>) -> (String, &'static str) {
    let steps: Vec<&Step> = state.started.plan.steps.iter().filter(|step| shown.contains(step.id.as_str())).collect();
    let is_shown = |step: &StepId| shown.contains(step.as_str());
    let arrows: usize = steps.iter().map(|step| step.needs.iter().filter(|need| is_shown(&need.step)).count()).sum();
    let is_forward = |step: &&&Step| !matches!(step.work, Work::Teardown(_) | Work::Undo(_) | Work::Report);
    if arrows <= MOST_ARROWS {
        return (drawn(state, &steps), WITH_TEARDOWN);
    }
    (drawn(state, &steps.iter().filter(is_forward).copied().collect::<Vec<_>>()), WITHOUT_TEARDOWN)
}

const WITH_TEARDOWN: &str =
    "Dashed arrows are the teardown: it waits until every user of a resource has ended, however it ended.";

const WITHOUT_TEARDOWN: &str =
    "The teardown is not drawn: each waits until every user of its resource has ended, however it ended.";

fn drawn(state: &State, steps: &[&Step]) -> String {
    let mut out = String::from("flowchart LR\n");
    for step in steps {
        let now = now(state, step);
        let took = took(now).map(|took| format!("<br/>{}", label(&show_duration(took)))).unwrap_or_default();
        let _ = writeln!(out, "    {}[\"{} {}{took}\"]", node(&step.id), icon(now), label(step.id.as_str()));
    }
    let there: BTreeSet<&StepId> = steps.iter().map(|step| &step.id).collect();
    out.push_str(&edges_between(steps.iter().copied(), |id| there.contains(id)));
    for (word, look) in LOOKS {
        let nodes: Vec<String> =
            steps.iter().filter(|step| status(now(state, step)) == word).map(|step| node(&step.id)).collect();
        if !nodes.is_empty() {
            let _ = writeln!(out, "    classDef {word} {look}\n    class {} {word}", nodes.join(","));
        }
    }
    out
}

fn gantt(timeline: &Timeline, shown: &BTreeSet<&str>) -> String {
    let long = timeline.end.duration_since(timeline.start) > SignedDuration::from_hours(24);
    let axis = if long { "%m-%d %H:%M" } else { "%H:%M:%S" };
    let mut out = format!("gantt\n    dateFormat YYYY-MM-DD HH:mm:ss\n    axisFormat {axis}\n    todayMarker off\n");
    for lane in &timeline.lanes {
        let bars: Vec<&Bar> = lane.bars.iter().filter(|bar| shown.contains(bar.step.as_str())).collect();
        if bars.is_empty() {
            continue;
        }
        let _ = writeln!(out, "    section {}", lane.name);
        for bar in bars {
            // A bar needs a length to be seen.
            let shortest = bar.from.checked_add(SignedDuration::from_secs(1)).unwrap_or(bar.from);
            let (from, until) = (moment(bar.from), moment(bar.until.max(shortest)));
            let _ = writeln!(out, "    {} :{}{from}, {until}", bar.step, tags(bar));
        }
    }
    out
}

/// Mermaid paints `crit` red, and gives `crit, done` and `crit, active` a red frame.
fn tags(bar: &Bar) -> &'static str {
    match (bar.status.as_str(), bar.critical) {
        ("passed", false) => "done, ",
        ("passed", true) => "crit, done, ",
        ("failed", _) => "crit, ",
        ("running", false) => "active, ",
        ("running", true) => "crit, active, ",
        _ => "",
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn now<'a>(state: &'a State, step: &Step) -> &'a StepState {
    state.steps.get(&step.id).unwrap_or(&StepState::Waiting)
}
