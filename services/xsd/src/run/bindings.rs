//! Which prefix stands for which namespace.

use crate::{
    names::Key,
    tables::{INSTANCE, NO_NAMESPACE, Tables, XML},
    verdict::{Doubted, Reason},
};

/// Bytes of a prefix: as many as a key holds.
pub(super) const PREFIX_BYTES_MAX: usize = 16;

/// Sets of bindings that are known again.
const SCOPES_MAX: usize = 64;

/// The scope before the root, where only `xml` is bound.
const OUTERMOST: u64 = 0;

/// A prefix and its namespace. Where its URI stands tells namespaces apart that the schema never names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    prefix: Key,
    pub(super) namespace: u16,
    pub(super) uri: (u32, u32),
}

/// All that are in scope, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    list: Vec<Binding>,
    scopes: Vec<Scope>,
    /// The number of the next scope; no number is given twice.
    next: u64,
    /// The scope now.
    pub(super) scope: u64,
}

/// What an element declares within another scope. Equal numbers mean equal bindings, in this document
/// and in others: so a name as written means the same in both.
#[derive(Debug)]
struct Scope {
    number: u64,
    around: u64,
    declared: Vec<(Key, u16)>,
}

impl Bindings {
    pub(super) fn forget(&mut self) {
        self.list.clear();
        let builtin =
            |prefix: &[u8], namespace| Binding { prefix: Key::of(prefix), namespace, uri: (0, 0) };
        self.list.push(builtin(b"", NO_NAMESPACE));
        self.list.push(builtin(b"xml", XML));
        self.scope = OUTERMOST;
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Binds what `xmlns` or `xmlns:prefix` says; `mark` is where the bindings of its element begin.
    pub(super) fn bind(
        &mut self,
        prefix: &[u8],
        uri: (u32, &[u8]),
        mark: usize,
        tables: &Tables,
    ) -> Doubted<()> {
        let (at, uri) = uri;
        let is_reserved = prefix == b"xml" || prefix == b"xmlns";
        // A prefix cannot be taken back in this version of namespaces.
        if prefix.len() > PREFIX_BYTES_MAX || is_reserved || (!prefix.is_empty() && uri.is_empty())
        {
            return Err(Reason::Namespace);
        }
        let namespace = if uri.is_empty() { NO_NAMESPACE } else { tables.namespace(uri) };
        if namespace == XML || uri == b"http://www.w3.org/2000/xmlns/" {
            return Err(Reason::Namespace);
        }
        // `xsi:type` always has a prefix.
        if namespace == INSTANCE && prefix.is_empty() {
            return Err(Reason::Namespace);
        }
        let prefix = Key::of(prefix);
        if self.list.iter().skip(mark).any(|other| other.prefix == prefix) {
            return Err(Reason::AttributeTwice);
        }
        let length = u32::try_from(uri.len()).unwrap_or(u32::MAX);
        self.list.push(Binding { prefix, namespace, uri: (at, length) });
        Ok(())
    }

    /// Enters the scope of an element whose bindings begin at `mark`.
    pub(super) fn enter(&mut self, mark: usize) {
        let declared =
            self.list.iter().skip(mark).map(|binding| (binding.prefix, binding.namespace));
        let around = self.scope;
        let known = self.scopes.iter().find(|scope| {
            scope.around == around && declared.clone().eq(scope.declared.iter().copied())
        });
        if let Some(scope) = known {
            self.scope = scope.number;
            return;
        }
        if self.scopes.len() == SCOPES_MAX {
            self.scopes.clear();
        }
        self.next += 1;
        self.scope = self.next;
        let declared = declared.collect();
        self.scopes.push(Scope { number: self.next, around, declared });
    }

    /// Leaves it, back to `mark` and `scope`.
    pub(super) fn leave(&mut self, mark: usize, scope: u64) {
        self.list.truncate(mark);
        self.scope = scope;
    }

    /// What `prefix` is bound to.
    #[inline(always)]
    pub(super) fn resolve(&self, prefix: &[u8]) -> Doubted<Binding> {
        if prefix.len() > PREFIX_BYTES_MAX {
            return Err(Reason::Namespace);
        }
        let key = Key::of(prefix);
        let found = self.list.iter().rev().find(|binding| binding.prefix == key);
        found.copied().ok_or(Reason::Namespace)
    }
}
