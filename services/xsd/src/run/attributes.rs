//! Attributes: read, then told apart, then judged.

use super::{
    Run, Text,
    open::{Tag, split},
};
use crate::{
    faults::{Fault, is_planted},
    lanes::Lanes,
    model::Process,
    names::Key,
    record::Listening,
    simple::text::{is_ncname, trim, words},
    simple::uri,
    tables::{Attribute, Element, FOREIGN, INSTANCE, NO_NAMESPACE},
    tokenizer::{
        self, Stretch,
        decode::{Place, decode},
    },
    verdict::{Doubted, Reason},
};

/// An attribute as it stands in the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute {
    name: u32,
    /// Behind its prefix and colon.
    local: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
    is_plain: bool,
    has_markup: bool,
    /// Once it is known.
    namespace: u16,
    uri: (u32, u32),
}

impl RawAttribute {
    /// Where its name begins, where it does without prefix, and where it ends.
    pub(super) fn name(&self) -> (usize, usize, usize) {
        (self.name as usize, self.local as usize, self.name_end as usize)
    }

    pub(super) fn text(&self) -> Text {
        Text {
            from: self.value as usize,
            end: self.value_end as usize,
            is_plain: self.is_plain,
            has_markup: self.has_markup,
        }
    }
}

/// What the attributes of `xsi` say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instance {
    pub(super) element: u32,
    pub(super) is_nil: bool,
}

impl<'r, L: Lanes, R: Listening> Run<'r, L, R> {
    /// Reads what stands behind a name up to the end of its tag. Declarations of namespaces are bound.
    #[inline(never)]
    pub(super) fn read_attributes(&mut self, from: usize) -> Doubted<Tag> {
        self.memory.attributes.clear();
        let (mark, mut at) = (self.memory.bindings.len(), from);
        loop {
            let before = at;
            at = tokenizer::skip_little_space(self.input, at);
            match self.input.get(at).ok_or(Reason::End)? {
                b'>' => return Ok(Tag { end: at + 1, is_closed: false }),
                b'/' if self.input.get(at + 1) == Some(&b'>') => {
                    return Ok(Tag { end: at + 2, is_closed: true });
                }
                b'/' => return Err(Reason::Syntax),
                _ if before == at => return Err(Reason::Syntax),
                _ => at = self.read_attribute(at, mark)?,
            }
            self.count(1)?;
            if self.memory.bindings.len() > self.memory.limits.namespaces_max {
                return Err(Reason::Size);
            }
            let declared = self.memory.bindings.len() - mark;
            if self.memory.attributes.len().max(declared) > self.memory.limits.attributes_max {
                return Err(Reason::Size);
            }
        }
    }

    #[inline(always)]
    fn read_attribute(&mut self, at: usize, mark: usize) -> Doubted<usize> {
        let name = tokenizer::name::<L>(self.input, at, b'=');
        if name.end == at || name.end - at > self.memory.limits.name_bytes_max {
            return Err(if name.end == at { Reason::Syntax } else { Reason::Size });
        }
        let equals = self.expect(name.end, |byte| byte == b'=')?;
        let quote_at = self.expect(equals + 1, |byte| byte == b'"' || byte == b'\'')?;
        let quote = *self.input.get(quote_at).ok_or(Reason::End)?;
        let from = quote_at + 1;
        let value = tokenizer::quoted::<L>(self.input, from, quote).ok_or(Reason::End)?;
        let raw = self.input.get(from..value.end).unwrap_or_default();
        if raw.len() > self.memory.limits.attribute_bytes_max {
            return Err(Reason::Size);
        }
        if value.has_markup && raw.contains(&b'<') {
            return Err(Reason::Syntax);
        }
        let written = self.input.get(at..name.end).unwrap_or_default();
        match written.strip_prefix(b"xmlns") {
            Some(rest) if rest.is_empty() || rest.starts_with(b":") => {
                self.bind(rest, from, value, mark)?;
            }
            _ => self.keep(at, name, from, value)?,
        }
        Ok(value.end + 1)
    }

    /// The place of a byte for which `holds`, here or behind white space.
    #[inline(always)]
    fn expect(&self, at: usize, holds: impl Fn(u8) -> bool) -> Doubted<usize> {
        if self.input.get(at).is_some_and(|byte| holds(*byte)) {
            return Ok(at);
        }
        let at = tokenizer::skip_little_space(self.input, at);
        match self.input.get(at) {
            Some(byte) if holds(*byte) => Ok(at),
            Some(_) => Err(Reason::Syntax),
            None => Err(Reason::End),
        }
    }

