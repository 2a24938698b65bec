//! Leases as people see them: how long what a run keeps still stays, by the run's own clock.

use jiff::{SignedDuration, Timestamp};

use crate::cli::clock::MachineClock;
use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::world::home;
use crate::definition::model::LONGEST_LEASE;
use crate::journal::event::World;
use crate::journal::state::State;
use crate::journal::store::RunRow;
use crate::words::time::{Clock as _, parse_duration, show_duration, show_instant};

/// What the clock of a run says, which a simulated AWS has of its own.
enum Reading {
    /// It is this late.
    Now(Timestamp),
    /// The world ended with the process that held it, and everything in it.
    Ended,
    /// The world does not answer; what another world's clock says is nothing to the run.
    Unknown,
}

async fn clock_of(state: &State) -> Reading {
    match &state.started.world {
        None => Reading::Now(MachineClock.now()),
        Some(World::InProcess) => Reading::Ended,
        Some(World::Server { .. }) => match home(&state.started).await {
            Some(remote) => Reading::Now(remote.clock().now()),
            None => Reading::Unknown,
        },
    }
}

/// Whether what the run keeps is owed its removal: its time is over, or there is nothing left to keep. Nobody ends what
/// nobody can ask about.
pub async fn is_over(state: &State) -> bool {
    let Some(until) = state.lease() else { return false };
    match clock_of(state).await {
        Reading::Now(now) => until <= now,
        Reading::Ended => true,
        Reading::Unknown => false,
    }
}

/// The runs whose time for what they keep is over, oldest first. One that cannot be read counts as well.
///
/// # Errors
/// When the runs cannot be listed.
pub async fn expired(place: &Place) -> Result<Vec<RunRow>, CliError> {
    let mut found = Vec::new();
    for store in place.stores()? {
        for row in store.runs(None)?.into_iter().rev().filter(|row| row.kept_until.is_some()) {
            let ends = match store.state(&row.run) {
                Ok(state) => is_over(&state).await,
                Err(_) => true,
            };
            if ends {
                found.push(row);
            }
        }
    }
    Ok(found)
}

/// `kept, 3h 12m left`: what `drill status` says of a lease; nothing if nothing is kept.
pub async fn words(state: &State) -> Option<String> {
    let until = state.lease()?;
    if state.concluded.is_none() {
        return Some(format!("kept until {}", show_instant(until)));
    }
    Some(match clock_of(state).await {
        Reading::Now(now) if until <= now => "expired, not removed yet".to_owned(),
        Reading::Now(now) => format!("kept, {} left", show_duration(whole(until.duration_since(now)))),
        Reading::Ended => format!("kept until {}; its simulated AWS has ended", show_instant(until)),
        Reading::Unknown => format!("kept until {}; its simulated AWS does not answer", show_instant(until)),
    })
}

/// Whole minutes, and seconds only in the last of them.
fn whole(left: SignedDuration) -> SignedDuration {
    let minutes = left.as_secs() / 60;
    if minutes > 0 { SignedDuration::from_mins(minutes) } else { SignedDuration::from_secs(left.as_secs()) }
}

/// The length of a lease, as an option of the command line.
///
/// # Errors
/// A sentence for the user: it is no duration, none at all, or longer than a lease may be.
pub fn length(text: &str) -> Result<SignedDuration, String> {
    match parse_duration(text) {
        Ok(length) if length > LONGEST_LEASE => {
            Err("a lease is at most 30d, because what is kept is billed; `drill keep` makes it longer again".to_owned())
        }
        Ok(length) if length.is_zero() => Err("a lease is longer than nothing, such as `4h`".to_owned()),
        Ok(length) => Ok(length),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{length, whole};
    use jiff::SignedDuration;

    #[test]
    fn a_countdown_is_in_minutes_until_the_last_one() {
        let shown = |seconds: i64| whole(SignedDuration::from_millis(seconds * 1_000 + 300)).as_secs();
        assert_eq!((shown(11_555), shown(61), shown(59)), (11_520, 60, 59));
        assert!(length("0s").is_err() && length("4").is_err());
        assert_eq!(length("4h").unwrap(), SignedDuration::from_hours(4));
        assert_eq!(length("30d").unwrap(), SignedDuration::from_hours(720));
        assert!(length("900d").is_err_and(|why| why.contains("at most 30d")) && length("721h").is_err());
    }
}
