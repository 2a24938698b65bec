//! Columns into JSON values: PostgreSQL's binary formats, by type.
//!
//! | column | value |
//! |---|---|
//! | `bool`, `int2/4/8`, `oid`, `float4/8` | as they are; not-a-number and the infinities as text |
//! | `numeric` | a number where a double shows the same digits, else decimal text |
//! | `text`, `varchar`, `char(n)`, `name`, enums | text, made harmless and bounded |
//! | `timestamptz`, `timestamp` | RFC 3339 text in UTC (a `timestamp` is taken for UTC) |
//! | `date` | RFC 3339 full-date |
//! | `uuid` | text |
//! | `json`, `jsonb` | its scalar; lists and objects as compact text |
//!
//! Every other type is refused with the advice to cast: a wrong reading would be worse than none.

use std::error::Error;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::probe::sql::scalar::{double, json, shortest, single, text};

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const MICROSECONDS_TO_2000: i64 = 946_684_800_000_000;

/// A column's bytes as the server sent them; `None` is `NULL`.
pub(super) struct Raw<'a>(pub(super) Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The JSON value of a column that is not null; `None` for types that are not read, and for bytes that do not fit.
pub(super) fn decode(kind: &Type, raw: &[u8]) -> Option<Value> {
    match *kind {
        Type::BOOL => fixed(raw).map(|[byte]: [u8; 1]| Value::from(byte != 0)),
        Type::INT2 => fixed(raw).map(|bytes| Value::from(i16::from_be_bytes(bytes))),
        Type::INT4 => fixed(raw).map(|bytes| Value::from(i32::from_be_bytes(bytes))),
        Type::INT8 => fixed(raw).map(|bytes| Value::from(i64::from_be_bytes(bytes))),
        Type::OID => fixed(raw).map(|bytes| Value::from(u32::from_be_bytes(bytes))),
        Type::FLOAT4 => fixed(raw).map(|bytes| single(f32::from_be_bytes(bytes))),
        Type::FLOAT8 => fixed(raw).map(|bytes| double(f64::from_be_bytes(bytes))),
        Type::NUMERIC => decimal(raw).map(|text| shortest(&text)),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => text(raw),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => fixed(raw).and_then(|bytes| instant(i64::from_be_bytes(bytes))),
        Type::DATE => fixed(raw).and_then(|bytes| date(i32::from_be_bytes(bytes))),
        Type::UUID => uuid::Uuid::from_slice(raw).ok().map(|uuid| Value::from(uuid.to_string())),
        Type::JSON => json(raw),
        // The first byte of `jsonb` is its version.
        Type::JSONB => raw.strip_prefix(&[1]).and_then(json),
        _ => match kind.kind() {
            Kind::Enum(_) => text(raw),
            Kind::Domain(inner) => decode(inner, raw),
            _ => None,
        },
    }
}

fn fixed<const LENGTH: usize>(raw: &[u8]) -> Option<[u8; LENGTH]> {
    raw.try_into().ok()
}

fn instant(microseconds: i64) -> Option<Value> {
    match microseconds {
        i64::MAX => Some(Value::from("infinity")),
        i64::MIN => Some(Value::from("-infinity")),
        finite => {
            let since_1970 = finite.checked_add(MICROSECONDS_TO_2000)?;
            Timestamp::from_microsecond(since_1970).ok().map(|instant| Value::from(instant.to_string()))
        }
    }
}

fn date(days: i32) -> Option<Value> {
    match days {
        i32::MAX => Some(Value::from("infinity")),
        i32::MIN => Some(Value::from("-infinity")),
        finite => {
            let distance = SignedDuration::from_hours(i64::from(finite) * 24);
            Date::constant(2000, 1, 1).checked_add(distance).ok().map(|date| Value::from(date.to_string()))
        }
    }
}

