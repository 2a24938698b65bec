//! Numbers as a line of small bars, for a terminal.

use jiff::SignedDuration;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LETTERS: [char; 8] = ['_', '.', '-', ':', '=', '+', '*', '#'];

/// What bars are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bars {
    /// Unicode's blocks.
    Blocks,
    /// ASCII, from `_` to `#`.
    Letters,
}

/// One character a value, from the least to the greatest; a value that was not measured is a gap.
#[must_use]
pub fn spark(values: &[Option<SignedDuration>], bars: Bars) -> String {
    let (steps, gap) = match bars {
        Bars::Blocks => (BLOCKS, '·'),
        Bars::Letters => (LETTERS, '?'),
    };
    let nanos = |value: Option<SignedDuration>| value.map(|value| value.as_nanos());
    let least = values.iter().copied().filter_map(nanos).min().unwrap_or(0);
    let range = values.iter().copied().filter_map(nanos).max().unwrap_or(0) - least;
    let bar = |value: Option<SignedDuration>| {
        let Some(value) = nanos(value) else { return gap };
        // All alike: neither low nor high.
        let step = if range == 0 { 3 } else { (value - least) * 7 / range };
        usize::try_from(step).ok().and_then(|step| steps.get(step).copied()).unwrap_or(gap)
    };
    values.iter().copied().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{Bars, spark};

    #[test]
    fn bars_go_from_the_least_to_the_greatest() {
        let values = [Some(10), Some(17), None, Some(13), Some(10)].map(|value| value.map(SignedDuration::from_mins));
        assert_eq!(spark(&values, Bars::Blocks), "▁█·▄▁");
        assert_eq!(spark(&values, Bars::Letters), "_#?:_");
        assert_eq!(spark(&[Some(SignedDuration::ZERO); 3], Bars::Blocks), "▄▄▄");
        assert_eq!(spark(&[None, None], Bars::Letters), "??");
        let widest = [Some(SignedDuration::MIN), Some(SignedDuration::MAX)];
        assert_eq!(spark(&widest, Bars::Blocks), "▁█");
    }
}
