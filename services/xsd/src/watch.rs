//! Seeing what a document holds while it is judged, without reading it again.

/// Sees a document in its order while an acceptor walks over it. What it has seen is worth something
/// only once the verdict is [`Valid`](crate::Verdict::Valid): the walk ends without notice where
/// anything is not proven.
pub trait Watch {
    /// An element begins at byte `at`; prefix and namespace are empty where there are none.
    fn open(&mut self, prefix: &str, local: &str, namespace: &str, at: usize);

    /// The element that began last has an attribute, which is not the declaration of a namespace.
    fn attribute(&mut self, prefix: &str, local: &str, value: &str);

    /// Text of the innermost open element, with references resolved; it can come in pieces.
    fn text(&mut self, text: &str);

    /// The innermost open element ends.
    fn close(&mut self);
}

/// Whether anybody watches: where nobody does, nothing is done for it.
pub(crate) trait Watching {
    /// Whether somebody does.
    const IS_AWAKE: bool;

    /// Who.
    fn who(&mut self) -> Option<&mut dyn Watch>;
}

/// Nobody watches.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Watching for Nobody {
    const IS_AWAKE: bool = false;

    fn who(&mut self) -> Option<&mut dyn Watch> {
        None
    }
}

/// This one watches. Behind a pointer, so that the walk is compiled here, once, and not by each caller.
pub(crate) struct Somebody<'w>(pub(crate) &'w mut dyn Watch);

impl Watching for Somebody<'_> {
    const IS_AWAKE: bool = true;

    fn who(&mut self) -> Option<&mut dyn Watch> {
        Some(self.0)
    }
}
