//! The query protocol: a form in, XML out. EC2 has its own dialect.

use std::collections::BTreeMap;

use crate::sandbox::protocol::encoding::form;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{self, Element, text};
use crate::sandbox::protocol::{Ask, Protocol, Wire};

/// Reads the operation (`Action`) and its form.
pub(crate) fn read(wire: &Wire) -> Result<Ask, Failure> {
    let body = String::from_utf8_lossy(&wire.body);
    let mut params = form(&body);
    params.extend(form(&wire.query));
    let ask = Ask { params, ..wire.ask("") };
    let operation =
        ask.param("Action").ok_or_else(|| Failure::bad("MissingAction", "the form names no Action"))?.to_owned();
    Ok(Ask { operation, ..ask })
}

/// The members of a list of structures, each with its own names: `Filters.Filter.1.Name` is (`Name`) of the first. The
/// word between list and number may be the item's name, `member`, or missing.
pub(crate) fn members(ask: &Ask, list: &str) -> Vec<BTreeMap<String, String>> {
    let mut found: BTreeMap<u32, BTreeMap<String, String>> = BTreeMap::new();
    for (name, value) in &ask.params {
        let Some(rest) = name.strip_prefix(list).and_then(|rest| rest.strip_prefix('.')) else { continue };
        let mut parts = rest.splitn(3, '.');
        let first = parts.next().unwrap_or_default();
        let (number, rest) = match first.parse::<u32>() {
            Ok(number) => (number, rest.split_once('.').map_or("", |(_, rest)| rest)),
            Err(_) => match parts.next().and_then(|part| part.parse::<u32>().ok()) {
                Some(number) => (number, parts.next().unwrap_or_default()),
                None => continue,
            },
        };
        found.entry(number).or_default().insert(rest.to_owned(), value.clone());
    }
    found.into_values().collect()
}

/// The members of a list of texts.
pub(crate) fn texts(ask: &Ask, list: &str) -> Vec<String> {
    members(ask, list).into_iter().filter_map(|mut member| member.remove("")).collect()
}

/// Filters as RDS (`Filters`) and EC2 (`Filter`) write them: name → accepted values.
pub(crate) fn filters(ask: &Ask) -> BTreeMap<String, Vec<String>> {
    let mut all = members(ask, "Filters");
    all.extend(members(ask, "Filter"));
    all.into_iter()
        .filter_map(|member| {
            let name = member.get("Name")?.clone();
            let values =
                member.iter().filter(|(key, _)| key.starts_with("Value")).map(|(_, value)| value.clone()).collect();
            Some((name, values))
        })
        .collect()
}

/// An answer's body.
pub(crate) fn answer(protocol: Protocol, operation: &str, elements: &[Element], request_id: &str) -> String {
    let inner = xml::write(elements);
    let namespace = namespace(protocol);
    if protocol == Protocol::Ec2Query {
        let id = xml::write(&[text("requestId", request_id)]);
        return format!("{HEAD}<{operation}Response xmlns=\"{namespace}\">{id}{inner}</{operation}Response>");
    }
    let id = xml::write(&[text("RequestId", request_id)]);
    format!(
        "{HEAD}<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{inner}</{operation}Result>\
         <ResponseMetadata>{id}</ResponseMetadata></{operation}Response>"
    )
}

/// An error's body.
pub(crate) fn error(protocol: Protocol, failure: &Failure, request_id: &str) -> String {
    let side = if failure.status >= 500 { "Receiver" } else { "Sender" };
    let what = xml::write(&[text("Code", &failure.code), text("Message", &failure.message)]);
    if protocol == Protocol::Ec2Query {
        let id = xml::write(&[text("RequestID", request_id)]);
        return format!("{HEAD}<Response><Errors><Error>{what}</Error></Errors>{id}</Response>");
    }
    let id = xml::write(&[text("RequestId", request_id)]);
    let namespace = namespace(protocol);
    format!("{HEAD}<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{side}</Type>{what}</Error>{id}</ErrorResponse>")
}

/// How a document begins.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn namespace(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Query { namespace } => namespace,
        _ => "http://ec2.amazonaws.com/doc/2016-11-15/",
    }
}

#[cfg(test)]
mod tests {
    use super::{filters, members, texts};
    use crate::sandbox::protocol::Ask;
    use crate::sandbox::protocol::encoding::form;

    fn ask(text: &str) -> Ask {
        Ask { operation: "X".into(), params: form(text), ..Ask::default() }
    }

    #[test]
    fn lists_are_read_in_every_spelling() {
        let ask = ask("TagKeys.member.2=b&TagKeys.member.1=a&GroupId.1=sg-1&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v");
        assert_eq!(texts(&ask, "TagKeys"), ["a", "b"]);
        assert_eq!(texts(&ask, "GroupId"), ["sg-1"]);
        assert_eq!(members(&ask, "Tags")[0]["Key"], "k");
    }

    #[test]
    fn filters_of_rds_and_ec2_read_the_same() {
        let rds = filters(&ask(
            "Filters.Filter.1.Name=n&Filters.Filter.1.Values.Value.1=a&Filters.Filter.1.Values.Value.2=b",
        ));
        let ec2 = filters(&ask("Filter.1.Name=n&Filter.1.Value.1=a&Filter.1.Value.2=b"));
        assert_eq!(rds, ec2);
        assert_eq!(rds["n"], ["a", "b"]);
    }
}
