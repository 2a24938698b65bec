//! What a look at a cluster and its members means. Pure.

use std::collections::BTreeMap;

use crate::aws::resource::cluster::api::{Cluster, Member};
use crate::aws::resource::cluster::facts::MEMBER;
use crate::aws::resource::cluster::{Family, readiness};
use crate::cloud::resource::{Endpoint, Observation, Part, Phase};
use crate::words::kind::ResourceKind;

/// What a global cluster is called that the restored one was put into. Nothing of drill's does that.
const GLOBAL: &str = "global cluster";

/// A cluster that is there. `planned` are the members that the run adds; any other is somebody else's.
pub(crate) fn observation(family: &Family, planned: &[Part], cluster: &Cluster, members: &[Member]) -> Observation {
    let mut parts = parts(planned, cluster, members);
    let (phase, status) = judge(family, planned, cluster, &parts);
    let endpoint = endpoint(cluster);
    let (phase, endpoint) = match (phase, endpoint) {
        (Phase::Ready, None) => (Phase::Pending, None),
        (Phase::Ready, endpoint) => (Phase::Ready, endpoint),
        // The name is given with the cluster; nothing answers to it before there is a member.
        (phase, _) => (phase, None),
    };
    if let Some(global) = &cluster.global {
        parts.push(Part { foreign: true, ..Part::planned(GLOBAL, global) });
    }
    parts.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    let protected = cluster.protected.unwrap_or(false);
    Observation { phase, status, endpoint, protected, parts, facts: report_facts(family, planned, cluster, members) }
}

/// Members that outlived their cluster; nothing where there are none.
pub(crate) fn left_behind(planned: &[Part], members: &[Member]) -> Observation {
    let mut parts: Vec<Part> = members.iter().map(|member| part(planned, &member.id, &member.status)).collect();
    parts.sort_by(|a, b| a.id.cmp(&b.id));
    let Some(first) = parts.first() else { return Observation::absent() };
    let leaving = parts.iter().all(|part| readiness::member(&part.status) == Phase::Leaving);
    let phase = if leaving { Phase::Leaving } else { Phase::Pending };
    let status = format!("not found; {} {} is left and `{}`", first.kind, first.id, first.status);
    Observation { phase, status, parts, ..Observation::absent() }
}

fn part(planned: &[Part], id: &str, status: &str) -> Part {
    let foreign = planned.iter().all(|one| one.id != id);
    Part { status: status.to_owned(), foreign, ..Part::planned(MEMBER, id) }
}

/// The cluster's own list and the list of instances lag behind one another: whoever is in one of them is there.
fn parts(planned: &[Part], cluster: &Cluster, members: &[Member]) -> Vec<Part> {
    let described = members.iter().map(|member| part(planned, &member.id, &member.status));
    let listed = cluster.members.iter().filter(|(id, _)| members.iter().all(|member| &member.id != id));
    described.chain(listed.map(|(id, _)| part(planned, id, ""))).collect()
}

fn judge(family: &Family, planned: &[Part], cluster: &Cluster, parts: &[Part]) -> (Phase, String) {
    let own = cluster.status.clone();
    let phase = readiness::cluster(&own);
    if phase == Phase::Leaving {
        return (phase, own);
    }
    // The RDS API shows the clusters of all three services, and their ARNs look alike.
    if !cluster.engine.is_empty() && !family.has(&cluster.engine) {
        let status = format!("{own}; its engine is `{}`, so it is not {}", cluster.engine, family.noun);
        return (Phase::Hindered, status);
    }
    if phase != Phase::Ready || cluster.engine_mode.as_deref() == Some("serverless") {
        return (phase, own);
    }
    let mine: Vec<&Part> = parts.iter().filter(|part| planned.iter().any(|one| one.id == part.id)).collect();
    let in_phase = |wanted: Phase| mine.iter().find(|part| readiness::member(&part.status) == wanted);
    for bad in [Phase::Broken, Phase::Hindered, Phase::Unknown] {
        if let Some(part) = in_phase(bad) {
            return (bad, lagging(&own, part));
        }
    }
    if let Some(missing) = planned.iter().find(|one| mine.iter().all(|part| part.id != one.id)) {
        // A member can be added to an available cluster only.
        let phase = if own == "available" { Phase::Unfinished } else { Phase::Pending };
        return (phase, format!("{own}; {MEMBER} {} is missing", missing.id));
    }
    match in_phase(Phase::Pending).or_else(|| in_phase(Phase::Leaving)) {
        Some(part) => (Phase::Pending, lagging(&own, part)),
        None => (Phase::Ready, own),
    }
}

