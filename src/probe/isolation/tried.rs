//! Trying it, by a script or by a function, and what comes of that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, unasked};
use crate::probe::isolation::settings::{Asked, Place, Vantage};
use crate::probe::output::nothing;
use crate::probe::script::{on_our_side, quoted, run, trouble};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, protocol};
use crate::words::text::tame;

const BEGIN: &str = include_str!("begin.sh");
const END: &str = include_str!("end.sh");

/// What came of one place or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Came {
    /// It was reached; a name has an address.
    Reached,
    /// Something said no.
    Refused,
    /// Nothing came back.
    Silent,
    /// The name has no address.
    Unknown,
}

impl Came {
    fn words(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Refused => "refused, or no route",
            Self::Silent => "no answer",
            Self::Unknown => "the name has no address",
        }
    }
}

/// Controls first, then what is forbidden, then names.
pub(super) async fn attempt(asked: &Asked, target: &Target, timeout: Duration) -> Outcome {
    let came = match &asked.from {
        Vantage::Instance(instance) => by_script(asked, instance, target, timeout).await?,
        Vantage::Function(function) => by_function(asked, function, target, timeout).await?,
    };
    judged(asked, &came)
}

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Said {
    /// What it tried with; empty where there is nothing for it.
    how: String,
    /// Whether names could be looked up.
    names: bool,
    words: Vec<Came>,
}

async fn by_script(asked: &Asked, instance: &str, target: &Target, timeout: Duration) -> Result<Vec<Came>, Miss> {
    let setup = |problem: String| miss(ProbeReason::Setup, &problem);
    let end = run(target.remote.as_ref(), instance, &script(asked), timeout).await.map_err(on_our_side)?;
    if let Some(trouble) = trouble(&end) {
        return Err(on_our_side(trouble));
    }
    let line = end.stdout.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
    let said: Said = serde_json::from_str(line)
        .map_err(|_| setup(format!("the script on `{instance}` did not say what came of it")))?;
    if said.how.is_empty() {
        return Err(setup(format!(
            "`{instance}` has nothing to try a connection with: neither bash with timeout, nor nc, nor python3; install one, \
             or try from elsewhere with `from`"
        )));
    }
    if !said.names && !asked.unresolved.is_empty() {
        return Err(setup(format!("`{instance}` cannot look names up: getent or timeout is not there; install them")));
    }
    Ok(said.words)
}

/// Everything is tried at once: what does not answer takes its whole time.
pub(super) fn script(asked: &Asked) -> String {
    let mut lines = String::new();
    let places = asked.can.iter().chain(&asked.cannot);
    for (number, Place { host, port }) in places.enumerate() {
        lines.push_str(&format!("try {number} {} {} &\n", quoted(host), quoted(&port.to_string())));
    }
    let first = asked.can.len() + asked.cannot.len();
    for (number, name) in asked.unresolved.iter().enumerate() {
        lines.push_str(&format!("look {} {} &\n", first + number, quoted(name)));
    }
    format!("{BEGIN}lines=$({{\n{lines}wait\n}})\n{END}")
}

/// A function answers as one that asks in drill's place does, with the list `came`: a word for each.
async fn by_function(asked: &Asked, function: &str, target: &Target, timeout: Duration) -> Result<Vec<Came>, Miss> {
    let places: Vec<String> = asked.can.iter().chain(&asked.cannot).map(ToString::to_string).collect();
    let settings = json!({ "reach": places, "resolve": asked.unresolved });
    let request = protocol::request("isolation", &settings, &BTreeMap::new(), target, timeout);
    let invoked = target.remote.invoke(function, &request).await.map_err(|error| unasked(&error))?;
    let setup = |problem: &str| miss(ProbeReason::Setup, &format!("the function `{function}` {problem}"));
    if let Some(error) = invoked.function_error {
        return Err(setup(&format!("failed (`{}`)", tame(&error))));
    }
    let payload = invoked.payload.unwrap_or_default();
    let seen = protocol::answer(&payload, &[])?;
    let came = seen.values.get("came").cloned().unwrap_or_default();
    serde_json::from_value(came).map_err(|_| {
        setup("did not answer with the list `came`: `reached`, `refused`, `silent` or `unknown` for each of `reach` and `resolve`")
    })
}

/// Without its controls, what could not be reached says nothing.
pub(super) fn judged(asked: &Asked, came: &[Came]) -> Outcome {
    let names = asked.unresolved.iter().map(|name| format!("the name {name}"));
    let forbidden: Vec<String> = asked.cannot.iter().map(ToString::to_string).chain(names).collect();
    if came.len() != asked.can.len() + forbidden.len() {
        let message = format!("{} answers came back for {} places", came.len(), asked.can.len() + forbidden.len());
        return Err(miss(ProbeReason::Setup, &message));
    }
    let (controls, tried) = came.split_at(asked.can.len());
    let mut seen = nothing();
    let (mut reached, mut blocked) = (Vec::new(), Vec::new());
    for (what, came) in forbidden.iter().zip(tried) {
        seen.facts.insert(tame(what), came.words().to_owned());
        if *came == Came::Reached { reached.push(tame(what)) } else { blocked.push(tame(what)) }
    }
    let lost: Vec<String> = asked
        .can
        .iter()
        .zip(controls)
        .filter(|(_, came)| **came != Came::Reached)
        .map(|(place, came)| format!("{place} ({})", came.words()))
        .collect();
    let from = match &asked.from {
        Vantage::Instance(id) | Vantage::Function(id) => id.as_str(),
    };
    seen.facts.insert("from".to_owned(), tame(from));
    let names = |all: &[String]| -> Value { all.iter().map(|one| Value::from(one.as_str())).collect() };
    seen.values.insert("reached".to_owned(), names(&reached));
    seen.values.insert("blocked".to_owned(), names(&blocked));
    seen.values.insert("controls".to_owned(), (controls.len() - lost.len()).into());
    let (reason, message) = if !reached.is_empty() {
        let message = format!(
            "`{from}` reaches what it must not: {}; block it before anything is restored here",
            reached.join(", ")
        );
        (ProbeReason::Expectation, message)
    } else if !lost.is_empty() {
        let message = format!(
            "nothing can be concluded: `{from}` does not even reach {}; name with `can_reach` what it must reach, or let \
             it through",
            lost.join(", ")
        );
        (ProbeReason::Setup, message)
    } else {
        return Ok(seen);
    };
    Err(Miss { observed: Some(seen), ..miss(reason, &message) })
}
