//! One bucket of requests: who may send now, and when the next one may. Pure, and without fractions, so that a run repeats.
//!
//! A bucket fills at its rate and holds its size. A throttle empties it, closes it for a while and halves the rate; each
//! minute without one gives a tenth of the first rate back. Who waits longest goes first.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::aws::limit::rate::Allowance;

/// What one request takes out. A rate of a thousandth of a request a second fills in as many in a nanosecond as its number.
const ONE: i128 = 1_000_000_000_000;
/// The lowest rate: one request in ten seconds, in thousandths of a request a second.
const FLOOR: u32 = 100;
/// A rate is halved at most once in this time: requests that were on their way together are throttled together.
const HALVED_ONCE_IN: SignedDuration = SignedDuration::from_secs(1);
/// How long a throttle closes the bucket, unless the answer says so itself.
const CLOSED_FOR: SignedDuration = SignedDuration::from_secs(1);
/// No answer closes it for longer.
const LONGEST_CLOSED: SignedDuration = SignedDuration::from_mins(5);
/// After so long without a throttle the rate rises by a tenth of the first one.
const CALM: SignedDuration = SignedDuration::from_mins(1);

/// The state of one bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    first: u32,
    /// Thousandths of a request a second.
    rate: u32,
    size: i128,
    held: i128,
    /// Up to when it was filled; in the future, it is closed until then.
    filled_at: Timestamp,
    halved_at: Option<Timestamp>,
    calm_since: Timestamp,
    waiting: BTreeSet<u64>,
    came: u64,
}

/// What a request is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may be sent; its share is taken.
    Now,
    /// Not before then.
    At(Timestamp),
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(allowance: Allowance, now: Timestamp) -> Self {
        let size = i128::from(allowance.size.max(1)) * ONE;
        Self {
            first: allowance.rate.max(1),
            rate: allowance.rate.max(1),
            size,
            held: size,
            filled_at: now,
            halved_at: None,
            calm_since: now,
            waiting: BTreeSet::new(),
            came: 0,
        }
    }

    /// A place behind everybody who waits.
    pub(crate) fn enter(&mut self) -> u64 {
        self.came += 1;
        self.waiting.insert(self.came);
        self.came
    }

    /// Who does not wait any more.
    pub(crate) fn leave(&mut self, place: u64) {
        self.waiting.remove(&place);
    }

    /// Whether it is the turn of this place. What those before it need is left for them.
    pub(crate) fn ask(&mut self, place: u64, now: Timestamp) -> Turn {
        self.recover(now);
        self.fill(now);
        let before = i128::try_from(self.waiting.range(..place).count()).unwrap_or(i128::from(u32::MAX));
        let missing = (before + 1) * ONE - self.held;
        if missing <= 0 && now >= self.filled_at {
            self.held -= ONE;
            self.leave(place);
            return Turn::Now;
        }
        let rate = i128::from(self.rate);
        let nanos = (missing.max(0) + rate - 1) / rate;
        Turn::At(later(self.filled_at, SignedDuration::try_from_nanos_i128(nanos).unwrap_or(SignedDuration::MAX)))
    }

    /// A request was throttled.
    pub(crate) fn throttled(&mut self, now: Timestamp, retry_after: Option<SignedDuration>) {
        self.recover(now);
        if self.halved_at.is_none_or(|at| now.duration_since(at) >= HALVED_ONCE_IN) {
            self.rate = (self.rate / 2).max(FLOOR.min(self.first));
            self.halved_at = Some(now);
        }
        let closed = retry_after.unwrap_or(CLOSED_FOR).clamp(SignedDuration::ZERO, LONGEST_CLOSED);
        self.filled_at = self.filled_at.max(later(now, closed));
        // When it opens there is one, and then one after the other.
        self.held = ONE;
        self.calm_since = now;
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.filled_at).as_nanos();
        if passed > 0 {
            self.held = passed.saturating_mul(i128::from(self.rate)).saturating_add(self.held).min(self.size);
            self.filled_at = now;
        }
    }

    fn recover(&mut self, now: Timestamp) {
        let times = now.duration_since(self.calm_since).as_secs() / CALM.as_secs();
        if times > 0 {
            self.fill(now);
            let risen = i64::from(self.first / 10).max(1).saturating_mul(times).saturating_add(i64::from(self.rate));
            self.rate = u32::try_from(risen).unwrap_or(u32::MAX).min(self.first);
            self.calm_since = later(self.calm_since, SignedDuration::from_secs(times.saturating_mul(CALM.as_secs())));
        }
    }
}