    /// `rest` is what stands behind `xmlns` in the name.
    fn bind(&mut self, rest: &[u8], from: usize, value: Stretch, mark: usize) -> Doubted<()> {
        let prefix = rest.strip_prefix(b":").unwrap_or_default();
        let is_name = rest.is_empty() || is_ncname(prefix);
        if !is_name || value.has_markup || !value.is_plain {
            return Err(Reason::Namespace);
        }
        let uri = self.input.get(from..value.end).unwrap_or_default();
        if uri.len() > self.memory.limits.name_bytes_max {
            return Err(Reason::Size);
        }
        let at = u32::try_from(from).map_err(|_| Reason::Size)?;
        self.memory.bindings.bind(prefix, (at, uri), mark, self.tables)
    }

    #[inline(always)]
    fn keep(
        &mut self,
        at: usize,
        name: tokenizer::RawName,
        from: usize,
        value: Stretch,
    ) -> Doubted<()> {
        let place = |at: usize| u32::try_from(at).map_err(|_| Reason::Size);
        let attribute = RawAttribute {
            name: place(at)?,
            local: place(name.colon.map_or(at, |colon| colon + 1))?,
            name_end: place(name.end)?,
            value: place(from)?,
            value_end: place(value.end)?,
            is_plain: value.is_plain,
            has_markup: value.has_markup,
            namespace: NO_NAMESPACE,
            uri: (0, 0),
        };
        self.memory.attributes.push(attribute);
        Ok(())
    }

