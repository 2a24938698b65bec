//! Whose request it is, as its signature says. Pure.
//!
//! The header of version 4 of the signature names key and scope: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. A
//! key's id is no secret, and still no text for people: nothing here prints it.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// What the id of an access key is made of: a word of four letters, then 16 digits to base 32.
const KEY_LENGTH: usize = 20;

/// Who signed, and for where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signature<'a> {
    /// The access key's id.
    pub(crate) access_key: &'a str,
    /// The region that the signature is for. Services with one endpoint for all regions have one of their own.
    pub(crate) region: &'a str,
}

/// The signature of a request that was signed.
pub(crate) fn signature(request: &HttpRequest) -> Option<Signature<'_>> {
    read(request.headers().get("authorization")?)
}

fn read(header: &str) -> Option<Signature<'_>> {
    let (_, scope) = header.split_once("Credential=")?;
    let mut parts = scope.split([',', ' ']).next()?.split('/');
    let access_key = parts.next().filter(|key| !key.is_empty())?;
    let region = parts.nth(1)?;
    Some(Signature { access_key, region })
}

/// What stands for the account of an access key: its number, which ids of today carry, else the id itself. For sharing
/// alone: whoever must know the account asks STS.
pub(crate) fn account(access_key: &str) -> String {
    number(access_key).map_or_else(|| access_key.to_owned(), |number| format!("{number:012}"))
}

fn number(access_key: &str) -> Option<u64> {
    if access_key.len() != KEY_LENGTH {
        return None;
    }
    let digits = access_key.get(4..14)?.bytes();
    let mut bits = 0_u64;
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u64::from(value);
    }
    // Ten digits are 50 bits; the number is in bits 1 to 40 of them, counted from the front.
    let number = (bits >> 9) & 0xff_ffff_ffff;
    (number < 1_000_000_000_000).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{account, read};

    #[test]
    fn key_and_region_stand_in_the_header() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-west-1/backup/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=00";
        let signature = read(header).unwrap();
        assert_eq!((signature.access_key, signature.region), ("AKIDEXAMPLE", "eu-west-1"));
        for header in
            ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=/a/b/c", "Credential=a/b"]
        {
            assert!(read(header).is_none(), "{header}");
        }
    }

    #[test]
    fn keys_of_one_account_stand_for_the_same() {
        // Examples that were published with the accounts that they belong to.
        assert_eq!(account("ASIAQNZGKIQY56JQ7WML"), "029608264753");
        assert_eq!(account("AKIASP2TPHJSQH3FJRUX"), "171436882533");
        assert_eq!(account("AKIASANDBOX123456789012"), "AKIASANDBOX123456789012");
        assert_eq!(account("ASIA0000000000000000"), "ASIA0000000000000000");
    }
}
