//! A document with places for the id of the message and the key of its case, found once.

use super::names::{ID_LEN, KEY_LEN};

const ID: &str = "@@ID@@";
const KEY: &str = "@@KEY@@";
/// Longest name of a place; anything longer between two `@@` is text.
const PLACE_LEN_MAX: usize = 32;

/// The document; what stands at its places is overwritten.
#[derive(Clone, Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    ids: Vec<usize>,
    keys: Vec<usize>,
}

impl Template {
    /// Finds the places. The error names one that nobody fills.
    pub(super) fn new(text: &[u8]) -> Result<Self, String> {
        let mut made = Self { bytes: Vec::with_capacity(text.len()), ids: vec![], keys: vec![] };
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(ID.as_bytes()) {
                made.ids.push(made.bytes.len());
                made.bytes.extend([b'0'; ID_LEN]);
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix(KEY.as_bytes()) {
                made.keys.push(made.bytes.len());
                made.bytes.extend([b'0'; KEY_LEN]);
                rest = behind;
            } else if let Some(name) = unknown_place(rest) {
                return Err(format!("nothing is known for `{name}`; there are {ID} and {KEY}"));
            } else {
                made.bytes.push(first);
                rest = after;
            }
        }
        Ok(made)
    }

    /// Whether the document tells the message's id itself.
    pub(super) fn has_id(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Whether the document tells its case itself.
    pub(super) fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Bytes of every document.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The document with this id and this key: one copy, no search.
    pub(super) fn fill(&self, id: &[u8; ID_LEN], key: &[u8; KEY_LEN]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut put = |places: &[usize], text: &[u8]| {
            for at in places {
                if let Some(place) = bytes.get_mut(*at..at + text.len()) {
                    place.copy_from_slice(text);
                }
            }
        };
        put(&self.ids, id);
        put(&self.keys, key);
        bytes
    }
}

/// `@@NAME@@` at the beginning of `text`, as somebody writes who expects it to be filled.
fn unknown_place(text: &[u8]) -> Option<String> {
    let behind = text.strip_prefix(b"@@")?;
    let behind = behind.get(..behind.len().min(PLACE_LEN_MAX + 2))?;
    let end = behind.windows(2).position(|two| two == b"@@")?;
    let name = behind.get(..end).filter(|name| !name.is_empty())?;
    let is_name = name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    is_name.then(|| format!("@@{}@@", String::from_utf8_lossy(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled_and_the_rest_is_as_it_was() {
        let check = |text: &str, expected: &str| {
            let template = Template::new(text.as_bytes()).unwrap();
            let filled = template.fill(&[b'i'; ID_LEN], &[b'k'; KEY_LEN]);
            assert_eq!(String::from_utf8(filled).unwrap(), expected);
            assert_eq!(template.len(), expected.len());
        };
        let (id, key) = ("i".repeat(ID_LEN), "k".repeat(KEY_LEN));
        check("<a/>", "<a/>");
        check("@@ID@@", &id);
        check("<a>@@ID@@</a><b>x@@KEY@@</b>@@ID@@", &format!("<a>{id}</a><b>x{key}</b>{id}"));
        check("ä@@@KEY@@@", &format!("ä@{key}@"));
        check("a@@b@@c @@ @@@@ @@ID@", "a@@b@@c @@ @@@@ @@ID@");
    }

    #[test]
    fn a_place_nobody_fills_is_named() {
        let error = Template::new(b"<a>@@NAME@@</a>").unwrap_err();
        assert!(error.contains("`@@NAME@@`") && error.contains("@@KEY@@"), "{error}");
    }
}
