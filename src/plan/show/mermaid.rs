//! A plan as a Mermaid flowchart that GitHub renders.

use std::fmt::Write as _;

use crate::plan::show::View;
use crate::plan::step::{Plan, Step, Work};
use crate::words::id::StepId;
use crate::words::text::tame;

/// The longest label, in characters.
const LONGEST_LABEL: usize = 120;

/// The flowchart, without a fence around it.
#[must_use]
pub fn mermaid(view: &View<'_>) -> String {
    let mut out = String::from("flowchart LR\n");
    for step in &view.plan.steps {
        let _ = writeln!(out, "    {}[\"{}\"]", node(&step.id), label(step.id.as_str()));
    }
    out.push_str(&edges(view.plan));
    out
}

/// One line an edge. Teardown, which runs against the arrows, is dashed.
#[must_use]
pub fn edges(plan: &Plan) -> String {
    edges_between(plan.steps.iter(), |_| true)
}

/// The edges that lead to these steps, from those that are there.
#[must_use]
pub fn edges_between<'a>(steps: impl Iterator<Item = &'a Step>, is_there: impl Fn(&StepId) -> bool) -> String {
    let mut out = String::new();
    for step in steps {
        let arrow = if matches!(step.work, Work::Teardown(_) | Work::Undo(_)) { "-.->" } else { "-->" };
        for need in step.needs.iter().filter(|need| is_there(&need.step)) {
            let _ = writeln!(out, "    {} {arrow} {}", node(&need.step), node(&step.id));
        }
    }
    out
}

/// A step's id as a node's id. It never collides with another's, nor with a word of Mermaid such as `end`.
#[must_use]
pub fn node(id: &StepId) -> String {
    format!("s_{}", id.as_str().replace('.', "__").replace('-', "_"))
}

/// Any text as the inside of a quoted label: what could end the quotes, or mean something to Mermaid or HTML, becomes
/// a numeric entity.
#[must_use]
pub fn label(text: &str) -> String {
    let mut out = String::new();
    for c in tame(text).chars().take(LONGEST_LABEL) {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | '-' | '/' | '_' | '+') {
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{label, node};

    #[test]
    fn labels_cannot_leave_their_quotes() {
        let shown = label("x\"]; click a \"javascript:1\"\nend `b` <i>");
        for c in ['"', '[', ']', '<', '>', '`', '\n', '(', ':'] {
            assert!(!shown.contains(c), "{shown}");
        }
    }

    #[test]
    fn node_ids_are_plain_and_differ() {
        let one = node(&"probe.a-b".parse().unwrap());
        assert_eq!(one, "s_probe__a_b");
        assert_ne!(one, node(&"probe.ab".parse().unwrap()));
    }
}
