//! Secrets in the destination. Permissions: [`crate::aws::permissions::SECRETS`], `PARAMETERS` and `DATABASE_TOKENS`, each
//! where a probe uses them.
//!
//! Invariant: a value lives in a [`Secret`] and nowhere else. An answer that cannot be read may hold one, so what the
//! SDK says about such an answer is not repeated.

use async_trait::async_trait;
use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};
use aws_sdk_ssm::types::Parameter;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_types::SdkConfig;
use aws_types::request_id::RequestId;
use serde_json::Value;

use crate::aws::error::cloud_error;
use crate::aws::handle::Handle;
use crate::aws::session::Clients;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Secrets;
use crate::words::secret::Secret;

const OPERATION: &str = "secretsmanager:GetSecretValue";

/// [`Secrets`] over AWS Secrets Manager.
pub struct AwsSecrets {
    client: Handle<aws_sdk_secretsmanager::Client>,
    ssm: Handle<aws_sdk_ssm::Client>,
    config: SdkConfig,
}

impl AwsSecrets {
    /// Over the destination's clients; its configuration signs what no client sends.
    #[must_use]
    pub fn new(clients: &Clients, config: SdkConfig) -> Self {
        Self { client: clients.secretsmanager.clone(), ssm: clients.ssm.clone(), config }
    }
}

#[async_trait]
impl Secrets for AwsSecrets {
    async fn secret(&self, id: &str, key: Option<&str>) -> Result<Secret, CloudError> {
        let answer = self.client.get_secret_value().secret_id(id).send().await;
        let answer = answer.map_err(|error| match &error {
            SdkError::ResponseError(_) => unread(OPERATION, error.request_id()),
            _ => cloud_error(OPERATION, &error),
        })?;
        let Some(text) = answer.secret_string() else {
            return Err(unusable(id, "it is binary or empty; store it as text"));
        };
        match key {
            None => Ok(Secret::new(text.to_owned())),
            Some(key) => member(text, key).map_err(|reason| unusable(id, &reason)),
        }
    }

    async fn parameter(&self, name: &str) -> Result<Secret, CloudError> {
        const OPERATION: &str = "ssm:GetParameter";
        let answer = self.ssm.get_parameter().name(name).with_decryption(true).send().await;
        let answer = answer.map_err(|error| match &error {
            SdkError::ResponseError(_) => unread(OPERATION, error.request_id()),
            _ => cloud_error(OPERATION, &error),
        })?;
        match answer.parameter().and_then(Parameter::value) {
            Some(value) if !value.is_empty() => Ok(Secret::new(value.to_owned())),
            _ => Err(unread(OPERATION, None)),
        }
    }

    async fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret, CloudError> {
        const OPERATION: &str = "rds-db:connect";
        let unsigned = |reason: String| CloudError::new(OPERATION, ErrorKind::Credentials, "unsigned", &reason, None);
        let asked = Config::builder().hostname(host).port(u64::from(port)).username(user).build();
        let asked = asked.map_err(|error| unsigned(error.to_string()))?;
        let token = AuthTokenGenerator::new(asked).auth_token(&self.config).await;
        token.map(|token| Secret::new(token.as_str().to_owned())).map_err(|error| unsigned(error.to_string()))
    }
}

/// An answer that cannot be read may hold the value: nothing of it is repeated.
fn unread(operation: &str, request: Option<&str>) -> CloudError {
    CloudError::new(operation, ErrorKind::Unreadable, "unreadable", "the answer cannot be read", request)
}

/// One value of a secret that is a JSON object. The reason of a failure names the key and never the text.
fn member(text: &str, key: &str) -> Result<Secret, String> {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else {
        return Err(format!("it is no JSON object, so it has no key `{key}`"));
    };
    match members.get(key) {
        Some(Value::String(value)) => Ok(Secret::new(value.clone())),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Secret::new(value.to_string())),
        Some(_) => Err(format!("its key `{key}` holds no text")),
        None => Err(format!("it has no key `{key}`")),
    }
}

fn unusable(id: &str, reason: &str) -> CloudError {
    let message = format!("the secret `{id}` cannot be used: {reason}");
    CloudError::new(OPERATION, ErrorKind::Invalid, "unusable_secret", &message, None)
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn a_key_of_a_json_secret_is_found_and_a_failure_never_shows_the_text() {
        let text = r#"{"username":"u","password":"hunter2","port":5432,"nested":{}}"#;
        assert_eq!(member(text, "password").unwrap().expose(), "hunter2");
        assert_eq!(member(text, "port").unwrap().expose(), "5432");
        let list = "[\"hunter2\"]";
        for (text, key) in [(text, "absent"), (text, "nested"), ("hunter2", "password"), (list, "password")] {
            let reason = member(text, key).unwrap_err();
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }
}
