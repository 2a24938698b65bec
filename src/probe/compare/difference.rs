//! Two measurements, value by value.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::definition::model::Share;
use crate::probe::expect::{moment, number, show, show_distance};
use crate::probe::{Observed, output};
use crate::words::text::tame;
use crate::words::time::show_duration;

/// How far apart two numbers may be.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum Within {
    /// This share of the source's.
    Share(Share),
    /// So much.
    Distance(f64),
}

impl TryFrom<Value> for Within {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        const WRONG: &str = "`within` is a share of the source's number, such as 1%, or a number of 0 or more";
        if let Some(text) = value.as_str().filter(|text| text.ends_with('%')) {
            return text.parse().map(Self::Share).map_err(|_| WRONG);
        }
        let written = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        written.filter(|number| number.is_finite() && *number >= 0.0).map(Self::Distance).ok_or(WRONG)
    }
}

/// What may differ.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tolerance {
    pub(super) within: Option<Within>,
    pub(super) not_older_than: Option<SignedDuration>,
}

/// What a comparison came to.
#[derive(Debug, PartialEq)]
pub(super) struct Compared {
    /// The values of both sides, and how far apart the numbers are.
    pub(super) seen: Observed,
    /// A sentence for each value that is not as it should be.
    pub(super) faults: Vec<String>,
}

/// Compares the values of these names; of all that both sides have but `unlike`, where there are none.
pub(super) fn compare(
    restored: &Observed,
    source: &Observed,
    names: Option<&[String]>,
    unlike: &[&str],
    tolerance: Tolerance,
) -> Compared {
    let mut compared = Compared { seen: output::nothing(), faults: Vec::new() };
    let chosen: Vec<&str> = match names {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => {
            let names = restored.values.keys().map(String::as_str);
            names.filter(|name| source.values.contains_key(*name) && !unlike.contains(name)).collect()
        }
    };
    if chosen.is_empty() {
        compared.faults.push("the two sides have no value in common".to_owned());
    }
    for name in chosen {
        match (restored.values.get(name), source.values.get(name)) {
            (Some(is), Some(was)) => compared.add(name, is, was, tolerance),
            (None, Some(_)) => compared.faults.push(format!("{}: not observed of what was restored", tame(name))),
            (Some(_), None) => compared.faults.push(format!("{}: not observed of the source", tame(name))),
            (None, None) => compared.faults.push(format!("{}: observed on neither side", tame(name))),
        }
    }
    if names.is_none() {
        compared.alone("only of what was restored", restored, source, unlike);
        compared.alone("only of the source", source, restored, unlike);
    }
    compared
}

impl Compared {
    fn add(&mut self, name: &str, is: &Value, was: &Value, tolerance: Tolerance) {
        self.seen.values.insert(name.to_owned(), is.clone());
        self.seen.values.insert(format!("{name}.source"), was.clone());
        if let Some(difference) = difference(is, was) {
            self.seen.values.insert(format!("{name}.difference"), difference);
        }
        if let Some(fault) = fault(is, was, tolerance) {
            self.faults.push(format!("{}: {fault}", tame(name)));
        }
    }

    /// What one side alone has is not compared; the report says so.
    fn alone(&mut self, fact: &str, one: &Observed, other: &Observed, unlike: &[&str]) {
        let names = one.values.keys().filter(|name| !other.values.contains_key(*name));
        let names: Vec<&str> = names.map(String::as_str).filter(|name| !unlike.contains(name)).collect();
        if !names.is_empty() {
            self.seen.facts.insert(format!("not compared, {fact}"), tame(&names.join(", ")));
        }
    }
}

/// How much more the restored side has, where both are numbers.
fn difference(is: &Value, was: &Value) -> Option<Value> {
    let exact = is.as_i64().zip(was.as_i64()).and_then(|(is, was)| is.checked_sub(was));
    exact.map(Value::from).or_else(|| Number::from_f64(number(is)? - number(was)?).map(Value::Number))
}

