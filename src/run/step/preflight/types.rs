//! What only the types know: networks, names, classes, groups.

use crate::cloud::check::Check;
use crate::run::step::preflight::{Looking, subject};

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, restore, expected) in cx.restores() {
        let calls = cx.services.calls(restore.kind);
        let subject = subject(cx, name, restore, expected);
        checks.extend(calls.preflight(cx.services.cloud.ground.as_ref(), &subject).await);
        let returned = cx.newest.get(name).and_then(|newest| newest.returned.as_ref());
        checks.extend(calls.preflight_of_point(&subject, returned).await);
    }
    checks
}
