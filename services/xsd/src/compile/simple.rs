//! Simple types, their patterns and the values that are there by themselves.

use super::{Compiler, Form, PatternRow};
use crate::{
    lanes::Vector,
    model::{Body, Preset as Given, SimpleType, TypeId},
    names::{NONE, TextSet},
    regex,
    simple::{self, Context, Kind, Simple, text::WhiteSpace},
    tables::{Content, Preset, Role},
};

impl Compiler<'_> {
    /// The number of the simple type `of`; of one never proven where it is none.
    pub(super) fn simple_of(&mut self, of: TypeId) -> u32 {
        if let Some(number) = self.simple.get(&of) {
            return *number;
        }
        // A type within itself is never proven.
        let unknown = self.add_simple(Simple::plain(Kind::Unknown, WhiteSpace::Preserve));
        self.simple.insert(of, unknown);
        let number = match self.schema.types.get(of.0 as usize).map(|declared| &declared.body) {
            Some(Body::Simple(simple)) => self.compile_simple(simple),
            _ => unknown,
        };
        self.simple.insert(of, number);
        number
    }

    pub(super) fn compile_simple(&mut self, model: &SimpleType) -> u32 {
        let parts: Vec<u32> = model.parts.iter().map(|part| self.simple_of(*part)).collect();
        let mut compiled = Simple::plain(model.kind, model.white_space);
        compiled.parts = parts;
        if let Err(reason) = self.facets(model, &mut compiled) {
            self.note(reason);
            compiled = Simple::plain(Kind::Unknown, WhiteSpace::Preserve);
        }
        self.add_simple(compiled)
    }

    pub(super) fn add_simple(&mut self, simple: Simple) -> u32 {
        let role = |part: &u32| self.tables.roles.get(*part as usize).copied();
        let role = match simple.kind {
            Kind::Id => Role::Id,
            Kind::IdRef => Role::Reference,
            Kind::List => simple.parts.first().and_then(role).unwrap_or(Role::None),
            _ => Role::None,
        };
        self.tables.simple.types.push(simple);
        self.tables.roles.push(role);
        u32::try_from(self.tables.simple.types.len() - 1).unwrap_or(NONE)
    }

    fn facets(&mut self, model: &SimpleType, to: &mut Simple) -> Result<(), &'static str> {
        let clamp = |value: u64| u32::try_from(value).unwrap_or(u32::MAX - 1);
        to.length_min = model.length_min.map_or(0, clamp);
        to.length_max = model.length_max.map_or(u32::MAX, clamp);
        to.digits_max = model.digits_max.unwrap_or(u32::MAX);
        to.fraction_digits_max = model.fraction_digits_max.unwrap_or(u32::MAX);
        to.bounds.clone_from(&model.bounds);
        self.check_kind(model, to)?;
        if !model.patterns.is_empty() {
            let (min, max, pattern) = self.pattern(&model.patterns).ok_or("pattern")?;
            (to.chars_min, to.chars_max, to.pattern) = (min, max, pattern);
        }
        if let Some(values) = &model.enumeration {
            // The literals of a list or a union are values of their parts, and not looked into here.
            if matches!(to.kind, Kind::QName | Kind::Unknown) {
                return Err("enumeration of qualified names");
            }
            let set = TextSet::new(values, &mut self.interner);
            self.tables.simple.enumerations.push(set);
            to.enumeration =
                u32::try_from(self.tables.simple.enumerations.len() - 1).unwrap_or(NONE);
        }
        let pattern = self.tables.simple.patterns.get(to.pattern as usize);
        let takes = to.pattern == NONE || pattern.is_some_and(regex::Dfa::takes_printable);
        to.takes_printable = to.kind == Kind::String && to.enumeration == NONE && takes;
        Ok(())
    }

    /// Whether facets mean what is done about them.
    fn check_kind(&self, model: &SimpleType, to: &Simple) -> Result<(), &'static str> {
        let role = |part: &u32| self.tables.roles.get(*part as usize).copied();
        let has_length = model.length_min.is_some() || model.length_max.is_some();
        let has_digits = model.digits_max.is_some() || model.fraction_digits_max.is_some();
        let has_parts = |role_max| to.parts.iter().all(|part| role(part) == Some(role_max));
        match to.kind {
            Kind::Unknown => return Err("simple type"),
            Kind::QName | Kind::Boolean if has_length => return Err("length of what has none"),
            Kind::Union if !has_parts(Role::None) => return Err("union of identities"),
            Kind::Union if has_length || to.parts.is_empty() => return Err("union with a length"),
            Kind::List if !has_parts(Role::None) && !has_parts(Role::Reference) => {
                return Err("list of identities");
            }
            _ => {}
        }
        if has_digits && !matches!(to.kind, Kind::Decimal | Kind::Integer) {
            return Err("digits of what has none");
        }
        let has_order =
            matches!(to.kind, Kind::Decimal | Kind::Integer | Kind::Float | Kind::Double)
                || (simple::form(to.kind).is_some() && to.kind != Kind::Time);
        if !to.bounds.is_empty() && !has_order {
            return Err("bounds of what has no order here");
        }
        Ok(())
    }

    fn pattern(&mut self, steps: &[Vec<String>]) -> Option<PatternRow> {
        if let Some(found) = self.patterns.get(steps) {
            return *found;
        }
        let made = self.make_pattern(steps);
        self.patterns.insert(steps.to_vec(), made);
        made
    }

    fn make_pattern(&mut self, steps: &[Vec<String>]) -> Option<PatternRow> {
        let pattern = regex::compile(steps, &mut self.limits.work_bytes_max).ok()?;
        let number = match pattern.dfa {
            None => NONE,
            Some(dfa) => {
                let left = self.limits.pattern_bytes_max.checked_sub(dfa.bytes())?;
                self.limits.pattern_bytes_max = left;
                self.tables.simple.patterns.push(dfa);
                u32::try_from(self.tables.simple.patterns.len() - 1).ok()?
            }
        };
        Some((pattern.chars_min, pattern.chars_max, number))
    }

    /// The value that an element or attribute has by itself, and whether it is one of its type.
    pub(super) fn preset(&mut self, given: &Given, form: Form) -> (Preset, u32) {
        let (value, sure, unsure) = match given {
            Given::None => return (Preset::None, NONE),
            Given::Default(value) => (value, Preset::Default, Preset::UnsureDefault),
            Given::Fixed(value) => (value, Preset::Fixed, Preset::UnsureFixed),
        };
        if form.content != Content::Simple {
            return (unsure, NONE);
        }
        let mut buffer = Vec::new();
        let names = self.interner.names();
        let is_bound = |_: &[u8]| false;
        let context = Context { types: &self.tables.simple, names, is_bound: &is_bound };
        let value = value.as_bytes();
        let is_proven = simple::check::<Vector>(context, form.simple, value, &mut buffer).is_ok();
        let white_space = self.tables.white_space(form.simple);
        let mut buffer = Vec::new();
        let normalised = simple::text::normalise(value, white_space, &mut buffer);
        let normalised = String::from_utf8(normalised.to_vec()).unwrap_or_default();
        self.tables.values.push(normalised);
        let number = u32::try_from(self.tables.values.len() - 1).unwrap_or(NONE);
        (if is_proven { sure } else { unsure }, number)
    }
}
