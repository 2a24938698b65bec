//! The event that a text is. Pure.
//!
//! What an event is called stands among its fields, and may stand last: whoever knows nothing of the text keeps all of it
//! until the name comes, and then reads what was kept. Drill writes the name first, so what it wrote is read in one go.
//!
//! Invariant: this only spares time. What is not read in one go, for whatever reason, is read the long way, whose answer and
//! whose error count; `event::stored_by_name` makes both from one list. Fields that this version does not know are passed
//! over in one go: they must be JSON, and no more is asked of them, so a number in them may be too large for any.

use serde::Deserializer as _;
use serde::de::value::{BorrowedStrDeserializer, EnumAccessDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IgnoredAny, VariantAccess, Visitor};
use serde_json::{Deserializer, Error, Result};

use crate::journal::event::{ByName, Event};
use crate::journal::record::RUN_STARTED;

/// What the text of an event begins with, as drill writes it.
const NAMED: &str = r#"{"event":""#;

/// The event that a text is.
pub(super) fn event_of(body: &str) -> Result<Event> {
    // A first record is by far the longest.
    if body.starts_with(RUN_STARTED) {
        return serde_json::from_str(body).map(Event::RunStarted);
    }
    match in_one_go(body) {
        Some(event) => Ok(event),
        None => serde_json::from_str(body),
    }
}

/// The event, if its name stands first and nowhere else, and all that this version looks at is as it knows it.
fn in_one_go(body: &str) -> Option<Event> {
    let (name, fields) = body.strip_prefix(NAMED)?.split_once('"')?;
    // What is named twice is no event, however the second name is spelt. That is for the long way to see.
    if fields.contains(r#""event""#) || fields.contains(r"\u") {
        return None;
    }
    ByName::deserialize(EnumAccessDeserializer::new(Named { name, body })).ok()
}

/// The name of an event and all of its text.
struct Named<'de> {
    name: &'de str,
    body: &'de str,
}

/// The text of an event whose name is known: there the name is a field that nobody asks for.
struct Fields<'de>(&'de str);

impl<'de> EnumAccess<'de> for Named<'de> {
    type Error = Error;
    type Variant = Fields<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Fields<'de>)> {
        let variant = seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.name))?;
        Ok((variant, Fields(self.body)))
    }
}

impl<'de> VariantAccess<'de> for Fields<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        serde_json::from_str::<IgnoredAny>(self.0).map(|_| ())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        let mut text = Deserializer::from_str(self.0);
        let value = seed.deserialize(&mut text)?;
        text.end().map(|()| value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value> {
        Err(Error::custom("an event has named fields"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        let mut text = Deserializer::from_str(self.0);
        let value = text.deserialize_struct("Event", fields, visitor)?;
        text.end().map(|()| value)
    }
}

#[cfg(test)]
mod tests {
    use super::{event_of, in_one_go};
    use crate::journal::event::Event;

    fn the_long_way(text: &str) -> serde_json::Result<Event> {
        serde_json::from_str(text)
    }

    /// Each as this version writes it.
    const OWN: [&str; 9] = [
        r#"{"event":"run_resumed","by":"one \"two\"\n\\ ü"}"#,
        r#"{"event":"cancel_requested","by":"max_duration"}"#,
        r#"{"event":"teardown_reopened"}"#,
        r#"{"event":"step_ended","step":"restore.orders","end":{"as":"failed","class":"data","message":"no"}}"#,
        r#"{"event":"preflighted","identity":null,"checks":[]}"#,
        r#"{"event":"restore_accepted","restore":"orders","job":"1-2","found":false}"#,
        r#"{"event":"stamp_intended","restore":"orders","remove":{"a":"1"},"add":{}}"#,
        r#"{"event":"gate_answered","gate":"go","answer":{"approved":true,"by":"one","at":"one@here"}}"#,
        r#"{"event":"lease_extended","until":"2026-11-21T12:00:00.5Z","by":"one"}"#,
    ];

    /// All of them with this in the place of the brace at the end.
    fn ending(end: &str) -> Vec<String> {
        OWN.iter().map(|text| format!("{}{end}", &text[..text.len() - 1])).collect()
    }

    #[test]
    fn what_drill_writes_is_read_in_one_go_and_is_what_it_is_the_long_way() {
        for (text, later) in OWN.iter().zip(ending(r#","later":{"a":[1,"é",-2.5e3,null]}}"#)) {
            let event = the_long_way(text).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), *text);
            for one in [*text, later.as_str()] {
                assert_eq!(in_one_go(one).as_ref(), Some(&event), "{one}");
            }
            let spaced = text.replacen(r#"{"event":"#, r#"{ "event" : "#, 1);
            let not_first = text.replacen('{', r#"{"since":[{"x":1}],"#, 1);
            for other in [spaced, not_first] {
                assert_eq!(in_one_go(&other), None, "{other}");
                assert_eq!(event_of(&other).unwrap(), event, "{other}");
            }
        }
    }

    #[test]
    fn what_is_no_event_is_refused_in_the_words_of_the_long_way() {
        let unknown = OWN.map(|text| text.replacen(r#":""#, r#":"x"#, 1)).to_vec();
        let wrong = [
            unknown,
            ending(r#","event":"run_resumed"}"#),
            ending(r#","\u0065vent":"run_resumed"}"#),
            ending(""),
            ending("} 1"),
            ending(",}"),
            vec![
                r#"["run_resumed",{"by":"one"}]"#.to_owned(),
                r#"{"event":"run_resumed"}"#.to_owned(),
                r#"{"event":"run_resumed","by":1}"#.to_owned(),
                r#"{"event":"run_resumed","by":"one","by":"two"}"#.to_owned(),
            ],
        ];
        for text in wrong.concat() {
            let error = the_long_way(&text).expect_err(&text).to_string();
            assert_eq!(event_of(&text).expect_err(&text).to_string(), error, "{text}");
        }
    }
}
