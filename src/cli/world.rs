//! Which world a run lives in, where that is not AWS itself.
//!
//! A run is gone on with in its own world alone: in another one nothing of it is found, which would look as if everything
//! were gone.

use crate::cli::connect::Connection;
use crate::cli::error::CliError;
use crate::journal::event::{RunStarted, World, WorldId};
use crate::journal::state::State;
use crate::sandbox::Remote;
use crate::words::kind::Mode;
use crate::words::text::tame;

/// What a simulated AWS in another process is known by; nothing if it is of a `drill` that gave it no id.
#[must_use]
pub fn id_of(remote: &Remote) -> Option<WorldId> {
    remote.id().map(|id| WorldId::Server { id })
}

/// What the simulated AWS at a URL is known by; nothing if it does not answer.
pub async fn id_at(url: &str) -> Option<WorldId> {
    Remote::connect(url).await.ok().as_ref().and_then(id_of)
}

/// What endpoints are known by that are not all AWS's own.
#[must_use]
pub fn id_of_endpoints(mode: Mode, endpoints: &[String]) -> Option<WorldId> {
    (mode == Mode::CustomEndpoint).then(|| WorldId::Endpoints { lines: endpoints.to_vec() })
}

/// Whether the simulated AWS at a URL, known by this, is the one that a run lives in. Where one of the two has no id, the
/// URL is all that tells.
#[must_use]
pub fn is_home(started: &RunStarted, url: &str, id: Option<&WorldId>) -> bool {
    let Some(World::Server { url: own }) = &started.world else { return false };
    match (&started.world_id, id) {
        (Some(own), Some(asked)) => own == asked,
        _ => is_same(own, url),
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The simulated AWS of a run, if it still answers where it was; nothing if that is another one by now.
pub async fn home(started: &RunStarted) -> Option<Remote> {
    let Some(World::Server { url }) = &started.world else { return None };
    let remote = Remote::connect(url).await.ok()?;
    is_home(started, url, id_of(&remote).as_ref()).then_some(remote)
}

/// Refuses a connection that leads to another world than the run's.
///
/// # Errors
/// When it does.
pub fn refuse_another(state: &State, connection: &Connection) -> Result<(), CliError> {
    let (run, started) = (state.run, &state.started);
    let what = match (&started.world, &connection.world) {
        (Some(World::Server { url: own }), Some(World::Server { url })) => {
            if is_home(started, url, connection.world_id.as_ref()) {
                return Ok(());
            }
            let (own_shown, shown) = (tame(own), tame(url));
            let why = if is_same(own, url) {
                format!("run {run} lived in the simulated AWS at `{shown}` before the one that answers there now")
            } else {
                format!(
                    "run {run} lives in the simulated AWS at `{own_shown}`, and `{shown}` is another one: leave \
                     `--sandbox` out"
                )
            };
            format!(
                "{why}. Nothing was looked for; if its own has ended, `drill resume {run} --world-lost` ends the run"
            )
        }
        _ => match (&started.world_id, &connection.world_id) {
            (Some(WorldId::Endpoints { lines: own }), Some(WorldId::Endpoints { lines })) => {
                let Some((before, now)) = moved(own, lines) else { return Ok(()) };
                format!(
                    "run {run} talked to `{}`, and now it would talk to `{}`, where nothing of it is; set \
                     `AWS_ENDPOINT_URL*` and the profile as they were",
                    tame(before),
                    tame(now)
                )
            }
            _ => return Ok(()),
        },
    };
    Err(CliError::usage(what))
}

/// The first service that is somewhere else now. One that only one of the two knows tells nothing: another version of drill
/// may use others.
fn moved<'a>(before: &'a [String], now: &'a [String]) -> Option<(&'a str, &'a str)> {
    before.iter().filter(|line| !now.contains(line)).find_map(|line| {
        let mut others = now.iter().filter(|other| service(other) == service(line));
        let first = others.clone().next()?;
        let other = others.find(|other| !before.contains(other)).unwrap_or(first);
        Some((line.as_str(), other.as_str()))
    })
}

fn service(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn a_service_that_is_somewhere_else_is_named_and_one_that_is_new_tells_nothing() {
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let before = lines(&["backup http://a:1", "rds http://a:1", "rds http://b:1"]);
        assert_eq!(moved(&before, &before), None);
        let more = lines(&["efs http://c:1", "rds http://b:1", "rds http://a:1", "backup http://a:1"]);
        assert_eq!(moved(&before, &more), None);
        assert_eq!(moved(&more, &before), None);
        let other = lines(&["backup http://a:1", "rds http://a:1", "rds http://c:1"]);
        assert_eq!(moved(&before, &other), Some(("rds http://b:1", "rds http://c:1")));
    }
}
