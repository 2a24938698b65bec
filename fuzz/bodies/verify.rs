//! A change of an evidence bundle: it is noticed, whatever it is.
//!
//! The first byte says of which file, the second which change, the next two where; the rest is what is put there.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::evidence::bundle::{Bundle, MANIFEST, seal};
use restore_drill::evidence::key::SigningKey;
use restore_drill::evidence::manifest::Manifest;
use restore_drill::evidence::verify::{Standing, Tools, TrustedKey, verify};
use restore_drill::journal::chain::{Hash, link, sha256_hex};
use restore_drill::journal::event::{Event, FORMAT, Recorded, RunStarted};
use restore_drill::journal::state::State;
use restore_drill::journal::verdict::conclude;
use restore_drill::plan::compile::compile;
use restore_drill::report::runbook;
use restore_drill::run::step::report::rendered;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Mode;

const DEFINITION: &str = include_str!("../seed/fuzzed.yaml");

/// A whole bundle, the key that signed it, and the version of drill that made it.
struct Whole {
    bundle: Bundle,
    trusted: [TrustedKey; 1],
    version: String,
}

static WHOLE: OnceLock<Whole> = OnceLock::new();

pub(crate) fn run(data: &[u8]) {
    let whole = WHOLE.get_or_init(made);
    let Some(changed) = changed(&whole.bundle, data) else { return };
    let tools = Tools { types: facts, render: rendered, version: &whole.version };
    let standing = verify(&changed, &whole.trusted, &tools).standing();
    let right = if changed == whole.bundle { Standing::Genuine } else { Standing::Broken };
    assert_eq!(standing, right, "a change was not noticed");
    assert_ne!(verify(&changed, &[], &tools).standing(), Standing::Genuine, "nobody is trusted");
}

fn changed(whole: &Bundle, data: &[u8]) -> Option<Bundle> {
    let (&[file, how, high, low], rest) = data.split_first_chunk::<4>()?;
    let mut bundle = whole.clone();
    let names: Vec<&String> = whole.files.keys().collect();
    let name = names[usize::from(file) % names.len()].clone();
    let mut bytes = whole.files[&name].clone();
    let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
    match how % 8 {
        0 => drop(bytes.splice(at..at, rest.iter().copied())),
        1 => {
            let end = bytes.len().min(at + rest.len());
            drop(bytes.splice(at..end, rest.iter().copied()));
        }
        2 => bytes.truncate(at),
        3 => bytes = rest.to_vec(),
        4 => bytes.push(low),
        5 => drop(bundle.addenda.insert("addendum-2.json".to_owned(), rest.to_vec())),
        6 => drop(bundle.files.insert("extra".to_owned(), rest.to_vec())),
        _ => {
            bundle.files.remove(&name);
            return Some(bundle);
        }
    }
    bundle.files.insert(name, bytes);
    Some(bundle)
}

fn made() -> Whole {
    let records = records();
    let report = rendered(&records, facts).expect("a report");
    let files: Vec<(&str, &[u8])> = report.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let (key, _) = SigningKey::generate().expect("a key");
    let sealed = seal(&records, &files, Some(&key)).expect("a bundle");
    let all = report.iter().chain(&sealed).map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()));
    let bundle = Bundle { files: all.collect(), ..Bundle::default() };
    let manifest = Manifest::read(&bundle.files[MANIFEST]).expect("a manifest");
    let trusted = [TrustedKey { name: "made".to_owned(), key: key.public() }];
    Whole { bundle, trusted, version: manifest.renderer }
}

/// A run that was over before it began.
fn records() -> Vec<Recorded> {
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let first = Event::RunStarted(Box::new(started()));
    let state = State::begin(run, at, &first).expect("a first record");
    let last = Event::Concluded { conclusion: Box::new(conclude(&state, facts)) };
    let mut prev = Hash::zero();
    let mut records = Vec::new();
    for (seq, event) in (1_u64..).zip([first, last]) {
        let body = serde_json::to_string(&event).expect("an event can be stored");
        let hash = link(&run, seq, at, &body, &prev);
        records.push(Recorded { run, seq, at, event, prev, hash: hash.clone() });
        prev = hash;
    }
    records
}

fn started() -> RunStarted {
    let loaded = check_text("fuzzed.yaml", DEFINITION.as_bytes(), None, &BTreeMap::new(), facts);
    let definition = loaded.expect("the seed is right").definition;
    RunStarted {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        drill: definition.name.clone(),
        mode: Mode::Sandbox,
        plan: compile(&definition, facts).expect("the seed has a plan").into(),
        definition: DEFINITION.to_owned(),
        definition_sha256: sha256_hex(DEFINITION.as_bytes()),
        folder: "drills".to_owned(),
        vars: BTreeMap::new(),
        started_by: "somebody@somewhere".to_owned(),
        asked_at: None,
        templates: runbook::built_in().into(),
        seed: Some(7),
        world: None,
        world_id: None,
        unmeasurable: BTreeMap::new(),
        made_world: false,
        last_pass: None,
        history: Vec::new(),
        commit: None,
        previous: None,
    }
}
