//! The acceptor: one walk over the bytes, which goes on only while everything is proven.

mod attributes;
mod bindings;
mod close;
mod ids;
mod open;
mod tell;

use std::{marker::PhantomData, sync::Arc};

use crate::{
    faults::{Fault, is_planted},
    identity::Scopes,
    lanes::{Lanes, Scalar, Vector},
    names::NONE,
    record::{Listening, Names, Nobody, Record, Recorder},
    simple::Context,
    tables::{Content, Tables},
    tokenizer::{self, decode, markup},
    verdict::{Doubted, Reason, Verdict},
};
use attributes::RawAttribute;
use bindings::Bindings;
use ids::Ids;
use open::Guess;

/// What a document may have and still be looked at. Beyond, it is [`DontKnow`](Verdict::DontKnow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a document; at most 4 GiB.
    pub bytes_max: usize,
    /// Elements within each other.
    pub depth_max: usize,
    /// Elements, attributes, stretches of text and all else, together.
    pub parts_max: usize,
    /// Attributes of one element, and namespaces it declares.
    pub attributes_max: usize,
    /// Bytes of one attribute's value.
    pub attribute_bytes_max: usize,
    /// Namespaces in scope.
    pub namespaces_max: usize,
    /// Bytes of one name, or of one namespace's.
    pub name_bytes_max: usize,
    /// Ids and references of a document, each.
    pub ids_max: usize,
    /// Entries in the tables of keys.
    pub keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 30,
            depth_max: 256,
            parts_max: usize::MAX,
            attributes_max: 128,
            attribute_bytes_max: usize::MAX,
            namespaces_max: 256,
            name_bytes_max: 512,
            ids_max: 1 << 20,
            keys_max: 1 << 20,
        }
    }
}

/// Bytes of a document that is recorded: places in it, and in as much again, are 32 bits.
const RECORDED_BYTES_MAX: usize = 1 << 31;

/// Judges documents by tables, one after the other. It keeps its memory between them; make one for
/// each thread. `L` says how bytes are looked at: both ways say the same.
#[derive(Debug)]
pub struct Acceptor<L: Lanes = Vector> {
    tables: Arc<Tables>,
    memory: Memory,
    lanes: PhantomData<L>,
}

/// What is used again for the next document.
#[derive(Debug)]
struct Memory {
    limits: Limits,
    stack: Vec<Frame>,
    /// Of each state, the element that came last.
    guesses: Vec<Guess>,
    /// Names that were guessed so far, as they were written.
    spellings: u32,
    /// Names that were recorded so far.
    names: Arc<Names>,
    bindings: Bindings,
    attributes: Vec<RawAttribute>,
    /// Attributes that a wildcard took, to find those that come twice.
    wild: Vec<RawAttribute>,
    /// A value put together of pieces.
    pieces: Vec<u8>,
    /// A value that is decoded.
    decoded: Vec<u8>,
    /// A value that is normalised.
    normalised: Vec<u8>,
    ids: Ids,
    scopes: Scopes,
}

/// An open element.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where its content stands.
    state: u32,
    element: u32,
    /// Its name as written.
    name: u32,
    name_length: u32,
    content: Content,
    /// Its text is in pieces.
    has_pieces: bool,
    is_nil: bool,
    /// Its type is not the declared one.
    is_overridden: bool,
    /// How many bindings there were before it, and which ones there are around it.
    bindings: u32,
    scope: u64,
    /// Constraints are looked at here.
    is_watched: bool,
}

impl Frame {
    fn outermost(root: u32) -> Self {
        Self {
            state: root,
            element: NONE,
            name: 0,
            name_length: 0,
            content: Content::Elements,
            has_pieces: false,
            is_nil: false,
            is_overridden: false,
            bindings: 0,
            scope: 0,
            is_watched: false,
        }
    }
}

impl Acceptor {
    /// An acceptor with the fastest way to look at bytes that this machine surely has.
    #[must_use]
    pub fn new(tables: Arc<Tables>, limits: Limits) -> Self {
        Self::with_lanes(tables, limits)
    }
}

