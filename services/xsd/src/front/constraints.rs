//! Identity constraints and the paths they are written with (XSD Part 1, §3.11.6).

use xsd_schema::{
    IdentityConstraintKey,
    arenas::ElementDeclData,
    namespace::context::NamespaceContextSnapshot,
    parser::frames::{IdentityKind, QNameRef},
};

use super::Front;
use crate::model::{Constraint, ConstraintKind, Name, Path, Step};

impl Front<'_> {
    /// The constraints of an element; `None` where one is not understood.
    pub(super) fn constraints(&self, data: &ElementDeclData) -> Option<Vec<Constraint>> {
        let keys = &data.identity_constraints;
        keys.iter().map(|key| self.constraint(*key, keys)).collect()
    }

    fn constraint(
        &self,
        key: IdentityConstraintKey,
        of: &[IdentityConstraintKey],
    ) -> Option<Constraint> {
        let data = self.schemas.arenas.identity_constraints.get(key)?;
        if data.ref_name.is_some() {
            return None;
        }
        let kind = match data.kind {
            IdentityKind::Key => ConstraintKind::Key,
            IdentityKind::Unique => ConstraintKind::Unique,
            // Keys of elements below would do too, and are not followed here.
            IdentityKind::Keyref => {
                let place =
                    of.iter().position(|other| self.is_called(*other, data.refer.as_ref()))?;
                ConstraintKind::Reference(u32::try_from(place).ok()?)
            }
        };
        let selector = self.paths(&data.selector.xpath, &data.selector.ns_snapshot)?;
        if selector.iter().any(|path| path.attribute.is_some()) {
            return None;
        }
        let fields = data.fields.iter().map(|field| self.paths(&field.xpath, &field.ns_snapshot));
        Some(Constraint { kind, selector, fields: fields.collect::<Option<_>>()? })
    }

    /// Whether a key or unique has the name that a reference names. Names of constraints are one to a
    /// schema, so the local name and another kind tell enough.
    fn is_called(&self, key: IdentityConstraintKey, refer: Option<&QNameRef>) -> bool {
        let (Some(data), Some(refer)) = (self.schemas.arenas.identity_constraints.get(key), refer)
        else {
            return false;
        };
        data.kind != IdentityKind::Keyref && data.name == refer.local_name
    }

    fn paths(&self, text: &str, names: &NamespaceContextSnapshot) -> Option<Vec<Path>> {
        text.split('|').map(|path| self.path(path.trim(), names)).collect()
    }

    fn path(&self, text: &str, names: &NamespaceContextSnapshot) -> Option<Path> {
        let rest = text.strip_prefix(".//");
        let mut path = Path { is_anywhere: rest.is_some(), steps: Vec::new(), attribute: None };
        for step in rest.unwrap_or(text).split('/').map(str::trim) {
            if path.attribute.is_some() {
                return None;
            }
            if step == "." {
                continue;
            }
            let attribute = step.strip_prefix('@').or_else(|| step.strip_prefix("attribute::"));
            match attribute {
                Some(name) => path.attribute = Some(self.step(name.trim(), names)?),
                None => {
                    let name = step.strip_prefix("child::").unwrap_or(step);
                    path.steps.push(self.step(name.trim(), names)?);
                }
            }
        }
        // `.//.` selects what stands nowhere else.
        if path.is_anywhere && path.steps.is_empty() { None } else { Some(path) }
    }

    fn step(&self, text: &str, names: &NamespaceContextSnapshot) -> Option<Step> {
        if text == "*" {
            return Some(Step::Any);
        }
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        let is_name = |name: &str| crate::simple::text::is_ncname(name.as_bytes());
        let namespace = match prefix {
            // Names without prefix are of no namespace, whatever the default is.
            "" => String::new(),
            prefix => {
                let bindings = names.bindings.iter();
                let found = bindings.rev().find(|(name, _)| self.text(*name) == prefix)?;
                self.text(found.1)
            }
        };
        match local {
            "*" => Some(Step::AnyOf(namespace)),
            local if is_name(local) => {
                Some(Step::Name(Name { namespace, local: local.to_owned() }))
            }
            _ => None,
        }
    }
}
