//! Removing a thing that is in no ledger of this machine, after a person typed its ARN: look, check, ask, and see twice
//! that it is gone. The caller has written the intent down.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::leftover::RUN_TAG;
use crate::cloud::resource::{Observation, Phase, Removal, ResourceCalls, Subject};
use crate::run::pace::{ABSENT_FOR, LOOK_EVERY, REMOVE_AGAIN_AFTER, VISIBLE_AFTER};
use crate::run::sweep::evidence::kept_until;
use crate::run::sweep::{NEVER_TAG, Tags, Target};
use crate::words::time::{Clock, show_duration};

/// A deletion that takes longer is left to the next sweep.
const WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// Why it is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// It is not what it was when a person looked at it.
    #[error("it changed since it was listed: {0}")]
    Changed(String),
    /// AWS does not delete it.
    #[error("{error}; {}", error.advice())]
    Refused {
        /// What AWS said.
        error: CloudError,
    },
    /// It is going, or refuses to, and nobody waits longer.
    #[error("it was not gone within {}; last seen `{status}`", show_duration(WITHIN))]
    Slow {
        /// The service's word for its state.
        status: String,
    },
    /// It is gone, and the service keeps something of it.
    #[error("it is gone, but the service still keeps of it: {}", .0.join(", "))]
    Remains(Vec<String>),
}

/// What this has done so far.
#[derive(Default)]
struct Progress {
    absent_since: Option<Timestamp>,
    unprotected_at: Option<Timestamp>,
    asked: Option<(Timestamp, Observation)>,
    status: String,
}

enum Then {
    Look,
    Wait,
    Gone,
}

/// Removes it, and returns once it is seen to be gone.
///
/// # Errors
/// When it is not what was listed any more, cannot be deleted, or is not gone within two hours of the clock.
pub async fn remove(target: &Target, calls: &dyn ResourceCalls, clock: &dyn Clock) -> Result<(), Stuck> {
    let mut subject = subject(target);
    let deadline = clock.now() + WITHIN;
    let mut progress = Progress::default();
    while clock.now() < deadline {
        match advance(target, &mut subject, calls, clock, &mut progress).await {
            Ok(Then::Gone) => return Ok(()),
            Ok(Then::Look) => {}
            Ok(Then::Wait) => clock.sleep_until(clock.now() + LOOK_EVERY).await,
            // What a look said is there may be gone a moment later: the next look says so.
            Err(Stuck::Refused { error }) if error.passes() || error.kind == ErrorKind::NotFound => {
                clock.sleep_until(clock.now() + LOOK_EVERY).await;
            }
            Err(stuck) => return Err(stuck),
        }
    }
    Err(Stuck::Slow { status: progress.status })
}

fn subject(target: &Target) -> Subject {
    Subject {
        expected: target.expected.clone(),
        made: Some(target.leftover.arn.clone()),
        point: None,
        since: target.since,
        with: target.leftover.with.clone(),
        parts: Vec::new(),
    }
}

fn refused(error: CloudError) -> Stuck {
    Stuck::Refused { error }
}

async fn advance(
    target: &Target,
    subject: &mut Subject,
    calls: &dyn ResourceCalls,
    clock: &dyn Clock,
    progress: &mut Progress,
) -> Result<Then, Stuck> {
    let seen = calls.observe(subject).await.map_err(refused)?;
    // What outlives the thing is found by what was seen on it.
    for part in &seen.parts {
        subject.parts.retain(|known| known.kind != part.kind || known.id != part.id);
        subject.parts.push(part.clone());
    }
    let now = clock.now();
    progress.status.clone_from(&seen.status);
    if seen.phase == Phase::Gone {
        return absent(subject, calls, now, progress).await;
    }
    progress.absent_since = None;
    if seen.phase == Phase::Leaving || asked_lately(progress, &seen, now) {
        return Ok(Then::Wait);
    }
    let mut tags = calls.tags(subject).await.map_err(refused)?;
    // A thing that is half gone may have lost them: what was asked for already goes on.
    if tags.is_empty() && progress.asked.is_some() {
        tags.clone_from(&target.leftover.tags);
    }
    may_sweep(target, &tags, &seen, now).map_err(Stuck::Changed)?;
    if seen.protected {
        let waits = progress.unprotected_at.is_some_and(|at| now.duration_since(at) < VISIBLE_AFTER);
        if !waits {
            calls.unprotect(subject).await.map_err(refused)?;
            progress.unprotected_at = Some(now);
        }
        return Ok(Then::Wait);
    }
    match calls.remove(subject, &seen).await.map_err(refused)? {
        Removal::More => Ok(Then::Look),
        Removal::Asked => {
            progress.asked = Some((now, seen));
            Ok(Then::Wait)
        }
    }
}

/// A removal in several stages goes on as soon as a look shows something else than before it.
fn asked_lately(progress: &Progress, seen: &Observation, now: Timestamp) -> bool {
    let asked = progress.asked.as_ref();
    asked.is_some_and(|(at, before)| before == seen && now.duration_since(*at) < REMOVE_AGAIN_AFTER)
}

/// Absence counts when it was seen twice and the service keeps nothing.
async fn absent(
    subject: &Subject,
    calls: &dyn ResourceCalls,
    now: Timestamp,
    progress: &mut Progress,
) -> Result<Then, Stuck> {
    let first = *progress.absent_since.get_or_insert(now);
    if now.duration_since(first) < ABSENT_FOR {
        return Ok(Then::Wait);
    }
    let left = calls.remains(subject).await.map_err(refused)?;
    if left.is_empty() { Ok(Then::Gone) } else { Err(Stuck::Remains(left)) }
}

/// The last look before a request that changes something: it is still what a person agreed to.
///
/// # Errors
/// What is different.
pub fn may_sweep(target: &Target, tags: &Tags, seen: &Observation, now: Timestamp) -> Result<(), String> {
    if let Some(part) = seen.parts.iter().find(|part| part.foreign) {
        return Err(format!("{} `{}` hangs on it, and nothing says that a drill put it there", part.kind, part.id));
    }
    if tags.contains_key(NEVER_TAG) {
        return Err(format!("it carries the tag `{NEVER_TAG}`"));
    }
    if tags.get(RUN_TAG) != target.leftover.tags.get(RUN_TAG) {
        return Err(format!("its tag `{RUN_TAG}` is another one"));
    }
    match kept_until(tags)? {
        Some(until) if until > now => Err("it was kept for longer".to_owned()),
        _ => Ok(()),
    }
}
