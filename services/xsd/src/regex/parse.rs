//! Reads the regular expressions of XSD (XML Schema Part 2, appendix F).

use std::{iter::Peekable, str::Chars};

use regex_syntax::hir::{self, Hir, Repetition};

use super::Fault;
use crate::characters::{self, Class};

/// Groups and subtractions within each other.
const DEPTH_MAX: usize = 32;

/// The largest count in braces.
const COUNT_MAX: u32 = 10_000;

/// Reads `pattern`.
pub(super) fn parse(pattern: &str) -> Result<Hir, Fault> {
    let mut parser = Parser { rest: pattern.chars().peekable(), depth: 0 };
    let hir = parser.alternation()?;
    if parser.rest.next().is_some() { Err(Fault::Syntax) } else { Ok(hir) }
}

struct Parser<'p> {
    rest: Peekable<Chars<'p>>,
    depth: usize,
}

impl Parser<'_> {
    fn takes(&mut self, expected: char) -> bool {
        self.rest.next_if_eq(&expected).is_some()
    }

    fn must_take(&mut self, expected: char) -> Result<(), Fault> {
        if self.takes(expected) { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEPTH_MAX {
            return Err(Fault::Size);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn alternation(&mut self) -> Result<Hir, Fault> {
        let mut branches = vec![self.branch()?];
        while self.takes('|') {
            branches.push(self.branch()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn branch(&mut self) -> Result<Hir, Fault> {
        let mut pieces = Vec::new();
        while self.rest.peek().is_some_and(|next| !matches!(next, '|' | ')')) {
            let atom = self.atom()?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(Hir::concat(pieces))
    }

    fn atom(&mut self) -> Result<Hir, Fault> {
        match self.rest.next().ok_or(Fault::Syntax)? {
            '(' => {
                let inner = self.deeper(Self::alternation)?;
                self.must_take(')')?;
                Ok(inner)
            }
            '[' => Ok(sure(self.deeper(Self::class)?)),
            '.' => Ok(sure(characters::any_but_line_ends())),
            '\\' => Ok(sure(self.escape()?.0)),
            '?' | '*' | '+' | '{' | '}' | ']' => Err(Fault::Syntax),
            other => Ok(sure(single(other))),
        }
    }

    fn quantified(&mut self, atom: Hir) -> Result<Hir, Fault> {
        let (min, max) = match self.rest.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => return self.counted(atom),
            _ => return Ok(atom),
        };
        self.rest.next();
        Ok(repeated(atom, min, max))
    }

    /// `{n}`, `{n,}` or `{n,m}`.
    fn counted(&mut self, atom: Hir) -> Result<Hir, Fault> {
        self.must_take('{')?;
        let min = self.count()?.ok_or(Fault::Syntax)?;
        let max = if self.takes(',') { self.count()? } else { Some(min) };
        self.must_take('}')?;
        if max.is_some_and(|max| max < min) {
            return Err(Fault::Syntax);
        }
        Ok(repeated(atom, min, max))
    }

    fn count(&mut self) -> Result<Option<u32>, Fault> {
        let mut count = None;
        while let Some(digit) = self.rest.peek().and_then(|next| next.to_digit(10)) {
            self.rest.next();
            let larger = count.unwrap_or(0_u32) * 10 + digit;
            if larger > COUNT_MAX {
                return Err(Fault::Size);
            }
            count = Some(larger);
        }
        Ok(count)
    }

    /// Behind `[`: `^`, characters, ranges and escapes, and `-[…]` of what is taken away.
    fn class(&mut self) -> Result<Class, Fault> {
        let is_negated = self.takes('^');
        let mut class = Class::exactly(&[]);
        let mut is_empty = true;
        loop {
            let next = self.rest.next().ok_or(Fault::Syntax)?;
            if next == ']' && !is_empty {
                break;
            }
            if next == '-' && self.takes('[') {
                let taken = self.deeper(Self::class)?;
                self.must_take(']')?;
                let whole = if is_negated { class.negated() } else { class };
                return Ok(whole.without(&taken));
            }
            class = class.with(&self.part(next, is_empty)?);
            is_empty = false;
        }
        Ok(if is_negated { class.negated() } else { class })
    }

    /// One character, range or escape of a class that begins with `first`.
    fn part(&mut self, first: char, is_first: bool) -> Result<Class, Fault> {
        let from = match first {
            '\\' => match self.escape()? {
                (class, None) => return Ok(class),
                (_, Some(character)) => character,
            },
            '[' | ']' => return Err(Fault::Syntax),
            // A hyphen stands for itself at either end only.
            '-' if !is_first && self.rest.peek() != Some(&']') => return Err(Fault::Syntax),
            other => other,
        };
        let mut ahead = self.rest.clone();
        let is_range = first != '-'
            && ahead.next() == Some('-')
            && !matches!(ahead.next(), None | Some(']' | '['));
        if !is_range {
            return Ok(single(from));
        }
        self.rest.next();
        let to = match self.rest.next().ok_or(Fault::Syntax)? {
            '\\' => self.escape()?.1.ok_or(Fault::Syntax)?,
            '-' => return Err(Fault::Syntax),
            other => other,
        };
        if to < from { Err(Fault::Syntax) } else { Ok(Class::exactly(&[(from, to)])) }
    }

    /// Behind a backslash: a class, and the character if it is only one.
    fn escape(&mut self) -> Result<(Class, Option<char>), Fault> {
        let letter = self.rest.next().ok_or(Fault::Syntax)?;
        let one = |character| Ok((single(character), Some(character)));
        let many = |class: Class| Ok((class, None));
        match letter {
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            '\\' | '|' | '.' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '-' | '[' | ']' | '^' => {
                one(letter)
            }
            's' => many(characters::space()),
            'S' => many(characters::space().negated()),
            'i' => many(characters::name_start()),
            'I' => many(characters::name_start().negated()),
            'c' => many(characters::name()),
            'C' => many(characters::name().negated()),
            'd' => many(characters::category("Nd").ok_or(Fault::Syntax)?),
            'D' => many(characters::category("Nd").ok_or(Fault::Syntax)?.negated()),
            'w' => many(characters::word().ok_or(Fault::Syntax)?),
            'W' => many(characters::word().ok_or(Fault::Syntax)?.negated()),
            'p' => many(self.property()?),
            'P' => many(self.property()?.negated()),
            _ => Err(Fault::Syntax),
        }
    }

    /// `{Lu}` or `{IsBasicLatin}`.
    fn property(&mut self) -> Result<Class, Fault> {
        self.must_take('{')?;
        let mut name = String::new();
        loop {
            match self.rest.next().ok_or(Fault::Syntax)? {
                '}' => break,
                other => name.push(other),
            }
        }
        let class = match name.strip_prefix("Is") {
            Some(block) => characters::block(block),
            None => characters::category(&name),
        };
        class.ok_or(Fault::Syntax)
    }
}

fn single(character: char) -> Class {
    Class::exactly(&[(character, character)])
}

fn sure(class: Class) -> Hir {
    Hir::class(hir::Class::Unicode(class.sure))
}

fn repeated(atom: Hir, min: u32, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(atom) })
}
