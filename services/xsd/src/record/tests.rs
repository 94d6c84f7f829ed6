//! Texts in pieces, of elements with and without children, whether they are copied or not.

use super::*;

#[test]
fn text_that_comes_in_pieces_is_one_and_text_before_a_child_is_none() {
    let mut record = Record::default();
    let root = record.open(None, ("k", "antrag", "urn:k"), 0);
    record.attribute(root, "", "id", "1");
    record.text(root, "davor");
    let first = record.open(Some(root), ("", "anlage", ""), 10);
    record.attribute(first, "x", "art", "&");
    record.text(first, "ei");
    record.text(first, "ns");
    let second = record.open(Some(root), ("", "anlage", ""), 20);
    record.text(root, "danach");
    record.text(second, "zwei");
    assert_eq!([root, first, second].map(|node| record.text_of(node)), ["", "eins", "zwei"]);
    assert_eq!((record.first(root), record.next(first)), (Some(first), Some(second)));
    assert_eq!((record.name(first), record.offset(second)), (record.name(second), 20));
    assert_eq!((record.qualified_name(root), record.namespace(root)), ("k:antrag", "urn:k"));
    assert_eq!(record.attributes_of(root).collect::<Vec<_>>(), [("id", "id", "1")]);
    assert_eq!(record.attributes_of(first).collect::<Vec<_>>(), [("x:art", "art", "&")]);
    assert!(record.has_ampersand() && record.attributes_of(second).next().is_none());
}

#[test]
fn what_stands_in_the_document_is_not_copied_unless_more_follows() {
    let document = "<a>eins<!-- c -->zwei</a><b>drei</b>";
    let mut recorder = Recorder::of(document, Arc::default());
    let a = recorder.name(1, ("", "a", ""));
    assert_eq!((recorder.spelled(1), recorder.spelled(2)), (Some(a), None));
    recorder.open(a, 0);
    recorder.text((3, 7), None);
    assert!(recorder.wants_text() && recorder.record.own.is_empty());
    recorder.text((17, 21), None);
    recorder.text((0, 0), Some("&"));
    let b = recorder.name(2, ("", "b", ""));
    recorder.close();
    recorder.open(b, 25);
    recorder.text((28, 32), None);
    recorder.close();
    let record = recorder.release();
    assert_eq!(record.text_of(Node::of(0)), "einszwei&");
    assert_eq!((record.text_of(Node::of(1)), record.own.as_str()), ("drei", "einszwei&"));
}
