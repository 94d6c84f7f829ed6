//! Start tags.

use super::{Frame, Run};
use crate::{
    faults::{Fault, is_planted},
    lanes::{self, Lanes, WIDTH},
    model::Process,
    names::NONE,
    record::Listening,
    simple::text,
    tables::{Content, Element},
    tokenizer,
    verdict::{Doubted, Reason},
};

/// Bytes of a name that is guessed.
const GUESS_BYTES: usize = 48;

/// The element that came last in a state, as it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    written: [u8; GUESS_BYTES],
    /// Zero: none.
    length: u32,
    found: Found,
    /// Where it was: only there the same writing means the same name.
    scope: u64,
}

impl Guess {
    pub(super) const NONE: Self =
        Self { written: [0; GUESS_BYTES], length: 0, found: Found::NONE, scope: 0 };
}

/// What a name turned out to be.
#[derive(Clone, Copy, Debug)]
struct Found {
    next: u32,
    element: u32,
    local: u32,
    namespace: u16,
    /// Stands for the name as it was written, where it was guessed or will be; else zero.
    spelling: u32,
}

impl Found {
    const NONE: Self = Self { next: NONE, element: NONE, local: NONE, namespace: 0, spelling: 0 };
}

/// What stands in a start tag behind its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    /// Behind its `>`.
    pub(super) end: usize,
    pub(super) is_closed: bool,
}

