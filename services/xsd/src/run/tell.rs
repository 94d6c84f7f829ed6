//! What the walk tells those who listen.

use std::borrow::Cow;

use super::{Run, Text, open::split};
use crate::{
    lanes::Lanes,
    record::Listening,
    tables::XML,
    tokenizer::decode::{Place, decode, lines, must_be_decoded},
    verdict::{Doubted, Reason},
};

impl<'r, L: Lanes, R: Listening> Run<'r, L, R> {
    /// Counts parts of the document: elements, attributes, stretches of text and all else.
    #[inline(always)]
    pub(super) fn count(&mut self, parts: usize) -> Doubted<()> {
        self.parts += parts;
        if self.parts > self.memory.limits.parts_max { Err(Reason::Size) } else { Ok(()) }
    }

    /// An element whose name, `spelling`, lies between `at` and `end`.
    #[inline(always)]
    pub(super) fn tell_element(&mut self, at: usize, end: usize, spelling: u32) -> Doubted<()> {
        let name = match self.listener.spelled(spelling) {
            Some(name) => name,
            None => self.tell_name(at, end, spelling)?,
        };
        self.listener.open(name, at - 1);
        Ok(())
    }

    #[cold]
    fn tell_name(&mut self, at: usize, end: usize, spelling: u32) -> Doubted<u32> {
        let input = self.input;
        let (prefix, local) = split(input.get(at..end).unwrap_or_default());
        let binding = self.memory.bindings.resolve(prefix)?;
        let (from, length) = binding.uri;
        let namespace = match binding.namespace {
            XML => "http://www.w3.org/XML/1998/namespace",
            _ => utf8(input.get(from as usize..(from + length) as usize).unwrap_or_default())?,
        };
        Ok(self.listener.name(spelling, (utf8(prefix)?, utf8(local)?, namespace)))
    }

    /// The attributes of the element told last.
    pub(super) fn tell_attributes(&mut self) -> Doubted<()> {
        for number in 0..self.memory.attributes.len() {
            let Some(attribute) = self.raw_attribute(number) else { break };
            let (name, text) = (attribute.name(), attribute.text());
            let value = self.meant(text, Place::Attribute)?;
            let other = match &value {
                Cow::Borrowed(_) => None,
                Cow::Owned(value) => Some(utf8(value)?),
            };
            self.listener.attribute(name, (text.from, text.end), other);
        }
        Ok(())
    }

    /// A stretch of text.
    #[inline(always)]
    pub(super) fn tell_text(&mut self, text: Text) -> Doubted<()> {
        if !self.listener.wants_text() {
            return Ok(());
        }
        if text.is_plain && !text.has_markup {
            self.listener.text((text.from, text.end), None);
            return Ok(());
        }
        let place = (text.from, text.end);
        let other = match &self.meant(text, Place::Content)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(value) => Some(utf8(value)?.to_owned()),
        };
        self.listener.text(place, other.as_deref());
        Ok(())
    }

    /// A section of CDATA. What is in it is not what it would be outside, so it is never as it is.
    pub(super) fn tell_cdata(&mut self, section: &[u8]) -> Doubted<()> {
        let mut text = Vec::new();
        lines(section, &mut text);
        self.listener.text((0, 0), Some(utf8(&text)?));
        Ok(())
    }

    /// What the bytes of `text` mean.
    pub(super) fn meant(&self, text: Text, place: Place) -> Doubted<Cow<'r, [u8]>> {
        let raw = self.input.get(text.from..text.end).unwrap_or_default();
        if (text.is_plain && !text.has_markup) || !must_be_decoded(raw, place) {
            return Ok(Cow::Borrowed(raw));
        }
        let mut decoded = Vec::new();
        decode::<L>(raw, place, &mut decoded)?;
        Ok(Cow::Owned(decoded))
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Doubted<&str> {
    str::from_utf8(bytes).map_err(|_| Reason::Characters)
}
