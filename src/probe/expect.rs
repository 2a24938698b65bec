//! Expectations: what must hold of the values that a probe observed.
//!
//! Pure. Every expectation of every name is judged, and one message explains all that failed: name, expected, observed,
//! and for numbers how far off. Observed values are hostile text; they are tamed, cut and quoted here.
//!
//! A number may also come as decimal text (PostgreSQL's `numeric` beyond a double). A `null` is never a number.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;
use serde_json::Value;

use crate::definition::model::{Expectation, Expectations, ProbeReason, Share};
use crate::probe::{Miss, Observed};
use crate::words::text::tame;
use crate::words::time::show_duration;

/// The longest observed text that a message shows, in characters.
const LONGEST_SHOWN: usize = 120;

/// The longest text that can be a number, in bytes.
const LONGEST_NUMBER: usize = 400;

/// Names that a message lists at most.
const MOST_NAMES: usize = 20;

/// Elements of a list that a message tells of at most.
const MOST_ELEMENTS: usize = 3;

/// What one expectation came to: a sentence either way.
type Finding = Result<String, String>;

/// What expectations are held against, besides the observed values themselves.
#[derive(Debug, Clone)]
pub struct Measure<'a> {
    /// The time of the attempt.
    pub now: Timestamp,
    /// What the drill's last passed run recorded of this probe.
    pub last_pass: &'a BTreeMap<String, Value>,
}

/// Judges what was observed. On success, one line for each expectation that held.
///
/// # Errors
/// A miss of the reason `expectation`, its message naming every expectation that failed.
pub fn judge(observed: &Observed, expect: &Expectations, measure: &Measure<'_>) -> Result<Vec<String>, Miss> {
    let mut held = Vec::new();
    let mut failed = Vec::new();
    for (name, expectation) in expect {
        let Some(value) = observed.values.get(name) else {
            failed.push(unobserved(name, observed));
            continue;
        };
        for finding in findings(expectation, value, &Against { now: measure.now, last: measure.last_pass.get(name) }) {
            match finding {
                Ok(text) => held.push(format!("{name}: {text}")),
                Err(text) => failed.push(format!("{name}: {text}")),
            }
        }
    }
    if failed.is_empty() {
        return Ok(held);
    }
    Err(Miss {
        reason: ProbeReason::Expectation,
        message: tame(&failed.join("; ")),
        observed: Some(observed.clone()),
        missing_data: false,
    })
}

/// The instant that a value names: RFC 3339 text, a date (its first moment in UTC), or seconds since 1970.
#[must_use]
pub fn moment(value: &Value) -> Option<Timestamp> {
    if let Value::String(text) = value {
        let text = text.trim();
        let date = || (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
        let named = text.parse::<Timestamp>().ok();
        let named = named.or_else(|| date()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp()));
        if named.is_some() {
            return named;
        }
    }
    let since_1970 = SignedDuration::try_from_secs_f64(number(value)?).ok()?;
    Timestamp::from_duration(since_1970).ok()
}

/// Whether one value satisfies an expectation: a line for each part of it that holds.
///
/// # Errors
/// The parts that do not.
pub fn satisfies(value: &Value, expectation: &Expectation, now: Timestamp) -> Result<Vec<String>, Vec<String>> {
    let (held, failed): (Vec<Finding>, Vec<Finding>) =
        findings(expectation, value, &Against { now, last: None }).into_iter().partition(Result::is_ok);
    if failed.is_empty() {
        return Ok(held.into_iter().filter_map(Result::ok).collect());
    }
    Err(failed.into_iter().filter_map(Result::err).collect())
}

/// What one value is held against.
#[derive(Clone, Copy)]
struct Against<'a> {
    now: Timestamp,
    last: Option<&'a Value>,
}

