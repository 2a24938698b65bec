//! Scripts on instances and functions in the destination. Permissions: [`crate::aws::permissions::SCRIPTS`] and
//! [`crate::aws::permissions::FUNCTIONS`].

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_ssm::operation::get_command_invocation::{GetCommandInvocationError, GetCommandInvocationOutput};
use aws_sdk_ssm::types::{Command, CommandInvocationStatus};
use serde_json::Value;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::session::Clients;
use crate::cloud::error::CloudError;
use crate::cloud::remote::{Invoked, Remote, ScriptEnd, ScriptState};
use crate::words::text::tame;

/// AWS's document that runs a shell script on Linux.
const DOCUMENT: &str = "AWS-RunShellScript";

/// How long a command may wait for its instance, in seconds: SSM takes no less than 30.
const SHORTEST_DELIVERY: u64 = 30;

/// The longest `executionTimeout` that the document takes, in seconds: 48 hours.
const LONGEST_EXECUTION: u64 = 172_800;

/// [`Remote`] over SSM and Lambda.
pub struct AwsRemote {
    ssm: Handle<aws_sdk_ssm::Client>,
    lambda: Handle<aws_sdk_lambda::Client>,
}

impl AwsRemote {
    /// Over the destination's clients.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { ssm: clients.ssm.clone(), lambda: clients.lambda.clone() }
    }
}

#[async_trait]
impl Remote for AwsRemote {
    async fn send_script(&self, instance: &str, script: &str, within: Duration) -> Result<String, CloudError> {
        const OPERATION: &str = "ssm:SendCommand";
        let (delivery, execution) = bounds(within);
        let ask = self.ssm.send_command().document_name(DOCUMENT).instance_ids(instance).comment("drill");
        let ask = ask
            .timeout_seconds(delivery)
            .parameters("commands", vec![script.to_owned()])
            .parameters("executionTimeout", vec![execution.to_string()]);
        let answer = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        let id = answer.command().and_then(Command::command_id);
        id.map(tame).ok_or_else(|| unreadable(OPERATION, "the answer names no command"))
    }

    async fn script_state(&self, instance: &str, command: &str) -> Result<ScriptState, CloudError> {
        const OPERATION: &str = "ssm:GetCommandInvocation";
        match self.ssm.get_command_invocation().command_id(command).instance_id(instance).send().await {
            Ok(answer) => state(&answer).ok_or_else(|| unreadable(OPERATION, "the answer names no status")),
            // SSM lists a command some time after it took it.
            Err(error)
                if error.as_service_error().is_some_and(GetCommandInvocationError::is_invocation_does_not_exist) =>
            {
                Ok(ScriptState::UnderWay)
            }
            Err(error) => Err(cloud_error(OPERATION, &error)),
        }
    }

    async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, CloudError> {
        let ask = self.lambda.invoke().function_name(function).invocation_type(InvocationType::RequestResponse);
        let answer = ask.payload(Blob::new(payload.to_string())).send().await;
        let answer = answer.map_err(|error| cloud_error("lambda:Invoke", &error))?;
        let payload = answer.payload().and_then(|payload| serde_json::from_slice(payload.as_ref()).ok());
        Ok(Invoked { payload, function_error: answer.function_error().map(tame) })
    }
}

/// Seconds until a command that its instance did not fetch is given up, and until a script that runs is ended.
fn bounds(within: Duration) -> (i32, u64) {
    let seconds = within.as_secs().max(1);
    let delivery = seconds.clamp(SHORTEST_DELIVERY, LONGEST_EXECUTION);
    (i32::try_from(delivery).unwrap_or(i32::MAX), seconds.min(LONGEST_EXECUTION))
}

/// A status that this version does not know counts as an end: nothing waits for it.
fn state(answer: &GetCommandInvocationOutput) -> Option<ScriptState> {
    use CommandInvocationStatus::{Cancelling, Delayed, InProgress, Pending};
    let status = answer.status()?;
    if matches!(status, Pending | InProgress | Delayed | Cancelling) {
        return Some(ScriptState::UnderWay);
    }
    // The details tell a script that never arrived from one that took too long.
    let word = answer.status_details().filter(|details| !details.is_empty()).unwrap_or(status.as_str());
    Some(ScriptState::Ended(ScriptEnd {
        status: tame(word),
        // -1: it did not run.
        exit_code: Some(answer.response_code()).filter(|code| *code != -1),
        stdout: answer.standard_output_content().unwrap_or_default().to_owned(),
        stderr: answer.standard_error_content().unwrap_or_default().to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationOutput;
    use aws_sdk_ssm::types::CommandInvocationStatus;

    use super::{bounds, state};
    use crate::cloud::remote::ScriptState;

    #[test]
    fn a_command_is_under_way_until_ssm_says_how_it_ended() {
        for status in ["Pending", "InProgress", "Delayed", "Cancelling"] {
            let answer = GetCommandInvocationOutput::builder().status(CommandInvocationStatus::from(status)).build();
            assert_eq!(state(&answer), Some(ScriptState::UnderWay), "{status}");
        }
        let answer = GetCommandInvocationOutput::builder()
            .status(CommandInvocationStatus::TimedOut)
            .status_details("DeliveryTimedOut")
            .response_code(-1)
            .build();
        let Some(ScriptState::Ended(end)) = state(&answer) else { panic!("it ended") };
        assert_eq!((end.status.as_str(), end.exit_code), ("DeliveryTimedOut", None));
        let answer = GetCommandInvocationOutput::builder()
            .status(CommandInvocationStatus::Success)
            .standard_output_content("{}\n")
            .build();
        let Some(ScriptState::Ended(end)) = state(&answer) else { panic!("it ended") };
        assert_eq!((end.status.as_str(), end.exit_code, end.stdout.as_str()), ("Success", Some(0), "{}\n"));
        assert_eq!(state(&GetCommandInvocationOutput::builder().build()), None);
    }

    #[test]
    fn bounds_are_what_ssm_takes() {
        assert_eq!(bounds(Duration::from_millis(100)), (30, 1));
        assert_eq!(bounds(Duration::from_secs(90)), (90, 90));
        assert_eq!(bounds(Duration::from_secs(u64::MAX)), (172_800, 172_800));
    }
}
