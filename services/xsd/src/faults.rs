//! Faults that tests plant in the acceptor, to see that they would be found. Outside of this crate's
//! unit tests there are none.

/// What can be made wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An element that is missing at the end of its parent is not missed.
    EndNotChecked,
    /// An element that may come first may come at any place.
    OrderUnchecked,
    /// One character more than allowed.
    LengthOffByOne,
    /// `maxInclusive` is no bound.
    BoundIgnored,
    /// References to ids lead anywhere.
    ReferenceUnchecked,
    /// Ids come twice.
    IdTwice,
    /// A name as written is taken for the same name under other namespaces.
    GuessWithoutBindings,
    /// `xs:key` and `xs:unique` are not looked at.
    KeyUnchecked,
    /// `xs:keyref` is not looked at.
    KeyReferenceUnchecked,
    /// White space stays as it is.
    WhiteSpaceKept,
    /// Attributes that must be there need not.
    RequiredUnchecked,
    /// Other values than the fixed one pass.
    FixedUnchecked,
    /// Anything may be `xsi:nil`.
    NilUnchecked,
    /// Types that only stand for others are used themselves.
    AbstractUnchecked,
    /// Wildcards take every namespace.
    WildcardOpen,
    /// End tags of any name of the same length.
    EndTagUnchecked,
    /// References to characters that XML does not have.
    CharacterReferenceUnchecked,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Whether `fault` is planted on this thread.
#[cfg(test)]
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Never.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn is_planted(_: Fault) -> bool {
    false
}

/// Does `act` with `fault` planted.
#[cfg(test)]
pub(crate) fn with<T>(fault: Option<Fault>, act: impl FnOnce() -> T) -> T {
    PLANTED.set(fault);
    let made = act();
    PLANTED.set(None);
    made
}
