//! CBOR, as far as Smithy's RPC v2 needs it: `POST /service/SERVICE/operation/OPERATION`, a map in and a map out.
//!
//! Services build JSON; an instant, which CBOR tells from a number by a tag, is a number of a member `Timestamp`.

use serde_json::{Map, Number, Value, json};

use crate::sandbox::protocol::encoding::segments;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Answer, Ask, Wire};

/// No request nests deeper.
const DEEPEST: u8 = 32;

/// The member whose numbers are instants.
const INSTANT: &str = "Timestamp";

/// What ends a list or map that does not say its length.
const BREAK: u8 = 0xff;

/// Whether a request is written in it.
pub(crate) fn is_spoken(wire: &Wire) -> bool {
    wire.headers.get("smithy-protocol").is_some_and(|protocol| protocol == "rpc-v2-cbor")
}

/// Reads the operation from the path, and its input.
pub(crate) fn read(wire: &Wire) -> Result<Ask, Failure> {
    let segments = segments(&wire.path);
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["service", _, "operation", operation] = parts.as_slice() else {
        return Err(Failure::unknown("(no operation in the path)"));
    };
    let body = if wire.body.is_empty() { Some(Value::Object(Map::new())) } else { decode(&wire.body) };
    let body = body.ok_or_else(|| Failure::bad("SerializationException", "the request's body is not CBOR"))?;
    Ok(Ask { body, ..wire.ask(operation) })
}

/// An answer's body.
pub(crate) fn answer(answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::Json(value) => encode(value),
        Answer::Xml(_) | Answer::Raw { .. } => encode(&Value::Object(Map::new())),
    }
}

/// An error's body.
pub(crate) fn error(failure: &Failure) -> Vec<u8> {
    encode(&json!({ "__type": failure.code, "message": failure.message }))
}

/// The value that these bytes are; nothing if they are not one.
fn decode(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEEPEST)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// Whether what does not say its length ends here.
    fn ends(&mut self) -> Option<bool> {
        let ends = *self.rest.first()? == BREAK;
        if ends {
            self.take(1)?;
        }
        Some(ends)
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let first = *self.take(1)?.first()?;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self.number(1 << (info - 24))?,
            31 => return self.open(major, depth),
            _ => return None,
        };
        Some(match major {
            0 => argument.into(),
            1 => i64::try_from(argument).ok()?.checked_neg()?.checked_sub(1)?.into(),
            2 | 3 => String::from_utf8_lossy(self.take(usize::try_from(argument).ok()?)?).into_owned().into(),
            4 => Value::Array((0..argument).map(|_| self.value(depth)).collect::<Option<Vec<Value>>>()?),
            5 => Value::Object((0..argument).map(|_| self.member(depth)).collect::<Option<Map<String, Value>>>()?),
            6 => self.value(depth)?,
            _ => simple(info, argument)?,
        })
    }

    fn member(&mut self, depth: u8) -> Option<(String, Value)> {
        let Value::String(name) = self.value(depth)? else { return None };
        Some((name, self.value(depth)?))
    }

    /// A list or map that does not say its length.
    fn open(&mut self, major: u8, depth: u8) -> Option<Value> {
        match major {
            4 => {
                let mut items = Vec::new();
                while !self.ends()? {
                    items.push(self.value(depth)?);
                }
                Some(Value::Array(items))
            }
            5 => {
                let mut members = Map::new();
                while !self.ends()? {
                    members.extend([self.member(depth)?]);
                }
                Some(Value::Object(members))
            }
            _ => None,
        }
    }
}

/// Words, and numbers with a point. Halves are nothing that clients send.
fn simple(info: u8, argument: u64) -> Option<Value> {
    let number = match info {
        20 | 21 => return Some(Value::Bool(info == 21)),
        22 | 23 => return Some(Value::Null),
        26 => f64::from(f32::from_bits(u32::try_from(argument).ok()?)),
        27 => f64::from_bits(argument),
        _ => return None,
    };
    Number::from_f64(number).map(Value::Number)
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value, false);
    out
}

fn put(out: &mut Vec<u8>, value: &Value, is_instant: bool) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(truth) => out.push(if *truth { 0xf5 } else { 0xf4 }),
        Value::Number(number) if is_instant => {
            out.push(0xc1);
            double(out, number);
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(out, 0, number),
            (None, Some(number)) => head(out, 1, number.unsigned_abs().saturating_sub(1)),
            (None, None) => double(out, number),
        },
        Value::String(text) => {
            head(out, 3, length(text.len()));
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(out, 4, length(items.len()));
            for item in items {
                put(out, item, false);
            }
        }
        Value::Object(members) => {
            head(out, 5, length(members.len()));
            for (name, value) in members {
                head(out, 3, length(name.len()));
                out.extend(name.as_bytes());
                put(out, value, name == INSTANT);
            }
        }
    }
}

fn double(out: &mut Vec<u8>, number: &Number) {
    out.push(0xfb);
    out.extend(number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A major type with its argument: a small one in the same byte, any other in eight.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    match u8::try_from(argument) {
        Ok(small) if small < 24 => out.push((major << 5) | small),
        _ => {
            out.push((major << 5) | 0x1b);
            out.extend(argument.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BREAK, DEEPEST, decode, encode};

    #[test]
    fn values_go_there_and_back() {
        for value in [
            json!({ "Namespace": "AWS/RDS", "Period": 60, "Dimensions": [{ "Name": "n", "Value": "x".repeat(300) }] }),
            json!([0, 23, 24, 255, 256, 65_536, 4_294_967_296_u64, -1, -24, -25, -300, 0.5, true, false, null, "", {}]),
        ] {
            assert_eq!(decode(&encode(&value)), Some(value));
        }
    }

    #[test]
    fn an_instant_carries_its_tag_and_another_number_does_not() {
        let written = encode(&json!({ "Timestamp": 1.5, "Average": 1.5 }));
        let tags: Vec<usize> = (0..written.len()).filter(|at| written[*at] == 0xc1).collect();
        assert_eq!(tags.len(), 1);
        assert_eq!(decode(&written), Some(json!({ "Timestamp": 1.5, "Average": 1.5 })));
    }

    #[test]
    fn what_clients_write_without_a_length_is_read() {
        // {_ "a": [_ 1, 2], "t": 1(1.5) }
        let mut bytes = vec![0xbf, 0x61, b'a', 0x9f, 1, 2, BREAK, 0x61, b't', 0xc1, 0xfb];
        bytes.extend(1.5_f64.to_be_bytes());
        bytes.push(BREAK);
        assert_eq!(decode(&bytes), Some(json!({ "a": [1, 2], "t": 1.5 })));
    }

    #[test]
    fn nonsense_is_nothing_and_ends() {
        let deep = vec![0x81; usize::from(DEEPEST) * 4];
        let endless = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let wrong: [&[u8]; 7] = [&[], &[0x61], &[0xbf, 0x61, b'a'], &[0x1c], &[1, 1], &deep, &endless];
        for bytes in wrong {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(decode(&[0xa1, 1, 1]), None, "a member's name is text");
        assert_eq!(decode(&[0x80]), Some(Value::Array(Vec::new())));
    }
}
