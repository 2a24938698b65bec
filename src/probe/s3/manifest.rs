//! A list of what must be in a bucket: CSV with a header, CSV without one whose columns the definition names (such as
//! S3 Inventory's), or a JSON object a line. Pure but for reading the file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::probe::input::own_file;
use crate::words::text::tame;

/// The largest manifest, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Columns that say something; any other is passed over.
const KNOWN: &[&str] = &["key", "size", "sha256", "is_latest", "is_delete_marker"];

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// What must be in a bucket, by key.
pub(super) type Manifest = BTreeMap<String, Wanted>;

/// An object as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Bytes.
    pub(super) size: u64,
    /// Of the content, in lower-case digits.
    pub(super) sha256: Option<String>,
}

/// One line of JSON. What else it holds is passed over.
#[derive(Debug, Deserialize)]
struct Line {
    key: String,
    size: u64,
    sha256: Option<String>,
}

/// Whether columns can be read: they say key and size, and nothing twice.
pub(super) fn check_columns(columns: &[String]) -> Result<(), String> {
    for name in ["key", "size"] {
        if !columns.iter().any(|column| column == name) {
            return Err(format!("there is no column `{name}`"));
        }
    }
    let twice = KNOWN.iter().find(|name| columns.iter().filter(|column| column == *name).count() > 1);
    twice.map_or(Ok(()), |name| Err(format!("there are two columns `{name}`")))
}

/// Reads a manifest. `columns` are those of a CSV without a header.
pub(super) fn read(folder: &Path, name: &str, columns: Option<&[String]>) -> Result<Manifest, String> {
    let bytes = own_file(folder, name, LONGEST)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8 text; is it compressed?"))?;
    parse(&text, columns).map_err(|(line, problem)| format!("`{name}`, line {line}: {problem}"))
}

/// What is wrong, and in which line.
type Wrong = (usize, String);

/// Whether a text is a manifest.
pub(crate) fn is_manifest(text: &str, columns: Option<&[String]>) -> bool {
    parse(text, columns).is_ok()
}

fn parse(text: &str, columns: Option<&[String]>) -> Result<Manifest, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match columns {
        None if text.trim_start().starts_with('{') => lines(text),
        _ => table(text, columns),
    }
}

fn lines(text: &str) -> Result<Manifest, Wrong> {
    let mut manifest = Manifest::new();
    for (number, line) in (1_usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let Line { key, size, sha256 } = serde_json::from_str(line).map_err(|error| (number, error.to_string()))?;
        let sha256 = sha256.map(|text| checked(&text)).transpose().map_err(|problem| (number, problem))?;
        add(&mut manifest, key, Wanted { size, sha256 }).map_err(|problem| (number, problem))?;
    }
    Ok(manifest)
}

fn table(text: &str, columns: Option<&[String]>) -> Result<Manifest, Wrong> {
    let mut rows = Rows { rest: text, line: 1 };
    let header = match columns {
        Some(columns) => columns.to_vec(),
        None => rows.next().transpose()?.map(|(_, row)| row).unwrap_or_default(),
    };
    let header: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    check_columns(&header).map_err(|problem| (1, problem))?;
    let mut manifest = Manifest::new();
    for row in rows {
        let (line, row) = row?;
        let wrong = |problem: String| (line, problem);
        if row.len() != header.len() {
            return Err(wrong(format!("{} fields, where there are {} columns", row.len(), header.len())));
        }
        let field = |name: &str| {
            let at = header.iter().position(|column| column == name)?;
            row.get(at).map(String::as_str)
        };
        let says = |name: &str, word: &str| field(name).is_some_and(|text| text.eq_ignore_ascii_case(word));
        // Of an inventory with versions: what a plain listing does not show.
        if says("is_latest", "false") || says("is_delete_marker", "true") {
            continue;
        }
        let key = field("key").unwrap_or_default();
        // S3 Inventory writes keys as URLs do; a list of one's own has them as they are.
        let key = if columns.is_some() { decoded(key) } else { key.to_owned() };
        let size = field("size").unwrap_or_default().trim();
        let size = size.parse().map_err(|_| wrong(format!("`{}` is no size in bytes", tame(size))))?;
        let sha256 = field("sha256").filter(|text| !text.trim().is_empty()).map(checked).transpose().map_err(wrong)?;
        add(&mut manifest, key, Wanted { size, sha256 }).map_err(|problem| (line, problem))?;
    }
    Ok(manifest)
}

fn add(manifest: &mut Manifest, key: String, wanted: Wanted) -> Result<(), String> {
    if key.is_empty() {
        return Err("an object without a key".to_owned());
    }
    if manifest.contains_key(&key) {
        let hint = "of an object with versions, list the latest alone, or add the column `is_latest`";
        return Err(format!("`{}` is listed twice; {hint}", tame(&key)));
    }
    manifest.insert(key, wanted);
    Ok(())
}

fn checked(sha256: &str) -> Result<String, String> {
    let digits = sha256.trim().to_ascii_lowercase();
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(format!("`{}` is no SHA-256 of {DIGITS} hexadecimal digits", tame(sha256)))
}

