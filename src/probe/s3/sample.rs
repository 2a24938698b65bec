//! Objects of a listing that are read: evenly spread, all of them must be readable.

use aws_lc_rs::digest::{Context, SHA256};

use crate::cloud::data::Object;
use crate::cloud::error::ErrorKind;
use crate::definition::model::ProbeReason;
use crate::probe::input::miss;
use crate::probe::reading::{hex, refused, sha256};
use crate::probe::s3::add;
use crate::probe::target::Target;
use crate::probe::{Miss, Observed};

/// How much of an object of the sample is read, in bytes.
const SAMPLE_BYTES: u64 = 16 * 1024 * 1024;

/// Reads objects from the whole of the listing, in its order. What is observed of their content is the SHA-256 of every
/// key, a zero byte, and the SHA-256 of what was read.
pub(super) async fn sample(
    bucket: &str,
    listed: &[Object],
    wanted: usize,
    target: &Target,
    observed: &mut Observed,
) -> Result<(), Miss> {
    let sampled = wanted.min(listed.len());
    let (mut problems, mut whole) = (Vec::new(), Context::new(&SHA256));
    for object in spread(listed, sampled) {
        match read(bucket, object, target).await? {
            Ok(bytes) => {
                whole.update(object.key.as_bytes());
                whole.update(&[0]);
                whole.update(&sha256(&bytes));
            }
            Err(problem) => problems.push(problem),
        }
    }
    add(observed, "sampled", sampled.into());
    add(observed, "readable", (sampled - problems.len()).into());
    let problem = match problems.into_iter().next() {
        None if sampled > 0 => {
            add(observed, "sample_sha256", hex(whole.finish().as_ref()).into());
            return Ok(());
        }
        None => Miss { missing_data: true, ..miss(ProbeReason::Query, "there is no object to sample") },
        Some(problem) => problem,
    };
    Err(Miss { observed: Some(observed.clone()), ..problem })
}

/// `count` elements at even distances, the first one included.
pub(super) fn spread<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    (0..count).filter_map(move |index| all.get(index * all.len() / count))
}

/// An object as far as the sample goes, or why it cannot be read.
///
/// # Errors
/// When nothing can be said about the object, because S3 does not answer.
async fn read(bucket: &str, object: &Object, target: &Target) -> Result<Result<Vec<u8>, Miss>, Miss> {
    let (key, wanted) = (&object.key, object.size.min(SAMPLE_BYTES));
    // One byte more than there should be: only an object that is read to its end is compared with its checksum.
    let most = if object.size < SAMPLE_BYTES { object.size + 1 } else { SAMPLE_BYTES };
    Ok(match target.buckets.read(bucket, key, most).await {
        Ok(Some(bytes)) if u64::try_from(bytes.len()) == Ok(wanted) => Ok(bytes),
        Ok(Some(bytes)) => {
            let message = format!("of `{key}` {} bytes can be read, and the listing says {}", bytes.len(), object.size);
            Err(miss(ProbeReason::Query, &message))
        }
        Ok(None) => Err(miss(ProbeReason::Query, &format!("`{key}` is listed, and cannot be read: it is not there"))),
        Err(error) if error.passes() => return Err(refused(&error)),
        Err(error) => {
            let refusal = refused(&error);
            let hint = if error.kind == ErrorKind::Denied { " (the object's KMS key counts too)" } else { "" };
            Err(miss(refusal.reason, &format!("`{key}` cannot be read{hint}: {}", refusal.message)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn a_sample_is_spread_over_the_whole_listing() {
        let listed: Vec<u32> = (0..10).collect();
        let chosen = |count| spread(&listed, count).copied().collect::<Vec<u32>>();
        assert_eq!(chosen(3), [0, 3, 6]);
        assert_eq!(chosen(10).len(), 10);
        assert!(chosen(0).is_empty());
    }
}
