//! Protections that the definition asks for by raw metadata. What the source had is not taken over.

use crate::cloud::check::Check;
use crate::definition::model::Definition;
use crate::words::kind::CheckId;

/// Keys of the restore metadata that make the restored thing refuse its deletion.
const KEYS: [&str; 2] = ["DeletionProtection", "DeletionProtectionEnabled"];

/// Nobody is asked.
pub(super) fn check(definition: &Definition) -> Vec<Check> {
    const ID: CheckId = CheckId::ProtectionAsked;
    const WHAT: &str = "deletion protection";
    let asks = |key: &str| KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
    let protected = definition.restore.iter().filter(|(_, restore)| {
        restore.metadata.iter().any(|(key, value)| asks(key) && value.eq_ignore_ascii_case("true"))
    });
    let names: Vec<&str> = protected.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return vec![Check::ok(ID, WHAT, "no `metadata:` asks for it")];
    }
    let detail = format!(
        "`metadata:` of {} asks for it: teardown must switch it off first, which needs a permission of its own",
        names.join(", ")
    );
    vec![Check::warning(ID, WHAT, &detail).mended_by("leave `DeletionProtection` out of `metadata:`")]
}
