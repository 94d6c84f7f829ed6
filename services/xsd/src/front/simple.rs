//! Simple types with everything they inherit.

use xsd_schema::{
    FacetSet, SimpleTypeKey, TypeKey, WhitespaceMode, XmlTypeCode,
    parser::frames::SimpleTypeVariety,
};

use super::{Front, STEPS_MAX};
use crate::{
    model::{SimpleType, TypeId, Unknown},
    simple::{Bound, Kind, Side, text::WhiteSpace},
};

/// What a type is in the end.
struct Origin {
    code: XmlTypeCode,
    variety: SimpleTypeVariety,
    item: Option<TypeKey>,
    members: Vec<TypeKey>,
}

impl Front<'_> {
    /// The type `key`, restricted further by `more`, the innermost first.
    pub(super) fn simple(
        &self,
        key: SimpleTypeKey,
        more: &[&FacetSet],
    ) -> Result<SimpleType, Unknown> {
        let mut facets = FacetSet::new();
        more.iter().for_each(|more| facets.inherit_from(more));
        let origin = self.origin(key, &mut facets)?;
        if !facets.assertions.is_empty() || facets.explicit_timezone.is_some() {
            return Err("facet of XSD 1.1");
        }
        let (kind, white_space, parts, mut bounds) = self.kind(&origin)?;
        bounds.extend(bounds_of(&facets));
        let is_text = matches!(kind, Kind::String);
        let white_space = match facets.whitespace.as_ref().filter(|_| is_text) {
            None => white_space,
            Some(facet) => match facet.value {
                WhitespaceMode::Preserve => WhiteSpace::Preserve,
                WhitespaceMode::Replace => WhiteSpace::Replace,
                WhitespaceMode::Collapse => WhiteSpace::Collapse,
            },
        };
        let exact = facets.length.as_ref().map(|facet| facet.value);
        // The built-in lists have one item at least.
        let is_builtin_list = matches!(origin.code, XmlTypeCode::NmTokens | XmlTypeCode::IdRefs);
        let patterns = facets.patterns.iter().filter(|step| !step.is_empty());
        Ok(SimpleType {
            kind,
            white_space,
            length_min: exact
                .max(facets.min_length.as_ref().map(|facet| facet.value))
                .max(is_builtin_list.then_some(1)),
            length_max: least(exact, facets.max_length.as_ref().map(|facet| facet.value)),
            patterns: patterns
                .map(|step| step.iter().map(|pattern| pattern.value.clone()).collect())
                .collect(),
            enumeration: facets.enumeration.as_ref().map(|facet| {
                let mut values: Vec<String> = facet.values.iter().cloned().collect();
                values.sort_unstable();
                values
            }),
            bounds,
            digits_max: facets.total_digits.as_ref().map(|facet| facet.value),
            fraction_digits_max: facets.fraction_digits.as_ref().map(|facet| facet.value),
            parts,
        })
    }

    /// Follows `key` to the built-in type it is of, and collects facets on the way.
    fn origin(&self, key: SimpleTypeKey, facets: &mut FacetSet) -> Result<Origin, Unknown> {
        let arenas = &self.schemas.arenas.simple_types;
        let variety = arenas.get(key).ok_or("type without definition")?.variety;
        let mut origin =
            Origin { code: XmlTypeCode::None, variety, item: None, members: Vec::new() };
        let mut at = key;
        for _ in 0..STEPS_MAX {
            if let Some(code) = self.schemas.get_type_code(at) {
                origin.code = code;
                return Ok(origin);
            }
            let data = arenas.get(at).ok_or("type without definition")?;
            if data.redefine_original.is_some() || data.deferred_item_type_error.is_some() {
                return Err("redefinition, or a type that is missing");
            }
            facets.inherit_from(&data.facets);
            origin.item = origin.item.or(data.resolved_item_type);
            if origin.members.is_empty() {
                origin.members.clone_from(&data.resolved_member_types);
            }
            match data.resolved_base_type {
                Some(TypeKey::Simple(base)) if base != at => at = base,
                _ => {
                    origin.code = XmlTypeCode::AnySimpleType;
                    return Ok(origin);
                }
            }
        }
        Err("type derived too often")
    }

    fn kind(
        &self,
        origin: &Origin,
    ) -> Result<(Kind, WhiteSpace, Vec<TypeId>, Vec<Bound>), Unknown> {
        let id = |key: TypeKey| self.type_id(key).ok_or("type without definition");
        let builtin = |code| {
            let key = self.schemas.get_built_in_simple_type_by_code(code);
            key.map(TypeKey::Simple).ok_or("type without definition").and_then(id)
        };
        let list = |item| Ok((Kind::List, WhiteSpace::Collapse, vec![item], Vec::new()));
        match (origin.code, origin.variety) {
            (XmlTypeCode::NmTokens, _) => return list(builtin(XmlTypeCode::NmToken)?),
            (XmlTypeCode::IdRefs, _) => return list(builtin(XmlTypeCode::IdRef)?),
            (_, SimpleTypeVariety::List) => {
                return list(id(origin.item.ok_or("list without items")?)?);
            }
            (_, SimpleTypeVariety::Union) => {
                let members: Result<Vec<TypeId>, Unknown> =
                    origin.members.iter().map(|member| id(*member)).collect();
                return Ok((Kind::Union, WhiteSpace::Preserve, members?, Vec::new()));
            }
            _ => {}
        }
        let (kind, white_space, least, most) = atomic(origin.code).ok_or("unusual simple type")?;
        let bound = |side, value: &str| Bound { side, value: value.to_owned() };
        let lower = least.map(|value| bound(Side::AtLeast, value));
        let bounds = lower.into_iter().chain(most.map(|value| bound(Side::AtMost, value)));
        Ok((kind, white_space, Vec::new(), bounds.collect()))
    }
}

