//! Names of one run: ids of messages, which tell their number, and keys of cases. Another run has
//! others, so that nothing is a repetition, and no case has a past.

use uuid::Uuid;

/// Characters of an id.
pub(super) const ID_LEN: usize = 36;
/// Characters of a case's key.
pub(super) const KEY_LEN: usize = 8;
/// Characters of an id that are the run's: all but variant and number.
const RUN_LEN: usize = 18;

/// The names of one run.
#[derive(Clone, Debug)]
pub(super) struct Names {
    id: [u8; 16],
    run: String,
    first_key: u32,
}

impl Names {
    /// `chance` is a random UUID.
    pub(super) fn new(chance: Uuid) -> Self {
        let [a, b, c, d, e, f, g, h, .., k, l, m, n] = *chance.as_bytes();
        let id = [a, b, c, d, e, f, g, h, 0x80, 0, 0, 0, 0, 0, 0, 0];
        let id = *uuid::Builder::from_random_bytes(id).as_uuid().as_bytes();
        let text = Uuid::from_bytes(id).hyphenated().to_string();
        let run = text.chars().take(RUN_LEN).collect();
        Self { id, run, first_key: u32::from_be_bytes([k, l, m, n]) }
    }

    /// The own id of message `number`: a UUID of version 4.
    pub(super) fn id(&self, number: u32) -> [u8; ID_LEN] {
        let mut id = u128::from_be_bytes(self.id);
        id |= u128::from(number);
        let mut text = [0; ID_LEN];
        Uuid::from_u128(id).hyphenated().encode_lower(&mut text);
        text
    }

    /// Which message an own id names, if it is one of this run. It may be a part of a longer text.
    pub(super) fn number(&self, own_id: &str) -> Option<u32> {
        let (_, rest) = own_id.split_once(&self.run)?;
        let last = rest.get(ID_LEN - RUN_LEN - KEY_LEN..ID_LEN - RUN_LEN)?;
        u32::from_str_radix(last, 16).ok()
    }

    /// The key of a case: hexadecimal digits.
    pub(super) fn key(&self, case: u32) -> [u8; KEY_LEN] {
        let key = self.first_key.wrapping_add(case);
        let mut text = [0; KEY_LEN];
        for (digit, place) in text.iter_mut().rev().enumerate() {
            let value = key >> (4 * digit) & 0xf;
            *place = u8::try_from(char::from_digit(value, 16).unwrap_or('0')).unwrap_or(b'0');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_number_to_its_own_run_alone() {
        let (run, other) = (Names::new(Uuid::new_v4()), Names::new(Uuid::new_v4()));
        for number in [0, 1, 65_535, u32::MAX] {
            let id = String::from_utf8(run.id(number).to_vec()).unwrap();
            assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 4, "{id}");
            assert_eq!(run.number(&id), Some(number), "{id}");
            assert_eq!(run.number(&format!("KFZ-{id}/1")), Some(number));
            assert_eq!(other.number(&id), None, "{id}");
        }
        assert_eq!(run.number("kfz1"), None);
        assert_eq!(run.number(&run.run), None, "cut off");
    }

    #[test]
    fn cases_have_different_keys() {
        let run = Names::new(Uuid::from_u128(u128::MAX));
        let keys: std::collections::BTreeSet<_> = (0..1_000).map(|case| run.key(case)).collect();
        assert_eq!(keys.len(), 1_000);
        assert_eq!(&run.key(0), b"ffffffff");
        assert_eq!(&run.key(17), b"00000010");
    }
}
