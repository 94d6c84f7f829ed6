//! Which applications an endpoint gets.

use channels::codec;
use messaging::Authority;

use super::world::record_for;
use crate::Interest;

#[test]
fn an_authority_gets_what_is_for_it_and_what_is_for_it_besides() {
    let mut head = codec::decode_head(&record_for("svb:14730000", "a", "c", "d")).unwrap();
    head.further_authorities = vec![Authority::new("svb:15085000").unwrap()];
    let interest = |prefix: &str| Interest {
        domain: None,
        authority_prefix: prefix.to_owned(),
        message_types: Vec::new(),
        test: false,
    };
    for (prefix, expected) in [("svb:14730", true), ("svb:15085", true), ("svb:14626", false)] {
        assert_eq!(interest(prefix).matches(&head), expected, "{prefix}");
    }
}
