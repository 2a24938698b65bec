//! Volumes of gateways that a drill may have left: by the name of their iSCSI target, or by restore job. Volumes that were
//! restored as EBS volumes are that type's matter. Permissions: [`crate::aws::permissions::SWEEP`].

use serde_json::json;

use crate::aws::paging::Pages;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::aws::resource::storage_gateway::gateway::{GatewayCalls, LIST, failure};
use crate::aws::resource::storage_gateway::look::Volume;
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted, digits_in};
use crate::cloud::resource::Settings;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// So many volumes are described in one request.
const AT_ONCE: usize = 50;

/// A volume as the list of a region shows it.
struct Listed {
    arn: String,
    gateway: String,
    stored: bool,
}

impl GatewayCalls {
    /// Everything that may be a drill's in the region, of whatever gateway.
    pub(crate) async fn list(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        let all = self.of_region().await?;
        let mut found = Vec::new();
        for stored in [false, true] {
            let of_kind: Vec<&Listed> = all.iter().filter(|one| one.stored == stored).collect();
            for some in of_kind.chunks(AT_ONCE) {
                let arns = some.iter().map(|one| one.arn.clone()).collect();
                for volume in self.describe(stored, arns).await? {
                    found.extend(self.leftover(&all, &volume, wanted).await?);
                }
            }
        }
        Ok(found)
    }

    async fn of_region(&self) -> Result<Vec<Listed>, CloudError> {
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(LIST), None);
        loop {
            let page = self.client.list_volumes().set_marker(token).send().await;
            let page = page.map_err(|error| failure(LIST, error))?;
            for volume in page.volume_infos() {
                let arn = arn_of(LIST, volume.volume_arn())?.to_string();
                let gateway = arn.split_once("/volume/").map_or("", |(gateway, _)| gateway).to_owned();
                let stored = volume.volume_type().is_some_and(|word| word.to_uppercase().starts_with("STORED"));
                found.push(Listed { arn, gateway, stored });
            }
            token = pages.next(page.marker())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn leftover(&self, all: &[Listed], volume: &Volume, wanted: &Wanted) -> Result<Option<Leftover>, CloudError> {
        let arn = arn_of(LIST, volume.arn.as_deref())?;
        let target = volume.target.as_deref().unwrap_or_default();
        // AWS writes a target as an iSCSI name, or as an ARN that ends in one: `iqn.1997-05.com.amazon:NAME`.
        let name = target.rsplit([':', '/']).next().filter(|name| digits_in(name).is_some());
        let Some(listed) = all.iter().find(|one| one.arn == arn.as_str()) else { return Ok(None) };
        if name.is_none() && !wanted.made.contains(&arn) {
            return Ok(None);
        }
        let kind = if listed.stored { "stored" } else { "cached" };
        let with = json!({ "as": "gateway", "gateway": listed.gateway, "gateway_type": kind });
        let with: Settings = with.as_object().cloned().unwrap_or_default();
        let tags = self.tags_of(arn.as_str()).await?;
        let state = Some(volume.status.as_str());
        let thing = thing(ResourceKind::StorageGateway, "gateway volume", arn, state, volume.made.as_ref());
        Ok(Some(Leftover { name: name.map(tame), tags, with, ..thing }))
    }
}
