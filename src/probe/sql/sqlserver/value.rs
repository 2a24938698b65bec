//! Columns into JSON values, by what the driver read.
//!
//! | column | value |
//! |---|---|
//! | `bit`, `tinyint` … `bigint`, `real`, `float` | as they are |
//! | `decimal`, `numeric`, `money`, `smallmoney` | a number where a double shows the same digits, else decimal text |
//! | `char`, `varchar`, `text` and their like with `n` | text, made harmless and bounded |
//! | `datetimeoffset` | RFC 3339 text in UTC |
//! | `datetime2`, `datetime`, `smalldatetime` | likewise, taken for UTC |
//! | `date` | RFC 3339 full-date |
//! | `uniqueidentifier` | text |
//!
//! Every other type is refused with the advice to cast: a wrong reading would be worse than none.

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use tiberius::numeric::Numeric;
use tiberius::time::{DateTime2, Time};
use tiberius::{ColumnData, ColumnType};

use crate::probe::sql::scalar::{double, shortest, single};
use crate::words::text::tame;

/// Where the types of the years before 2008 begin.
const EPOCH_1900: Date = Date::constant(1900, 1, 1);

/// Where `date` and `datetime2` begin.
const EPOCH_1: Date = Date::constant(1, 1, 1);

/// The driver makes doubles of `money`, which are exact below this.
const EXACT_MONEY: f64 = 9e11;

/// The JSON value of a cell; `None` for types that are not read.
pub(super) fn decode(kind: ColumnType, cell: &ColumnData<'_>) -> Option<Value> {
    let null = || Some(Value::Null);
    match cell {
        ColumnData::Bit(value) => value.map_or_else(null, |value| Some(value.into())),
        ColumnData::U8(value) => value.map_or_else(null, |value| Some(value.into())),
        ColumnData::I16(value) => value.map_or_else(null, |value| Some(value.into())),
        ColumnData::I32(value) => value.map_or_else(null, |value| Some(value.into())),
        ColumnData::I64(value) => value.map_or_else(null, |value| Some(value.into())),
        ColumnData::F32(value) => value.map_or_else(null, |value| Some(single(value))),
        ColumnData::F64(value) if matches!(kind, ColumnType::Money | ColumnType::Money4) => {
            value.map_or_else(null, |value| (value.abs() < EXACT_MONEY).then(|| double(value)))
        }
        ColumnData::F64(value) => value.map_or_else(null, |value| Some(double(value))),
        ColumnData::Numeric(value) => value.map_or_else(null, |value| Some(shortest(&decimal(value)))),
        ColumnData::String(value) => value.as_deref().map_or_else(null, |text| Some(tame(text).into())),
        ColumnData::Guid(value) => value.map_or_else(null, |value| Some(value.to_string().into())),
        ColumnData::Date(value) => value.map_or_else(null, |value| date(EPOCH_1, value.days().into())),
        ColumnData::DateTime(value) => value.map_or_else(null, |value| {
            // Three-hundredths of a second, which the server itself shows as milliseconds.
            let milliseconds = (i64::from(value.seconds_fragments()) * 10 + 1) / 3;
            instant(EPOCH_1900, value.days().into(), SignedDuration::from_millis(milliseconds))
        }),
        ColumnData::SmallDateTime(value) => value.map_or_else(null, |value| {
            // The driver calls them fractions of seconds; they are minutes.
            let minutes = SignedDuration::from_mins(value.seconds_fragments().into());
            instant(EPOCH_1900, value.days().into(), minutes)
        }),
        ColumnData::DateTime2(value) => value.map_or_else(null, exact),
        ColumnData::DateTimeOffset(value) => value.map_or_else(null, |value| exact(value.datetime2())),
        ColumnData::Binary(None) | ColumnData::Xml(None) | ColumnData::Time(None) => null(),
        ColumnData::Binary(Some(_)) | ColumnData::Xml(Some(_)) | ColumnData::Time(Some(_)) => None,
    }
}

/// Whether a type is a time without a zone.
pub(super) fn is_zoneless(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Datetime | ColumnType::Datetimen | ColumnType::Datetime4 | ColumnType::Datetime2)
}

fn exact(value: DateTime2) -> Option<Value> {
    instant(EPOCH_1, value.date().days().into(), since_midnight(value.time())?)
}

fn since_midnight(time: Time) -> Option<SignedDuration> {
    let unit = 10_i64.checked_pow(9_u32.checked_sub(time.scale().into())?)?;
    let nanoseconds = i64::try_from(time.increments()).ok()?.checked_mul(unit)?;
    Some(SignedDuration::from_nanos(nanoseconds))
}

