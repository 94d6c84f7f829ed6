//! Content models of complex types.

use xsd_schema::{
    ElementKey, NameId, TypeKey,
    arenas::ComplexTypeDefData,
    compiler::{
        AllGroupModel, ContentModelMatcher, MaxOccurs, NfaTable, NfaTerm, TransitionKind,
        compile_content_model_matcher,
    },
    parser::frames::{ComplexContentResult, DerivationMethod, SimpleContentDefResult},
    types::complex::{NamespaceConstraint, ProcessContents},
};

use super::{Front, STEPS_MAX};
use crate::model::{
    Automaton, AutomatonState, Content, Edge, ElementId, Model, Namespaces, Process, SimpleType,
    Term, Unknown, Wildcard,
};

/// What a complex type holds, before its model is compiled.
enum Form<'s> {
    Empty,
    Simple(&'s SimpleContentDefResult),
    Elements,
    Mixed,
}

impl<'s> Front<'s> {
    /// What `data` holds.
    pub(super) fn content(&mut self, data: &'s ComplexTypeDefData) -> Result<Content, Unknown> {
        match self.form(data)? {
            Form::Empty => Ok(Content::Empty),
            Form::Simple(_) => Ok(Content::Simple(Box::new(self.simple_content(data)?))),
            Form::Elements => Ok(Content::Elements(self.model(data)?)),
            Form::Mixed => Ok(Content::Mixed(self.model(data)?)),
        }
    }

