//! What a rehearsal does to a run: troubles, each at one place, and scenarios of one or several of them.
//!
//! A scenario has one spelling (`reset_after@backup:StartRestoreJob#1 crash@12`), which `--only` takes back: that is
//! how a finding is repeated.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use crate::words::id::Name;

/// Several troubles of one run; none is an undisturbed run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Scenario(pub(crate) Vec<Trouble>);

/// One trouble.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A request of the run meets this.
    Wire { how: Wire, operation: String, nth: u32, lasting: bool },
    /// The restore job of this restore ends like this.
    Job { how: Job, restore: Name },
    /// The process dies as soon as so many records are durable, and is resumed.
    Crash { records: u64, how: Crash },
    /// Ctrl-C after so many records.
    Interrupt { records: u64, twice: bool },
    /// From this append on the journal cannot be written.
    DiskFull { append: u64 },
    /// The process dies after so many records, and the journal's file is damaged before the resume.
    Damage { records: u64, how: Damage },
    /// After so many records the machine's clock jumps.
    Clock { records: u64, how: Jump },
    /// A probe, or its negative control, is answered like this.
    Probe { how: Lie, probe: Name },
    /// Somebody else runs the same drill at the same time.
    Runner(Runner),
    /// Just before this start of a restore job, counted from 1, somebody else restores the same recovery point under the
    /// same name.
    Stranger { nth: u32 },
    /// As soon as so many records are durable the process is paused and its lock is lost. Another goes on with the run; then
    /// the first wakes.
    Takeover { records: u64, how: Takeover },
    /// When the time of what was kept is over, this request of its removal, counted from there, meets this.
    LeaseEnd { how: LeaseEnd, operation: String, nth: u32 },
    /// Somebody has stopped everything when the run looks whether anybody has for this time, counted from 1: when it begins,
    /// and before each of its writes.
    Stop { look: u32 },
    /// After so many records it takes so long that what the run costs reaches its bound.
    MaxCost { records: u64 },
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// What befalls a request.
    Wire {
        /// It is throttled.
        Throttle = "throttle",
        /// HTTP 500.
        Error500 = "error_500",
        /// The connection is reset before its effect.
        ResetBefore = "reset_before",
        /// The connection is reset after its effect.
        ResetAfter = "reset_after",
        /// It has its effect and is never answered.
        Timeout = "timeout",
        /// The answer takes a minute.
        Slow = "slow",
        /// HTTP 403.
        AccessDenied = "access_denied",
        /// The credentials have expired.
        ExpiredToken = "expired_token",
        /// A read is answered as the time before.
        StaleRead = "stale_read",
        /// A read is answered as the first time: what was made since is not there.
        OldRead = "old_read",
    }
}

words! {
    /// How a restore job ends.
    Job {
        /// `FAILED`, nothing made.
        Failed = "job_failed",
        /// `FAILED`, something half-made stays and nobody names it.
        FailedWithLeftover = "job_failed_leftover",
        /// `FAILED`, something half-made stays and the job names it.
        FailedNamingLeftover = "job_failed_named_leftover",
        /// `ABORTED`, nothing made.
        Aborted = "job_aborted",
        /// `ABORTED`, something half-made stays.
        AbortedWithLeftover = "job_aborted_leftover",
        /// It stays `RUNNING` for ever.
        Stuck = "job_stuck",
        /// It stays `RUNNING` for ever, with something half-made.
        StuckPartial = "job_stuck_partial",
        /// It ends a day late.
        Late = "job_late",
        /// It completes and never says what it made.
        WithoutArn = "job_without_arn",
        /// It completes, and half of what it restores failed: only its message says so.
        Partial = "job_partial",
        /// The role may not use the key.
        MissingGrant = "job_missing_grant",
        /// The recovery point is gone when the job is asked for.
        PointExpired = "point_expired",
    }
}

words! {
    /// What becomes of what a dead process had asked for, and when it is resumed.
    Crash {
        /// Requests that had left still arrive.
        Arrives = "crash",
        /// The same before the record is durable: what led to it has happened.
        Unwritten = "crash_unwritten",
        /// Nothing that was under way arrives.
        Lost = "crash_lost",
        /// The record is not durable either, and the resume comes when AWS has forgotten its token.
        Away = "crash_away",
        /// The resume dies too, some records later.
        Twice = "crash_twice",
    }
}