/// What is wrong about two values; nothing where they are close enough.
fn fault(is: &Value, was: &Value, tolerance: Tolerance) -> Option<String> {
    if let (Some(left), Some(right)) = (number(is), number(was)) {
        return fault_of_numbers(is, was, left - right, right, tolerance.within);
    }
    if let (Some(age), Some(left), Some(right)) = (tolerance.not_older_than, moment(is), moment(was)) {
        let older = right.duration_since(left);
        let over = older.checked_sub(age).filter(SignedDuration::is_positive)?;
        return Some(format!(
            "the source has {}, what was restored {}, which is {} older ({} more than {})",
            show(was),
            show(is),
            show_duration(older),
            show_duration(over),
            show_duration(age)
        ));
    }
    (is != was).then(|| format!("the source has {}, what was restored {}{}", show(was), show(is), apart(is, was)))
}

fn fault_of_numbers(is: &Value, was: &Value, distance: f64, source: f64, within: Option<Within>) -> Option<String> {
    let (most, wanted) = match within {
        None => (0.0, "the same".to_owned()),
        Some(Within::Distance(most)) => (most, format!("within {}", show_distance(most))),
        Some(Within::Share(share)) => (source.abs() * share.of_one(), format!("within {}", String::from(share))),
    };
    // Whole numbers may be closer than doubles can tell.
    let is_equal = is.as_i64().zip(was.as_i64()).map_or(distance == 0.0, |(is, was)| is == was);
    if is_equal || (within.is_some() && distance.abs() <= most) {
        return None;
    }
    let share = if source == 0.0 { String::new() } else { format!(", {:.2}%", distance / source.abs() * 100.0) };
    let direction = if distance < 0.0 { "less" } else { "more" };
    Some(format!(
        "expected {wanted}, the source has {}, what was restored {} ({} {direction}{share})",
        show(was),
        show(is),
        show_distance(distance.abs())
    ))
}

/// The elements that only one of two lists has, the first of each.
fn apart(is: &Value, was: &Value) -> String {
    let (Some(is), Some(was)) = (is.as_array(), was.as_array()) else { return String::new() };
    let gone = was.iter().find(|element| !is.contains(element)).map(|element| format!("missing {}", show(element)));
    let new = is.iter().find(|element| !was.contains(element)).map(|element| format!("added {}", show(element)));
    let first: Vec<String> = [gone, new].into_iter().flatten().collect();
    if first.is_empty() { " (in another order)".to_owned() } else { format!(" (such as {})", first.join(" and ")) }
}

/// All faults in one sentence.
pub(super) fn told(faults: &[String]) -> String {
    format!("what was restored is not like its source: {}", faults.join("; "))
}

#[cfg(test)]
mod tests {
    use super::{Compared, Tolerance, Within, compare};
    use crate::probe::Observed;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn observed(values: Value) -> Observed {
        Observed { values: serde_json::from_value(values).unwrap(), facts: BTreeMap::new() }
    }

    fn tolerance(within: Value, not_older_than: Option<&str>) -> Tolerance {
        Tolerance {
            within: (!within.is_null()).then(|| serde_json::from_value(within).unwrap()),
            not_older_than: not_older_than.map(|text| text.parse().unwrap()),
        }
    }

    fn both(restored: Value, source: Value, tolerance: Tolerance) -> Compared {
        compare(&observed(json!({ "x": restored })), &observed(json!({ "x": source })), None, &[], tolerance)
    }

