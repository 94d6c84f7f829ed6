//! How large schemas become once groups and bases are copied into everything that names them: thirty
//! groups that each name the next one twice are a thousand million elements.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ImportError,
    resolve::{FileId, Forest},
    xsd::{Name, Sort, Weight},
};
use crate::codes;

/// Elements of one definition, all that is copied into it counted; the largest published one has some
/// thousands.
const DEFINITION_MAX: u64 = 1_000_000;

/// The same of all definitions together.
const TOTAL_MAX: u64 = 5_000_000;

/// Definitions within each other that are followed; the validator refuses more than 128.
const DEPTH_MAX: usize = 200;

type Key<'f> = (Sort, &'f str, &'f str);

/// Refuses schemas that become too large.
pub(crate) fn check(forest: &Forest, files: &BTreeSet<FileId>) -> Result<(), ImportError> {
    let mut weights: BTreeMap<Key<'_>, &Weight> = BTreeMap::new();
    for (_, (schema, links)) in forest.schemas.iter().filter(|(id, _)| files.contains(*id)) {
        let of = |weight| -> (Key<'_>, _) { (key(weight, &schema.namespace), weight) };
        weights.extend(schema.weights.iter().map(of));
        // A schema without namespace takes that of whoever includes it.
        for (target, _) in links.iter().filter_map(|link| link.target.as_ref()) {
            if let Some((part, _)) =
                forest.schemas.get(target).filter(|(p, _)| p.namespace.is_empty())
            {
                weights.extend(part.weights.iter().map(of));
            }
        }
    }
    let mut sizes = BTreeMap::new();
    let mut total = 0_u64;
    for (sort, namespace, local) in weights.keys().copied() {
        let size = size((sort, namespace, local), &weights, &mut sizes, DEPTH_MAX);
        total = total.saturating_add(size);
        if DEFINITION_MAX < size {
            let what = format!(
                "`{local}` of namespace `{namespace}` has more than {DEFINITION_MAX} elements once its groups are filled in"
            );
            return Err(too_large(what));
        }
    }
    if TOTAL_MAX < total {
        let what =
            format!("the schemas have more than {TOTAL_MAX} elements once groups are filled in");
        return Err(too_large(what));
    }
    Ok(())
}

fn key<'f>(weight: &'f Weight, namespace: &'f str) -> Key<'f> {
    (weight.sort, namespace, &weight.local)
}

/// How much the definition `key` is. One within itself counts once: the validator refuses it.
fn size<'f>(
    key: Key<'f>,
    weights: &BTreeMap<Key<'f>, &'f Weight>,
    sizes: &mut BTreeMap<Key<'f>, u64>,
    depth: usize,
) -> u64 {
    if let Some(size) = sizes.get(&key) {
        return *size;
    }
    let Some(weight) = weights.get(&key).filter(|_| 0 < depth) else { return 1 };
    sizes.insert(key, 1);
    let mut sum = weight.own;
    for (sort, Name { namespace, local }) in &weight.parts {
        sum = sum.saturating_add(size((*sort, namespace, local), weights, sizes, depth - 1));
    }
    sizes.insert(key, sum);
    sum
}

fn too_large(what: String) -> ImportError {
    let way_out = "no published schema does this; ask whoever made the package".to_owned();
    ImportError::new(codes::IMPORT_TOO_LARGE, what).with([way_out])
}
