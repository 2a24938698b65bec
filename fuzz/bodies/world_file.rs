//! Any text as a world file: it is refused with a word, or it makes a world.

use std::collections::BTreeMap;

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::sandbox::{WorldFile, WorldSpec};

const DEFINITION: &str = include_str!("../seed/fuzzed.yaml");

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loaded = check_text("fuzzed.yaml", DEFINITION.as_bytes(), None, &BTreeMap::new(), facts);
    let spec = WorldSpec::from_definition(&loaded.expect("the seed is right").definition);
    match WorldFile::read("fuzzed.world.yaml", text) {
        Ok(file) => match file.check("fuzzed.world.yaml", &spec.resource_names()) {
            Ok(()) => drop(spec.overlay(file)),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
