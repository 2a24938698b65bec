//! What the state of an instance and its status checks mean (facts 2.5, "Ready").

use crate::cloud::resource::Phase;

/// An EBS volume of an instance, as a part.
pub const VOLUME: &str = "volume";

/// The two status checks of `DescribeInstanceStatus`, as its words (`ok`, `impaired`, `initializing`, …).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks<'a> {
    /// Of the server itself: it boots and answers.
    pub instance: &'a str,
    /// Of the machine underneath.
    pub system: &'a str,
}

/// The phase of an instance in a state, as `DescribeInstances` gives it. There are no checks before it runs.
///
/// An instance check that is impaired is the restored server's own fault, a system check the surroundings'. A
/// terminated instance is gone; what outlives it is for the caller.
#[must_use]
pub fn phase(state: &str, checks: Option<Checks<'_>>) -> Phase {
    match state {
        "running" => running(checks),
        "pending" | "stopping" => Phase::Pending,
        // A restored instance starts by itself; one that stopped was stopped by EC2, by its key or by somebody.
        "stopped" => Phase::Hindered,
        "shutting-down" => Phase::Leaving,
        "terminated" => Phase::Gone,
        _ => Phase::Unknown,
    }
}

fn running(checks: Option<Checks<'_>>) -> Phase {
    match checks {
        Some(Checks { system: "impaired", .. }) => Phase::Hindered,
        Some(Checks { instance: "impaired", .. }) => Phase::Broken,
        Some(Checks { instance: "ok", system: "ok" }) => Phase::Ready,
        _ => Phase::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::{Checks, phase};
    use crate::cloud::resource::Phase;

    #[test]
    fn a_running_instance_is_ready_once_both_checks_are_ok() {
        for (instance, system, wanted) in [
            ("ok", "ok", Phase::Ready),
            ("initializing", "ok", Phase::Pending),
            ("ok", "insufficient-data", Phase::Pending),
            ("impaired", "ok", Phase::Broken),
            ("impaired", "impaired", Phase::Hindered),
            ("ok", "something-new", Phase::Pending),
        ] {
            assert_eq!(phase("running", Some(Checks { instance, system })), wanted, "{instance} {system}");
        }
        assert_eq!(phase("running", None), Phase::Pending);
    }

    #[test]
    fn every_state_has_its_phase() {
        for (state, wanted) in [
            ("pending", Phase::Pending),
            ("stopping", Phase::Pending),
            ("stopped", Phase::Hindered),
            ("shutting-down", Phase::Leaving),
            ("terminated", Phase::Gone),
            ("levitating", Phase::Unknown),
        ] {
            assert_eq!(phase(state, None), wanted, "{state}");
        }
    }
}