/// A key as S3 Inventory writes it.
fn decoded(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        let escaped = || {
            let mut ahead = rest.clone();
            let mut digit = || ahead.next().and_then(|byte| char::from(byte).to_digit(16));
            let value = digit()? * 16 + digit()?;
            Some((u8::try_from(value).ok()?, ahead))
        };
        match (byte, if byte == b'%' { escaped() } else { None }) {
            (_, Some((value, ahead))) => {
                bytes.push(value);
                rest = ahead;
            }
            (b'+', None) => bytes.push(b' '),
            (other, None) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The rows of a CSV (RFC 4180) with the line on which each begins. Empty lines are none.
struct Rows<'a> {
    rest: &'a str,
    line: usize,
}

impl Iterator for Rows<'_> {
    type Item = Result<(usize, Vec<String>), Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return None;
        }
        let (begun, mut row) = (self.line, Vec::new());
        loop {
            match self.field() {
                Ok(field) => row.push(field),
                Err(problem) => {
                    // There is no telling where the next row begins.
                    self.rest = "";
                    return Some(Err((begun, problem)));
                }
            }
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => return Some(Ok((begun, row))),
            }
        }
    }
}

impl Rows<'_> {
    fn field(&mut self) -> Result<String, String> {
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (field, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(field.strip_suffix('\r').unwrap_or(field).to_owned());
        };
        let mut field = String::new();
        loop {
            let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
            field.push_str(part);
            self.line += part.matches('\n').count();
            match after.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    rest = after;
                }
                None => {
                    self.rest = after.strip_prefix('\r').unwrap_or(after);
                    let ends = self.rest.is_empty() || self.rest.starts_with([',', '\n']);
                    return if ends { Ok(field) } else { Err("text follows a closing quote".to_owned()) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, Wanted, check_columns, decoded, parse, read};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn manifest(entries: &[(&str, u64, Option<&str>)]) -> Manifest {
        let entry = |(key, size, sha256): &(&str, u64, Option<&str>)| {
            ((*key).to_owned(), Wanted { size: *size, sha256: sha256.map(str::to_owned) })
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn every_form_says_the_same() {
        let wanted = manifest(&[("a, b\n\"c\"", 7, None), ("abc", 3, Some(ABC))]);
        let csv = format!(
            "\u{feff}Size,key,sha256,note\r\n3,abc,{},x\r\n\r\n7,\"a, b\n\"\"c\"\"\",,\"y\"\r\n",
            ABC.to_uppercase()
        );
        let json = format!(
            "{{\"key\":\"abc\",\"size\":3,\"sha256\":\"{ABC}\",\"tag\":1}}\n\n{{\"key\":\"a, b\\n\\\"c\\\"\",\"size\":7}}\n"
        );
        assert_eq!(parse(&csv, None), Ok(wanted.clone()));
        assert_eq!(parse(&json, None), Ok(wanted));
    }

    #[test]
    fn an_inventory_has_no_header_writes_keys_as_urls_and_lists_versions() {
        let columns = ["bucket", "key", "version", "is_latest", "is_delete_marker", "size"].map(str::to_owned);
        let rows = "\"b\",\"a+b%2Fc%C3%A4.txt\",\"2\",\"true\",\"false\",\"5\"\n\"b\",\"a+b%2Fc%C3%A4.txt\",\"1\",\"false\",\"false\",\"4\"\n\"b\",\"gone\",\"3\",\"true\",\"true\",\"\"\n";
        assert_eq!(parse(rows, Some(&columns)), Ok(manifest(&[("a b/cä.txt", 5, None)])));
        assert_eq!((decoded("100%"), decoded("%zz%4")), ("100%".to_owned(), "%zz%4".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, part) in [
            ("key\na\n", 1, "no column `size`"),
            ("", 1, "no column `key`"),
            ("key,size,size\n", 1, "two columns `size`"),
            ("key,size\na,1\nb,many\n", 3, "no size in bytes"),
            ("key,size\na,-1\n", 2, "no size in bytes"),
            ("key,size\na\n", 2, "1 fields"),
            ("key,size\n\"x\ny\",1\n\"a,1\n", 4, "not closed"),
            ("key,size\n\"a\"b,1\n", 2, "text follows"),
            ("key,size\na,1\na,2\n", 3, "listed twice"),
            ("key,size\n,1\n", 2, "without a key"),
            ("key,size,sha256\na,1,abc\n", 2, "no SHA-256"),
            ("{\"key\":\"a\",\"size\":1}\n{\"key\":\"b\"}\n", 2, "size"),
        ] {
            let (at, problem) = parse(text, None).unwrap_err();
            assert!(at == line && problem.contains(part), "{text:?}: {at}: {problem}");
        }
        assert!(check_columns(&["size".to_owned()]).is_err());
    }

    #[test]
    fn a_file_is_read_from_the_definition_s_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), "key,size\na,1\n").unwrap();
        assert_eq!(read(folder.path(), "list.csv", None), Ok(manifest(&[("a", 1, None)])));
        std::fs::write(folder.path().join("list.csv.gz"), [0x1f, 0x8b, 0xff]).unwrap();
        assert!(read(folder.path(), "list.csv.gz", None).unwrap_err().contains("compressed"));
        assert!(read(folder.path(), "none.csv", None).unwrap_err().contains("none.csv"));
    }
}
