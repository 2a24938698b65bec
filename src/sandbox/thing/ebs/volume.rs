//! A volume, and how it changes with time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::Tagged;
use crate::sandbox::thing::shell::Contents;

/// An EBS volume.
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) state: &'static str,
    /// States to come, in order.
    pub(crate) steps: Vec<(Timestamp, &'static str)>,
    /// When a deletion ends.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) settings: VolumeSettings,
    /// The snapshot that it was made from.
    pub(crate) snapshot: Option<String>,
    pub(crate) attachment: Option<Attachment>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The restore job that made it.
    pub(crate) made_by: Option<String>,
    pub(crate) filesystem: Option<String>,
    pub(crate) contents: Arc<Contents>,
}

/// A volume's settings.
#[derive(Debug, Clone)]
pub(crate) struct VolumeSettings {
    pub(crate) kind: String,
    pub(crate) size_gib: u32,
    pub(crate) iops: Option<u32>,
    pub(crate) throughput: Option<u32>,
    /// It is encrypted with this key.
    pub(crate) key: Option<String>,
    pub(crate) zone: String,
}

/// Where a volume is attached.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) instance: String,
    pub(crate) device: String,
    /// `attaching`, `attached` or `detaching`.
    pub(crate) state: &'static str,
    pub(crate) since: Timestamp,
    /// When the state passes.
    pub(crate) until: Option<Timestamp>,
    pub(crate) delete_on_termination: bool,
}

impl Volume {
    /// Lets everything happen that is due by `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, state)) = self.steps.first() {
            if at > now {
                break;
            }
            self.state = state;
            self.steps.remove(0);
        }
        let due = self.attachment.as_mut().filter(|one| one.until.is_some_and(|at| at <= now));
        if let Some(attachment) = due {
            attachment.until = None;
            if attachment.state == "detaching" {
                self.release();
            } else {
                attachment.state = "attached";
            }
        }
    }

    /// It is attached nowhere any more.
    pub(crate) fn release(&mut self) {
        self.attachment = None;
        if self.state == "in-use" {
            self.state = "available";
        }
    }

    pub(crate) fn attach(&mut self, attachment: Attachment) {
        self.state = "in-use";
        self.attachment = Some(attachment);
    }

    pub(crate) fn thing(&self) -> Thing {
        Thing {
            arn: self.arn.clone(),
            kind: "ec2:volume".to_owned(),
            state: self.state.to_owned(),
            made_by_restore_job: self.made_by.clone(),
            tags: self.tags.clone(),
        }
    }

    pub(crate) fn tagged(&self) -> Tagged {
        Tagged { arn: self.arn.clone(), kind: "ec2:volume", tags: self.tags.clone() }
    }
}

/// A deletion: `deleting` for some seconds, then gone.
pub(crate) fn begin_deletion(volume: &mut Volume, now: Timestamp, stream: &mut Stream) {
    volume.state = "deleting";
    volume.steps.clear();
    volume.gone_at = Some(later(now, stream.between(3.0, 15.0)));
}
