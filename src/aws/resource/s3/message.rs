//! What a message on a COMPLETED job says against the restore (facts 2.8, "COMPLETED traps"; trap 18).
//!
//! A job that restores a bucket fails only if every object failed. If some did, or if nothing matched, it is COMPLETED
//! and says so in its message, in words that AWS documents only in part.

use crate::words::text::tame;

/// What may stand there without meaning anything.
const HARMLESS: [&str; 7] = [
    "success",
    "completed",
    "completed successfully",
    "successfully completed",
    "restore completed successfully",
    "restore job completed successfully",
    "the restore job completed successfully",
];

/// What the message says against the restore; none if it is empty, or plain success.
///
/// Wording that nobody has seen counts against it: a drill that passes although objects are missing is worse than one
/// that asks for a look.
#[must_use]
pub fn doubt(message: &str) -> Option<String> {
    let words = message.trim().trim_end_matches(['.', '!']).to_lowercase();
    if words.is_empty() || HARMLESS.contains(&words.as_str()) {
        return None;
    }
    Some(format!("its message may say that objects are missing: {}", tame(message.trim())))
}

#[cfg(test)]
mod tests {
    use super::doubt;

    #[test]
    fn whatever_is_not_plain_success_is_doubted() {
        for message in ["", "  ", "Successfully completed", "The restore job completed successfully."] {
            assert_eq!(doubt(message), None, "{message}");
        }
        for message in [
            "Restore job completed, but one or more objects failed to restore.",
            "No objects that match the selection were found.",
            "Completed with 3 objects skipped",
            "Objects with public ACLs were not restored",
            "Some objects couldn't be restored",
            "Completed unsuccessfully",
            "Completed with 12 of 15 objects",
            "Etwas ist anders",
        ] {
            assert!(doubt(message).unwrap().contains(message), "{message}");
        }
    }
}