/// `instant` plus `by`, at most the end of time.
pub(crate) fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Bucket, Turn};
    use crate::aws::limit::rate::Allowance;

    /// Five a second, and five at once.
    const FIVE: Allowance = Allowance { rate: 5_000, size: 5 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis)
    }

    fn bucket() -> Bucket {
        Bucket::new(FIVE, at(0))
    }

    /// Sends as soon as it may, so often; answers when, in milliseconds.
    fn sends(bucket: &mut Bucket, mut now: Timestamp, times: usize) -> Vec<i64> {
        let mut sent = Vec::new();
        while sent.len() < times {
            let place = bucket.enter();
            while let Turn::At(then) = bucket.ask(place, now) {
                assert!(then > now, "it would turn in circles");
                now = then;
            }
            sent.push(now.as_millisecond());
        }
        sent
    }

    #[test]
    fn what_it_holds_goes_at_once_and_the_rest_at_its_rate() {
        assert_eq!(sends(&mut bucket(), at(0), 8), [0, 0, 0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn who_waits_longest_goes_first_and_who_leaves_makes_room() {
        let mut bucket = bucket();
        sends(&mut bucket, at(0), 5);
        let places = [bucket.enter(), bucket.enter(), bucket.enter()];
        let told = places.map(|place| bucket.ask(place, at(0)));
        assert_eq!(told, [Turn::At(at(200)), Turn::At(at(400)), Turn::At(at(600))]);
        assert_eq!(bucket.ask(places[1], at(200)), Turn::At(at(400)), "the share of the first is left for it");
        bucket.leave(places[0]);
        assert_eq!(bucket.ask(places[2], at(200)), Turn::At(at(400)));
        assert_eq!(bucket.ask(places[1], at(200)), Turn::Now);
        assert_eq!(bucket.ask(places[2], at(400)), Turn::Now);
    }

    #[test]
    fn a_throttle_closes_for_a_second_and_halves_once_in_a_second() {
        let mut bucket = bucket();
        bucket.throttled(at(0), None);
        bucket.throttled(at(999), None);
        assert_eq!(bucket.rate, 2_500);
        assert_eq!(sends(&mut bucket, at(1_000), 3), [1_999, 2_399, 2_799]);
        bucket.throttled(at(3_000), Some(SignedDuration::from_secs(7)));
        assert_eq!(bucket.rate, 1_250);
        assert_eq!(sends(&mut bucket, at(3_000), 2), [10_000, 10_800]);
    }

    #[test]
    fn no_answer_closes_it_for_ever_and_no_storm_stops_it() {
        let mut bucket = bucket();
        bucket.throttled(at(0), Some(SignedDuration::from_hours(24)));
        assert_eq!(sends(&mut bucket, at(0), 1), [300_000]);
        for second in 300..400 {
            bucket.throttled(at(second * 1_000), None);
        }
        assert_eq!(sends(&mut bucket, at(399_000), 2), [400_000, 410_000]);
    }

    #[test]
    fn each_minute_without_a_throttle_gives_a_tenth_back_up_to_the_first_rate() {
        let mut bucket = bucket();
        bucket.throttled(at(0), None);
        let mut rates = Vec::new();
        for minute in 1..=7 {
            bucket.recover(at(minute * 60_000));
            rates.push(bucket.rate);
        }
        assert_eq!(rates, [3_000, 3_500, 4_000, 4_500, 5_000, 5_000, 5_000]);
        assert_eq!(sends(&mut bucket, at(420_000), 6), [420_000, 420_000, 420_000, 420_000, 420_000, 420_200]);
    }
}