fn lagging(own: &str, part: &Part) -> String {
    let status = if part.status.is_empty() { "listed" } else { &part.status };
    format!("{own}; {} {} is `{status}`", part.kind, part.id)
}

fn endpoint(cluster: &Cluster) -> Option<Endpoint> {
    let port = u16::try_from(cluster.port?).ok()?;
    Some(Endpoint { host: cluster.endpoint.clone()?, port: Some(port) })
}

fn report_facts(family: &Family, planned: &[Part], cluster: &Cluster, members: &[Member]) -> BTreeMap<String, String> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let writer = cluster.members.iter().find(|(_, writer)| *writer).map(|(id, _)| id.clone());
    let own = [
        ("engine", text(&cluster.engine)),
        ("engine_version", cluster.engine_version.clone()),
        ("engine_mode", cluster.engine_mode.clone()),
        ("storage_encrypted", cluster.encrypted.map(yes_or_no)),
        ("storage_type", cluster.storage_type.clone()),
        ("kms_key", cluster.kms_key.clone()),
        ("subnet_group", cluster.subnet_group.clone()),
        ("parameter_group", cluster.parameter_group.clone()),
        ("iam_login", cluster.iam_login.map(yes_or_no)),
        ("capacity", cluster.capacity.map(|range| format!("{} to {} units", range.min, range.max))),
        ("deletion_protection", cluster.protected.map(yes_or_no)),
        ("reader_endpoint", cluster.reader_endpoint.clone()),
        ("global_cluster", cluster.global.clone()),
        ("writer", writer),
        // Its clients must trust Amazon's CA bundle.
        ("tls", (family.kind == ResourceKind::DocumentDb).then(|| "required by default".to_owned())),
    ];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let of_members = (1..).zip(planned).filter_map(|(number, one)| {
        let member = members.iter().find(|member| member.id == one.id)?;
        Some(member_facts(number, cluster, member))
    });
    own.chain(of_members.flatten()).collect()
}

