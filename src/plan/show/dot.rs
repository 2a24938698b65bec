//! A plan as a graph for Graphviz.

use std::fmt::Write as _;

use crate::plan::show::View;
use crate::plan::step::Work;
use crate::words::text::tame;

/// The graph in the DOT language.
#[must_use]
pub fn dot(view: &View<'_>) -> String {
    let definition = &view.plan.definition;
    let mut out = format!("digraph {} {{\n", quoted(definition.name.as_str()));
    let _ = writeln!(out, "    label={};\n    rankdir=LR;\n    node [shape=box];", quoted(&definition.title));
    for step in &view.plan.steps {
        let _ = writeln!(out, "    {};", quoted(step.id.as_str()));
    }
    for step in &view.plan.steps {
        let style = if matches!(step.work, Work::Teardown(_) | Work::Undo(_)) { " [style=dashed]" } else { "" };
        for need in &step.needs {
            let _ = writeln!(out, "    {} -> {}{style};", quoted(need.step.as_str()), quoted(step.id.as_str()));
        }
    }
    out.push_str("}\n");
    out
}

/// A quoted DOT string. Backslashes are doubled, so that Graphviz's own escapes mean nothing.
fn quoted(text: &str) -> String {
    format!("\"{}\"", tame(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(quoted("a\"] \\N\n"), "\"a\\\"] \\\\N \"");
    }
}