fn findings(expectation: &Expectation, value: &Value, against: &Against<'_>) -> Vec<Finding> {
    let Expectation {
        at_least,
        at_most,
        between,
        equals,
        one_of,
        matches,
        not_null,
        not_older_than,
        not_less_than_last_pass,
        every,
        any,
        count,
    } = expectation;
    let found = [
        at_least.map(|low| within(value, Some(low), None)),
        at_most.map(|high| within(value, None, Some(high))),
        between.map(|(low, high)| within(value, Some(low), Some(high))),
        equals.as_ref().map(|wanted| equal(value, wanted)),
        one_of.as_ref().map(|wanted| among(value, wanted)),
        matches.as_ref().map(|pattern| matching(value, pattern)),
        not_null.map(|wanted| present(value, wanted)),
        not_older_than.map(|age| recent(value, age, against.now)),
        not_less_than_last_pass.map(|share| lasting(value, share, against.last)),
        every.as_deref().map(|each| all(value, each, against)),
        any.as_deref().map(|each| some(value, each, against)),
        count.as_deref().map(|length| counted(value, length, against)),
    ];
    found.into_iter().flatten().collect()
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("expected a list, observed {}", show(value)))
}

/// What the failed parts of an element's expectation say.
fn faults(value: &Value, expectation: &Expectation, against: &Against<'_>) -> Vec<String> {
    findings(expectation, value, against).into_iter().filter_map(Result::err).collect()
}

fn all(value: &Value, each: &Expectation, against: &Against<'_>) -> Finding {
    let elements = list(value)?;
    if elements.is_empty() {
        return Err("expected every element to hold, observed an empty list".to_owned());
    }
    let mut wrong = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let faults = faults(element, each, against);
        if !faults.is_empty() {
            wrong.push(format!("element {}: {}", index + 1, faults.join(", ")));
        }
    }
    if wrong.is_empty() {
        return Ok(format!("every one of {} elements is as expected", elements.len()));
    }
    let told: Vec<&str> = wrong.iter().take(MOST_ELEMENTS).map(String::as_str).collect();
    Err(format!("{} of {} elements are not as expected: {}", wrong.len(), elements.len(), told.join("; ")))
}

fn some(value: &Value, each: &Expectation, against: &Against<'_>) -> Finding {
    let elements = list(value)?;
    let fits = elements.iter().position(|element| faults(element, each, against).is_empty());
    if let Some(index) = fits {
        return Ok(format!("element {} of {} is as expected", index + 1, elements.len()));
    }
    let closest = elements.first().map(|element| faults(element, each, against).join(", "));
    let closest = closest.map_or_else(String::new, |faults| format!("; element 1: {faults}"));
    Err(format!("expected one that holds, none of {} elements does{closest}", elements.len()))
}

fn counted(value: &Value, length: &Expectation, against: &Against<'_>) -> Finding {
    let count = Value::from(list(value)?.len());
    let faults = faults(&count, length, against);
    if faults.is_empty() {
        Ok(format!("{count} elements, as expected"))
    } else {
        Err(format!("number of elements: {}", faults.join(", ")))
    }
}

fn among(value: &Value, wanted: &[Value]) -> Finding {
    if wanted.iter().any(|one| equal(value, one).is_ok()) {
        return Ok(format!("{} is one of those expected", show(value)));
    }
    let shown: Vec<String> = wanted.iter().take(MOST_NAMES).map(show).collect();
    Err(format!("expected one of {}, observed {}", shown.join(", "), show(value)))
}

fn recent(value: &Value, age: SignedDuration, now: Timestamp) -> Finding {
    let wanted = format!("not older than {}", show_duration(age));
    let Some(instant) = moment(value) else {
        return Err(format!("expected an instant {wanted}, observed {}, which is none", show(value)));
    };
    let is = now.duration_since(instant);
    if is <= age {
        return Ok(format!("{} is {wanted}", show(value)));
    }
    let over = show_duration(is - age);
    Err(format!("expected {wanted}, observed {}, which is {} old ({over} too old)", show(value), show_duration(is)))
}

