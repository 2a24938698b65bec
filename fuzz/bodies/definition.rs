//! Any bytes as a definition: no panic, never a refusal without a word, every diagnostic inside of the text and harmless
//! for a terminal. What is accepted can be planned and shown, and survives the journal.

use std::collections::BTreeMap;

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::definition::model::Definition;
use restore_drill::plan::compile::compile;
use restore_drill::plan::show::View;
use restore_drill::plan::show::dot::dot;
use restore_drill::plan::show::json::json;
use restore_drill::plan::show::mermaid::mermaid;
use restore_drill::plan::show::text::text;
use restore_drill::plan::step::Plan;
use restore_drill::words::text::is_hostile;
use restore_drill::yaml::diagnostic::{Diagnostic, to_json};
use restore_drill::yaml::snippet::{locate, render, summary};
use restore_drill::yaml::source::{Sources, Span};

/// The file's name, which a definition's own must be.
const FILE: &str = "fuzzed.yaml";

pub(crate) fn run(data: &[u8]) {
    match check_text(FILE, data, None, &BTreeMap::new(), facts) {
        Ok(loaded) => {
            explained(&loaded.sources, &loaded.warnings);
            explained(&loaded.sources, &loaded.strict);
            planned(&loaded.definition);
        }
        Err(problems) => {
            assert!(!problems.diagnostics.is_empty(), "it is refused without a word");
            explained(&problems.sources, &problems.diagnostics);
        }
    }
}

fn explained(sources: &Sources, diagnostics: &[Diagnostic]) {
    for one in diagnostics {
        let places = one.place.into_iter().chain(one.related.iter().map(|(place, _)| *place)).chain(one.hidden);
        places.for_each(|place| inside(sources, place));
    }
    let shown = [render(sources, diagnostics, false), summary(diagnostics)].concat();
    let harmful = shown.chars().find(|c| *c != '\n' && is_hostile(*c));
    assert!(harmful.is_none(), "{harmful:?} is shown");
    let _ = to_json(&[(FILE.to_owned(), sources, diagnostics)]);
}

fn inside(sources: &Sources, place: Span) {
    let source = sources.get(place.source()).expect("the text that it points into");
    let text = &source.text;
    assert!(place.start() <= place.end() && place.end() <= text.len(), "{place:?} of {} bytes", text.len());
    assert!(
        text.is_char_boundary(place.start()) && text.is_char_boundary(place.end()),
        "{place:?} is inside of a character"
    );
    let at = locate(sources, place).expect("it can be located");
    assert!(at.line >= 1 && at.column >= 1 && at.end_line >= at.line, "{place:?}");
}

fn planned(definition: &Definition) {
    let Ok(plan) = compile(definition, facts) else { return };
    assert_eq!(compile(definition, facts).ok().as_ref(), Some(&plan), "the same definition gives another plan");
    let view = View { plan: &plan, points: None, checks: None, permissions: &[], estimate: None, cost: None };
    for shown in [text(&view), dot(&view), mermaid(&view), json(&view)] {
        assert!(!shown.is_empty());
    }
    let stored = serde_json::to_string(&plan).expect("a plan can be stored");
    let read: Plan = serde_json::from_str(&stored).expect("what is stored can be read");
    assert_eq!(read, plan, "the journal would keep another plan");
}
