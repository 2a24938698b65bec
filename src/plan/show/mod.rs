//! A plan as people and programs read it: text, JSON, Mermaid, DOT. Pure; `cli` prints.
//!
//! Invariant: every form lists the same steps and edges in the plan's own order. Text of a user or of AWS is made
//! harmless for the form that it goes into.

pub mod dot;
pub mod json;
pub mod mermaid;
pub mod text;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::cloud::check::Check;
use crate::cloud::vault::Picked;
use crate::plan::estimate::Cost;
use crate::plan::step::Plan;
use crate::words::id::Name;

/// What is shown of a plan.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What each restore would pick, where somebody was asked (`plan --sandbox`, or AWS).
    pub points: Option<&'a BTreeMap<Name, Picked>>,
    /// What the preflight finds, where somebody was asked.
    pub checks: Option<&'a [Check]>,
    /// The IAM actions that the run needs; those of the preflight's checks may be missing.
    pub permissions: &'a [String],
    /// The critical path.
    pub estimate: Option<SignedDuration>,
    /// What it is estimated to cost.
    pub cost: Option<&'a Cost>,
}

/// `120.0 GiB`, `37 bytes`: how people read a size.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in UNITS {
        if bytes >> shift > 0 {
            let tenths = ((bytes & ((1 << shift) - 1)) * 10) >> shift;
            return format!("{}.{tenths} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::show_size;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, shown) in [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (120 << 30, "120.0 GiB")] {
            assert_eq!(show_size(bytes), shown);
        }
        assert_eq!(show_size(u64::MAX), "16777215.9 TiB");
    }
}
