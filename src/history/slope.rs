//! Whether passes get slower, and by how much: the slope of Theil and Sen, said only where the test of Mann and Kendall
//! finds a direction that chance makes in less than one case of twenty.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// With fewer passes no direction can be told from chance.
pub const LEAST: usize = 6;

/// Five in a hundred, on both sides of a normal distribution.
const SURE: f64 = 1.96;

/// How much longer than the past a line is drawn into the future at most.
const HORIZON: f64 = 4.0;

/// A quarter of 365.25 days.
const DAYS_OF_A_QUARTER: f64 = 91.3125;

/// When a run started, and what it measured.
pub type Point = (Timestamp, SignedDuration);

/// A line through passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Seconds more with each day.
    per_day: f64,
    /// Where the line is at the last pass, in seconds.
    at_last: f64,
    /// Days from the first pass to the last.
    days: f64,
}

/// The line through some passes, oldest first; none if they do not show a direction.
#[must_use]
pub fn slope(points: &[Point]) -> Option<Slope> {
    if points.len() < LEAST || !has_direction(points) {
        return None;
    }
    let first = points.iter().map(|(at, _)| *at).min()?;
    let days_since = |at: Timestamp| at.duration_since(first).as_secs_f64() / 86_400.0;
    let flat: Vec<(f64, f64)> = points.iter().map(|(at, value)| (days_since(*at), value.as_secs_f64())).collect();
    let rises = pairs(&flat).filter(|(a, b)| b.0 > a.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0));
    let per_day = middle(rises.collect())?;
    let begins = middle(flat.iter().map(|(day, value)| value - per_day * day).collect())?;
    let days = flat.iter().map(|(day, _)| *day).fold(0.0, f64::max);
    Some(Slope { per_day, at_last: begins + per_day * days, days })
}

impl Slope {
    /// What a quarter adds: below zero, it gets faster. None if that is no number that a duration can be.
    #[must_use]
    pub fn per_quarter(&self) -> Option<SignedDuration> {
        SignedDuration::try_from_secs_f64((self.per_day * DAYS_OF_A_QUARTER).round()).ok()
    }

    /// After how many quarters from the last pass on the line reaches a target. None if it falls, is there already, or
    /// gets there so late that the passes say nothing about it: later than four times as long as they span.
    #[must_use]
    pub fn quarters_until(&self, target: SignedDuration) -> Option<f64> {
        let left = target.as_secs_f64() - self.at_last;
        if self.per_day <= 0.0 || left <= 0.0 {
            return None;
        }
        let days = left / self.per_day;
        (days <= self.days * HORIZON).then_some(days / DAYS_OF_A_QUARTER)
    }
}

/// The test of Mann and Kendall, with ties, at 5 % on both sides. Passes that started together are no pair.
fn has_direction(points: &[Point]) -> bool {
    let step = |(a, b): (Point, Point)| match (b.0 > a.0, b.1.cmp(&a.1)) {
        (false, _) | (_, Ordering::Equal) => 0,
        (true, Ordering::Greater) => 1,
        (true, Ordering::Less) => -1,
    };
    let score: i32 = pairs(points).map(step).sum();
    let mut alike: BTreeMap<SignedDuration, u32> = BTreeMap::new();
    for (_, value) in points {
        *alike.entry(*value).or_default() += 1;
    }
    let term = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let all = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
    let ties: f64 = alike.values().map(|count| term(f64::from(*count))).sum();
    let variance = (term(all) - ties) / 18.0;
    variance > 0.0 && (f64::from(score.abs()) - 1.0) / variance.sqrt() > SURE
}

fn pairs<T: Copy>(of: &[T]) -> impl Iterator<Item = (T, T)> + '_ {
    of.iter().enumerate().flat_map(move |(at, a)| of.iter().skip(at + 1).map(move |b| (*a, *b)))
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Point, slope};

    /// One pass a quarter, with these minutes.
    fn quarterly(minutes: &[i64]) -> Vec<Point> {
        let first: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let at = |count: usize| {
            let quarters = i64::try_from(count).unwrap();
            first.checked_add(SignedDuration::from_secs(quarters * 7_889_400)).unwrap()
        };
        minutes.iter().enumerate().map(|(count, value)| (at(count), SignedDuration::from_mins(*value))).collect()
    }

    #[test]
    fn a_steady_rise_reaches_the_target_when_it_does() {
        let line = slope(&quarterly(&[30, 32, 34, 36, 38, 40])).unwrap();
        assert_eq!(line.per_quarter().unwrap(), SignedDuration::from_mins(2));
        let quarters = line.quarters_until(SignedDuration::from_mins(60)).unwrap();
        assert!((quarters - 10.0).abs() < 0.01, "{quarters}");
        assert!(line.quarters_until(SignedDuration::from_mins(39)).is_none(), "it is missed already");
        assert!(line.quarters_until(SignedDuration::from_hours(9)).is_none(), "that is too far away to say");
    }

    #[test]
    fn chance_few_passes_and_a_fall_say_nothing_of_a_target() {
        assert!(slope(&quarterly(&[30, 32, 34, 36, 38])).is_none());
        assert!(slope(&quarterly(&[30, 44, 31, 40, 29, 41, 33, 38])).is_none());
        assert!(slope(&quarterly(&[30; 12])).is_none());
        let falls = slope(&quarterly(&[40, 38, 36, 34, 32, 30])).unwrap();
        assert!(falls.per_quarter().unwrap().is_negative());
        assert!(falls.quarters_until(SignedDuration::from_mins(60)).is_none());
    }

    #[test]
    fn one_outlier_does_not_turn_the_line() {
        let line = slope(&quarterly(&[30, 32, 34, 300, 38, 40, 42, 44, 46, 48])).unwrap();
        let per_quarter = line.per_quarter().unwrap();
        assert!((100..140).contains(&per_quarter.as_secs()), "{per_quarter:?}");
    }

    #[test]
    fn passes_that_started_together_have_no_slope() {
        let together: Vec<Point> = quarterly(&[1, 2, 3, 4, 5, 6, 7])
            .into_iter()
            .map(|(_, value)| ("2026-11-21T12:00:00Z".parse().unwrap(), value))
            .collect();
        assert!(slope(&together).is_none());
    }
}
