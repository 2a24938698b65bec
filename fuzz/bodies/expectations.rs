//! `{"values": …, "expect": …, "last": …}`: whatever is observed and whatever is expected of it, the judgement is the same
//! each time and its words are bounded and harmless.

use std::collections::BTreeMap;

use jiff::Timestamp;
use restore_drill::definition::model::{Expectation, Expectations};
use restore_drill::probe::Observed;
use restore_drill::probe::expect::{Measure, judge, moment, satisfies};
use restore_drill::words::text::{LONGEST, is_hostile};
use serde_json::{Map, Value};

pub(crate) fn run(data: &[u8]) {
    let Ok(Value::Object(mut given)) = serde_json::from_slice::<Value>(data) else { return };
    let mut part = |name: &str| match given.remove(name) {
        Some(Value::Object(part)) => part,
        _ => Map::new(),
    };
    let values: BTreeMap<String, Value> = part("values").into_iter().collect();
    let last: BTreeMap<String, Value> = part("last").into_iter().collect();
    let understood =
        |(name, text): (String, Value)| Some((name, Box::new(serde_json::from_value::<Expectation>(text).ok()?)));
    let expect: Expectations = part("expect").into_iter().filter_map(understood).collect();
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    for value in values.values() {
        // There may be none; there may be no panic.
        let _ = moment(value);
        for expectation in expect.values() {
            let _ = satisfies(value, expectation, now);
        }
    }
    let observed = Observed { values, facts: BTreeMap::new() };
    let measure = Measure { now, last_pass: &last };
    let judged = judge(&observed, &expect, &measure);
    assert_eq!(judge(&observed, &expect, &measure), judged);
    if let Err(miss) = judged {
        assert!(!miss.message.chars().any(is_hostile), "{:?}", miss.message);
        assert!(miss.message.chars().count() <= LONGEST + 1);
    }
}
