//! Looking at instances. Permissions: `ec2:DescribeInstanceStatus`, `ec2:DescribeInstances`, `ec2:GetConsoleOutput`.

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    Instance, InstanceState, InstanceStateName, InstanceStatus, InstanceStatusSummary, Reservation, SummaryStatus,
};
use aws_smithy_types::base64;
use jiff::Timestamp;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::time::instant;
use crate::cloud::data::{InstanceHealth, Instances};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::text::tame;

/// What of a console is kept, in bytes: its end. EC2 itself keeps no more.
const LONGEST_CONSOLE: usize = 64 * 1024;

const CONSOLE: &str = "ec2:GetConsoleOutput";

/// [`Instances`] over EC2.
pub struct AwsInstances {
    client: Handle<aws_sdk_ec2::Client>,
}

impl AwsInstances {
    /// Over the destination's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_ec2::Client>) -> Self {
        Self { client }
    }

    /// `ec2:DescribeInstances`: when the instance was launched the last time.
    async fn launched(&self, id: &str) -> Result<Option<Timestamp>, CloudError> {
        let answer = self.client.describe_instances().instance_ids(id).send().await;
        let answer = answer.map_err(|error| cloud_error("ec2:DescribeInstances", &error))?;
        let instance = answer.reservations().iter().flat_map(Reservation::instances).next();
        Ok(instance.and_then(Instance::launch_time).and_then(|time| instant(Some(time))))
    }

    /// `ec2:GetConsoleOutput`, as Base64: what was written until now, or what EC2 kept of it last.
    async fn written(&self, id: &str, latest: bool) -> Result<Option<String>, CloudError> {
        let ask = self.client.get_console_output().instance_id(id);
        let ask = if latest { ask.latest(true) } else { ask };
        let answer = ask.send().await.map_err(|error| cloud_error(CONSOLE, &error))?;
        Ok(answer.output().map(ToOwned::to_owned))
    }
}

#[async_trait]
impl Instances for AwsInstances {
    async fn health(&self, id: &str) -> Result<Option<InstanceHealth>, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstanceStatus";
        let ask = self.client.describe_instance_status().instance_ids(id).include_all_instances(true);
        let answer = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => answer,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // An empty list is no proof of absence: EC2 says `InvalidInstanceID.NotFound`.
        let status = answer.instance_statuses().first();
        let status = status.ok_or_else(|| unreadable(OPERATION, "the answer holds no instance and no error"))?;
        Ok(Some(InstanceHealth { launched: self.launched(id).await?, ..health(status) }))
    }

    async fn console(&self, id: &str) -> Result<Option<String>, CloudError> {
        let written = match self.written(id, true).await {
            // Only what runs on Nitro tells the latest; of the others EC2 keeps what was written around the boot.
            Err(error) if error.code == "UnsupportedOperation" => self.written(id, false).await?,
            other => other?,
        };
        written.map_or(Ok(None), |text| decoded(&text))
    }
}

fn health(status: &InstanceStatus) -> InstanceHealth {
    fn word(summary: Option<&InstanceStatusSummary>) -> String {
        tame(summary.and_then(InstanceStatusSummary::status).map_or("not there", SummaryStatus::as_str))
    }
    let state = status.instance_state().and_then(InstanceState::name).map_or("", InstanceStateName::as_str);
    InstanceHealth {
        state: tame(state),
        system: word(status.system_status()),
        instance: word(status.instance_status()),
        launched: None,
    }
}

/// The end of a console's text; nothing if nothing was written. Not made harmless: it is searched line by line, and
/// whoever shows a part of it makes that harmless.
fn decoded(text: &str) -> Result<Option<String>, CloudError> {
    // Base64 may come in lines.
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = base64::decode(plain).map_err(|_| unreadable(CONSOLE, "the output is no Base64"))?;
    let whole = String::from_utf8_lossy(&bytes);
    let cut = whole.len().saturating_sub(LONGEST_CONSOLE);
    let start = (cut..=whole.len()).find(|at| whole.is_char_boundary(*at)).unwrap_or(cut);
    let end = whole.get(start..).unwrap_or_default();
    Ok((!end.is_empty()).then(|| end.to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceState, InstanceStateName, InstanceStatus, InstanceStatusSummary, SummaryStatus};
    use aws_smithy_types::base64;

    use super::{LONGEST_CONSOLE, decoded, health};

    #[test]
    fn a_console_is_decoded_and_its_end_is_kept() {
        let read = |text: &str| decoded(text).unwrap();
        assert_eq!(read(&base64::encode("up\r\n\u{1b}[0m")).as_deref(), Some("up\r\n\u{1b}[0m"));
        assert_eq!(read("dXAg\naXQg\r\naXM=\n").as_deref(), Some("up it is"));
        assert_eq!((read(""), read("\n")), (None, None));
        assert!(decoded("not base64!").is_err());
        let long = format!("{}end", "ä".repeat(LONGEST_CONSOLE));
        let kept = read(&base64::encode(&long)).unwrap();
        assert!(kept.len() <= LONGEST_CONSOLE && kept.len() > LONGEST_CONSOLE - 4, "{}", kept.len());
        assert!(kept.starts_with('ä') && kept.ends_with("end"));
        assert!(read(&base64::encode([0xff, 0xfe])).is_some());
    }

    #[test]
    fn a_check_that_ec2_does_not_speak_of_is_not_ok() {
        let ok = InstanceStatusSummary::builder().status(SummaryStatus::Ok).build();
        let state = InstanceState::builder().name(InstanceStateName::Running).build();
        let seen = health(&InstanceStatus::builder().instance_state(state).system_status(ok).build());
        assert_eq!((seen.state.as_str(), seen.system.as_str(), seen.instance.as_str()), ("running", "ok", "not there"));
    }
}
