//! Scalars as the engines send them, into JSON. Numbers lose no digit, texts come out harmless and bounded.

use serde_json::{Number, Value};

use crate::words::text::tame;

/// Text; `None` if it is none.
pub(super) fn text(raw: &[u8]) -> Option<Value> {
    std::str::from_utf8(raw).ok().map(|text| Value::from(tame(text)))
}

/// A document: its scalar, or a list or an object as compact text.
pub(super) fn json(raw: &[u8]) -> Option<Value> {
    match serde_json::from_slice(raw).ok()? {
        Value::String(text) => Some(Value::from(tame(&text))),
        value @ (Value::Array(_) | Value::Object(_)) => Some(Value::from(tame(&value.to_string()))),
        scalar => Some(scalar),
    }
}

/// A double; not-a-number and the infinities as text.
pub(super) fn double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
}

/// A `real` by its own digits: widened to a double, 0.1 would read 0.10000000149011612.
pub(super) fn single(number: f32) -> Value {
    number.to_string().parse().map_or_else(|_| double(f64::from(number)), double)
}

/// A decimal number: a number where nothing is lost by it, else the text.
pub(super) fn shortest(decimal: &str) -> Value {
    if let Ok(whole) = decimal.parse::<i64>() {
        return Value::from(whole);
    }
    let trimmed = if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal };
    match decimal.parse::<f64>() {
        Ok(number) if number.is_finite() && number.to_string() == trimmed => double(number),
        _ => Value::from(tame(decimal)),
    }
}

#[cfg(test)]
mod tests {
    use super::{double, json, shortest, single, text};
    use serde_json::{Value, json};

    #[test]
    fn decimals_are_numbers_only_where_no_digit_is_lost() {
        for (decimal, value) in [
            ("12.50", json!(12.5)),
            ("10000", json!(10_000)),
            ("-0.000012", json!(-0.000_012)),
            ("12345678901234567890.1", json!("12345678901234567890.1")),
            ("18446744073709551615", json!("18446744073709551615")),
            ("NaN", json!("NaN")),
            ("1e5", json!("1e5")),
            ("\u{1b}[31m", json!("\u{fffd}[31m")),
        ] {
            assert_eq!(shortest(decimal), value, "{decimal}");
        }
    }

    #[test]
    fn what_is_no_number_of_json_is_text_and_texts_are_harmless() {
        assert_eq!(double(f64::INFINITY), json!("inf"));
        assert_eq!(single(0.1), json!(0.1));
        assert_eq!(single(f32::NAN), json!("NaN"));
        assert_eq!(text(b"a\x1bb\0"), Some(json!("a\u{fffd}b\u{fffd}")));
        assert_eq!(text(&[0xff]), None);
        assert_eq!(json(b"\"a\\u001bb\""), Some(json!("a\u{fffd}b")));
        assert_eq!(json(b"[1, {\"a\": null}]"), Some(json!("[1,{\"a\":null}]")));
        assert_eq!(json(b"null"), Some(Value::Null));
        assert_eq!(json(b"{"), None);
    }
}
