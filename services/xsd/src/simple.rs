//! Simple types: whether a value is certainly one of a type.

pub(crate) mod binary;
pub(crate) mod date;
pub(crate) mod number;
pub(crate) mod text;
pub(crate) mod uri;

use std::cmp::Ordering;

use crate::{
    codec::coded,
    faults::{Fault, is_planted},
    lanes::Lanes,
    names::{NONE, Names, TextSet},
    regex::Dfa,
};
use date::Form;
use number::Decimal;
use text::WhiteSpace;

/// Lists and unions within each other.
const DEPTH_MAX: usize = 8;

/// Why a value is not proven to be of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// By all that is known here it is not.
    Refused,
    /// It may be.
    Unsure,
}

/// `Ok` where it is certain.
pub(crate) type Proof = Result<(), Doubt>;

/// The built-in type a type is of in the end, or how it is made of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    String,
    AnyUri,
    Language,
    NmToken,
    Name,
    NcName,
    Id,
    IdRef,
    QName,
    Boolean,
    Decimal,
    Integer,
    Float,
    Double,
    Duration,
    DateTime,
    Date,
    Time,
    YearMonth,
    Year,
    MonthDay,
    Month,
    Day,
    Base64,
    Hex,
    List,
    Union,
    /// Not known here: never proven.
    Unknown,
}

coded!(
    Kind = String,
    AnyUri,
    Language,
    NmToken,
    Name,
    NcName,
    Id,
    IdRef,
    QName,
    Boolean,
    Decimal,
    Integer,
    Float,
    Double,
    Duration,
    DateTime,
    Date,
    Time,
    YearMonth,
    Year,
    MonthDay,
    Month,
    Day,
    Base64,
    Hex,
    List,
    Union,
    Unknown,
);

/// Which values a bound lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    AtLeast,
    Above,
    AtMost,
    Below,
}

coded!(Side = AtLeast, Above, AtMost, Below);

/// A bound of numbers or moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) side: Side,
    /// As the schema writes it.
    pub(crate) value: String,
}

coded!(Bound { side, value });

/// A simple type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Simple {
    pub(crate) kind: Kind,
    pub(crate) white_space: WhiteSpace,
    /// Every text of printable ASCII and of a length allowed is valid.
    pub(crate) takes_printable: bool,
    /// Characters, octets or items.
    pub(crate) length_min: u32,
    pub(crate) length_max: u32,
    /// Characters, of any kind of type.
    pub(crate) chars_min: u32,
    pub(crate) chars_max: u32,
    /// `NONE` where there is none.
    pub(crate) pattern: u32,
    pub(crate) enumeration: u32,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) digits_max: u32,
    pub(crate) fraction_digits_max: u32,
    /// Of a list, its item's type; of a union, its members.
    pub(crate) parts: Vec<u32>,
}

coded!(Simple {
    kind,
    white_space,
    takes_printable,
    length_min,
    length_max,
    chars_min,
    chars_max,
    pattern,
    enumeration,
    bounds,
    digits_max,
    fraction_digits_max,
    parts,
});

impl Simple {
    /// A type without facets.
    pub(crate) fn plain(kind: Kind, white_space: WhiteSpace) -> Self {
        Self {
            kind,
            white_space,
            takes_printable: kind == Kind::String,
            length_min: 0,
            length_max: u32::MAX,
            chars_min: 0,
            chars_max: u32::MAX,
            pattern: NONE,
            enumeration: NONE,
            bounds: Vec::new(),
            digits_max: u32::MAX,
            fraction_digits_max: u32::MAX,
            parts: Vec::new(),
        }
    }

    /// Whether octets are all there is to it: then white space within is no matter.
    fn is_plain_base64(&self) -> bool {
        self.kind == Kind::Base64
            && self.pattern == NONE
            && self.enumeration == NONE
            && self.chars_min == 0
            && self.chars_max == u32::MAX
    }
}

