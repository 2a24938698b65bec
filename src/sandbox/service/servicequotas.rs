//! Service Quotas: those that bound restores, from the world's `quotas`.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::quota::{self, Quota};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// Service Quotas.
pub(crate) struct ServiceQuotas;

impl ServiceCalls for ServiceQuotas {
    fn signing_name(&self) -> &'static str {
        "servicequotas"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetServiceQuota", "ListServiceQuotas"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let value = match ask.operation.as_str() {
            "GetServiceQuota" => get(world, &place, ask),
            "ListServiceQuotas" => list(world, &place, ask),
            other => Err(Failure::unknown(other)),
        };
        value.map(Answer::Json)
    }
}

fn get(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let (service, code) = (required(ask, "ServiceCode")?, required(ask, "QuotaCode")?);
    let found = quota::ALL.iter().find(|quota| quota.service.0 == service && quota.code == code);
    let found = found.ok_or_else(|| none(&format!("There is no quota {code} of the service {service}.")))?;
    Ok(json!({ "Quota": show(world, place, found) }))
}

fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let service = required(ask, "ServiceCode")?;
    let of_service = quota::ALL.iter().filter(|quota| quota.service.0 == service);
    let asked = ask.text("QuotaCode");
    let mut shown = Vec::new();
    for quota in of_service.clone().filter(|quota| asked.is_none_or(|asked| asked == quota.code)) {
        shown.push(show(world, place, quota));
    }
    if of_service.count() == 0 {
        return Err(none(&format!("The service {service} does not exist.")));
    }
    let size = ask.body.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let page = cut(shown, &format!("quotas {service}"), size.unwrap_or(100), ask.text("NextToken"))
        .map_err(|_| Failure::bad("InvalidPaginationTokenException", "The pagination token is invalid."))?;
    let mut answer = json!({ "Quotas": page.items });
    if let (Some(object), Some(token)) = (answer.as_object_mut(), page.token) {
        object.insert("NextToken".to_owned(), token.into());
    }
    Ok(answer)
}

fn show(world: &mut World, place: &Place, quota: &Quota) -> Value {
    let quotas = world.quotas;
    let value = quota.value(world.site(place), &quotas);
    let (service, service_name) = quota.service;
    json!({
        "ServiceCode": service,
        "ServiceName": service_name,
        "QuotaArn": format!("arn:aws:servicequotas:{}:{}:{service}/{}", place.region, place.account, quota.code),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        // AWS writes a number with a point.
        "Value": u32::try_from(value).map_or(f64::MAX, f64::from),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn required<'a>(ask: &'a Ask, name: &str) -> Result<&'a str, Failure> {
    ask.text(name).ok_or_else(|| Failure::bad("IllegalArgumentException", format!("{name} is required.")))
}

fn none(message: &str) -> Failure {
    Failure::bad("NoSuchResourceException", message)
}
