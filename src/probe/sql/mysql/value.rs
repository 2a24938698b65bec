//! Columns into JSON values, by type.
//!
//! | column | value |
//! |---|---|
//! | integers, signed and not; `YEAR`, `FLOAT`, `DOUBLE` | as they are; `BOOL` is `TINYINT(1)`: 0 or 1 |
//! | `BIT` | a number |
//! | `DECIMAL` | a number where a double shows the same digits, else decimal text |
//! | `CHAR`, `VARCHAR`, `TEXT`, `ENUM`, `SET` | text, made harmless and bounded |
//! | `TIMESTAMP`, `DATETIME` | RFC 3339 text in UTC (a `DATETIME` is taken for UTC) |
//! | `DATE` | RFC 3339 full-date |
//! | `JSON` of MySQL | its scalar; lists and objects as compact text. MariaDB's `JSON` is text |
//!
//! A date that is none, such as `0000-00-00`, is the text that the server shows. Every other type is refused with the
//! advice to cast: a wrong reading would be worse than none. Bytes are no text, so `BLOB` and `BINARY` are refused.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value as Sql};
use serde_json::Value;

use crate::probe::sql::scalar::{double, json, shortest, single, text};

/// The character set of columns that hold bytes.
const BYTES: u16 = 63;

/// The JSON value of a column; `None` for types that are not read, and for what does not fit its type.
pub(super) fn decode(column: &Column, value: &Sql) -> Option<Value> {
    use ColumnType as Is;
    match (column.column_type(), value) {
        (_, Sql::NULL) => Some(Value::Null),
        (
            Is::MYSQL_TYPE_TINY
            | Is::MYSQL_TYPE_SHORT
            | Is::MYSQL_TYPE_INT24
            | Is::MYSQL_TYPE_LONG
            | Is::MYSQL_TYPE_LONGLONG
            | Is::MYSQL_TYPE_YEAR,
            number,
        ) => whole(number),
        (Is::MYSQL_TYPE_FLOAT, Sql::Float(number)) => Some(single(*number)),
        (Is::MYSQL_TYPE_DOUBLE, Sql::Double(number)) => Some(double(*number)),
        (Is::MYSQL_TYPE_DECIMAL | Is::MYSQL_TYPE_NEWDECIMAL, Sql::Bytes(raw)) => {
            std::str::from_utf8(raw).ok().map(shortest)
        }
        (Is::MYSQL_TYPE_JSON, Sql::Bytes(raw)) => json(raw),
        (Is::MYSQL_TYPE_BIT, Sql::Bytes(raw)) => bits(raw),
        (kind, Sql::Bytes(raw)) if is_text(kind) && column.character_set() != BYTES => text(raw),
        (Is::MYSQL_TYPE_DATE | Is::MYSQL_TYPE_NEWDATE, Sql::Date(year, month, day, ..)) => {
            Some(date(*year, *month, *day).map_or_else(|| shown(value), |date| Value::from(date.to_string())))
        }
        (Is::MYSQL_TYPE_DATETIME | Is::MYSQL_TYPE_TIMESTAMP, Sql::Date(..)) => {
            Some(instant(value).map_or_else(|| shown(value), |instant| Value::from(format!("{instant}Z"))))
        }
        _ => None,
    }
}

/// The type's name, for people.
pub(super) fn word(column: &Column) -> Cow<'static, str> {
    let kind = column.column_type();
    if is_text(kind) && column.character_set() == BYTES {
        return Cow::Borrowed("binary");
    }
    let name = format!("{kind:?}");
    Cow::Owned(name.strip_prefix("MYSQL_TYPE_").unwrap_or(&name).to_ascii_lowercase())
}

/// Types that hold text, or bytes: the character set tells.
fn is_text(kind: ColumnType) -> bool {
    use ColumnType as Is;
    matches!(
        kind,
        Is::MYSQL_TYPE_VARCHAR
            | Is::MYSQL_TYPE_VAR_STRING
            | Is::MYSQL_TYPE_STRING
            | Is::MYSQL_TYPE_ENUM
            | Is::MYSQL_TYPE_SET
            | Is::MYSQL_TYPE_TINY_BLOB
            | Is::MYSQL_TYPE_BLOB
            | Is::MYSQL_TYPE_MEDIUM_BLOB
            | Is::MYSQL_TYPE_LONG_BLOB
    )
}

fn whole(number: &Sql) -> Option<Value> {
    match number {
        Sql::Int(number) => Some(Value::from(*number)),
        Sql::UInt(number) => Some(Value::from(*number)),
        _ => None,
    }
}

/// Up to 64 bits, the highest first.
fn bits(raw: &[u8]) -> Option<Value> {
    let number = |raw: &[u8]| raw.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    (raw.len() <= 8).then(|| Value::from(number(raw)))
}