impl<L: Lanes> Acceptor<L> {
    /// An acceptor that looks at bytes in the way `L`.
    #[must_use]
    pub fn with_lanes(tables: Arc<Tables>, limits: Limits) -> Self {
        let memory = Memory {
            limits,
            stack: Vec::new(),
            guesses: vec![Guess::NONE; tables.states.len()],
            spellings: 0,
            names: Arc::default(),
            bindings: Bindings::default(),
            attributes: Vec::new(),
            wild: Vec::new(),
            pieces: Vec::new(),
            decoded: Vec::new(),
            normalised: Vec::new(),
            ids: Ids::default(),
            scopes: Scopes::default(),
        };
        Self { tables, memory, lanes: PhantomData }
    }

    fn walk<R: Listening>(&mut self, document: &[u8], listener: &mut R) -> Verdict {
        self.memory.forget();
        let mut run = Run::<L, R> {
            input: document,
            tables: &self.tables,
            memory: &mut self.memory,
            listener,
            parts: 0,
            current: Frame::outermost(self.tables.root),
            lanes: PhantomData,
        };
        match run.document() {
            Ok(()) => Verdict::Valid,
            Err(reason) => Verdict::DontKnow(reason),
        }
    }
}

/// The ways to ask, for each way to look at bytes: not generic, so that the walk is compiled in this crate,
/// as fast as it is meant to be, and not by each caller.
macro_rules! ways_to_ask {
    ($($lanes:ty),+) => {$(
        impl Acceptor<$lanes> {
            /// What is known of `document`. Any bytes can be given.
            pub fn judge(&mut self, document: &[u8]) -> Verdict {
                self.walk(document, &mut Nobody)
            }

            /// The same, and what it holds, taken on the same walk.
            ///
            /// # Errors
            /// Why the document is not proven; nothing is given away of it then.
            pub fn judge_and_record<'d>(
                &mut self,
                document: &'d str,
            ) -> Result<Record<'d>, Reason> {
                // What is kept of it beside it is never more than it.
                if document.len() > RECORDED_BYTES_MAX {
                    return Err(Reason::Size);
                }
                let names = std::mem::take(&mut self.memory.names);
                let mut recorder = Recorder::of(document, names);
                let verdict = self.walk(document.as_bytes(), &mut recorder);
                self.memory.names = recorder.names();
                match verdict {
                    Verdict::Valid => Ok(recorder.release()),
                    Verdict::DontKnow(reason) => Err(reason),
                }
            }
        }
    )+};
}

ways_to_ask!(Vector, Scalar);

impl Memory {
    fn forget(&mut self) {
        /// Bytes of a buffer that are kept for the next document.
        const KEPT_MAX: usize = 1 << 20;
        self.stack.clear();
        self.bindings.forget();
        self.ids.forget();
        self.scopes.forget();
        for buffer in [&mut self.pieces, &mut self.decoded, &mut self.normalised] {
            buffer.clear();
            buffer.shrink_to(KEPT_MAX);
        }
    }
}

/// One document.
struct Run<'r, L: Lanes, R: Listening> {
    input: &'r [u8],
    tables: &'r Tables,
    memory: &'r mut Memory,
    listener: &'r mut R,
    /// How many there were.
    parts: usize,
    current: Frame,
    lanes: PhantomData<L>,
}