impl<L: Lanes, R: Listening> Run<'_, L, R> {
    /// The start tag whose name begins at `at`; gives where it ends.
    #[inline(always)]
    pub(super) fn start_tag(&mut self, at: usize) -> Doubted<usize> {
        let mark = self.memory.bindings.len();
        let scope = self.memory.bindings.scope;
        let guessed = self.guess(at, scope);
        let name = match guessed {
            Some((_, end)) => tokenizer::RawName { end, colon: None },
            None => tokenizer::name::<L>(self.input, at, b'>'),
        };
        if name.end - at > self.memory.limits.name_bytes_max {
            return Err(Reason::Size);
        }
        let (tag, has_attributes) = match self.input.get(name.end) {
            Some(b'>') => (Tag { end: name.end + 1, is_closed: false }, false),
            _ => (self.read_attributes(name.end)?, !self.memory.attributes.is_empty()),
        };
        let declares = self.memory.bindings.len() != mark;
        if declares {
            self.memory.bindings.enter(mark);
        }
        let found = match guessed {
            Some((found, _)) if !declares || is_planted(Fault::GuessWithoutBindings) => found,
            _ => self.look_up(at, name.end, declares)?,
        };
        self.current.state = found.next;
        self.count(1)?;
        if R::IS_AWAKE {
            self.tell_element(at, name.end, found.spelling)?;
            if has_attributes {
                self.tell_attributes()?;
            }
        }
        self.enter(found, at, name.end, mark, scope, has_attributes)?;
        if tag.is_closed {
            let text =
                super::Text { from: tag.end, end: tag.end, is_plain: true, has_markup: false };
            self.close(text)?;
        }
        Ok(tag.end)
    }

    /// The element that came last here, if it is the one at `at` again; and where its name ends.
    #[inline(always)]
    fn guess(&self, at: usize, scope: u64) -> Option<(Found, usize)> {
        let guess = self.memory.guesses.get(self.current.state as usize)?;
        let is_here = guess.length != 0
            && (guess.scope == scope || is_planted(Fault::GuessWithoutBindings))
            && matches!(self.current.content, Content::Elements | Content::Mixed)
            && is_written::<L>(self.input, at, guess);
        let end = at + guess.length as usize;
        let next = self.input.get(end)?;
        let ends = matches!(next, b'>' | b'/') || text::is_space(*next);
        (is_here && ends).then_some((guess.found, end))
    }

    /// What the element named at `at` is here.
    fn look_up(&mut self, at: usize, end: usize, declares: bool) -> Doubted<Found> {
        if !matches!(self.current.content, Content::Elements | Content::Mixed) {
            return Err(Reason::Element);
        }
        let written = self.input.get(at..end).unwrap_or_default();
        let (prefix, local) = split(written);
        let binding = self.memory.bindings.resolve(prefix)?;
        let state = self.current.state;
        let mut transition = self.tables.transition(state, binding.namespace, local)?;
        if transition.is_none() && is_planted(Fault::OrderUnchecked) {
            let begin = self.tables.element(self.current.element)?.begin;
            transition = self.tables.transition(begin, binding.namespace, local)?;
        }
        if let Some(transition) = transition {
            let (next, element, local) = (transition.next, transition.element, transition.name);
            let namespace = binding.namespace;
            let found = Found { next, element, local, namespace, spelling: 0 };
            if declares || written.len() > GUESS_BYTES {
                return Ok(found);
            }
            return Ok(self.remember(state, written, found));
        }
        self.by_wildcard(local, binding.namespace)
    }

    /// Takes a name for the next guess, and gives its writing a number that no other has: the same number
    /// means the same prefix, local name and namespace, in this document and in others.
    fn remember(&mut self, state: u32, written: &[u8], found: Found) -> Found {
        let scope = self.memory.bindings.scope;
        let spelling = self.memory.spellings.checked_add(1).unwrap_or(0);
        self.memory.spellings = spelling.max(self.memory.spellings);
        let found = Found { spelling, ..found };
        if let Some(guess) = self.memory.guesses.get_mut(state as usize) {
            let length = u32::try_from(written.len()).unwrap_or(0);
            *guess = Guess { written: [0; GUESS_BYTES], length, found, scope };
            guess.written.iter_mut().zip(written).for_each(|(place, byte)| *place = *byte);
        }
        found
    }

    #[cold]
    fn by_wildcard(&mut self, local: &[u8], namespace: u16) -> Doubted<Found> {
        if !text::is_ncname(local) {
            return Err(Reason::Syntax);
        }
        let tables = self.tables;
        let mut wildcards = tables.wildcards_of(tables.state(self.current.state)?).iter();
        let takes = |wildcard: &&crate::tables::Wildcard| {
            wildcard.takes(namespace) || is_planted(Fault::WildcardOpen)
        };
        let wildcard = wildcards.find(takes).ok_or(Reason::Element)?;
        let declared = tables.transition(tables.root, namespace, local)?;
        let (element, mut name) = match (wildcard.process, declared) {
            (Process::Skip, _) => (tables.skipped, NONE),
            (_, Some(declared)) => (declared.element, declared.name),
            (Process::Lax, None) => (tables.lax, NONE),
            (Process::Strict, None) => return Err(Reason::Element),
        };
        if self.current.is_watched && name == NONE {
            name = self.memory.scopes.name(tables, local);
        }
        Ok(Found { next: wildcard.next, element, local: name, namespace, spelling: 0 })
    }

    /// Makes the element the current one.
    #[inline(always)]
    fn enter(
        &mut self,
        found: Found,
        at: usize,
        end: usize,
        mark: usize,
        scope: u64,
        has_attributes: bool,
    ) -> Doubted<()> {
        let declared: &Element = self.tables.element(found.element)?;
        let (mut element, mut is_nil, mut is_overridden) = (found.element, false, false);
        let mut row = declared;
        if has_attributes {
            let instance = self.instance_attributes(element)?;
            (is_nil, is_overridden) = (instance.is_nil, instance.element != element);
            element = instance.element;
            row = self.tables.element(element)?;
        }
        if row.content == Content::Unknown {
            return Err(Reason::Construct);
        }
        if row.is_abstract && !is_planted(Fault::AbstractUnchecked) {
            return Err(Reason::Abstract);
        }
        let content = if is_nil { Content::Empty } else { row.content };
        if is_nil && row.preset.is_fixed() {
            return Err(Reason::Nil);
        }
        if self.memory.stack.len() >= self.memory.limits.depth_max {
            return Err(Reason::Depth);
        }
        let is_watched = self.current.is_watched || row.constraints != 0;
        let frame = Frame {
            state: row.begin,
            element,
            name: u32::try_from(at).map_err(|_| Reason::Size)?,
            name_length: u32::try_from(end - at).map_err(|_| Reason::Size)?,
            content,
            has_pieces: false,
            is_nil,
            is_overridden,
            bindings: u32::try_from(mark).map_err(|_| Reason::Size)?,
            scope,
            is_watched,
        };
        let parent = std::mem::replace(&mut self.current, frame);
        self.memory.stack.push(parent);
        if is_watched {
            self.open_scopes(found.local, found.namespace, row.constraints)?;
        }
        if has_attributes {
            self.check_attributes(row)
        } else if row.required != 0 && !is_planted(Fault::RequiredUnchecked) {
            Err(Reason::AttributeMissing)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn open_scopes(&mut self, local: u32, namespace: u16, constraints: u32) -> Doubted<()> {
        let depth = self.memory.stack.len();
        let own = self.tables.constraints.get(constraints as usize).ok_or(Reason::Tables)?;
        self.memory.scopes.open(self.tables, own, constraints, depth, (namespace, local))
    }
}

/// Prefix, empty where there is none, and local name. A second colon stays in the local name, where
/// nothing is called like that.
pub(super) fn split(written: &[u8]) -> (&[u8], &[u8]) {
    match written.iter().position(|byte| *byte == b':') {
        None => (&[], written),
        Some(0) => (&[], written),
        Some(at) => {
            let (prefix, local) = written.split_at_checked(at).unwrap_or_default();
            (prefix, local.get(1..).unwrap_or_default())
        }
    }
}

#[inline(always)]
fn is_written<L: Lanes>(input: &[u8], at: usize, guess: &Guess) -> bool {
    let length = guess.length as usize;
    let is_part = |from: usize| {
        let seen: L = lanes::load(input, at + from);
        let same = seen.equals(lanes::load(&guess.written, from)).bits();
        let left = length - from;
        let wanted = if left >= WIDTH { 0xFFFF } else { (1 << left) - 1 };
        same & wanted == wanted
    };
    is_part(0) && (length <= WIDTH || is_part(WIDTH)) && (length <= 2 * WIDTH || is_part(2 * WIDTH))
}
