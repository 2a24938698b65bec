//! Everything random in a world comes from here: a small generator, and a seed from which named streams are derived.
//!
//! Invariant: a stream depends on the seed and on its name alone, never on the order in which streams are asked for, so
//! the same seed gives the same world however requests interleave. Not for secrets of a real system.

use std::fmt::Write;

use jiff::SignedDuration;

/// The seed of a world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(value: u64) -> Self {
        Self(value)
    }

    /// The stream of this name.
    pub(crate) fn stream(self, name: &str) -> Stream {
        // FNV-1a: enough to tell names apart, and the same on every machine.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut stream = Stream(self.0 ^ hash);
        // The first value of close seeds is close; the second is not.
        stream.bits();
        stream
    }
}

/// A stream of random values (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// Sixty-four random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.bits() % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.bits() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A duration between two numbers of seconds.
    pub(crate) fn between(&mut self, least: f64, most: f64) -> SignedDuration {
        SignedDuration::from_secs_f64(least + (most - least) * self.unit())
    }

    /// A number around `median`, spread by `sigma` on the logarithm: how long jobs take.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }

    /// Hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{:016x}", self.bits());
        }
        text.truncate(digits);
        text
    }

    /// A UUID of version 4, lower case.
    pub(crate) fn uuid(&mut self) -> String {
        let bits = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().hyphenated().to_string()
    }

    /// Letters and digits.
    pub(crate) fn word(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        (0..length).map(|_| char::from(LETTERS[usize::try_from(self.bits() & 31).unwrap_or(0)])).collect()
    }

    /// Puts `things` in a random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            let other = usize::try_from(self.below(bound)).unwrap_or(0);
            things.swap(last, other);
        }
    }

    /// Puts each thing from position `first` on at a random place among those before it.
    pub(crate) fn shuffle_in<T>(&mut self, things: &mut [T], first: usize) {
        for last in first..things.len() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            let other = usize::try_from(self.below(bound)).unwrap_or(0);
            things.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        assert_eq!(Seed::new(7).stream("a").bits(), Seed::new(7).stream("a").bits());
        assert_ne!(Seed::new(7).stream("a").bits(), Seed::new(7).stream("b").bits());
        assert_ne!(Seed::new(7).stream("a").bits(), Seed::new(8).stream("a").bits());
    }

    #[test]
    fn half_of_a_lognormal_lies_below_its_median() {
        let mut stream = Seed::new(1).stream("jobs");
        let below = (0..2_000).filter(|_| stream.lognormal(12.0, 0.5) < 12.0).count();
        assert!((850..1_150).contains(&below), "{below}");
    }

    #[test]
    fn a_shuffle_keeps_everything() {
        let mut things: Vec<u32> = (0..50).collect();
        Seed::new(3).stream("order").shuffle(&mut things);
        assert_ne!(things, (0..50).collect::<Vec<u32>>());
        things.sort_unstable();
        assert_eq!(things, (0..50).collect::<Vec<u32>>());
    }
}