words! {
    /// What happened to the journal's file.
    Damage {
        /// One bit of it flipped.
        BitFlip = "bit_flip",
        /// It was cut off.
        Truncated = "truncated",
        /// Its end is zeros.
        ZeroTail = "zero_tail",
    }
}

words! {
    /// How the machine's clock jumps.
    Jump {
        /// Ten minutes on.
        Ahead = "clock_ahead",
        /// Ten minutes back.
        Back = "clock_back",
        /// The machine slept for six hours.
        Slept = "clock_slept",
    }
}

words! {
    /// How a probe is answered.
    Lie {
        /// The workload answers, and the answer is wrong.
        Wrong = "probe_wrong",
        /// It cannot be reached.
        Unreachable = "probe_unreachable",
        /// The first attempts fail, later ones hold.
        Late = "probe_late",
        /// The negative control holds: the probe cannot fail.
        ControlHolds = "control_holds",
    }
}

words! {
    /// Who else runs the drill.
    Runner {
        /// Another process of this machine, in the same folder.
        SameFolder = "second_runner",
        /// Another machine, which knows nothing of this one.
        OtherMachine = "second_machine",
    }
}

words! {
    /// When a process wakes that was taken over.
    Takeover {
        /// While the other is at work. What it had asked for before still arrived.
        Beside = "taken_over",
        /// When the other is long done and AWS has forgotten the run's tokens. What it was about to ask for had not left.
        Late = "taken_over_late",
    }
}

words! {
    /// What befalls a request while what was kept is removed.
    LeaseEnd {
        /// It is throttled.
        Throttle = "lease_end_throttle",
        /// HTTP 500.
        Error500 = "lease_end_error_500",
        /// The connection is reset before its effect.
        ResetBefore = "lease_end_reset_before",
        /// The connection is reset after its effect.
        ResetAfter = "lease_end_reset_after",
    }
}

impl Jump {
    /// How far, and whether the world moves with it.
    pub(crate) fn by(self) -> (SignedDuration, bool) {
        match self {
            Self::Ahead => (SignedDuration::from_mins(10), false),
            Self::Back => (SignedDuration::from_mins(-10), false),
            Self::Slept => (SignedDuration::from_hours(6), true),
        }
    }
}

