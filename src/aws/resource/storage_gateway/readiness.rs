//! What the status of a gateway's volume means (facts 2.9, 2.12).

use crate::cloud::resource::Phase;

/// The phase of a status, as `VolumeStatus` gives it.
#[must_use]
pub fn phase(status: &str) -> Phase {
    match status {
        "AVAILABLE" => Phase::Ready,
        "ATTACHING" | "BOOTSTRAPPING" | "CREATING" | "PASS THROUGH" | "RESTORE AND PASS THROUGH" | "RESTORING" => {
            Phase::Pending
        }
        "IRRECOVERABLE" => Phase::Broken,
        // The gateway lacks a disk, or somebody took the volume off it.
        "DETACHED" | "DETACHING" | "UPLOAD BUFFER NOT CONFIGURED" | "WORKING STORAGE NOT CONFIGURED" => Phase::Hindered,
        "DELETING" => Phase::Leaving,
        "DELETED" => Phase::Gone,
        _ => Phase::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::phase;
    use crate::cloud::resource::Phase;

    #[test]
    fn every_status_has_its_phase() {
        for (status, wanted) in [
            ("AVAILABLE", Phase::Ready),
            ("RESTORING", Phase::Pending),
            ("IRRECOVERABLE", Phase::Broken),
            ("UPLOAD BUFFER NOT CONFIGURED", Phase::Hindered),
            ("DELETING", Phase::Leaving),
            ("Available", Phase::Unknown),
        ] {
            assert_eq!(phase(status), wanted, "{status}");
        }
    }
}
