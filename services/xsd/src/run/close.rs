//! Values, and the ends of elements.

use super::{Memory, Run, Text};
use crate::{
    faults::{Fault, is_planted},
    lanes::Lanes,
    names::NONE,
    record::Listening,
    simple::{self, Doubt, Kind},
    tables::{Attribute, Content, Element, Preset, Role},
    tokenizer::decode::{Place, decode, must_be_decoded},
    verdict::{Doubted, Reason},
};

/// Where a value's bytes are.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// In the document, as they are.
    Document(Text),
    /// Decoded.
    Decoded,
    /// Put together.
    Pieces,
}

impl<L: Lanes, R: Listening> Run<'_, L, R> {
    /// The end of the current element, whose last text is `text`.
    #[inline(always)]
    pub(super) fn close(&mut self, text: Text) -> Doubted<()> {
        let row: &Element = self.tables.element(self.current.element)?;
        match self.current.content {
            Content::Simple => self.close_simple(row, text)?,
            Content::Elements | Content::Mixed => {
                let state = self.tables.state(self.current.state)?;
                if !state.accepts && !is_planted(Fault::EndNotChecked) {
                    return Err(Reason::Incomplete);
                }
                // What a mixed element has by itself is told by text alone, which is not kept.
                if row.preset != Preset::None {
                    return Err(Reason::Default);
                }
            }
            Content::Empty if self.current.is_nil => {}
            Content::Empty if row.preset != Preset::None => return Err(Reason::Default),
            Content::Empty => {}
            Content::Unknown => return Err(Reason::Construct),
        }
        if self.current.is_watched {
            self.close_scopes()?;
        }
        if R::IS_AWAKE {
            self.listener.close();
        }
        let mark = self.current.bindings as usize;
        if self.memory.bindings.len() != mark {
            self.memory.bindings.leave(mark, self.current.scope);
        }
        self.current = self.memory.stack.pop().ok_or(Reason::EndTag)?;
        Ok(())
    }

    #[inline(always)]
    fn close_simple(&mut self, row: &Element, text: Text) -> Doubted<()> {
        let is_plain = text.is_plain && !text.has_markup && !self.current.has_pieces;
        if is_plain && row.preset == Preset::None {
            let simple = self.tables.simple.types.get(row.simple as usize).ok_or(Reason::Tables)?;
            let length = text.end - text.from;
            // Text of a type that takes everything printable.
            if simple.takes_printable
                && !self.current.is_watched
                && is_within(length, simple.length_min, simple.length_max)
                && is_within(length, simple.chars_min, simple.chars_max)
                && simple.white_space == simple::text::WhiteSpace::Preserve
            {
                return Ok(());
            }
        }
        self.close_value(row, text)
    }

    fn close_value(&mut self, row: &Element, text: Text) -> Doubted<()> {
        let source = if self.current.has_pieces {
            self.keep_piece(text)?;
            Source::Pieces
        } else {
            self.source(text, Place::Content)?
        };
        let is_empty = match source {
            Source::Document(text) => text.from == text.end,
            Source::Decoded => self.memory.decoded.is_empty(),
            Source::Pieces => self.memory.pieces.is_empty(),
        };
        if is_empty && row.preset != Preset::None {
            return self.close_preset(row);
        }
        let fixed = if row.preset.is_fixed() { row.value } else { NONE };
        let is_given = row.preset == Preset::Fixed || !self.current.is_overridden;
        self.value(row.simple, (fixed, is_given), source)?;
        if self.current.is_watched {
            self.watch_text(row.simple, row.is_nillable, source)?;
        }
        Ok(())
    }

    /// An empty element that has a value by itself.
    fn close_preset(&mut self, row: &Element) -> Doubted<()> {
        let is_proven = matches!(row.preset, Preset::Default | Preset::Fixed);
        let is_simple = self.tables.role(row.simple) == Role::None;
        // As a key, it would have to be looked at again.
        if !is_proven || !is_simple || self.current.is_watched {
            return Err(Reason::Default);
        }
        Ok(())
    }

    /// Where the value of `text` is, decoded if it must be.
    fn source(&mut self, text: Text, place: Place) -> Doubted<Source> {
        if text.is_plain && !text.has_markup {
            return Ok(Source::Document(text));
        }
        // Of digits in base 64 every byte is looked at anyway, and every line end is white space.
        if place == Place::Content && !text.has_markup && self.is_base64() {
            return Ok(Source::Document(text));
        }
        let raw = self.input.get(text.from..text.end).unwrap_or_default();
        if !must_be_decoded(raw, place) {
            if !simple::text::is_xml::<L>(raw) {
                return Err(Reason::Characters);
            }
            return Ok(Source::Document(text));
        }
        self.memory.decoded.clear();
        decode::<L>(raw, place, &mut self.memory.decoded)?;
        Ok(Source::Decoded)
    }

    fn is_base64(&self) -> bool {
        let element = self.tables.elements.get(self.current.element as usize);
        let simple = element.and_then(|row| self.tables.simple.types.get(row.simple as usize));
        simple.is_some_and(|simple| simple.kind == Kind::Base64)
    }

    /// Proves an attribute's value, and tells constraints of it.
    pub(super) fn attribute_value(&mut self, declared: &Attribute, text: Text) -> Doubted<()> {
        let source = self.source(text, Place::Attribute)?;
        let fixed = if declared.preset.is_fixed() { declared.value } else { NONE };
        self.value(declared.simple, (fixed, true), source)?;
        if self.current.is_watched {
            self.watch_attribute(declared, source)?;
        }
        Ok(())
    }

    /// Proves a value and does what it is there for. A fixed one may be given by the schema for this very
    /// type: then its processor has proven it.
    #[inline(always)]
    fn value(
        &mut self,
        simple: u32,
        (fixed, is_given): (u32, bool),
        source: Source,
    ) -> Doubted<()> {
        let Memory { bindings, decoded, pieces, normalised, ids, limits, .. } = &mut *self.memory;
        let raw = match source {
            Source::Document(text) => self.input.get(text.from..text.end).unwrap_or_default(),
            Source::Decoded => decoded,
            Source::Pieces => pieces,
        };
        let is_bound = |prefix: &[u8]| bindings.resolve(prefix).is_ok();
        let context = Memory::context(self.tables, &is_bound);
        let role = self.tables.role(simple);
        if fixed != NONE && !self.tables.simple.compares_as_text(simple) {
            return Err(Reason::Construct);
        }
        if fixed != NONE && is_given && role == Role::None {
            let white_space = self.tables.white_space(simple);
            let found = simple::text::normalise(raw, white_space, normalised);
            if found == self.tables.value(fixed)? {
                return Ok(());
            }
        }
        let value = simple::check::<L>(context, simple, raw, normalised).map_err(reason)?;
        if fixed != NONE && !is_planted(Fault::FixedUnchecked) {
            let wanted = self.tables.value(fixed)?;
            if value != wanted {
                return Err(Reason::Fixed);
            }
        }
        match role {
            Role::None => Ok(()),
            Role::Id => ids.insert(value, limits.ids_max),
            Role::Reference => {
                simple::text::words(value).try_for_each(|word| ids.refer(word, limits.ids_max))
            }
        }
    }

    /// Tells constraints of an attribute.
    #[cold]
    fn watch_attribute(&mut self, declared: &Attribute, source: Source) -> Doubted<()> {
        let key = self.key(declared.simple, source);
        let name = (declared.namespace, declared.name);
        let keys_max = self.memory.limits.keys_max;
        self.memory.scopes.attribute(self.tables, name, key.as_ref(), keys_max)
    }

    /// Tells constraints of the text of the current element.
    #[cold]
    fn watch_text(&mut self, simple: u32, is_nillable: bool, source: Source) -> Doubted<()> {
        let key = self.key(simple, source);
        // A field of a key may not be nillable, even where a value is given (Structures 3.11.4, 4.2.3).
        let key = key.filter(|_| !is_nillable);
        self.memory.scopes.text(key.as_ref(), self.memory.limits.keys_max)
    }

    /// What makes a value equal to others; `None` where that is not known.
    fn key(&mut self, simple: u32, source: Source) -> Option<Vec<u8>> {
        let raw = bytes_of(self.input, self.memory, source);
        let bindings = &self.memory.bindings;
        let is_bound = |prefix: &[u8]| bindings.resolve(prefix).is_ok();
        let context = Memory::context(self.tables, &is_bound);
        let (mut buffer, mut key) = (Vec::new(), Vec::new());
        let white_space = self.tables.white_space(simple);
        let value = simple::text::normalise(raw, white_space, &mut buffer);
        simple::canonical::<L>(context, simple, value, &mut key).map(|()| key)
    }

    #[cold]
    fn close_scopes(&mut self) -> Doubted<()> {
        let depth = self.memory.stack.len();
        let is_simple = self.current.content == Content::Simple;
        self.memory.scopes.close(self.tables, depth, is_simple, self.memory.limits.keys_max)
    }
}

fn bytes_of<'b>(input: &'b [u8], memory: &'b Memory, source: Source) -> &'b [u8] {
    match source {
        Source::Document(text) => input.get(text.from..text.end).unwrap_or_default(),
        Source::Decoded => &memory.decoded,
        Source::Pieces => &memory.pieces,
    }
}

#[inline(always)]
fn is_within(length: usize, min: u32, max: u32) -> bool {
    min as usize <= length && length <= max as usize
}

fn reason(doubt: Doubt) -> Reason {
    match doubt {
        Doubt::Refused => Reason::Value,
        Doubt::Unsure => Reason::ValueUnsure,
    }
}