fn day(epoch: Date, days: i64) -> Option<Date> {
    epoch.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

fn date(epoch: Date, days: i64) -> Option<Value> {
    day(epoch, days).map(|date| date.to_string().into())
}

fn instant(epoch: Date, days: i64, since_midnight: SignedDuration) -> Option<Value> {
    let midnight = day(epoch, days)?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    midnight.checked_add(since_midnight).ok().map(|instant| instant.to_string().into())
}

/// Every digit, the point where it belongs.
fn decimal(number: Numeric) -> String {
    let sign = if number.value() < 0 { "-" } else { "" };
    let scale = usize::from(number.scale());
    let digits = format!("{:0>width$}", number.value().unsigned_abs(), width = scale + 1);
    match digits.split_at_checked(digits.len().saturating_sub(scale)) {
        Some((whole, fraction)) if scale > 0 => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, decode, is_zoneless};
    use serde_json::{Value, json};
    use tiberius::numeric::Numeric;
    use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
    use tiberius::{ColumnData, ColumnType};

    fn read(cell: &ColumnData<'_>) -> Option<Value> {
        decode(ColumnType::Null, cell)
    }

    #[test]
    fn numbers_keep_every_digit() {
        for (value, scale, text, shown) in [
            (0, 0, "0", json!(0)),
            (10_000, 0, "10000", json!(10_000)),
            (1250, 2, "12.50", json!(12.5)),
            (-12, 6, "-0.000012", json!(-0.000_012)),
            (5, 3, "0.005", json!(0.005)),
            (123_456_789_012_345_678_901, 1, "12345678901234567890.1", json!("12345678901234567890.1")),
        ] {
            let number = Numeric::new_with_scale(value, scale);
            assert_eq!(decimal(number), text);
            assert_eq!(read(&ColumnData::Numeric(Some(number))), Some(shown), "{text}");
        }
        assert_eq!(read(&ColumnData::I64(Some(9_007_199_254_740_993))), Some(json!(9_007_199_254_740_993_i64)));
        assert_eq!(read(&ColumnData::F32(Some(0.1))), Some(json!(0.1)));
        assert_eq!(decode(ColumnType::Money, &ColumnData::F64(Some(12.5))), Some(json!(12.5)));
        assert_eq!(decode(ColumnType::Money, &ColumnData::F64(Some(922_337_203_685_477.5))), None);
    }

    #[test]
    fn texts_are_harmless_and_nulls_are_null() {
        let text = ColumnData::String(Some("a\u{1b}[2J\n".into()));
        assert_eq!(read(&text), Some(json!("a\u{fffd}[2J ")));
        for null in [ColumnData::String(None), ColumnData::I32(None), ColumnData::Binary(None), ColumnData::Time(None)]
        {
            assert_eq!(read(&null), Some(Value::Null));
        }
        for unread in [ColumnData::Binary(Some(vec![1].into())), ColumnData::Time(Some(Time::new(1, 7)))] {
            assert_eq!(read(&unread), None);
        }
        let id = tiberius::Uuid::from_u128(1);
        assert_eq!(read(&ColumnData::Guid(Some(id))), Some(json!("00000000-0000-0000-0000-000000000001")));
    }

    #[test]
    fn times_are_rfc_3339() {
        // 2026-02-03 is day 739,649 from the first of all, and day 46,054 from 1900.
        let noon = Time::new(432_000_000_000, 7);
        let exact = DateTime2::new(Date::new(739_649), noon);
        for (cell, shown) in [
            (ColumnData::Date(Some(Date::new(739_649))), "2026-02-03"),
            (ColumnData::DateTime2(Some(exact)), "2026-02-03T12:00:00Z"),
            // What is sent is in UTC already; the offset is for people.
            (ColumnData::DateTimeOffset(Some(DateTimeOffset::new(exact, 60))), "2026-02-03T12:00:00Z"),
            (ColumnData::DateTime(Some(DateTime::new(46_054, 12 * 3600 * 300 + 2))), "2026-02-03T12:00:00.007Z"),
            (ColumnData::SmallDateTime(Some(SmallDateTime::new(46_054, 61))), "2026-02-03T01:01:00Z"),
        ] {
            assert_eq!(read(&cell), Some(json!(shown)), "{cell:?}");
        }
        for broken in [
            ColumnData::Date(Some(Date::new(0x00ff_ffff))),
            ColumnData::DateTime(Some(DateTime::new(i32::MAX, 0))),
            ColumnData::DateTime2(Some(DateTime2::new(Date::new(1), Time::new(u64::MAX, 7)))),
            ColumnData::DateTime2(Some(DateTime2::new(Date::new(1), Time::new(1, 200)))),
        ] {
            assert_eq!(read(&broken), None, "{broken:?}");
        }
        assert!(is_zoneless(ColumnType::Datetime2) && !is_zoneless(ColumnType::DatetimeOffsetn));
    }
}
