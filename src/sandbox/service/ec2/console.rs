//! The console of an instance.

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::encoding::base64;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, instant, text};
use crate::sandbox::service::ec2::choice::required;
use crate::sandbox::service::ec2::instances::find;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// Without `Latest`, what was written until the boot was done. An instance that wrote nothing has no `output`.
pub(super) fn output(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now = world.now;
    let latest = ask.flag("Latest").unwrap_or(false);
    let instance = find(&mut world.site(place).shelves.ec2, required(ask, "InstanceId")?)?;
    if latest && !instance.is_nitro() {
        let message = "This instance type does not support retrieving the latest console logs.";
        return Err(Failure::bad("UnsupportedOperation", message));
    }
    let mut shown = vec![text("instanceId", &instance.id), instant("timestamp", now)];
    shown.extend(instance.console(now, latest).map(|written| text("output", base64(written.as_bytes()))));
    Ok(shown)
}
