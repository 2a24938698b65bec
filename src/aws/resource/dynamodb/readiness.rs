//! What the state of a table means (facts 2.3, "Ready"; trap 55).

use crate::cloud::resource::Phase;

/// The phase of a table and, where the table's own status does not say what is waited for, that. `indexes` are the
/// global secondary indexes, each with its status.
///
/// A table is usable when three things hold: it is `ACTIVE`, its restore is over, and every index is `ACTIVE`.
#[must_use]
pub fn phase(status: &str, restoring: bool, indexes: &[(String, String)]) -> (Phase, Option<String>) {
    match status {
        "ACTIVE" if restoring => (Phase::Pending, Some("its restore is still in progress".to_owned())),
        "ACTIVE" => match indexes.iter().find(|(_, status)| status != "ACTIVE") {
            Some((name, status)) => (Phase::Pending, Some(format!("index {name} is {status}"))),
            None => (Phase::Ready, None),
        },
        "CREATING" | "REPLICATION_NOT_AUTHORIZED" | "UPDATING" => (Phase::Pending, None),
        "DELETING" => (Phase::Leaving, None),
        // Without its key a table is first inaccessible and archived after some days.
        "ARCHIVED" | "ARCHIVING" | "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => (Phase::Hindered, None),
        _ => (Phase::Unknown, None),
    }
}

#[cfg(test)]
mod tests {
    use super::phase;
    use crate::cloud::resource::Phase;

    #[test]
    fn a_table_is_ready_when_three_things_hold() {
        let index = |status: &str| vec![("by_date".to_owned(), status.to_owned())];
        assert_eq!(phase("ACTIVE", false, &[]), (Phase::Ready, None));
        assert_eq!(phase("ACTIVE", false, &index("ACTIVE")), (Phase::Ready, None));
        assert_eq!(phase("ACTIVE", true, &index("ACTIVE")).0, Phase::Pending);
        let (waiting, because) = phase("ACTIVE", false, &index("CREATING"));
        assert_eq!((waiting, because.as_deref()), (Phase::Pending, Some("index by_date is CREATING")));
        for (status, wanted) in [
            ("CREATING", Phase::Pending),
            ("UPDATING", Phase::Pending),
            ("DELETING", Phase::Leaving),
            ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", Phase::Hindered),
            ("ARCHIVED", Phase::Hindered),
            ("LEVITATING", Phase::Unknown),
            ("", Phase::Unknown),
        ] {
            assert_eq!(phase(status, false, &[]).0, wanted, "{status}");
        }
    }
}
