//! Attributes of types: their own, those of groups and those they inherit (XSD Part 1, §3.4.2).

use xsd_schema::{
    AttributeGroupKey, AttributeKey, NameId, TypeKey,
    arenas::{ComplexTypeDefData, ResolvedAttributeUse},
    parser::frames::{
        AttributeUseKind, AttributeUseResult, DerivationMethod, NamespaceToken, ProcessContents,
        WildcardNamespace, WildcardResult,
    },
};

use super::{Front, STEPS_MAX, preset};
use crate::model::{AttributeUse, Name, Namespaces, Process, Unknown, Wildcard};

/// Groups within groups.
const GROUPS_MAX: usize = 20;

/// An attribute as one level of derivation speaks of it.
struct Use {
    attribute: AttributeUse,
    is_prohibited: bool,
}

/// All that one level says.
#[derive(Default)]
struct Level {
    uses: Vec<Use>,
    prohibited: Vec<Name>,
    wildcards: Vec<Wildcard>,
}

impl Front<'_> {
    /// A global attribute; `None` where it is of no type that is known.
    pub(super) fn global_attribute(&self, key: AttributeKey) -> Option<AttributeUse> {
        let data = self.schemas.arenas.attributes.get(key)?;
        let of = match data.resolved_type {
            Some(key) => Some(self.type_id(key)?),
            None => None,
        };
        Some(AttributeUse {
            name: self.name(data.target_namespace, data.name?),
            of,
            is_required: false,
            preset: preset(data.default_value.as_ref(), data.fixed_value.as_ref()),
        })
    }

    /// The attributes of `data` and its wildcard for others.
    pub(super) fn attributes(
        &self,
        data: &ComplexTypeDefData,
    ) -> Result<(Vec<AttributeUse>, Option<Wildcard>), Unknown> {
        let (mut attributes, mut closed): (Vec<AttributeUse>, Vec<Name>) = (Vec::new(), Vec::new());
        let mut wildcard: Option<Wildcard> = None;
        let (mut level, mut may_inherit_wildcard) = (Some(data), true);
        for _ in 0..STEPS_MAX {
            let Some(data) = level else { return Ok((attributes, wildcard)) };
            let is_extension = data.derivation_method == Some(DerivationMethod::Extension);
            let own = self.level(data)?;
            if may_inherit_wildcard {
                wildcard = joined(wildcard, own.wildcards)?;
            }
            may_inherit_wildcard &= is_extension;
            let mut names = Vec::new();
            for taken in own.uses {
                names.push(taken.attribute.name.clone());
                if !closed.contains(&taken.attribute.name) {
                    attributes.push(taken.attribute);
                }
            }
            if !is_extension {
                names.extend(own.prohibited);
            }
            closed.extend(names);
            level = match data.resolved_base_type {
                Some(base) if self.schemas.is_any_type(base) => None,
                Some(TypeKey::Complex(base)) => self.schemas.arenas.complex_types.get(base),
                _ => None,
            };
        }
        Err("type derived too often")
    }

    /// What `data` says itself, and its groups.
    fn level(&self, data: &ComplexTypeDefData) -> Result<Level, Unknown> {
        let mut level = Level::default();
        for (number, written) in data.attributes.iter().enumerate() {
            let found = self.attribute_use(written, data.resolved_attributes.get(number))?;
            if found.is_prohibited {
                level.prohibited.push(found.attribute.name);
            } else {
                level.add(found);
            }
        }
        if let Some(wildcard) = &data.attribute_wildcard {
            level.wildcards.push(self.attribute_wildcard(wildcard, data.target_namespace)?);
        }
        for group in &data.resolved_attribute_groups {
            self.group(*group, &mut level, 0)?;
        }
        let names: Vec<Name> = level.uses.iter().map(|u| u.attribute.name.clone()).collect();
        level.prohibited.retain(|name| !names.contains(name));
        Ok(level)
    }

    fn group(
        &self,
        key: AttributeGroupKey,
        level: &mut Level,
        depth: usize,
    ) -> Result<(), Unknown> {
        let group = self.schemas.arenas.attribute_groups.get(key).ok_or("group is missing")?;
        if depth == GROUPS_MAX || group.redefine_original.is_some() {
            return Err("redefined attribute group");
        }
        if let Some(of) = group.resolved_ref {
            return self.group(of, level, depth + 1);
        }
        for (number, written) in group.attributes.iter().enumerate() {
            let found = self.attribute_use(written, group.resolved_attributes.get(number))?;
            if !found.is_prohibited {
                level.add(found);
            }
        }
        if let Some(wildcard) = &group.attribute_wildcard {
            level.wildcards.push(self.attribute_wildcard(wildcard, group.target_namespace)?);
        }
        group.resolved_attribute_groups.iter().try_for_each(|of| self.group(*of, level, depth + 1))
    }

    fn attribute_use(
        &self,
        written: &AttributeUseResult,
        resolved: Option<&ResolvedAttributeUse>,
    ) -> Result<Use, Unknown> {
        let own = &written.attribute;
        let global = resolved
            .and_then(|resolved| resolved.resolved_ref)
            .and_then(|key| self.schemas.arenas.attributes.get(key));
        let name = match (&own.ref_name, global) {
            (Some(_), Some(global)) => (global.target_namespace, global.name),
            (Some(of), None) => (of.namespace, Some(of.local_name)),
            (None, _) => {
                let (form, source) = (own.form.as_deref(), own.source.as_ref());
                let namespace = self.schemas.effective_local_attribute_namespace(
                    own.target_namespace,
                    form,
                    source,
                    None,
                );
                (namespace, own.name)
            }
        };
        let type_key = resolved
            .and_then(|resolved| resolved.resolved_type)
            .or_else(|| global.and_then(|global| global.resolved_type));
        let of = match type_key {
            Some(key) => Some(self.type_id(key).ok_or("attribute without type")?),
            None => None,
        };
        let fixed = own.fixed_value.as_ref().or(global.and_then(|g| g.fixed_value.as_ref()));
        let default = own.default_value.as_ref().or(global.and_then(|g| g.default_value.as_ref()));
        let attribute = AttributeUse {
            name: self.name(name.0, name.1.ok_or("attribute without name")?),
            of,
            is_required: written.use_kind == AttributeUseKind::Required,
            preset: preset(default, fixed),
        };
        Ok(Use { attribute, is_prohibited: written.use_kind == AttributeUseKind::Prohibited })
    }

    fn attribute_wildcard(
        &self,
        wildcard: &WildcardResult,
        target: Option<NameId>,
    ) -> Result<Wildcard, Unknown> {
        if !wildcard.not_namespace.is_empty() || !wildcard.not_qname.is_empty() {
            return Err("wildcard of XSD 1.1");
        }
        let token = |token: &NamespaceToken| self.namespace(token.resolve(target));
        let namespaces = match &wildcard.namespace {
            WildcardNamespace::Any => Namespaces::Any,
            WildcardNamespace::Other => {
                Namespaces::Not(vec![String::new(), self.namespace(target)])
            }
            WildcardNamespace::TargetNamespace => Namespaces::Only(vec![self.namespace(target)]),
            WildcardNamespace::Local => Namespaces::Only(vec![String::new()]),
            WildcardNamespace::List(tokens) => Namespaces::Only(tokens.iter().map(token).collect()),
        };
        let process = match wildcard.process_contents {
            ProcessContents::Strict => Process::Strict,
            ProcessContents::Lax => Process::Lax,
            ProcessContents::Skip => Process::Skip,
        };
        Ok(Wildcard { namespaces, process })
    }
}

impl Level {
    fn add(&mut self, found: Use) {
        if self.uses.iter().all(|other| other.attribute.name != found.attribute.name) {
            self.uses.push(found);
        }
    }
}

/// One wildcard of several, if they say the same: intersections and unions are not built here.
fn joined(one: Option<Wildcard>, more: Vec<Wildcard>) -> Result<Option<Wildcard>, Unknown> {
    more.into_iter().try_fold(one, |one, other| match one {
        Some(one) if one != other => Err("several wildcards of attributes"),
        _ => Ok(Some(other)),
    })
}
