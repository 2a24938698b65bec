//! A listing against a manifest: every object that the manifest lists is there, as large as it says, and of some the
//! content is compared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cloud::data::Object;
use crate::definition::model::ProbeReason;
use crate::probe::input::miss;
use crate::probe::output::kept;
use crate::probe::reading::{hex, refused, sha256};
use crate::probe::s3::manifest::{Manifest, Wanted};
use crate::probe::s3::sample::spread;
use crate::probe::s3::{OBJECT_BYTES, add};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed};

/// Objects whose content is compared, unless the definition says otherwise.
const USUAL_COMPARED: usize = 10;

/// Keys that a message names at most.
const MOST_NAMED: usize = 3;

/// What differs: keys, and how each does.
#[derive(Default)]
struct Differences {
    missing: Vec<String>,
    different: Vec<(String, String)>,
}

/// Holds a whole listing against a manifest. `compared` is how many hashes are compared at most.
pub(super) async fn compare(
    bucket: &str,
    manifest: &Manifest,
    listed: &[Object],
    compared: Option<usize>,
    target: &Target,
    observed: &mut Observed,
) -> Result<(), Miss> {
    let sizes: BTreeMap<&str, u64> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
    let mut found = Differences::default();
    let mut hashed: Vec<(&String, &String)> = Vec::new();
    for (key, Wanted { size, sha256 }) in manifest {
        match sizes.get(key.as_str()) {
            None => found.missing.push(key.clone()),
            Some(is) if is != size => {
                found.different.push((key.clone(), format!("{is} bytes, and the manifest says {size}")));
            }
            Some(_) if *size <= OBJECT_BYTES => hashed.extend(sha256.as_ref().map(|sha256| (key, sha256))),
            Some(_) => {}
        }
    }
    let count = compared.unwrap_or(USUAL_COMPARED).min(hashed.len());
    for (key, wanted) in spread(&hashed, count) {
        let read = target.buckets.read(bucket, key, OBJECT_BYTES + 1).await.map_err(|error| refused(&error))?;
        match read.map(|bytes| hex(&sha256(&bytes))) {
            None => found.missing.push((*key).clone()),
            Some(is) if is != **wanted => {
                found.different.push(((*key).clone(), format!("SHA-256 {is}, and the manifest says {wanted}")));
            }
            Some(_) => {}
        }
    }
    add(observed, "manifest_objects", manifest.len().into());
    add(observed, "compared", count.into());
    found.told(observed)
}

impl Differences {
    fn told(self, observed: &mut Observed) -> Result<(), Miss> {
        let different: Vec<String> = self.different.iter().map(|(key, _)| key.clone()).collect();
        for (name, keys) in [("missing", &self.missing), ("different", &different)] {
            let list: Value = keys.iter().map(|key| Value::from(key.as_str())).collect();
            match kept(&list, &[]) {
                Some(list) => add(observed, name, list),
                None => {
                    drop(observed.facts.insert(name.to_owned(), format!("{} objects: too many to list", keys.len())));
                }
            }
        }
        let mut problems = Vec::new();
        if !self.missing.is_empty() {
            let named: Vec<String> = self.missing.iter().map(|key| format!("`{key}`")).collect();
            problems.push(format!("{} of the manifest's objects are missing: {}", named.len(), some(&named)));
        }
        if !self.different.is_empty() {
            let named: Vec<String> = self.different.iter().map(|(key, how)| format!("`{key}` ({how})")).collect();
            problems.push(format!("{} objects differ from the manifest: {}", named.len(), some(&named)));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let missed = miss(ProbeReason::Expectation, &problems.join("; "));
        Err(Miss { observed: Some(observed.clone()), missing_data: true, ..missed })
    }
}

/// The first few of them.
fn some(all: &[String]) -> String {
    let more = if all.len() > MOST_NAMED { ", …" } else { "" };
    format!("{}{more}", all.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", "))
}
