//! `KIND SETTINGS`, the settings as a JSON object: every kind of probe says of any settings whether they are right.
//! Queries, URLs, JSONPaths, regular expressions and names of hosts are read here.

use restore_drill::probe::kind;
use restore_drill::words::kind::ProbeKind;
use serde_json::Value;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((word, settings)) = text.split_once(' ') else { return };
    let Some(wanted) = ProbeKind::from_word(word) else { return };
    let Ok(Value::Object(settings)) = serde_json::from_str(settings) else { return };
    let said = kind(wanted).check(&settings);
    assert_eq!(kind(wanted).check(&settings), said);
    if let Err(problem) = said {
        assert!(!problem.is_empty());
    }
}
