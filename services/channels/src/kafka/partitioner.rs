//! In which partition a key lies: as Java's producers have it, for the number of partitions that is
//! configured. A topic that was given more of them meanwhile changes nothing, as a case that went on in
//! another partition would be overtaken by itself.

const SEED: u32 = 0x9747_b28c;
const FACTOR: u32 = 0x5bd1_e995;

/// The partition of `key` among so many; 0 of none.
pub(super) fn partition_of(key: &[u8], partitions: u32) -> i32 {
    let place = (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0);
    i32::try_from(place).unwrap_or(0)
}

/// `MurmurHash2` by Austin Appleby, with the seed that Kafka's clients have.
fn murmur2(bytes: &[u8]) -> u32 {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ len;
    for word in words {
        let word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        let word = (word ^ (word >> 24)).wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ word;
    }
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that the tests of Kafka's own clients expect.
    #[test]
    fn a_key_has_the_hash_that_other_clients_give_it() {
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn a_partition_is_one_of_those_there_are() {
        for partitions in [0, 1, 3, 12, u32::MAX] {
            for key in 0..200_u8 {
                let place = partition_of(&[key], partitions);
                assert!(0 <= place && i64::from(place) < i64::from(partitions.max(1)), "{place}");
            }
        }
    }
}