/// All simple types of a schema set, and what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SimpleTypes {
    pub(crate) types: Vec<Simple>,
    pub(crate) patterns: Vec<Dfa>,
    pub(crate) enumerations: Vec<TextSet>,
}

coded!(SimpleTypes { types, patterns, enumerations });

/// What a value is looked at with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) types: &'c SimpleTypes,
    pub(crate) names: &'c Names,
    /// Whether a prefix is bound where the value stands.
    pub(crate) is_bound: &'c dyn Fn(&[u8]) -> bool,
}

impl SimpleTypes {
    pub(crate) fn get(&self, id: u32) -> Result<&Simple, Doubt> {
        self.types.get(id as usize).ok_or(Doubt::Unsure)
    }

    /// Whether values of the type are the same where their texts are: not those with names, whose
    /// prefixes may be bound to something else, nor of types that are not known here.
    pub(crate) fn compares_as_text(&self, id: u32) -> bool {
        // No type is made of itself; a set that says so is damaged.
        let mut left = vec![id];
        for _ in 0..=self.types.len() {
            let Some(id) = left.pop() else { return true };
            let Ok(simple) = self.get(id) else { return false };
            if matches!(simple.kind, Kind::QName | Kind::Unknown) {
                return false;
            }
            left.extend(&simple.parts);
        }
        false
    }
}

/// Proves `value` to be of type `id`, and gives it normalised.
#[inline]
pub(crate) fn check<'v, L: Lanes>(
    context: Context<'_>,
    id: u32,
    value: &'v [u8],
    buffer: &'v mut Vec<u8>,
) -> Result<&'v [u8], Doubt> {
    let simple = context.types.get(id)?;
    if simple.is_plain_base64() {
        let octets = binary::base64::<L>(value)?;
        return within(octets, simple.length_min, simple.length_max).map(|()| value);
    }
    let white_space =
        if is_planted(Fault::WhiteSpaceKept) { WhiteSpace::Preserve } else { simple.white_space };
    let value = text::normalise(value, white_space, buffer);
    proven::<L>(context, simple, value, 0).map(|()| value)
}

/// Proves `value`, normalised as `simple` wants it.
fn proven<L: Lanes>(context: Context<'_>, simple: &Simple, value: &[u8], depth: usize) -> Proof {
    let length = lexical::<L>(context, simple, value, depth)?;
    within(length, simple.length_min, simple.length_max)?;
    if simple.chars_min > 0 || simple.chars_max < u32::MAX {
        within(text::count_chars(value), simple.chars_min, simple.chars_max)?;
    }
    if simple.pattern != NONE {
        let pattern = context.types.patterns.get(simple.pattern as usize).ok_or(Doubt::Unsure)?;
        if !pattern.matches(value) {
            return Err(Doubt::Refused);
        }
    }
    if simple.enumeration != NONE {
        let set = context.types.enumerations.get(simple.enumeration as usize);
        if !set.ok_or(Doubt::Unsure)?.has(value, context.names) {
            // Of many kinds of values, one can be written in several ways.
            let is_text = matches!(simple.kind, Kind::String | Kind::NmToken | Kind::NcName);
            return Err(if is_text { Doubt::Refused } else { Doubt::Unsure });
        }
    }
    Ok(())
}

fn within(length: usize, min: u32, max: u32) -> Proof {
    let max = if is_planted(Fault::LengthOffByOne) { max.saturating_add(1) } else { max };
    let is_within = min as usize <= length && length <= max as usize;
    if is_within { Ok(()) } else { Err(Doubt::Refused) }
}