/// The decimal text of a binary `numeric`: digit groups of four, the weight of the first, sign, digits shown after the
/// point.
fn decimal(raw: &[u8]) -> Option<String> {
    let (head, groups) = raw.split_at_checked(8)?;
    let word = |index: usize| head.get(index * 2..index * 2 + 2).and_then(fixed).map(u16::from_be_bytes);
    let (count, weight, sign, scale) = (word(0)?, word(1)?.cast_signed(), word(2)?, word(3)?);
    let groups: Vec<u16> = groups.chunks_exact(2).filter_map(fixed).map(u16::from_be_bytes).collect();
    if groups.len() != usize::from(count) {
        return None;
    }
    let sign = match sign {
        0x0000 => "",
        0x4000 => "-",
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let weight = i32::from(weight);
    let whole = digits(&groups, 0..=weight);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        nonzero => nonzero,
    };
    let scale = usize::from(scale);
    let after = i32::try_from(scale.div_ceil(4)).ok()?;
    let mut fraction = digits(&groups, weight + 1..=weight + after);
    fraction.truncate(scale);
    let point = if scale == 0 { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// The digits of these groups; a group that was not sent is zero.
fn digits(groups: &[u16], indices: RangeInclusive<i32>) -> String {
    let mut digits = String::new();
    for index in indices {
        let group = usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
        write!(digits, "{group:04}").expect("writing to a string cannot fail");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::{decimal, decode};
    use serde_json::{Value, json};
    use tokio_postgres::types::Type;

    fn numeric(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
        let count = u16::try_from(groups.len()).unwrap();
        let mut raw = Vec::new();
        for word in [count, weight.cast_unsigned(), sign, scale].iter().chain(groups) {
            raw.extend_from_slice(&word.to_be_bytes());
        }
        raw
    }

    #[test]
    fn numerics_keep_every_digit() {
        for (raw, text, value) in [
            (numeric(0, 0, 0, &[]), "0", json!(0)),
            (numeric(0, 0, 2, &[12, 5000]), "12.50", json!(12.5)),
            (numeric(1, 0x4000, 0, &[1, 2345]), "-12345", json!(-12345)),
            (numeric(1, 0, 0, &[1]), "10000", json!(10000)),
            (numeric(-1, 0, 3, &[1230]), "0.123", json!(0.123)),
            (numeric(-2, 0, 6, &[1200]), "0.000012", json!(0.000_012)),
            (numeric(0, 0, 5, &[1]), "1.00000", json!(1)),
            (numeric(0, 0xC000, 0, &[]), "NaN", json!("NaN")),
            (numeric(0, 0xF000, 0, &[]), "-Infinity", json!("-Infinity")),
            (
                numeric(4, 0, 1, &[1234, 5678, 9012, 3456, 7890, 1000]),
                "12345678901234567890.1",
                json!("12345678901234567890.1"),
            ),
        ] {
            assert_eq!(decimal(&raw).as_deref(), Some(text));
            let decoded = decode(&Type::NUMERIC, &raw).unwrap();
            // 1.00000 is no i64, so it becomes the double 1.0: compare by value.
            let same = decoded == value || decoded.as_f64().is_some_and(|number| Some(number) == value.as_f64());
            assert!(same, "{decoded} {value}");
        }
    }

    #[test]
    fn broken_bytes_are_refused_not_guessed() {
        for (kind, raw) in [
            (Type::INT4, &[0_u8, 1][..]),
            (Type::BOOL, &[][..]),
            (Type::NUMERIC, &[0, 1, 0, 0][..]),
            (Type::NUMERIC, &[0, 9, 0, 0, 0, 0, 0, 0, 0, 1][..]),
            (Type::UUID, &[1, 2, 3][..]),
            (Type::TEXT, &[0xff, 0xfe][..]),
            (Type::JSONB, &b"\x02{}"[..]),
            (Type::BYTEA, &b"abc"[..]),
            (Type::INTERVAL, &[0; 16][..]),
        ] {
            assert_eq!(decode(&kind, raw), None, "{kind}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        let microseconds = 1_000_000_i64.to_be_bytes();
        assert_eq!(decode(&Type::TIMESTAMPTZ, &microseconds), Some(json!("2000-01-01T00:00:01Z")));
        assert_eq!(decode(&Type::TIMESTAMPTZ, &i64::MAX.to_be_bytes()), Some(json!("infinity")));
        assert_eq!(decode(&Type::TIMESTAMPTZ, &(i64::MAX - 1).to_be_bytes()), None);
        assert_eq!(decode(&Type::DATE, &(-1_i32).to_be_bytes()), Some(json!("1999-12-31")));
        assert_eq!(decode(&Type::DATE, &(i32::MAX - 1).to_be_bytes()), None);
    }

    #[test]
    fn floats_and_json_are_read_as_people_wrote_them() {
        assert_eq!(decode(&Type::FLOAT4, &0.1_f32.to_be_bytes()), Some(json!(0.1)));
        assert_eq!(decode(&Type::FLOAT8, &f64::NAN.to_be_bytes()), Some(json!("NaN")));
        assert_eq!(decode(&Type::JSONB, b"\x01\"a\\u001bb\""), Some(json!("a\u{fffd}b")));
        assert_eq!(decode(&Type::JSON, b"{\"a\": [1]}"), Some(json!("{\"a\":[1]}")));
        assert_eq!(decode(&Type::JSON, b"null"), Some(Value::Null));
    }
}
