//! The requests to EC2 about volumes (facts 2.4), for every type that makes some: EBS, EC2, Storage Gateway.
//!
//! Nothing here asks whose a volume is: whoever changes one has asked [`crate::aws::resource::shared::guard::Guard`].

use aws_sdk_ec2::types::{Filter, Volume};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::session::Clients;
use crate::cloud::error::{CloudError, ErrorKind};

/// Volumes, as EC2 knows them.
pub(crate) struct Volumes {
    ec2: Handle<aws_sdk_ec2::Client>,
}

impl Volumes {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { ec2: clients.ec2.clone() }
    }

    /// `ec2:DescribeVolumes` for one id; none if EC2 says that it does not exist.
    pub(crate) async fn one(&self, id: &str) -> Result<Option<Volume>, CloudError> {
        const OPERATION: &str = "ec2:DescribeVolumes";
        let answer = self.ec2.describe_volumes().volume_ids(id).send().await;
        match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            // An empty list is no proof of absence: EC2 says `InvalidVolume.NotFound` for an id that does not exist.
            Ok(answer) => match answer.volumes().first() {
                Some(volume) => Ok(Some(volume.clone())),
                None => Err(unreadable(OPERATION, "the answer holds no volume and no error")),
            },
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `ec2:DescribeVolumes` by a filter, paged to its end; what does not exist is missing from the answer.
    pub(crate) async fn filtered(&self, filter: &str, values: &[String]) -> Result<Vec<Volume>, CloudError> {
        const OPERATION: &str = "ec2:DescribeVolumes";
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let filter = Filter::builder().name(filter).set_values(Some(values.to_vec())).build();
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.ec2.describe_volumes().filters(filter.clone()).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            found.extend(page.volumes().iter().cloned());
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// `ec2:AttachVolume`. Volumes and instances in a state that passes are busy.
    pub(crate) async fn attach(&self, id: &str, instance: &str, device: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:AttachVolume";
        let ask = self.ec2.attach_volume().volume_id(id).instance_id(instance).device(device);
        ask.send().await.map(|_| ()).map_err(|error| busy(cloud_error(OPERATION, &error)))
    }

    /// `ec2:DetachVolume`, never by force. Detached or gone already is success.
    pub(crate) async fn detach(&self, id: &str, instance: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:DetachVolume";
        let ask = self.ec2.detach_volume().volume_id(id).instance_id(instance);
        match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Err(error) if !is_gone(&error) && !is_detached(&error) => Err(busy(error)),
            _ => Ok(()),
        }
    }

    /// `ec2:DeleteVolume`. Gone already is success; one that is still attached is busy.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:DeleteVolume";
        let ask = self.ec2.delete_volume().volume_id(id);
        match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Err(error) if !is_gone(&error) => Err(busy(error)),
            _ => Ok(()),
        }
    }
}

/// EC2 says that there is no such volume.
fn is_gone(error: &CloudError) -> bool {
    error.code == "InvalidVolume.NotFound"
}

/// There is nothing to detach. `IncorrectState` alone says only that the state is not the one that was wanted.
fn is_detached(error: &CloudError) -> bool {
    error.code == "InvalidAttachment.NotFound"
        || (error.code == "IncorrectState" && error.message.to_lowercase().contains("'available'"))
}

/// States that pass are `Invalid` by their codes alone.
fn busy(error: CloudError) -> CloudError {
    match error.code.as_str() {
        "VolumeInUse" | "IncorrectState" | "IncorrectInstanceState" => CloudError { kind: ErrorKind::Busy, ..error },
        _ => error,
    }
}

#[cfg(test)]
mod tests {

    use super::{busy, is_detached};
    use crate::cloud::error::{CloudError, ErrorKind};

    #[test]
    fn a_state_that_passes_is_busy() {
        let error =
            |code: &str, message: &str| CloudError::new("ec2:DetachVolume", ErrorKind::Invalid, code, message, None);
        assert_eq!(busy(error("VolumeInUse", "")).kind, ErrorKind::Busy);
        assert_eq!(busy(error("InvalidParameterValue", "")).kind, ErrorKind::Invalid);
        assert!(is_detached(&error("IncorrectState", "Volume 'vol-1' is in the 'available' state.")));
        assert!(!is_detached(&error("IncorrectState", "Volume 'vol-1' is in the 'attaching' state.")));
    }
}