/// Proves the form of `value` and its bounds; gives its length in the unit of its type.
fn lexical<L: Lanes>(
    context: Context<'_>,
    simple: &Simple,
    value: &[u8],
    depth: usize,
) -> Result<usize, Doubt> {
    let sure = |is: bool| if is { Ok(()) } else { Err(Doubt::Unsure) };
    match simple.kind {
        Kind::String => {}
        Kind::AnyUri => uri::any_uri(value)?,
        Kind::Language => uri::language(value)?,
        Kind::NmToken => sure(text::is_nmtoken(value))?,
        Kind::Name => sure(value.split(|byte| *byte == b':').all(text::is_ncname))?,
        Kind::NcName | Kind::Id | Kind::IdRef => sure(text::is_ncname(value))?,
        Kind::QName => return qname(context, value).map(|()| 0),
        Kind::Boolean => number::boolean(value)?,
        Kind::Decimal => return decimal(simple, Decimal::read(value)?).map(|()| 0),
        Kind::Integer => return decimal(simple, Decimal::read_integer(value)?).map(|()| 0),
        Kind::Float | Kind::Double => return float(simple, value).map(|()| 0),
        Kind::Duration => date::duration(value)?,
        Kind::Base64 => return binary::base64::<L>(value),
        Kind::Hex => return binary::hex(value),
        Kind::List => return list::<L>(context, simple, value, depth),
        Kind::Union => return union::<L>(context, simple, value, depth).map(|_| 0),
        Kind::Unknown => return Err(Doubt::Unsure),
        kind => return moment(simple, value, kind).map(|()| 0),
    }
    if simple.length_min == 0 && simple.length_max == u32::MAX {
        return Ok(0);
    }
    Ok(text::count_chars(value))
}

fn qname(context: Context<'_>, value: &[u8]) -> Proof {
    let (prefix, local) = match value.iter().position(|byte| *byte == b':') {
        None => (&b""[..], value),
        Some(at) => {
            let (prefix, rest) = value.split_at_checked(at).ok_or(Doubt::Refused)?;
            if !text::is_ncname(prefix) {
                return Err(Doubt::Unsure);
            }
            (prefix, rest.get(1..).unwrap_or_default())
        }
    };
    let is_proven = text::is_ncname(local) && (prefix.is_empty() || (context.is_bound)(prefix));
    if is_proven { Ok(()) } else { Err(Doubt::Unsure) }
}

fn passes(side: Side, order: Ordering) -> Proof {
    let passes = match side {
        Side::AtLeast => order.is_ge(),
        Side::Above => order.is_gt(),
        Side::AtMost => order.is_le() || is_planted(Fault::BoundIgnored),
        Side::Below => order.is_lt(),
    };
    if passes { Ok(()) } else { Err(Doubt::Refused) }
}

fn decimal(simple: &Simple, value: Decimal<'_>) -> Proof {
    within(value.digits(), 0, simple.digits_max)?;
    within(value.fraction_digits(), 0, simple.fraction_digits_max)?;
    for bound in &simple.bounds {
        let limit = Decimal::read(bound.value.as_bytes()).map_err(|_| Doubt::Unsure)?;
        passes(bound.side, value.compare(limit))?;
    }
    Ok(())
}

fn float(simple: &Simple, value: &[u8]) -> Proof {
    let value = number::float(value)?;
    for bound in &simple.bounds {
        let limit = number::float(bound.value.as_bytes()).map_err(|_| Doubt::Unsure)?;
        // Rounded to the type, two numbers can be one.
        let is_near = (value - limit).abs() <= limit.abs() * 1e-6;
        let order = value.partial_cmp(&limit).filter(|_| !is_near || value == limit);
        passes(bound.side, order.ok_or(Doubt::Unsure)?)?;
    }
    Ok(())
}

/// Which form a kind has, if it is one of moments.
pub(crate) fn form(kind: Kind) -> Option<Form> {
    Some(match kind {
        Kind::DateTime => Form::DateTime,
        Kind::Date => Form::Date,
        Kind::Time => Form::Time,
        Kind::YearMonth => Form::YearMonth,
        Kind::Year => Form::Year,
        Kind::MonthDay => Form::MonthDay,
        Kind::Month => Form::Month,
        Kind::Day => Form::Day,
        _ => return None,
    })
}