fn member_facts(number: u32, cluster: &Cluster, member: &Member) -> Vec<(String, String)> {
    let listed = cluster.members.iter().find(|(id, _)| *id == member.id);
    let role = listed.map(|(_, writer)| String::from(if *writer { "writer" } else { "reader" }));
    [
        ("role", role),
        ("class", member.class.clone()),
        ("engine_version", member.engine_version.clone()),
        ("zone", member.zone.clone()),
        ("storage_encrypted", member.encrypted.map(yes_or_no)),
        ("publicly_accessible", member.public.map(yes_or_no)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((format!("member_{number}_{key}"), value?)))
    .collect()
}

fn yes_or_no(value: bool) -> String {
    String::from(if value { "yes" } else { "no" })
}

#[cfg(test)]
mod tests {
    use super::{left_behind, observation};
    use crate::aws::resource::cluster::api::{Cluster, Member};
    use crate::aws::resource::cluster::facts::MEMBER;
    use crate::aws::resource::{aurora, documentdb};
    use crate::cloud::resource::{Observation, Part, Phase};

    fn planned() -> [Part; 2] {
        ["drill-1-orders-1", "drill-1-orders-2"].map(|id| Part::planned(MEMBER, id))
    }

    fn cluster(status: &str) -> Cluster {
        Cluster {
            status: status.to_owned(),
            engine: "aurora-postgresql".to_owned(),
            endpoint: Some("orders.cluster-1.example".to_owned()),
            port: Some(5432),
            members: vec![("drill-1-orders-1".to_owned(), true)],
            ..Cluster::default()
        }
    }

    fn member(number: u32, status: &str) -> Member {
        Member { id: format!("drill-1-orders-{number}"), status: status.to_owned(), ..Member::default() }
    }

    fn seen(cluster: &Cluster, members: &[Member]) -> Observation {
        observation(&aurora::FAMILY, &planned(), cluster, members)
    }

    #[test]
    fn a_restored_cluster_is_unfinished_until_its_members_answer() {
        let bare = Cluster { members: Vec::new(), ..cluster("available") };
        let without = seen(&bare, &[]);
        assert_eq!((without.phase, without.endpoint.is_none(), without.parts.len()), (Phase::Unfinished, true, 0));
        assert!(without.status.contains("drill-1-orders-1"), "{}", without.status);
        assert_eq!(seen(&Cluster { status: "creating".to_owned(), ..bare.clone() }, &[]).phase, Phase::Pending);
        assert_eq!(seen(&Cluster { status: "modifying".to_owned(), ..bare }, &[]).phase, Phase::Pending);
        let half = [member(1, "creating")];
        assert_eq!(seen(&cluster("available"), &half).phase, Phase::Unfinished);
        let coming = [member(1, "available"), member(2, "creating")];
        assert_eq!(seen(&cluster("available"), &coming).phase, Phase::Pending);
        let all = [member(1, "available"), member(2, "backing-up")];
        let ready = seen(&cluster("available"), &all);
        assert_eq!((ready.phase, ready.status.as_str()), (Phase::Ready, "available"));
        assert_eq!(ready.endpoint.and_then(|endpoint| endpoint.port), Some(5432));
        assert_eq!(ready.facts.get("writer").map(String::as_str), Some("drill-1-orders-1"));
        assert_eq!(ready.facts.get("member_1_role").map(String::as_str), Some("writer"));
    }

    #[test]
    fn a_member_that_cannot_come_up_is_said_by_name() {
        for (status, phase) in
            [("incompatible-parameters", Phase::Hindered), ("failed", Phase::Broken), ("levitating", Phase::Unknown)]
        {
            let one = seen(&cluster("available"), &[member(1, "available"), member(2, status)]);
            assert_eq!(one.phase, phase, "{status}");
            assert!(one.status.contains("drill-1-orders-2") && one.status.contains(status), "{}", one.status);
        }
    }

    #[test]
    fn a_member_that_the_run_did_not_name_is_foreign_and_does_not_count() {
        let of_others = Member { id: "drill-1-orders-3".to_owned(), ..member(1, "creating") };
        let one = seen(&cluster("available"), &[member(1, "available"), member(2, "available"), of_others]);
        assert_eq!(one.phase, Phase::Ready);
        let foreign: Vec<&str> = one.parts.iter().filter(|part| part.foreign).map(|part| part.id.as_str()).collect();
        assert_eq!(foreign, ["drill-1-orders-3"]);
        let global = Cluster { global: Some("world".to_owned()), ..cluster("available") };
        assert!(seen(&global, &[]).parts.iter().any(|part| part.foreign && part.id == "world"));
    }

    #[test]
    fn a_cluster_of_another_service_is_said_to_be_one() {
        let one = observation(&documentdb::FAMILY, &planned(), &cluster("available"), &[]);
        assert_eq!(one.phase, Phase::Hindered);
        assert!(one.status.contains("aurora-postgresql") && one.status.contains("DocumentDB"), "{}", one.status);
        assert_eq!(one.facts.get("tls").map(String::as_str), Some("required by default"));
    }

    #[test]
    fn serverless_v1_needs_no_members() {
        let one = Cluster { engine_mode: Some("serverless".to_owned()), members: Vec::new(), ..cluster("available") };
        assert_eq!(seen(&one, &[]).phase, Phase::Ready);
    }

    #[test]
    fn a_cluster_is_not_gone_while_a_member_is_left() {
        assert_eq!(left_behind(&planned(), &[]), Observation::absent());
        assert_eq!(left_behind(&planned(), &[member(1, "deleting")]).phase, Phase::Leaving);
        let stuck = left_behind(&planned(), &[member(2, "available"), member(1, "deleting")]);
        assert_eq!((stuck.phase, stuck.parts.len()), (Phase::Pending, 2));
    }
}
