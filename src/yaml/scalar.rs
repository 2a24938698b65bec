//! Plain scalars, by the core schema of YAML 1.2: `yes`, `no`, `on` and `off` are text.

use crate::yaml::node::Value;

/// What a plain scalar means in the core schema of YAML 1.2.
///
/// # Errors
/// A number that cannot be held, as a sentence.
pub fn plain(text: &str) -> Result<Value, &'static str> {
    // Most scalars are words, and few letters begin anything else.
    if text.starts_with(|c: char| c.is_ascii_alphabetic() && !matches!(c.to_ascii_lowercase(), 'n' | 't' | 'f')) {
        return Ok(Value::Text(text.to_owned()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err("not a number (`.nan`) is not accepted"),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err("an infinite number is not accepted");
    }
    if let Some(number) = integer(text, unsigned) {
        return number.map(Value::Integer);
    }
    if is_float(unsigned) {
        let number: f64 = text.parse().map_err(|_| "the number cannot be read; if it is text, put it in quotes")?;
        return if number.is_finite() { Ok(Value::Float(number)) } else { Err("the number is too large") };
    }
    Ok(Value::Text(text.to_owned()))
}

/// `None`: not written as a whole number. An error: one that does not fit.
fn integer(text: &str, unsigned: &str) -> Option<Result<i64, &'static str>> {
    const TOO_LARGE: &str = "the whole number is too large; if it is text, put it in quotes";
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if let Some(octal) = text.strip_prefix("0o").filter(|rest| digits(rest, 8)) {
        return Some(i64::from_str_radix(octal, 8).map_err(|_| TOO_LARGE));
    }
    if let Some(hexadecimal) = text.strip_prefix("0x").filter(|rest| digits(rest, 16)) {
        return Some(i64::from_str_radix(hexadecimal, 16).map_err(|_| TOO_LARGE));
    }
    digits(unsigned, 10).then(|| text.parse().map_err(|_| TOO_LARGE))
}

fn is_float(unsigned: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::yaml::node::Value;

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, value) in [
            ("yes", Value::Text("yes".into())),
            ("off", Value::Text("off".into())),
            ("0o17", Value::Integer(15)),
            ("0x1F", Value::Integer(31)),
            ("-12", Value::Integer(-12)),
            ("1.5", Value::Float(1.5)),
            ("1e3", Value::Float(1000.0)),
            (".5", Value::Float(0.5)),
            ("1.2.3", Value::Text("1.2.3".into())),
            ("e5", Value::Text("e5".into())),
            (".", Value::Text(".".into())),
            ("~", Value::Null),
            ("True", Value::Bool(true)),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
        for text in [".nan", "-.inf", "1e999", "99999999999999999999"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }
}