/// Without an earlier pass there is nothing to be less than: the value is the first of its kind.
fn lasting(value: &Value, share: Share, last: Option<&Value>) -> Finding {
    let shown = String::from(share);
    let Some(observed) = number(value) else {
        return Err(format!("expected a number, observed {}", show(value)));
    };
    let Some(last) = last else {
        return Ok(format!("{} is the first that is recorded: no passed run to compare with", show(value)));
    };
    let Some(before) = number(last) else {
        return Err(format!("the last passed run recorded {}, which is no number to compare with", show(last)));
    };
    let low = before * share.of_one();
    if observed >= low {
        return Ok(format!("{} is not less than {shown} of the last pass's {}", show(value), show(last)));
    }
    Err(format!(
        "expected not less than {shown} of the last pass's {}, observed {} ({} short)",
        show(last),
        show(value),
        show_distance(low - observed)
    ))
}

fn within(value: &Value, low: Option<f64>, high: Option<f64>) -> Finding {
    let wanted = match (low, high) {
        (Some(low), Some(high)) => format!("between {} and {}", show_number(low), show_number(high)),
        (Some(low), None) => format!("at least {}", show_number(low)),
        (None, Some(high)) => format!("at most {}", show_number(high)),
        (None, None) => "a number".to_owned(),
    };
    let Some(observed) = number(value) else {
        return Err(format!("expected {wanted}, observed {}, which is not a number", show(value)));
    };
    if let Some(low) = low.filter(|low| observed < *low) {
        return Err(format!("expected {wanted}, observed {} ({} short)", show(value), show_distance(low - observed)));
    }
    if let Some(high) = high.filter(|high| observed > *high) {
        return Err(format!("expected {wanted}, observed {} ({} over)", show(value), show_distance(observed - high)));
    }
    Ok(format!("{} is {wanted}", show(value)))
}

fn equal(value: &Value, wanted: &Value) -> Finding {
    let same = match wanted {
        Value::Number(operand) => match (value.as_i64(), operand.as_i64()) {
            (Some(left), Some(right)) => left == right,
            // Decimal text compares by its value: `10.50` equals 10.5.
            _ => match (number(value), operand.as_f64()) {
                (Some(left), Some(right)) => left.partial_cmp(&right) == Some(Ordering::Equal),
                _ => false,
            },
        },
        Value::Array(wanted) => value.as_array().is_some_and(|elements| {
            elements.len() == wanted.len() && elements.iter().zip(wanted).all(|(is, wanted)| equal(is, wanted).is_ok())
        }),
        _ => value == wanted,
    };
    if same {
        Ok(format!("{} is as expected", show(value)))
    } else {
        Err(format!("expected {}, observed {}", show(wanted), show(value)))
    }
}

fn matching(value: &Value, pattern: &str) -> Finding {
    let shown = cut(pattern);
    // The definition's check compiled it already; a journal from elsewhere may still hold anything.
    let regex = Regex::new(pattern).map_err(|_| format!("`{shown}` is not a regular expression"))?;
    let text = match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    if text.is_some_and(|text| regex.is_match(&text)) {
        Ok(format!("{} matches `{shown}`", show(value)))
    } else {
        Err(format!("expected a match of `{shown}`, observed {}", show(value)))
    }
}

fn present(value: &Value, wanted: bool) -> Finding {
    match (wanted, value.is_null()) {
        (true, false) => Ok(format!("{} is not null", show(value))),
        (false, true) => Ok("null, as expected".to_owned()),
        (true, true) => Err("expected a value, observed null".to_owned()),
        (false, false) => Err(format!("expected null, observed {}", show(value))),
    }
}

fn unobserved(name: &str, observed: &Observed) -> String {
    if observed.values.is_empty() {
        let rows = observed.facts.get("rows").is_some_and(|rows| rows == "0");
        let why = if rows { "the query returned no row" } else { "nothing was observed" };
        return format!("{name}: expected a value, but {why}");
    }
    let names: Vec<String> = observed.values.keys().take(MOST_NAMES).map(|known| cut(known)).collect();
    let closest = observed
        .values
        .keys()
        .map(|known| (strsim::damerau_levenshtein(&cut(known), &cut(name)), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.chars().count())
        .min_by_key(|(distance, _)| *distance);
    let hint = closest.map_or_else(String::new, |(_, known)| format!("; did you mean `{}`?", cut(known)));
    format!("{name}: not observed; observed were `{}`{hint}", names.join("`, `"))
}

/// The number that a value is: a JSON number, or decimal text. Never a word such as `inf` or `nan`.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number: Option<f64> = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if is_decimal(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    text.len() <= LONGEST_NUMBER && digits(whole) && digits(fraction)
}

pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => group(&number.to_string()),
        Value::String(text) => format!("\"{}\"", cut(text)),
        Value::Array(elements) => {
            let shown: Vec<String> = elements.iter().take(MOST_ELEMENTS).map(show).collect();
            let more = if elements.len() > MOST_ELEMENTS { ", …" } else { "" };
            format!("[{}{more}] ({})", shown.join(", "), elements.len())
        }
        Value::Object(_) => "an object".to_owned(),
    }
}

fn cut(text: &str) -> String {
    let tamed = tame(text);
    if tamed.chars().count() <= LONGEST_SHOWN {
        return tamed;
    }
    tamed.chars().take(LONGEST_SHOWN).chain(['…']).collect()
}

fn show_number(number: f64) -> String {
    // Plain digits of a number this large would fill the line.
    if number.abs() >= 1e15 { format!("{number:e}") } else { group(&number.to_string()) }
}

pub(crate) fn show_distance(distance: f64) -> String {
    if distance.abs() >= 1e15 || distance.abs() < 1e-6 {
        return format!("{distance:e}");
    }
    // Six decimals hide what binary fractions add to a difference.
    let text = format!("{distance:.6}");
    group(text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1234567.5` as `1,234,567.5`. Text that is not plain decimal stays as it is.
fn group(text: &str) -> String {
    if !is_decimal(text) {
        return text.to_owned();
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let whole = unsigned.split('.').next().unwrap_or(unsigned);
    let rest = unsigned.strip_prefix(whole).unwrap_or_default();
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(rest);
    grouped
}

#[cfg(test)]
mod tests {
    use super::{Measure, judge, moment};
    use crate::definition::model::{Expectation, Expectations, ProbeReason};
    use crate::probe::Observed;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn observed(values: Value) -> Observed {
        Observed { values: serde_json::from_value(values).unwrap(), facts: BTreeMap::new() }
    }

    fn measure(last_pass: &BTreeMap<String, Value>) -> Measure<'_> {
        Measure { now: "2026-11-21T12:00:00Z".parse().unwrap(), last_pass }
    }

    fn one(value: Value, expectation: Value) -> Result<String, String> {
        let expect: Expectations = serde_json::from_value(json!({ "x": expectation })).unwrap();
        match judge(&observed(json!({ "x": value })), &expect, &measure(&BTreeMap::new())) {
            Ok(lines) => Ok(lines.join("; ")),
            Err(miss) => {
                assert_eq!(miss.reason, ProbeReason::Expectation);
                assert!(miss.observed.is_some());
                Err(miss.message)
            }
        }
    }

    #[test]
    fn numbers_say_how_far_off_they_are() {
        for (value, expectation, message) in [
            (json!(12), json!({ "at_least": 1000 }), "x: expected at least 1,000, observed 12 (988 short)"),
            (json!(12_345), json!({ "at_most": 1_000 }), "x: expected at most 1,000, observed 12,345 (11,345 over)"),
            (json!(0.1), json!({ "at_least": 0.3 }), "x: expected at least 0.3, observed 0.1 (0.2 short)"),
            (json!(7), json!({ "between": [1, 5] }), "x: expected between 1 and 5, observed 7 (2 over)"),
            (json!(-7), json!({ "between": [1, 5] }), "x: expected between 1 and 5, observed -7 (8 short)"),
            (json!("12.5"), json!({ "at_least": 13 }), "x: expected at least 13, observed \"12.5\" (0.5 short)"),
            (json!(null), json!({ "at_least": 1 }), "x: expected at least 1, observed null, which is not a number"),
            (json!("nan"), json!({ "at_least": 1 }), "x: expected at least 1, observed \"nan\", which is not a number"),
            (json!(true), json!({ "at_least": 1 }), "x: expected at least 1, observed true, which is not a number"),
        ] {
            assert_eq!(one(value, expectation).unwrap_err(), message);
        }
        for (value, expectation) in [
            (json!(1000), json!({ "at_least": 1000 })),
            (json!(5), json!({ "between": [1, 5] })),
            (json!("123456789012345678901234567890"), json!({ "at_least": 1 })),
            (json!(0), json!({ "at_least": 0, "at_most": 0, "equals": 0, "not_null": true, "matches": "^0$" })),
        ] {
            assert!(one(value.clone(), expectation).is_ok(), "{value}");
        }
    }

    #[test]
    fn equals_keeps_types_apart_but_for_decimal_text() {
        for (value, wanted, same) in [
            (json!(5), json!(5), true),
            (json!(5), json!(5.0), true),
            (json!("10.50"), json!(10.5), true),
            (json!(5), json!("5"), false),
            (json!("t"), json!(true), false),
            (json!(null), json!(null), true),
            (json!(null), json!(0), false),
            (json!(""), json!(null), false),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
        ] {
            // `equals: null` in JSON reads as "not given", so it is built by hand.
            let expectation = Expectation { equals: Some(wanted.clone()), ..Expectation::default() };
            let expect = BTreeMap::from([("x".to_owned(), Box::new(expectation))]);
            assert_eq!(
                judge(&observed(json!({ "x": value.clone() })), &expect, &measure(&BTreeMap::new())).is_ok(),
                same,
                "{value} {wanted}"
            );
        }
    }

    #[test]
    fn text_is_matched_anywhere_and_null_never_is() {
        assert!(one(json!("orders-2026"), json!({ "matches": "2026" })).is_ok());
        assert!(one(json!(2026), json!({ "matches": "^20" })).is_ok());
        let unmatched = one(json!(null), json!({ "matches": ".*" })).unwrap_err();
        assert_eq!(unmatched, "x: expected a match of `.*`, observed null");
        assert!(one(json!("x"), json!({ "matches": "(" })).unwrap_err().contains("not a regular expression"));
        assert_eq!(one(json!(null), json!({ "not_null": true })).unwrap_err(), "x: expected a value, observed null");
        assert_eq!(one(json!(5), json!({ "not_null": false })).unwrap_err(), "x: expected null, observed 5");
        assert!(one(json!(null), json!({ "not_null": false })).is_ok());
    }

    #[test]
    fn lists_are_judged_as_wholes_and_element_by_element() {
        for expectation in [
            json!({ "every": { "at_least": 1 } }),
            json!({ "any": { "equals": 3 } }),
            json!({ "count": { "equals": 3 } }),
            json!({ "equals": [1, 2, 3] }),
        ] {
            assert!(one(json!([1, 2, 3]), expectation.clone()).is_ok(), "{expectation}");
        }
        for (value, expectation, message) in [
            (
                json!([1, 0, -1]),
                json!({ "every": { "at_least": 1 } }),
                "x: 2 of 3 elements are not as expected: element 2: expected at least 1, observed 0 (1 short); \
                 element 3: expected at least 1, observed -1 (2 short)",
            ),
            (
                json!([]),
                json!({ "every": { "at_least": 1 } }),
                "x: expected every element to hold, observed an empty list",
            ),
            (json!([1]), json!({ "equals": [1, 2] }), "x: expected [1, 2] (2), observed [1] (1)"),
            (
                json!([1]),
                json!({ "count": { "at_least": 2 } }),
                "x: number of elements: expected at least 2, observed 1 (1 short)",
            ),
            (json!(1), json!({ "any": { "equals": 1 } }), "x: expected a list, observed 1"),
            (
                json!(["a"]),
                json!({ "any": { "equals": "b" } }),
                "x: expected one that holds, none of 1 elements does; element 1: expected \"b\", observed \"a\"",
            ),
        ] {
            assert_eq!(one(value, expectation).unwrap_err(), message);
        }
    }

    #[test]
    fn instants_have_an_age_and_words_a_choice() {
        assert!(one(json!("2026-11-21T00:00:00Z"), json!({ "not_older_than": "PT12H" })).is_ok());
        assert_eq!(
            one(json!("2026-11-20T12:00:00Z"), json!({ "not_older_than": "PT12H" })).unwrap_err(),
            "x: expected not older than 12h, observed \"2026-11-20T12:00:00Z\", which is 24h old (12h too old)"
        );
        assert!(one(json!("soon"), json!({ "not_older_than": "PT12H" })).is_err());
        assert!(one(json!("b"), json!({ "one_of": ["a", "b"] })).is_ok());
        assert_eq!(
            one(json!("c"), json!({ "one_of": ["a", "b"] })).unwrap_err(),
            "x: expected one of \"a\", \"b\", observed \"c\""
        );
    }

    #[test]
    fn the_last_pass_is_the_measure_and_the_first_run_has_none() {
        let expect = serde_json::from_value(json!({ "x": { "not_less_than_last_pass": "99%" } })).unwrap();
        let against = |last: Value| {
            let last = BTreeMap::from([("x".to_owned(), last)]);
            judge(&observed(json!({ "x": 985 })), &expect, &measure(&last)).map_err(|miss| miss.message)
        };
        assert!(against(json!(990)).is_ok());
        assert_eq!(
            against(json!(1000)).unwrap_err(),
            "x: expected not less than 99% of the last pass's 1,000, observed 985 (5 short)"
        );
        assert!(against(json!("many")).is_err());
        let first = judge(&observed(json!({ "x": 985 })), &expect, &measure(&BTreeMap::new())).unwrap();
        assert_eq!(first, ["x: 985 is the first that is recorded: no passed run to compare with"]);
    }

    #[test]
    fn all_failures_are_told_at_once_and_missing_names_say_what_is_there() {
        let expect: Expectations = serde_json::from_value(
            json!({ "order": { "at_least": 1 }, "paid": { "equals": true }, "total": { "at_most": 1 } }),
        )
        .unwrap();
        let miss =
            judge(&observed(json!({ "orders": 5, "paid": false, "total": 1 })), &expect, &measure(&BTreeMap::new()))
                .unwrap_err();
        assert_eq!(
            miss.message,
            "order: not observed; observed were `orders`, `paid`, `total`; did you mean `orders`?; \
             paid: expected true, observed false"
        );
        let mut none = observed(json!({}));
        assert!(
            judge(&none, &expect, &measure(&BTreeMap::new())).unwrap_err().message.contains("nothing was observed")
        );
        none.facts.insert("rows".to_owned(), "0".to_owned());
        assert!(
            judge(&none, &expect, &measure(&BTreeMap::new()))
                .unwrap_err()
                .message
                .contains("the query returned no row")
        );
    }

    #[test]
    fn hostile_values_stay_short_single_lines() {
        let hostile = "\u{1b}[2J\n# passed\u{202e}".to_owned() + &"<script>`|".repeat(10_000);
        let message = one(json!(hostile), json!({ "equals": "ok" })).unwrap_err();
        assert!(!message.contains('\n') && !message.contains('\u{1b}') && !message.contains('\u{202e}'), "{message}");
        assert!(message.chars().count() < 250, "{message}");
        let expectation = Expectation { not_null: Some(true), ..Expectation::default() };
        let expect = BTreeMap::from([("x".to_owned(), Box::new(expectation))]);
        let named = Observed { values: BTreeMap::from([(hostile, json!(1))]), facts: BTreeMap::new() };
        assert!(judge(&named, &expect, &measure(&BTreeMap::new())).unwrap_err().message.chars().count() < 250);
    }

    #[test]
    fn moments_are_rfc_3339_dates_or_seconds() {
        for (value, shown) in [
            (json!("2026-11-20T02:00:00Z"), "2026-11-20T02:00:00Z"),
            (json!("2026-11-20T03:00:00+01:00"), "2026-11-20T02:00:00Z"),
            (json!("2026-11-20"), "2026-11-20T00:00:00Z"),
            (json!(1_767_225_600), "2026-01-01T00:00:00Z"),
            (json!("1767225600.5"), "2026-01-01T00:00:00.5Z"),
        ] {
            assert_eq!(moment(&value).unwrap().to_string(), shown, "{value}");
        }
        for value in [json!(null), json!("yesterday"), json!(true), json!("infinity"), json!(1e300)] {
            assert_eq!(moment(&value), None, "{value}");
        }
    }
}
