//! Any text as a template: what is read can be written and read again, what fills it is never read, and what is wrong is
//! pointed at.

use restore_drill::words::reference::{Template, check_port, exchange, references_in};
use serde_json::Value;

/// What every reference is filled with here: it looks like one itself.
const FILLING: &str = "${{ run.id }}";

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Either may be refused; neither may panic.
    let _ = check_port(text);
    let value = Value::from(text);
    match Template::parse(text) {
        Err(bad) => {
            let place = text.get(bad.at..bad.at + bad.len);
            assert!(place.is_some_and(|place| !place.is_empty()), "{} bytes at {} of {text:?}", bad.len, bad.at);
            assert!(!bad.message.is_empty() && !bad.help.is_empty());
            assert!(references_in(&value).is_empty());
        }
        Ok(template) => {
            let found: Vec<_> = template.references().cloned().collect();
            assert_eq!(references_in(&value), found);
            for reference in &found {
                let alone = Template::parse(&format!("${{{{ {reference} }}}}")).expect("it is one");
                assert_eq!(alone.only(), Some(reference));
            }
            let written = exchange(&value, &|reference| Some(reference.clone()));
            let again = Template::parse(written.as_str().expect("it stays a text"));
            assert_eq!(again.as_ref(), Ok(&template), "{written}");
            let filled = template.fill(|_| Some(FILLING.to_owned())).expect("everything is known");
            assert!(filled.matches(FILLING).count() >= found.len());
            assert_eq!(template.fill(|_| None).is_err(), !found.is_empty());
        }
    }
}
