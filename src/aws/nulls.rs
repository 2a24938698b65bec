//! Nulls in restore metadata.
//!
//! AWS answers some entries of `RestoreMetadata` with JSON null (facts 2.0, "Null values"). The SDK's model says that
//! the map has none, and its parser refuses the whole answer. So the answer's body is read and rewritten without them
//! before the SDK parses it. Only `vault` uses this, for the one operation concerned.

use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body::{Body, Frame};
use serde_json::Value;

/// Restore metadata is at most 200 KB (facts 1.6); an answer beyond this is no answer of AWS.
const LARGEST: usize = 1024 * 1024;

/// Drops null entries of the answer's `RestoreMetadata`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DropNulls;

impl Intercept for DropNulls {
    fn name(&self) -> &'static str {
        "drill-drop-nulls"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(WithoutNulls { inner: Box::pin(whole), read: Vec::new(), over: false });
        Ok(())
    }
}

/// Reads a body to its end, then gives it on in one piece, without the nulls.
struct WithoutNulls {
    inner: Pin<Box<SdkBody>>,
    read: Vec<u8>,
    over: bool,
}

/// An answer that is too large to be restore metadata.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {LARGEST} bytes")]
struct TooLarge;

impl Body for WithoutNulls {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.over {
            match std::task::ready!(self.inner.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                    if self.read.len() > LARGEST {
                        self.over = true;
                        return Poll::Ready(Some(Err(TooLarge.into())));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.over = true;
                    let read = std::mem::take(&mut self.read);
                    return Poll::Ready(Some(Ok(Frame::data(without_nulls(read).into()))));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// What is no JSON object stays as it is: the SDK says what is wrong with it.
fn without_nulls(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    if let Some(metadata) = answer.get_mut("RestoreMetadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null());
    }
    serde_json::to_vec(&answer).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::without_nulls;

    #[test]
    fn only_null_entries_go() {
        let body = br#"{"RecoveryPointArn":null,"RestoreMetadata":{"a":null,"b":"","c":"x"}}"#.to_vec();
        let kept = without_nulls(body);
        assert_eq!(kept, br#"{"RecoveryPointArn":null,"RestoreMetadata":{"b":"","c":"x"}}"#);
        assert_eq!(without_nulls(b"<html>".to_vec()), b"<html>");
    }
}