impl<L: Lanes, R: Listening> Run<'_, L, R> {
    fn document(&mut self) -> Doubted<()> {
        if self.input.len() > self.memory.limits.bytes_max.min(u32::MAX as usize - 64) {
            return Err(Reason::Size);
        }
        let mut at = markup::prolog(self.input)?;
        while let Some(next) = self.piece(at)? {
            at = next;
        }
        self.end()
    }

    /// Text and the markup behind it; `None` at the end of the document.
    #[inline(always)]
    fn piece(&mut self, from: usize) -> Doubted<Option<usize>> {
        let input = self.input;
        let (mut is_plain, mut has_markup) = (true, false);
        let end = match self.current.content {
            Content::Elements => {
                let end = tokenizer::skip_space::<L>(input, from);
                // Line ends, which who listens is told as they are meant.
                is_plain = false;
                match input.get(end) {
                    None if self.memory.stack.is_empty() => return Ok(None),
                    None => return Err(Reason::End),
                    Some(b'<') => end,
                    Some(_) => return Err(Reason::Text),
                }
            }
            Content::Simple | Content::Mixed => {
                let text = tokenizer::text::<L>(input, from).ok_or(Reason::End)?;
                (is_plain, has_markup) = (text.is_plain, text.has_markup);
                if self.current.content == Content::Mixed && (has_markup || !is_plain) {
                    self.check_mixed(from, text.end)?;
                }
                text.end
            }
            Content::Empty | Content::Unknown => match input.get(from) {
                Some(b'<') => from,
                _ => return Err(Reason::Text),
            },
        };
        let text = Text { from, end, is_plain, has_markup };
        if end > from {
            self.count(1)?;
            if R::IS_AWAKE {
                self.tell_text(text)?;
            }
        }
        match input.get(end + 1).ok_or(Reason::End)? {
            b'/' => self.end_tag(text).map(Some),
            b'!' => self.comment_or_cdata(text).map(Some),
            b'?' => {
                self.count(1)?;
                self.keep_piece(text)?;
                let name_max = self.memory.limits.name_bytes_max;
                markup::instruction::<L>(input, end, name_max).map(Some)
            }
            _ => self.start_tag(end + 1).map(Some),
        }
    }

    fn check_mixed(&mut self, from: usize, to: usize) -> Doubted<()> {
        let text = self.input.get(from..to).unwrap_or_default();
        self.memory.decoded.clear();
        decode::decode::<L>(text, decode::Place::Content, &mut self.memory.decoded)
    }

    fn end_tag(&mut self, text: Text) -> Doubted<usize> {
        let name = text.end + 2;
        let length = self.current.name_length as usize;
        let is_same = tokenizer::are_same(self.input, name, self.current.name as usize, length)
            || is_planted(Fault::EndTagUnchecked);
        if self.memory.stack.is_empty() || !is_same {
            return Err(Reason::EndTag);
        }
        let mut end = name + length;
        if self.input.get(end) != Some(&b'>') {
            end = tokenizer::skip_little_space(self.input, end);
            if self.input.get(end) != Some(&b'>') {
                return Err(Reason::EndTag);
            }
        }
        self.close(text)?;
        Ok(end + 1)
    }

    #[cold]
    fn comment_or_cdata(&mut self, text: Text) -> Doubted<usize> {
        self.count(1)?;
        let rest = self.input.get(text.end..).unwrap_or_default();
        if rest.starts_with(b"<!--") {
            self.keep_piece(text)?;
            return markup::comment::<L>(self.input, text.end);
        }
        let Some((from, to)) = markup::cdata::<L>(self.input, text.end)? else {
            let is_doctype = rest.starts_with(b"<!DOCTYPE");
            return Err(if is_doctype { Reason::Doctype } else { Reason::Syntax });
        };
        self.keep_piece(text)?;
        let section = self.input.get(from..to).unwrap_or_default();
        match self.current.content {
            Content::Simple => decode::lines(section, &mut self.memory.pieces),
            Content::Mixed => {}
            // Validators differ in whether white space that was marked as text is none.
            _ => return Err(Reason::Text),
        }
        if R::IS_AWAKE {
            self.tell_cdata(section)?;
        }
        Ok(to + b"]]>".len())
    }

    /// Keeps text that something interrupts.
    #[cold]
    fn keep_piece(&mut self, text: Text) -> Doubted<()> {
        if self.current.content != Content::Simple {
            return Ok(());
        }
        if !self.current.has_pieces {
            self.memory.pieces.clear();
            self.current.has_pieces = true;
        }
        let raw = self.input.get(text.from..text.end).unwrap_or_default();
        decode::decode::<L>(raw, decode::Place::Content, &mut self.memory.pieces)
    }

    fn end(&mut self) -> Doubted<()> {
        if !self.tables.state(self.current.state)?.accepts {
            return Err(Reason::End);
        }
        self.memory.ids.check_references()
    }
}

impl Memory {
    /// What values are looked at with.
    fn context<'c>(tables: &'c Tables, is_bound: &'c dyn Fn(&[u8]) -> bool) -> Context<'c> {
        Context { types: &tables.simple, names: &tables.names, is_bound }
    }
}

/// A stretch of text in the document.
#[derive(Clone, Copy, Debug)]
struct Text {
    from: usize,
    end: usize,
    is_plain: bool,
    has_markup: bool,
}

#[cfg(test)]
mod doubts;
#[cfg(test)]
mod tests;
