//! What the walk tells those who watch.

use std::borrow::Cow;

use super::{Run, Text, open::split};
use crate::{
    lanes::Lanes,
    tables::XML,
    tokenizer::decode::{Place, decode, lines, must_be_decoded},
    verdict::{Doubted, Reason},
    watch::Watching,
};

impl<'r, L: Lanes, W: Watching> Run<'r, L, W> {
    /// Counts parts of the document: elements, attributes, stretches of text and all else.
    #[inline(always)]
    pub(super) fn count(&mut self, parts: usize) -> Doubted<()> {
        self.parts += parts;
        if self.parts > self.memory.limits.parts_max { Err(Reason::Size) } else { Ok(()) }
    }

    /// An element with its attributes, whose name lies between `at` and `end`.
    pub(super) fn tell_element(&mut self, at: usize, end: usize) -> Doubted<()> {
        let input = self.input;
        let (prefix, local) = split(input.get(at..end).unwrap_or_default());
        let binding = self.memory.bindings.resolve(prefix)?;
        let (from, length) = binding.uri;
        let namespace = match binding.namespace {
            XML => "http://www.w3.org/XML/1998/namespace",
            _ => utf8(input.get(from as usize..(from + length) as usize).unwrap_or_default())?,
        };
        if let Some(who) = self.watch.who() {
            who.open(utf8(prefix)?, utf8(local)?, namespace, at - 1);
        }
        for number in 0..self.memory.attributes.len() {
            let Some((name, text)) = self.raw_attribute(number) else { break };
            let (prefix, local) = split(name);
            let value = self.meant(text, Place::Attribute)?;
            let (prefix, local, value) = (utf8(prefix)?, utf8(local)?, utf8(&value)?);
            if let Some(who) = self.watch.who() {
                who.attribute(prefix, local, value);
            }
        }
        Ok(())
    }

    /// A stretch of text.
    pub(super) fn tell_text(&mut self, text: Text) -> Doubted<()> {
        let text = self.meant(text, Place::Content)?;
        let text = utf8(&text)?;
        if let Some(who) = self.watch.who() {
            who.text(text);
        }
        Ok(())
    }

    /// A section of CDATA.
    pub(super) fn tell_cdata(&mut self, section: &[u8]) -> Doubted<()> {
        let mut text = Vec::new();
        lines(section, &mut text);
        let text = utf8(&text)?;
        if let Some(who) = self.watch.who() {
            who.text(text);
        }
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
