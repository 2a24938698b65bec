//! One measure over several runs: what is usual, whether the newest run is out of it, and where it is going. In words.

use jiff::{SignedDuration, Timestamp};

use crate::history::baseline::{Baseline, baseline};
use crate::history::slope::{Point, Slope, slope};
use crate::journal::event::Earlier;
use crate::journal::measure::{Measure, Measures};
use crate::words::kind::Verdict;
use crate::words::time::show_duration;

/// What runs measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// Recovery time.
    Rto,
    /// Age of the recovery point.
    Rpo,
    /// How long its copy took.
    CopyLag,
    /// Age of the newest data inside.
    DataAge,
}

impl Measured {
    /// In the order of the report.
    pub const ALL: [Self; 4] = [Self::Rto, Self::Rpo, Self::CopyLag, Self::DataAge];

    /// The word of definitions and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rto => "rto",
            Self::Rpo => "rpo",
            Self::CopyLag => "copy_lag",
            Self::DataAge => "data_age",
        }
    }

    /// For people, in the middle of a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rto => "recovery time",
            Self::Rpo => "age of the recovery point",
            Self::CopyLag => "time that the copy took",
            Self::DataAge => "age of the newest data",
        }
    }

    /// It, among a run's measures.
    #[must_use]
    pub fn of(self, measures: &Measures) -> &Measure {
        match self {
            Self::Rto => &measures.rto,
            Self::Rpo => &measures.rpo,
            Self::CopyLag => &measures.copy_lag,
            Self::DataAge => &measures.data_age,
        }
    }

    /// It, of an earlier run.
    #[must_use]
    pub fn of_earlier(self, earlier: &Earlier) -> Option<SignedDuration> {
        match self {
            Self::Rto => earlier.rto,
            Self::Rpo => earlier.rpo,
            Self::CopyLag => earlier.copy_lag,
            Self::DataAge => earlier.data_age,
        }
    }
}

/// What one run measured of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When the run started.
    pub at: Timestamp,
    /// Its verdict.
    pub verdict: Verdict,
    /// What it measured, if it could.
    pub value: Option<SignedDuration>,
}

/// One measure over several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// What.
    pub of: Measured,
    /// What the newest run measured, passed or not.
    pub newest: Option<SignedDuration>,
    /// Its target.
    pub target: Option<SignedDuration>,
    /// What was usual before the newest run; none without an earlier pass.
    pub baseline: Option<Baseline>,
    /// The newest is unusually long.
    pub is_regression: bool,
    /// Where all passes are going, if they show a direction.
    pub slope: Option<Slope>,
}

/// The trend of runs with a verdict, oldest first.
#[must_use]
pub fn trend(of: Measured, samples: &[Sample], target: Option<SignedDuration>) -> Trend {
    let passes = |samples: &[Sample]| -> Vec<Point> {
        let passed = samples.iter().filter(|sample| sample.verdict == Verdict::Passed);
        passed.filter_map(|sample| Some((sample.at, sample.value?))).collect()
    };
    let (newest, before) = match samples.split_last() {
        Some((newest, before)) => (newest.value, before),
        None => (None, samples),
    };
    let usual: Vec<SignedDuration> = passes(before).into_iter().map(|(_, value)| value).collect();
    let baseline = baseline(&usual);
    let is_regression = baseline.zip(newest).is_some_and(|(usual, newest)| usual.is_regression(newest));
    Trend { of, newest, target, baseline, is_regression, slope: slope(&passes(samples)) }
}

impl Trend {
    /// After how many quarters the target is missed, if the passes say so.
    #[must_use]
    pub fn quarters_left(&self) -> Option<f64> {
        self.slope?.quarters_until(self.target?)
    }

    /// What somebody should know of it, in sentences.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.out_of_the_usual().into_iter().chain(self.outlook()).collect()
    }

    fn out_of_the_usual(&self) -> Option<String> {
        let (usual, newest) = (self.baseline?, self.newest.filter(|_| self.is_regression)?);
        let target = match self.target {
            Some(target) if newest > target => format!("; the target of {} is missed", show_duration(target)),
            Some(target) => format!("; it is still within the target of {}", show_duration(target)),
            None => String::new(),
        };
        Some(format!(
            "{}: {} in the newest run, {} more than the median {} of {} earlier passes (spread {}){target}",
            self.of.name(),
            show_duration(newest),
            show_duration(newest.saturating_sub(usual.median)),
            show_duration(usual.median),
            usual.passes,
            show_duration(usual.spread)
        ))
    }

    fn outlook(&self) -> Option<String> {
        let grows = self.slope?.per_quarter().filter(SignedDuration::is_positive)?;
        let target = match (self.target, self.quarters_left()) {
            (Some(target), Some(quarters)) => {
                let count = format!("{:.0}", quarters.max(1.0));
                let quarters = if count == "1" { "quarter" } else { "quarters" };
                format!("; at this slope the {} target is missed in about {count} {quarters}", show_duration(target))
            }
            _ => String::new(),
        };
        Some(format!("{}: it grows by about {} a quarter{target}", self.of.name(), show_duration(grows)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Measured, Sample, trend};
    use crate::words::kind::Verdict;

    fn samples(minutes: &[(i64, Verdict)]) -> Vec<Sample> {
        let first: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let sample = |(count, (value, verdict)): (usize, &(i64, Verdict))| {
            let days = i64::try_from(count).unwrap() * 91;
            let at = first.checked_add(SignedDuration::from_hours(24 * days)).unwrap();
            Sample { at, verdict: *verdict, value: Some(SignedDuration::from_mins(*value)) }
        };
        minutes.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn a_regression_is_told_before_the_target_is_missed() {
        let passed = Verdict::Passed;
        let runs =
            samples(&[(20, passed), (21, passed), (90, Verdict::Failed), (20, passed), (19, passed), (40, passed)]);
        let seen = trend(Measured::Rto, &runs, Some(SignedDuration::from_hours(1)));
        assert_eq!(seen.baseline.unwrap().passes, 4, "failed runs are not what is usual");
        let told = seen.warnings();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("40m in the newest run, 20m more than the median 20m"), "{told:?}");
        assert!(told[0].contains("still within the target of 1h"), "{told:?}");
        assert!(trend(Measured::Rto, &runs[..5], None).warnings().is_empty());
        assert!(trend(Measured::Rto, &[], None).warnings().is_empty());
    }

    #[test]
    fn a_slope_says_when_only_where_it_can() {
        let rising = |from: i64| samples(&(0..6).map(|n| (from + 2 * n, Verdict::Passed)).collect::<Vec<_>>());
        let told = |target: i64| trend(Measured::Rto, &rising(30), Some(SignedDuration::from_mins(target))).warnings();
        assert!(told(60)[0].ends_with("at this slope the 1h target is missed in about 10 quarters"), "{:?}", told(60));
        let near = trend(Measured::Rto, &rising(30), Some(SignedDuration::from_secs(2_430))).warnings();
        assert!(near[0].ends_with("in about 1 quarter"), "{near:?}");
        assert!(!told(600)[0].contains("target"), "{:?}", told(600));
    }
}
