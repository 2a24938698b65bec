//! Things as a service lists them, for `drill sweep`.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;

use crate::aws::error::unreadable;
use crate::aws::time::instant;
use crate::cloud::error::CloudError;
use crate::cloud::leftover::Leftover;
use crate::cloud::resource::Settings;
use crate::words::arn::Arn;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// The ARN of something that a list shows. A thing without one makes the list unusable: it could be a leftover.
pub(crate) fn arn_of(operation: &str, text: Option<&str>) -> Result<Arn, CloudError> {
    let arn = text.and_then(|text| text.parse().ok());
    arn.ok_or_else(|| unreadable(operation, "something in the list has no usable ARN"))
}

/// A thing that can be removed, so far without name, tags and settings.
pub(crate) fn thing(
    kind: ResourceKind,
    what: &'static str,
    arn: Arn,
    state: Option<&str>,
    created: Option<&DateTime>,
) -> Leftover {
    Leftover {
        kind,
        what,
        arn,
        name: None,
        state: tame(state.unwrap_or_default()),
        created: instant(created),
        tags: BTreeMap::new(),
        with: Settings::new(),
        removable: true,
    }
}
