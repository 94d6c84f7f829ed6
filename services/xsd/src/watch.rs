//! Seeing what a document holds while it is judged, without reading it again.

/// Sees a document in its order while an acceptor walks over it. What it has seen is worth something
/// only once the verdict is [`Valid`](crate::Verdict::Valid): the walk ends without notice where
/// anything is not proven.
pub trait Watch {
    /// Whether it looks at all: where it does not, nothing is done for it.
    const IS_AWAKE: bool = true;

    /// An element begins at byte `at`; prefix and namespace are empty where there are none.
    fn open(&mut self, prefix: &str, local: &str, namespace: &str, at: usize);

    /// The element that began last has an attribute, which is not the declaration of a namespace.
    fn attribute(&mut self, prefix: &str, local: &str, value: &str);

    /// Text of the innermost open element, with references resolved; it can come in pieces.
    fn text(&mut self, text: &str);

    /// The innermost open element ends.
    fn close(&mut self);
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Watch for Nobody {
    const IS_AWAKE: bool = false;

    fn open(&mut self, _: &str, _: &str, _: &str, _: usize) {}

    fn attribute(&mut self, _: &str, _: &str, _: &str) {}

    fn text(&mut self, _: &str) {}

    fn close(&mut self) {}
}