type Atomic = (Kind, WhiteSpace, Option<&'static str>, Option<&'static str>);

/// The built-in types, with the bounds they have by themselves.
fn atomic(code: XmlTypeCode) -> Option<Atomic> {
    use WhiteSpace::{Collapse, Preserve, Replace};
    let integer = |least, most| Some((Kind::Integer, Collapse, least, most));
    let kind = match code {
        XmlTypeCode::Integer => return integer(None, None),
        XmlTypeCode::NonPositiveInteger => return integer(None, Some("0")),
        XmlTypeCode::NegativeInteger => return integer(None, Some("-1")),
        XmlTypeCode::NonNegativeInteger => return integer(Some("0"), None),
        XmlTypeCode::PositiveInteger => return integer(Some("1"), None),
        XmlTypeCode::Long => {
            return integer(Some("-9223372036854775808"), Some("9223372036854775807"));
        }
        XmlTypeCode::Int => return integer(Some("-2147483648"), Some("2147483647")),
        XmlTypeCode::Short => return integer(Some("-32768"), Some("32767")),
        XmlTypeCode::Byte => return integer(Some("-128"), Some("127")),
        XmlTypeCode::UnsignedLong => return integer(Some("0"), Some("18446744073709551615")),
        XmlTypeCode::UnsignedInt => return integer(Some("0"), Some("4294967295")),
        XmlTypeCode::UnsignedShort => return integer(Some("0"), Some("65535")),
        XmlTypeCode::UnsignedByte => return integer(Some("0"), Some("255")),
        XmlTypeCode::String | XmlTypeCode::AnySimpleType => {
            return Some((Kind::String, Preserve, None, None));
        }
        XmlTypeCode::NormalizedString => return Some((Kind::String, Replace, None, None)),
        XmlTypeCode::Token => Kind::String,
        XmlTypeCode::Language => Kind::Language,
        XmlTypeCode::NmToken => Kind::NmToken,
        XmlTypeCode::Name => Kind::Name,
        XmlTypeCode::NCName => Kind::NcName,
        XmlTypeCode::Id => Kind::Id,
        XmlTypeCode::IdRef => Kind::IdRef,
        XmlTypeCode::QName => Kind::QName,
        XmlTypeCode::Boolean => Kind::Boolean,
        XmlTypeCode::Decimal => Kind::Decimal,
        XmlTypeCode::Float => Kind::Float,
        XmlTypeCode::Double => Kind::Double,
        XmlTypeCode::Duration => Kind::Duration,
        XmlTypeCode::DateTime => Kind::DateTime,
        XmlTypeCode::Time => Kind::Time,
        XmlTypeCode::Date => Kind::Date,
        XmlTypeCode::GYearMonth => Kind::YearMonth,
        XmlTypeCode::GYear => Kind::Year,
        XmlTypeCode::GMonthDay => Kind::MonthDay,
        XmlTypeCode::GDay => Kind::Day,
        XmlTypeCode::GMonth => Kind::Month,
        XmlTypeCode::HexBinary => Kind::Hex,
        XmlTypeCode::Base64Binary => Kind::Base64,
        XmlTypeCode::AnyUri => Kind::AnyUri,
        _ => return None,
    };
    Some((kind, Collapse, None, None))
}

fn bounds_of(facets: &FacetSet) -> Vec<Bound> {
    let mut bounds = Vec::new();
    let mut add = |side, value: Option<&String>| {
        bounds.extend(value.map(|value| Bound { side, value: value.trim().to_owned() }));
    };
    add(Side::AtLeast, facets.min_inclusive.as_ref().map(|facet| &facet.value));
    add(Side::Above, facets.min_exclusive.as_ref().map(|facet| &facet.value));
    add(Side::AtMost, facets.max_inclusive.as_ref().map(|facet| &facet.value));
    add(Side::Below, facets.max_exclusive.as_ref().map(|facet| &facet.value));
    bounds
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
