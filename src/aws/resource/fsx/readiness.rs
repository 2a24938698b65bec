//! What the life cycle of an FSx file system and of a volume means (facts 2.7, "Ready").

use crate::cloud::resource::Phase;

/// The phase of a file system, as `DescribeFileSystems` gives it in `Lifecycle`.
///
/// A file system that is being updated serves its clients. A misconfigured one lost its directory or its network; it
/// may recover when somebody mends those, which a drill does not wait for.
#[must_use]
pub fn system_phase(status: &str) -> Phase {
    match status {
        "AVAILABLE" | "UPDATING" => Phase::Ready,
        "CREATING" => Phase::Pending,
        "FAILED" => Phase::Broken,
        "MISCONFIGURED" | "MISCONFIGURED_UNAVAILABLE" => Phase::Hindered,
        "DELETING" => Phase::Leaving,
        _ => Phase::Unknown,
    }
}

/// The phase of a volume, as `DescribeVolumes` gives it in `Lifecycle`.
#[must_use]
pub fn volume_phase(status: &str) -> Phase {
    match status {
        "AVAILABLE" | "CREATED" => Phase::Ready,
        "CREATING" | "PENDING" => Phase::Pending,
        "FAILED" => Phase::Broken,
        "MISCONFIGURED" => Phase::Hindered,
        "DELETING" => Phase::Leaving,
        _ => Phase::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{system_phase, volume_phase};
    use crate::cloud::resource::Phase;

    #[test]
    fn every_status_has_its_phase() {
        for (status, system, volume) in [
            ("AVAILABLE", Phase::Ready, Phase::Ready),
            ("UPDATING", Phase::Ready, Phase::Unknown),
            ("CREATED", Phase::Unknown, Phase::Ready),
            ("CREATING", Phase::Pending, Phase::Pending),
            ("PENDING", Phase::Unknown, Phase::Pending),
            ("FAILED", Phase::Broken, Phase::Broken),
            ("MISCONFIGURED", Phase::Hindered, Phase::Hindered),
            ("MISCONFIGURED_UNAVAILABLE", Phase::Hindered, Phase::Unknown),
            ("DELETING", Phase::Leaving, Phase::Leaving),
            ("", Phase::Unknown, Phase::Unknown),
        ] {
            assert_eq!((system_phase(status), volume_phase(status)), (system, volume), "{status}");
        }
    }
}
