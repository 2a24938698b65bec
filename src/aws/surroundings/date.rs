//! AWS's clock: the `Date` of an answer. A refusal carries one too, and a clock that is wrong is refused.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

use crate::aws::error::cloud_error;
use crate::aws::time::instant;
use crate::cloud::error::CloudError;

/// Notes the `Date` of the answers that it sees.
#[derive(Debug, Clone, Default)]
struct Dated {
    seen: Arc<Mutex<Option<String>>>,
}

impl Dated {
    fn seen(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "drill-date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

/// The `Date` of the answer to `sts:GetCallerIdentity`, a refusal or not.
///
/// # Errors
/// When there was no answer at all.
pub(super) async fn of_an_answer(sts: &aws_sdk_sts::Client) -> Result<Option<Timestamp>, CloudError> {
    let dated = Dated::default();
    let answer = sts.get_caller_identity().customize().interceptor(dated.clone()).send().await;
    match (dated.seen(), answer) {
        (Some(date), _) => Ok(read(&date)),
        (None, Ok(_)) => Ok(None),
        (None, Err(error)) => Err(cloud_error("sts:GetCallerIdentity", &error)),
    }
}

/// `Sat, 21 Nov 2026 12:00:00 GMT`.
fn read(date: &str) -> Option<Timestamp> {
    let read = DateTime::from_str(date, Format::HttpDate).ok()?;
    instant(Some(&read))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_date_is_read_or_not_at_all() {
        assert_eq!(
            read("Sat, 21 Nov 2026 12:00:00 GMT").map(|at| at.to_string()).as_deref(),
            Some("2026-11-21T12:00:00Z")
        );
        assert_eq!(read("yesterday"), None);
        assert_eq!(read(""), None);
    }
}
