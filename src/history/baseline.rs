//! What is usual: the median of past passes, and how far they spread around it.

use jiff::SignedDuration;

/// With fewer passes nobody knows what is usual.
pub const LEAST: usize = 4;

/// How many spreads above the median is no longer usual.
const SPREADS: i32 = 3;

/// The share of the median by which a regression is above it at least: one fifth. Where passes hardly differ, three
/// spreads are next to nothing.
const SHARE: i32 = 5;

/// What is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// Of how many passes.
    pub passes: usize,
    /// Their median.
    pub median: SignedDuration,
    /// The median of their distances from it (MAD).
    pub spread: SignedDuration,
}

/// What is usual among these values; nothing if there are none.
#[must_use]
pub fn baseline(values: &[SignedDuration]) -> Option<Baseline> {
    let median = middle(values.to_vec())?;
    let spread = middle(values.iter().map(|value| distance(*value, median)).collect())?;
    Some(Baseline { passes: values.len(), median, spread })
}

impl Baseline {
    /// Whether a value is unusually long: of at least [`LEAST`] passes, more than three spreads above their median, and by
    /// a fifth at least.
    #[must_use]
    pub fn is_regression(&self, value: SignedDuration) -> bool {
        let usual = self.median.saturating_add(self.spread.saturating_mul(SPREADS));
        let share = self.median.saturating_add(self.median / SHARE);
        self.passes >= LEAST && value > usual && value >= share
    }
}

fn middle(mut values: Vec<SignedDuration>) -> Option<SignedDuration> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(lower.saturating_add(upper) / 2)
}

fn distance(one: SignedDuration, other: SignedDuration) -> SignedDuration {
    one.max(other).saturating_sub(one.min(other))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::baseline;

    fn minutes(values: &[i64]) -> Vec<SignedDuration> {
        values.iter().map(|value| SignedDuration::from_mins(*value)).collect()
    }

    #[test]
    fn one_outlier_changes_neither_median_nor_spread_much() {
        let usual = baseline(&minutes(&[20, 21, 19, 22, 300])).unwrap();
        assert_eq!((usual.median.as_mins(), usual.spread.as_mins()), (21, 1));
        let even = baseline(&minutes(&[20, 24, 10, 30])).unwrap();
        assert_eq!((even.median.as_mins(), even.spread.as_mins()), (22, 5));
        assert!(baseline(&[]).is_none());
        let far = baseline(&[SignedDuration::MAX, SignedDuration::MIN]).unwrap();
        assert!(!far.is_regression(SignedDuration::MAX));
    }

    #[test]
    fn a_regression_is_far_above_and_by_a_fifth() {
        let usual = baseline(&minutes(&[20, 20, 20, 20])).unwrap();
        for (value, is) in [(20, false), (23, false), (24, true), (60, true)] {
            assert_eq!(usual.is_regression(SignedDuration::from_mins(value)), is, "{value}");
        }
        let spread = baseline(&minutes(&[16, 18, 22, 24])).unwrap();
        assert_eq!((spread.median.as_mins(), spread.spread.as_mins()), (20, 3));
        assert!(!spread.is_regression(SignedDuration::from_mins(29)));
        assert!(spread.is_regression(SignedDuration::from_mins(30)));
        let few = baseline(&minutes(&[20, 20, 20])).unwrap();
        assert!(!few.is_regression(SignedDuration::from_mins(60)));
    }
}