    fn slice(&self, from: u32, to: u32) -> &[u8] {
        self.input.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Resolves the names of all attributes, and does what those of `xsi` say about `element`.
    pub(super) fn instance_attributes(&mut self, element: u32) -> Doubted<Instance> {
        let mut instance = Instance { element, is_nil: false };
        let mut type_at = None;
        for number in 0..self.memory.attributes.len() {
            let Some(attribute) = self.memory.attributes.get(number).copied() else { break };
            if attribute.local == attribute.name {
                continue;
            }
            let prefix = self.slice(attribute.name, attribute.local.saturating_sub(1));
            if prefix.is_empty() {
                return Err(Reason::Syntax);
            }
            let binding = self.memory.bindings.resolve(prefix)?;
            if let Some(place) = self.memory.attributes.get_mut(number) {
                (place.namespace, place.uri) = (binding.namespace, binding.uri);
            }
            let is_type = self.slice(attribute.local, attribute.name_end) == b"type";
            if binding.namespace == INSTANCE && is_type {
                if type_at.is_some() {
                    return Err(Reason::AttributeTwice);
                }
                type_at = Some(attribute);
            }
        }
        // What is not judged is not told what it is, either.
        if element == self.tables.skipped {
            return Ok(instance);
        }
        if let Some(attribute) = type_at {
            instance.element = self.override_type(element, attribute)?;
        }
        self.other_instance_attributes(&mut instance)?;
        Ok(instance)
    }

    /// The element that `xsi:type` makes of `element`.
    fn override_type(&self, element: u32, attribute: RawAttribute) -> Doubted<u32> {
        self.named_type(element, trim(&self.meant(attribute.text(), Place::Attribute)?))
    }

    /// The attribute that is number `number` of its element.
    pub(super) fn raw_attribute(&self, number: usize) -> Option<RawAttribute> {
        self.memory.attributes.get(number).copied()
    }

    fn named_type(&self, element: u32, name: &[u8]) -> Doubted<u32> {
        let (prefix, local) = split(name);
        let namespace = self.memory.bindings.resolve(prefix)?.namespace;
        let list = self.tables.element(element)?.overrides;
        let list = self.tables.overrides.get(list as usize).ok_or(Reason::TypeOverride)?;
        let key = Key::of(local);
        let is_it = |known: &&crate::tables::Override| {
            known.namespace == namespace
                && known.key == key
                && self.tables.names.is(known.name, local)
        };
        Ok(list.iter().find(is_it).ok_or(Reason::TypeOverride)?.element)
    }

    fn other_instance_attributes(&self, instance: &mut Instance) -> Doubted<()> {
        let mut seen = 0_u8;
        let of_instance = self.memory.attributes.iter().filter(|a| a.namespace == INSTANCE);
        for attribute in of_instance {
            let value = &*self.meant(attribute.text(), Place::Attribute)?;
            let bit = match self.slice(attribute.local, attribute.name_end) {
                b"type" => continue,
                b"nil" => {
                    let is_nillable = self.tables.element(instance.element)?.is_nillable;
                    if !is_nillable && !is_planted(Fault::NilUnchecked) {
                        return Err(Reason::Nil);
                    }
                    instance.is_nil = match trim(value) {
                        b"true" | b"1" => true,
                        b"false" | b"0" => false,
                        _ => return Err(Reason::Nil),
                    };
                    1
                }
                b"schemaLocation" => {
                    self.check_locations(value, 2)?;
                    2
                }
                b"noNamespaceSchemaLocation" => {
                    self.check_locations(value, 1)?;
                    4
                }
                _ => return Err(Reason::Attribute),
            };
            if seen & bit != 0 {
                return Err(Reason::AttributeTwice);
            }
            seen |= bit;
        }
        Ok(())
    }

    /// Hints where schemas lie: nobody follows them, and they stand at the root.
    fn check_locations(&self, value: &[u8], group: usize) -> Doubted<()> {
        let count = words(value).count();
        let is_list = count > 0 && count.is_multiple_of(group) && (group == 2 || count == 1);
        let is_root = self.memory.stack.is_empty();
        let are_uris = words(value).all(|word| uri::any_uri(word).is_ok());
        if is_root && is_list && are_uris { Ok(()) } else { Err(Reason::SchemaLocation) }
    }

    /// Judges what is not of `xsi`; the element is the current one already.
    pub(super) fn check_attributes(&mut self, element: &Element) -> Doubted<()> {
        let declared = self.tables.attributes_of(element);
        self.memory.wild.clear();
        let is_skipped = self.current.element == self.tables.skipped;
        let mut seen = 0_u64;
        for number in 0..self.memory.attributes.len() {
            let Some(attribute) = self.memory.attributes.get(number).copied() else { break };
            if attribute.namespace == INSTANCE && !is_skipped {
                continue;
            }
            match self.find(declared, &attribute) {
                Some(bit) => {
                    if seen >> bit & 1 == 1 {
                        return Err(Reason::AttributeTwice);
                    }
                    seen |= 1 << bit;
                    let declared = declared.get(bit).ok_or(Reason::Tables)?;
                    self.check_attribute(declared, &attribute)?;
                }
                None => self.by_attribute_wildcard(element, &attribute)?,
            }
        }
        if seen & element.required != element.required && !is_planted(Fault::RequiredUnchecked) {
            return Err(Reason::AttributeMissing);
        }
        if self.current.is_watched {
            let missing = declared.iter().enumerate().filter(|(bit, _)| seen >> bit & 1 == 0);
            for (_, attribute) in missing {
                let name = (attribute.namespace, attribute.name);
                self.memory.scopes.absent(self.tables, name, attribute.preset)?;
            }
        }
        Ok(())
    }

    /// Which of `declared` it is.
    #[inline(always)]
    fn find(&self, declared: &[Attribute], attribute: &RawAttribute) -> Option<usize> {
        let local = self.slice(attribute.local, attribute.name_end);
        let key = Key::of(local);
        declared.iter().position(|known| {
            known.key == key
                && known.namespace == attribute.namespace
                && self.tables.names.is(known.name, local)
        })
    }

    fn check_attribute(&mut self, declared: &Attribute, attribute: &RawAttribute) -> Doubted<()> {
        self.attribute_value(declared, attribute.text()).map_err(|reason| match reason {
            Reason::Value => Reason::AttributeValue,
            reason => reason,
        })
    }

    #[cold]
    fn by_attribute_wildcard(
        &mut self,
        element: &Element,
        attribute: &RawAttribute,
    ) -> Doubted<()> {
        let tables = self.tables;
        let wildcard = tables.wildcards.get(element.any_attribute as usize);
        let wildcard = wildcard.ok_or(Reason::Attribute)?;
        if !wildcard.takes(attribute.namespace) && !is_planted(Fault::WildcardOpen) {
            return Err(Reason::Attribute);
        }
        let local = self.slice(attribute.local, attribute.name_end);
        if !is_ncname(local) {
            return Err(Reason::Syntax);
        }
        let is_same = |other: &&RawAttribute| {
            let (one, two) = (other.uri, attribute.uri);
            let is_namespace = other.namespace == attribute.namespace
                && (attribute.namespace != FOREIGN
                    || self.slice(one.0, one.0 + one.1) == self.slice(two.0, two.0 + two.1));
            is_namespace && self.slice(other.local, other.name_end) == local
        };
        if self.memory.wild.iter().any(|other| is_same(&other)) {
            return Err(Reason::AttributeTwice);
        }
        let declared = self.find(&tables.global_attributes, attribute);
        self.memory.wild.push(*attribute);
        match (wildcard.process, declared.and_then(|at| tables.global_attributes.get(at))) {
            (Process::Skip, _) | (Process::Lax, None) => {
                let value = self.slice(attribute.value, attribute.value_end);
                self.check_unjudged(value)
            }
            (_, Some(declared)) => self.check_attribute(declared, attribute),
            (Process::Strict, None) => Err(Reason::Attribute),
        }
    }

    /// Of what is not judged, the characters must still be right.
    fn check_unjudged(&self, value: &[u8]) -> Doubted<()> {
        decode::<L>(value, Place::Attribute, &mut Vec::new())
    }
}