impl Trouble {
    /// The row of the table.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Wire { how, lasting: true, .. } => format!("{} for good", how.word()),
            Self::Wire { how, .. } => how.word().to_owned(),
            Self::Job { how, .. } => how.word().to_owned(),
            Self::Crash { how, .. } => how.word().to_owned(),
            Self::Interrupt { twice: false, .. } => "ctrl_c".to_owned(),
            Self::Interrupt { twice: true, .. } => "ctrl_c_twice".to_owned(),
            Self::DiskFull { .. } => "disk_full".to_owned(),
            Self::Damage { how, .. } => how.word().to_owned(),
            Self::Clock { how, .. } => how.word().to_owned(),
            Self::Probe { how, .. } => how.word().to_owned(),
            Self::Runner(how) => how.word().to_owned(),
            Self::Stranger { .. } => "stranger".to_owned(),
            Self::Takeover { how, .. } => how.word().to_owned(),
            Self::LeaseEnd { how, .. } => how.word().to_owned(),
            Self::Stop { .. } => "stop".to_owned(),
            Self::MaxCost { .. } => "max_cost".to_owned(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire { how, operation, nth, lasting } => {
                write!(f, "{}@{operation}#{nth}{}", how.word(), if *lasting { ".." } else { "" })
            }
            Self::Job { how, restore } => write!(f, "{}@{restore}", how.word()),
            Self::Crash { records, how } => write!(f, "{}@{records}", how.word()),
            Self::Interrupt { records, .. } => write!(f, "{}@{records}", self.word()),
            Self::DiskFull { append } => write!(f, "disk_full@{append}"),
            Self::Damage { records, how } => write!(f, "{}@{records}", how.word()),
            Self::Clock { records, how } => write!(f, "{}@{records}", how.word()),
            Self::Probe { how, probe } => write!(f, "{}@{probe}", how.word()),
            Self::Runner(how) => f.write_str(how.word()),
            Self::Stranger { nth } => write!(f, "stranger@{nth}"),
            Self::Takeover { records, how } => write!(f, "{}@{records}", how.word()),
            Self::LeaseEnd { how, operation, nth } => write!(f, "{}@{operation}#{nth}", how.word()),
            Self::Stop { look } => write!(f, "stop@{look}"),
            Self::MaxCost { records } => write!(f, "max_cost@{records}"),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, trouble) in self.0.iter().enumerate() {
            write!(f, "{}{trouble}", if position > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// A text that names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no trouble; one is written like `throttle@rds:DescribeDBInstances#2` or `crash@12`")]
pub(crate) struct NoTrouble(String);

impl FromStr for Scenario {
    type Err = NoTrouble;

    fn from_str(text: &str) -> Result<Self, NoTrouble> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Trouble {
    type Err = NoTrouble;

    fn from_str(text: &str) -> Result<Self, NoTrouble> {
        read(text).ok_or_else(|| NoTrouble(crate::words::text::tame(text)))
    }
}

fn read(text: &str) -> Option<Trouble> {
    let Some((word, place)) = text.split_once('@') else { return Runner::of(text).map(Trouble::Runner) };
    if let Some(how) = Wire::of(word) {
        let (operation, nth) = place.split_once('#')?;
        let (nth, lasting) = nth.strip_suffix("..").map_or((nth, false), |nth| (nth, true));
        return Some(Trouble::Wire { how, operation: operation.to_owned(), nth: nth.parse().ok()?, lasting });
    }
    if let Some(how) = LeaseEnd::of(word) {
        let (operation, nth) = place.split_once('#')?;
        return Some(Trouble::LeaseEnd { how, operation: operation.to_owned(), nth: nth.parse().ok()? });
    }
    if let Some(how) = Job::of(word) {
        return Some(Trouble::Job { how, restore: place.parse().ok()? });
    }
    if let Some(how) = Lie::of(word) {
        return Some(Trouble::Probe { how, probe: place.parse().ok()? });
    }
    if word == "ctrl_c" || word == "ctrl_c_twice" {
        return Some(Trouble::Interrupt { records: place.parse().ok()?, twice: word == "ctrl_c_twice" });
    }
    if word == "stranger" {
        return Some(Trouble::Stranger { nth: place.parse().ok()? });
    }
    if word == "stop" {
        return Some(Trouble::Stop { look: place.parse().ok()? });
    }
    at_record(word, place.parse().ok()?)
}

/// What comes at a record, or at an append.
fn at_record(word: &str, number: u64) -> Option<Trouble> {
    match word {
        "disk_full" => return Some(Trouble::DiskFull { append: number }),
        "max_cost" => return Some(Trouble::MaxCost { records: number }),
        _ => {}
    }
    Crash::of(word)
        .map(|how| Trouble::Crash { records: number, how })
        .or_else(|| Takeover::of(word).map(|how| Trouble::Takeover { records: number, how }))
        .or_else(|| Damage::of(word).map(|how| Trouble::Damage { records: number, how }))
        .or_else(|| Jump::of(word).map(|how| Trouble::Clock { records: number, how }))
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn a_scenario_has_one_spelling() {
        for text in [
            "",
            "throttle@rds:DescribeDBInstances#2",
            "access_denied@rds:DeleteDBInstance#1..",
            "job_failed_leftover@orders crash_away@17",
            "ctrl_c_twice@11 disk_full@4 bit_flip@9",
            "clock_back@3 control_holds@has-orders second_machine",
            "stranger@1",
            "taken_over@12 job_partial@invoices",
            "taken_over_late@9 stop@3 max_cost@20",
            "probe_wrong@has-orders lease_end_reset_after@rds:DeleteDBInstance#1",
        ] {
            assert_eq!(text.parse::<Scenario>().unwrap().to_string(), text);
        }
        for text in ["throttle", "throttle@rds:X", "crash@x", "nonsense@1", "crash@-1", "stop", "lease_end_throttle@3"]
        {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }
}