fn moment(simple: &Simple, value: &[u8], kind: Kind) -> Proof {
    let form = form(kind).ok_or(Doubt::Unsure)?;
    let value = date::moment(value, form)?;
    for bound in &simple.bounds {
        let limit = date::moment(bound.value.as_bytes(), form).map_err(|_| Doubt::Unsure)?;
        passes(bound.side, value.compare(limit).ok_or(Doubt::Unsure)?)?;
    }
    Ok(())
}

/// Proves each item; gives how many there are.
fn list<L: Lanes>(
    context: Context<'_>,
    simple: &Simple,
    value: &[u8],
    depth: usize,
) -> Result<usize, Doubt> {
    if depth == DEPTH_MAX {
        return Err(Doubt::Unsure);
    }
    let item = context.types.get(simple.parts.first().copied().unwrap_or(NONE))?;
    let mut count = 0;
    for word in text::words(value) {
        proven::<L>(context, item, word, depth + 1)?;
        count += 1;
    }
    Ok(count)
}

/// Proves that one member takes `value`; gives the first that does, and whether it is certain that none
/// before it does.
fn union<L: Lanes>(
    context: Context<'_>,
    simple: &Simple,
    value: &[u8],
    depth: usize,
) -> Result<(u32, bool), Doubt> {
    if depth == DEPTH_MAX {
        return Err(Doubt::Unsure);
    }
    let mut doubt = Doubt::Refused;
    for part in &simple.parts {
        let member = context.types.get(*part)?;
        let mut buffer = Vec::new();
        let normalised = text::normalise(value, member.white_space, &mut buffer);
        match proven::<L>(context, member, normalised, depth + 1) {
            // Patterns and values of the union itself are about what was normalised by nobody.
            Ok(()) if normalised == value || is_without_facets(simple) => {
                return Ok((*part, doubt == Doubt::Refused));
            }
            Ok(()) | Err(Doubt::Unsure) => doubt = Doubt::Unsure,
            Err(Doubt::Refused) => {}
        }
    }
    Err(doubt)
}

fn is_without_facets(simple: &Simple) -> bool {
    simple.pattern == NONE && simple.enumeration == NONE && simple.chars_max == u32::MAX
}

/// Appends what makes `value`, normalised and proven, equal to other values: the same bytes for equal
/// ones. `None` where that is not known.
pub(crate) fn canonical<L: Lanes>(
    context: Context<'_>,
    id: u32,
    value: &[u8],
    to: &mut Vec<u8>,
) -> Option<()> {
    let simple = context.types.get(id).ok()?;
    match simple.kind {
        Kind::Union => {
            let (part, is_first) = union::<L>(context, simple, value, 0).ok()?;
            if !is_first {
                return None;
            }
            let member = context.types.get(part).ok()?;
            let mut buffer = Vec::new();
            let value = text::normalise(value, member.white_space, &mut buffer);
            return canonical::<L>(context, part, value, to);
        }
        Kind::String
        | Kind::Language
        | Kind::NmToken
        | Kind::Name
        | Kind::NcName
        | Kind::Id
        | Kind::IdRef => {
            to.push(b's');
            to.extend_from_slice(value);
        }
        Kind::AnyUri => {
            to.push(b'u');
            to.extend_from_slice(value);
        }
        Kind::Boolean => to.extend(if matches!(value, b"1" | b"true") { b"b1" } else { b"b0" }),
        Kind::Decimal | Kind::Integer => {
            to.push(b'd');
            Decimal::read(value).ok()?.canonical(to);
        }
        // The end of a day is the begin of the next, and zones may lead to another day.
        Kind::Time => return None,
        kind => {
            let form = form(kind)?;
            to.extend([b't', form as u8]);
            date::moment(value, form).ok()?.canonical(to);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