    fn form(&self, mut data: &'s ComplexTypeDefData) -> Result<Form<'s>, Unknown> {
        for _ in 0..STEPS_MAX {
            let definition = match &data.content {
                ComplexContentResult::Empty if data.mixed => return Ok(Form::Mixed),
                ComplexContentResult::Empty => return Ok(Form::Empty),
                ComplexContentResult::Simple(definition) => return Ok(Form::Simple(definition)),
                ComplexContentResult::Complex(definition) => definition,
            };
            if data.mixed || definition.mixed {
                return Ok(Form::Mixed);
            }
            let is_empty = definition
                .particle
                .as_ref()
                .is_none_or(|particle| particle.min_occurs == 0 && particle.max_occurs == Some(0));
            if !is_empty {
                return Ok(Form::Elements);
            }
            // An extension by nothing has what its base has.
            let is_extension = data.derivation_method == Some(DerivationMethod::Extension);
            match data.resolved_base_type {
                Some(TypeKey::Complex(base)) if is_extension => {
                    let base = self.schemas.arenas.complex_types.get(base);
                    data = base.ok_or("type without definition")?;
                }
                _ => return Ok(Form::Empty),
            }
        }
        Err("type derived too often")
    }

    /// The value of a type with simple content: of a simple type, with the facets of every restriction
    /// on the way to it.
    fn simple_content(&self, data: &'s ComplexTypeDefData) -> Result<SimpleType, Unknown> {
        let (mut at, mut facets) = (data, Vec::new());
        for _ in 0..STEPS_MAX {
            let Form::Simple(definition) = self.form(at)? else {
                return Err("simple content of a type that has none");
            };
            facets.push(&definition.facets);
            if let Some(own) = at.resolved_simple_content_type {
                return match own {
                    TypeKey::Simple(key) => self.simple(key, &facets),
                    TypeKey::Complex(_) => Err("simple content of a complex type"),
                };
            }
            match at.resolved_base_type.ok_or("type without base")? {
                TypeKey::Simple(key) => return self.simple(key, &facets),
                TypeKey::Complex(base) => {
                    let base = self.schemas.arenas.complex_types.get(base);
                    at = base.ok_or("type without definition")?;
                }
            }
        }
        Err("type derived too often")
    }

    fn model(&mut self, data: &ComplexTypeDefData) -> Result<Model, Unknown> {
        let target = data.target_namespace;
        match compile_content_model_matcher(self.schemas, data) {
            Ok(ContentModelMatcher::Nfa(table)) => self.automaton(&table, target),
            Ok(ContentModelMatcher::AllGroup(group)) => self.all(&group, target),
            Ok(ContentModelMatcher::WithOpenContent { .. }) => Err("open content"),
            Err(_) => Err("content model that does not compile"),
        }
    }

    fn automaton(&mut self, table: &NfaTable, target: Option<NameId>) -> Result<Model, Unknown> {
        let mut states = Vec::new();
        for (number, state) in table.states.iter().enumerate() {
            if state.id as usize != number {
                return Err("content model of another order");
            }
            let term = match &state.term {
                Some(term) => Some(self.term(term, target)?),
                None => None,
            };
            let edges = state.transitions.iter().map(|to| (edge(to.kind), to.target)).collect();
            states.push(AutomatonState { term, edges });
        }
        let unlimited = u32::MAX;
        let counters = table.counter_defs.iter();
        let counters = counters.map(|c| (c.min, Some(c.max).filter(|max| *max != unlimited)));
        Ok(Model::Automaton(Automaton {
            states,
            begin: table.start_state,
            end: table.accept_state,
            counters: counters.collect(),
        }))
    }

    fn all(&mut self, group: &AllGroupModel, target: Option<NameId>) -> Result<Model, Unknown> {
        let mut terms = Vec::new();
        for particle in &group.particles {
            if particle.max_occurs == MaxOccurs::Bounded(0) {
                continue;
            }
            if particle.max_occurs != MaxOccurs::Bounded(1) || particle.term.is_wildcard() {
                return Err("`xs:all` of XSD 1.1");
            }
            terms.push((self.term(&particle.term, target)?, particle.min_occurs > 0));
        }
        if group.open_content.is_some() {
            return Err("open content");
        }
        Ok(Model::All { terms, is_optional: group.outer_optional })
    }

    fn term(&mut self, term: &NfaTerm, target: Option<NameId>) -> Result<Term, Unknown> {
        match term {
            NfaTerm::Element { name, namespace, element_key, resolved_type } => {
                let key = element_key.ok_or("element without declaration")?;
                self.elements_at(key, (*namespace, *name), *resolved_type).map(Term::Elements)
            }
            NfaTerm::Wildcard { namespace_constraint, process_contents, not_qnames } => {
                if !not_qnames.is_empty() {
                    return Err("wildcard of XSD 1.1");
                }
                let namespaces = self.namespaces(namespace_constraint, target);
                let process = match process_contents {
                    ProcessContents::Strict => Process::Strict,
                    ProcessContents::Lax => Process::Lax,
                    ProcessContents::Skip => Process::Skip,
                };
                Ok(Term::Any(Wildcard { namespaces, process }))
            }
        }
    }

    /// The declaration `key` and what may stand for it.
    fn elements_at(
        &mut self,
        key: ElementKey,
        name: (Option<NameId>, NameId),
        of: Option<TypeKey>,
    ) -> Result<Vec<ElementId>, Unknown> {
        let key = self.declaration(key);
        let mut names: Vec<_> = match self.substitutes.get(&key) {
            None => vec![name],
            Some(names) => names.iter().map(|(local, namespace)| (*namespace, *local)).collect(),
        };
        names.sort_by_key(|(namespace, local)| (namespace.map(|n| n.0), local.0));
        let mut elements = Vec::new();
        for other in names {
            if other == name {
                elements.push(self.element(key, of));
            } else {
                let member = self.schemas.lookup_element(other.0, other.1);
                elements.push(self.element(member.ok_or("substitute is missing")?, None));
            }
        }
        Ok(elements)
    }

    fn namespaces(&self, constraint: &NamespaceConstraint, target: Option<NameId>) -> Namespaces {
        let all = |list: &[Option<NameId>]| list.iter().map(|name| self.namespace(*name)).collect();
        match constraint {
            NamespaceConstraint::Any => Namespaces::Any,
            NamespaceConstraint::Other => {
                Namespaces::Not(vec![String::new(), self.namespace(target)])
            }
            NamespaceConstraint::TargetNamespace => Namespaces::Only(vec![self.namespace(target)]),
            NamespaceConstraint::Local => Namespaces::Only(vec![String::new()]),
            NamespaceConstraint::List(list) => Namespaces::Only(all(list)),
            NamespaceConstraint::Not(list) => Namespaces::Not(all(list)),
        }
    }
}

fn edge(kind: TransitionKind) -> Edge {
    match kind {
        TransitionKind::Epsilon => Edge::Free,
        TransitionKind::Consume => Edge::Read,
        TransitionKind::CounterReset(counter) => Edge::Reset(counter),
        TransitionKind::CounterIncrement(counter) => Edge::Increment(counter),
        TransitionKind::CounterMaxGuard(counter) => Edge::BelowMax(counter),
        TransitionKind::CounterMinGuard(counter) => Edge::AtLeastMin(counter),
    }
}