fn date(year: u16, month: u8, day: u8) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// The session's time zone is UTC. `9999-12-31 23:59:59` stands for "never" in many tables and must be readable.
fn instant(value: &Sql) -> Option<DateTime> {
    let Sql::Date(year, month, day, hour, minute, second, micros) = *value else { return None };
    let nanos = i32::try_from(micros).ok()?.checked_mul(1_000)?;
    let time = Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, nanos);
    Some(DateTime::from_parts(date(year, month, day)?, time.ok()?))
}

/// As the server shows it.
fn shown(value: &Sql) -> Value {
    Value::from(value.as_sql(true).trim_matches('\'').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{decode, word};
    use mysql_async::consts::ColumnType::{
        self, MYSQL_TYPE_BIT, MYSQL_TYPE_BLOB, MYSQL_TYPE_DATE, MYSQL_TYPE_DATETIME, MYSQL_TYPE_FLOAT,
        MYSQL_TYPE_GEOMETRY, MYSQL_TYPE_JSON, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_TIME,
        MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_YEAR,
    };
    use mysql_async::{Column, Value as Sql};
    use serde_json::{Value, json};

    fn read(kind: ColumnType, value: &Sql) -> Option<Value> {
        decode(&Column::new(kind).with_character_set(45), value)
    }

    fn bytes(raw: &[u8]) -> Sql {
        Sql::Bytes(raw.to_vec())
    }

    #[test]
    fn columns_are_read_by_their_type() {
        for (kind, value, read_as) in [
            (MYSQL_TYPE_LONGLONG, Sql::NULL, Value::Null),
            (MYSQL_TYPE_LONGLONG, Sql::Int(-5), json!(-5)),
            (MYSQL_TYPE_LONGLONG, Sql::UInt(u64::MAX), json!(u64::MAX)),
            (MYSQL_TYPE_YEAR, Sql::Int(2026), json!(2026)),
            (MYSQL_TYPE_FLOAT, Sql::Float(0.1), json!(0.1)),
            (MYSQL_TYPE_NEWDECIMAL, bytes(b"12.50"), json!(12.5)),
            (MYSQL_TYPE_NEWDECIMAL, bytes(b"12345678901234567890.1"), json!("12345678901234567890.1")),
            (MYSQL_TYPE_VAR_STRING, bytes(b"a\x1b[2J\0"), json!("a\u{fffd}[2J\u{fffd}")),
            (MYSQL_TYPE_BLOB, bytes("größer".as_bytes()), json!("größer")),
            (MYSQL_TYPE_JSON, bytes(b"{\"a\": [1]}"), json!("{\"a\":[1]}")),
            (MYSQL_TYPE_JSON, bytes(b"7"), json!(7)),
            (MYSQL_TYPE_BIT, bytes(&[1, 1]), json!(257)),
            (MYSQL_TYPE_BIT, bytes(&[0xff; 8]), json!(u64::MAX)),
            (MYSQL_TYPE_DATE, Sql::Date(2026, 2, 3, 0, 0, 0, 0), json!("2026-02-03")),
            (MYSQL_TYPE_DATETIME, Sql::Date(2026, 2, 3, 4, 5, 6, 500_000), json!("2026-02-03T04:05:06.5Z")),
            (MYSQL_TYPE_TIMESTAMP, Sql::Date(2026, 2, 3, 0, 0, 0, 0), json!("2026-02-03T00:00:00Z")),
            (MYSQL_TYPE_DATETIME, Sql::Date(9999, 12, 31, 23, 59, 59, 0), json!("9999-12-31T23:59:59Z")),
            (MYSQL_TYPE_DATE, Sql::Date(0, 0, 0, 0, 0, 0, 0), json!("0000-00-00")),
            (MYSQL_TYPE_DATE, Sql::Date(2026, 2, 0, 0, 0, 0, 0), json!("2026-02-00")),
        ] {
            assert_eq!(read(kind, &value), Some(read_as), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn what_is_no_text_or_does_not_fit_is_refused_not_guessed() {
        for (kind, value) in [
            (MYSQL_TYPE_LONGLONG, bytes(b"1")),
            (MYSQL_TYPE_NEWDECIMAL, bytes(&[0xff])),
            (MYSQL_TYPE_VAR_STRING, bytes(&[0xff, 0xfe])),
            (MYSQL_TYPE_BIT, bytes(&[0; 9])),
            (MYSQL_TYPE_DATE, Sql::Int(1)),
            (MYSQL_TYPE_TIME, Sql::Time(false, 0, 1, 2, 3, 0)),
            (MYSQL_TYPE_GEOMETRY, bytes(b"abc")),
        ] {
            assert_eq!(read(kind, &value), None, "{kind:?} {value:?}");
        }
        let blob = Column::new(MYSQL_TYPE_BLOB).with_character_set(super::BYTES);
        assert_eq!(decode(&blob, &bytes(b"abc")), None);
        assert_eq!((word(&blob).as_ref(), word(&Column::new(MYSQL_TYPE_TIME)).as_ref()), ("binary", "time"));
    }
}
