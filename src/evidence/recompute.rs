//! The run, judged again from its journal: what the manifest says of it, the definition, every verdict with its
//! measures, and the report to the byte.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use crate::cloud::resource::Types;
use crate::evidence::bundle::{Bundle, DEFINITION, JOURNAL, MANIFEST};
use crate::evidence::manifest::Manifest;
use crate::evidence::verify::{Found, Problem, Tools};
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Event, Recorded, RunStarted};
use crate::journal::lines::check_form;
use crate::journal::measure::{Measure, Measures, phases_of_slowest};
use crate::journal::state::State;
use crate::journal::verdict::{Conclusion, conclude};

/// What drill adds to a bundle and cannot make again to the byte: another program prints it.
const PRINTED: [&str; 1] = ["report.pdf"];

/// Judges the run again, says what does not fit, and returns what it measured.
pub(crate) fn recompute(
    records: &[Recorded],
    manifest: &Manifest,
    bundle: &Bundle,
    tools: &Tools<'_>,
    found: &mut Found,
) -> Option<Measures> {
    let Some(Recorded { event: Event::RunStarted(started), .. }) = records.first() else {
        found.problem(JOURNAL, "does not begin with a run");
        return None;
    };
    facts(records, manifest, found);
    definition(started, bundle, found);
    for listed in manifest.files.iter().filter(|listed| PRINTED.contains(&listed.name.as_str())) {
        found.note(format!(
            "{} cannot be made again: a browser printed it. Only its hash in the manifest was checked, and that says nothing \
             of what it shows unless the signature is genuine",
            listed.name
        ));
    }
    let same_version = manifest.renderer == tools.version;
    let to_the_word = same_version && started.version == tools.version;
    let measures = verdicts(records, tools.types, to_the_word, found)?;
    if same_version {
        let text = bundle.files.get(JOURNAL).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        if let Err(error) = check_form(text, records) {
            found.problem(JOURNAL, error.to_string());
        }
        if let Some(note) = other_texts(records) {
            found.note(note);
        }
        report(records, (manifest, bundle), tools, found);
    } else {
        found.note(format!(
            "the report was not rendered again: drill {} wrote it, and this is drill {}; its hash was checked",
            manifest.renderer, tools.version
        ));
    }
    Some(measures)
}

/// What is to be known of events whose text is not the one that this version writes: older ones, or ones with more fields.
fn other_texts(records: &[Recorded]) -> Option<String> {
    let mut others = records.iter().filter(|record| !record.is_own_text());
    let (first, more) = (others.next()?.seq, others.count());
    let which = if more == 0 { format!("record {first}") } else { format!("record {first} and {more} more") };
    Some(format!(
        "this version of drill would write {which} of the journal otherwise: the hashes cover the text that is there, and \
         what of it this version does not know is not in the report"
    ))
}

/// What the manifest says of the run is what the journal says.
fn facts(records: &[Recorded], manifest: &Manifest, found: &mut Found) {
    let files = manifest.files.clone();
    let Some(made) = Manifest::of(records, files, manifest.signer.clone(), &manifest.renderer) else {
        found.problem(JOURNAL, "does not end with a verdict");
        return;
    };
    let (said, made) = (value(manifest), value(&made));
    for (entry, said, made) in differences("", &said, &made) {
        found.problem(MANIFEST, format!("says that `{entry}` is {said}, and the journal makes it {made}"));
    }
}

/// Every entry that is not the same, by its path, with both values: those of objects one by one, down to what differs.
fn differences<'a>(path: &str, said: &'a Value, made: &'a Value) -> Vec<(String, &'a Value, &'a Value)> {
    let (Value::Object(fields_said), Value::Object(fields_made)) = (said, made) else {
        return if said == made { Vec::new() } else { vec![(path.to_owned(), said, made)] };
    };
    let names: BTreeSet<&String> = fields_said.keys().chain(fields_made.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}: {name}") };
        let (said, made) = (fields_said.get(name), fields_made.get(name));
        all.extend(differences(&path, said.unwrap_or(&Value::Null), made.unwrap_or(&Value::Null)));
    }
    all
}

fn value(manifest: &Manifest) -> Value {
    serde_json::to_value(manifest).unwrap_or(Value::Null)
}

fn definition(started: &RunStarted, bundle: &Bundle, found: &mut Found) {
    if sha256_hex(started.definition.as_bytes()) != started.definition_sha256 {
        found.problem(JOURNAL, "holds another definition than the one whose hash it names");
    }
    if let Some(bytes) = bundle.files.get(DEFINITION)
        && bytes != started.definition.as_bytes()
    {
        found.problem(DEFINITION, "is not the definition that the journal holds");
    }
}

/// What is wrong with the verdicts of a journal without a bundle; nothing where each is the one that the records before it
/// make.
#[must_use]
pub fn misjudged(records: &[Recorded], tools: &Tools<'_>) -> Vec<Problem> {
    let mut found = Found::default();
    if let Some(Recorded { event: Event::RunStarted(started), .. }) = records.first() {
        definition(started, &Bundle::default(), &mut found);
        verdicts(records, tools.types, started.version == tools.version, &mut found);
    }
    found.into_problems()
}