    #[test]
    fn numbers_may_be_so_far_apart_and_no_further() {
        for (restored, source, within, holds) in [
            (json!(990), json!(1000), json!("1%"), true),
            (json!(989), json!(1000), json!("1%"), false),
            (json!(1010), json!(1000), json!("1%"), true),
            (json!(1011), json!(1000), json!("1 %"), false),
            (json!(-990), json!(-1000), json!("1%"), true),
            (json!(0), json!(0), json!("1%"), true),
            (json!(1), json!(0), json!("1%"), false),
            (json!(95), json!(100), json!(5), true),
            (json!(94.9), json!(100), json!("5"), false),
            (json!(100), json!(100), json!(null), true),
            (json!(99), json!(100), json!(null), false),
            (json!("10.50"), json!(10.5), json!(null), true),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), json!(null), false),
        ] {
            let compared = both(restored.clone(), source.clone(), tolerance(within.clone(), None));
            assert_eq!(compared.faults.is_empty(), holds, "{restored} {source} {within}: {:?}", compared.faults);
        }
        let compared = both(json!(980), json!(1000), tolerance(json!("1%"), None));
        assert_eq!(
            compared.faults,
            ["x: expected within 1%, the source has 1,000, what was restored 980 (20 less, -2.00%)"]
        );
        assert_eq!(compared.seen.values["x.difference"], json!(-20));
        assert_eq!((&compared.seen.values["x"], &compared.seen.values["x.source"]), (&json!(980), &json!(1000)));
    }

    #[test]
    fn instants_may_be_older_by_so_much() {
        let source = json!("2026-11-21T12:00:00Z");
        for (restored, holds) in [
            ("2026-11-20T10:00:00Z", true),
            ("2026-11-20T09:59:59Z", false),
            ("2026-11-21T12:00:01Z", true),
            ("2026-11-20T12:00:00+02:00", true),
        ] {
            let compared = both(json!(restored), source.clone(), tolerance(json!(null), Some("PT26H")));
            assert_eq!(compared.faults.is_empty(), holds, "{restored}: {:?}", compared.faults);
        }
        let compared = both(json!("2026-11-20T00:00:00Z"), source.clone(), tolerance(json!(null), Some("PT26H")));
        assert!(
            compared.faults[0].contains("36h older") && compared.faults[0].contains("10h more than 26h"),
            "{}",
            compared.faults[0]
        );
        // Without it, instants are equal or they are not.
        assert!(!both(json!("2026-11-21T11:59:59Z"), source, tolerance(json!(null), None)).faults.is_empty());
    }

    #[test]
    fn everything_else_is_equal() {
        for (restored, source, holds) in [
            (json!("a"), json!("a"), true),
            (json!("a"), json!("b"), false),
            (json!(null), json!(null), true),
            (json!(null), json!(0), false),
            (json!(true), json!(1), false),
            (json!(["a", "b"]), json!(["a", "b"]), true),
        ] {
            let compared = both(restored.clone(), source.clone(), tolerance(json!("50%"), None));
            assert_eq!(compared.faults.is_empty(), holds, "{restored} {source}");
        }
        let lists = both(json!(["a", "c"]), json!(["a", "b"]), Tolerance::default());
        assert!(lists.faults[0].ends_with("(such as missing \"b\" and added \"c\")"), "{}", lists.faults[0]);
        let order = both(json!(["b", "a"]), json!(["a", "b"]), Tolerance::default());
        assert!(order.faults[0].ends_with("(in another order)"), "{}", order.faults[0]);
    }

    #[test]
    fn what_is_asked_for_must_be_there_and_what_one_side_has_is_told() {
        let (restored, source) =
            (observed(json!({ "a": 1, "b": 2, "t": 5 })), observed(json!({ "a": 1, "c": 3, "t": 9 })));
        let all = compare(&restored, &source, None, &["t"], Tolerance::default());
        assert!(all.faults.is_empty(), "{:?}", all.faults);
        assert_eq!(all.seen.facts["not compared, only of what was restored"], "b");
        assert_eq!(all.seen.facts["not compared, only of the source"], "c");
        let names = ["b".to_owned(), "c".to_owned(), "z".to_owned(), "t".to_owned()];
        let chosen = compare(&restored, &source, Some(&names), &["t"], Tolerance::default());
        assert_eq!(chosen.faults.len(), 4, "{:?}", chosen.faults);
        let nothing = compare(&observed(json!({})), &source, None, &[], Tolerance::default());
        assert_eq!(nothing.faults, ["the two sides have no value in common"]);
    }

    #[test]
    fn a_tolerance_is_a_share_or_a_number() {
        let read = |value: Value| serde_json::from_value::<Within>(value).map_err(|error| error.to_string());
        assert_eq!(read(json!(0)), Ok(Within::Distance(0.0)));
        assert_eq!(read(json!("2.5%")), Ok(Within::Share("2.5%".parse().unwrap())));
        for bad in [json!(-1), json!("-1%"), json!("much"), json!(true), json!(null), json!("1%%")] {
            assert!(read(bad.clone()).unwrap_err().contains("such as 1%"), "{bad}");
        }
    }
}