/// Every verdict of the journal is the one that the records before it make. Returns the measures of the last.
fn verdicts(records: &[Recorded], types: Types, to_the_word: bool, found: &mut Found) -> Option<Measures> {
    let (first, rest) = records.split_first()?;
    let begun = State::begin(first.run, first.at, &first.event);
    let mut state = begun.map_err(|illegal| found.problem(JOURNAL, illegal.to_string())).ok()?;
    let mut measures = None;
    for record in rest {
        if let Event::Concluded { conclusion } = &record.event {
            let made = judged_then(conclude(&state, types), conclusion, &state);
            if let Some(what) = difference(conclusion, &made, to_the_word) {
                found.problem(JOURNAL, format!("record {}: {what}", record.seq));
            }
            measures = Some(made.measures);
        }
        state.apply(record.at, &record.event).map_err(|illegal| found.problem(JOURNAL, illegal.to_string())).ok()?;
    }
    measures
}

/// The verdict that is made now, its recovery time split as it was when the verdict was recorded: there were two ways.
fn judged_then(mut made: Conclusion, said: &Conclusion, state: &State) -> Conclusion {
    if said.measures.rto_phases != made.measures.rto_phases && said.measures.rto_phases == phases_of_slowest(state) {
        made.measures.rto_phases.clone_from(&said.measures.rto_phases);
    }
    made
}

/// How the verdict that was recorded differs from the one that is made now. Between versions words may change; verdict and
/// numbers may not.
fn difference(said: &Conclusion, made: &Conclusion, to_the_word: bool) -> Option<String> {
    if said.verdict != made.verdict {
        return Some(format!(
            "the verdict is `{}`, and the records before it make it `{}`",
            said.verdict, made.verdict
        ));
    }
    let (numbers_said, numbers_made) = (numbers(&said.measures), numbers(&made.measures));
    let other = numbers_said.iter().zip(&numbers_made).find(|(said, made)| said != made);
    if let Some(((name, ..), _)) = other {
        return Some(format!("`{name}` is not what the records before it measure"));
    }
    if numbers_said.len() != numbers_made.len() {
        return Some("it has not the measures that the records before it make".to_owned());
    }
    (to_the_word && said != made).then(|| "its reasons or measures are not those that the records make".to_owned())
}

type Number = (String, Option<SignedDuration>, Option<SignedDuration>);

/// Every number with its target.
fn numbers(measures: &Measures) -> Vec<Number> {
    let number = |name: String, measure: &Measure| (name, measure.value, measure.target);
    let four = |prefix: &str, [rto, rpo, copy_lag, data_age]: [&Measure; 4]| {
        [
            number(format!("{prefix}rto"), rto),
            number(format!("{prefix}rpo"), rpo),
            number(format!("{prefix}copy_lag"), copy_lag),
            number(format!("{prefix}data_age"), data_age),
        ]
    };
    let mut all: Vec<Number> = four("", [&measures.rto, &measures.rpo, &measures.copy_lag, &measures.data_age]).into();
    all.extend(measures.skew.as_ref().map(|skew| number("skew".to_owned(), skew)));
    all.push(("waited".to_owned(), Some(measures.waited), None));
    all.extend(measures.rto_phases.iter().map(|(phase, took)| (format!("rto: {phase}"), Some(*took), None)));
    for (name, of) in &measures.restores {
        all.extend(four(&format!("{name}: "), [&of.rto, &of.rpo, &of.copy_lag, &of.data_age]));
    }
    all
}

/// The report is the one that the journal renders.
fn report(records: &[Recorded], (manifest, bundle): (&Manifest, &Bundle), tools: &Tools<'_>, found: &mut Found) {
    let rendered = match (tools.render)(records, tools.types) {
        Ok(rendered) => rendered,
        Err(why) => return found.problem(JOURNAL, format!("cannot be rendered: {why}")),
    };
    for (name, text) in &rendered {
        match bundle.files.get(*name) {
            None => found.problem(name, "is missing: the journal renders it"),
            Some(bytes) if bytes != text.as_bytes() => {
                found.problem(name, format!("is not what the journal renders: {}", place(bytes, text.as_bytes())));
            }
            Some(_) => {}
        }
    }
    let known = |name: &str| {
        rendered.iter().any(|(rendered, _)| *rendered == name)
            || [JOURNAL, DEFINITION].contains(&name)
            || PRINTED.contains(&name)
    };
    for listed in manifest.files.iter().filter(|listed| !known(&listed.name)) {
        found.problem(&listed.name, "is nothing that drill puts into a bundle");
    }
}

/// Where two texts begin to differ.
fn place(is: &[u8], made: &[u8]) -> String {
    let same = is.iter().zip(made).take_while(|(one, other)| one == other).count();
    let line = is.iter().take(same).filter(|byte| **byte == b'\n').count() + 1;
    format!("they differ from line {line} on")
}
