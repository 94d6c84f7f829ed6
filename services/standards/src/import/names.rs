//! Whether every name that schemas refer to is defined in one of them: the validator takes an unknown
//! type for one that allows anything, and would say nothing.

use std::collections::{BTreeSet, HashSet};

use super::{
    ImportError,
    resolve::{FileId, Forest},
    xsd::{Name, Sort},
};
use crate::codes;

/// Namespaces every validator knows.
const BUILT_IN: [&str; 2] =
    ["http://www.w3.org/2001/XMLSchema", "http://www.w3.org/XML/1998/namespace"];

/// Names that are listed; more are counted.
const NAMES_SHOWN: usize = 50;

/// Tells every name in `files` that none of them defines.
pub(crate) fn check(forest: &Forest, files: &BTreeSet<FileId>) -> Result<(), ImportError> {
    let schemas = || forest.schemas.iter().filter(|(id, _)| files.contains(*id));
    let mut defined: HashSet<(Sort, &str, &str)> = HashSet::new();
    let mut bare: HashSet<(Sort, &str)> = HashSet::new();
    for (_, (schema, links)) in schemas() {
        let own = schema.defines.iter();
        defined.extend(own.map(|(sort, local)| (*sort, &*schema.namespace, &**local)));
        bare.extend(schema.defines.iter().map(|(sort, local)| (*sort, &**local)));
        // A schema without namespace takes that of whoever includes it.
        let included = links.iter().filter(|link| link.reference.kind != "import");
        for (target, _) in included.filter_map(|link| link.target.as_ref()) {
            if let Some((part, _)) =
                forest.schemas.get(target).filter(|(p, _)| p.namespace.is_empty())
            {
                let part = part.defines.iter();
                defined.extend(part.map(|(sort, local)| (*sort, &*schema.namespace, &**local)));
            }
        }
    }
    let is_defined = |sort: Sort, name: &Name, is_bare: bool| {
        BUILT_IN.contains(&&*name.namespace)
            || defined.contains(&(sort, &name.namespace, &name.local))
            || (is_bare && name.namespace.is_empty() && bare.contains(&(sort, &name.local)))
    };
    let mut lost = Vec::new();
    for (id, (schema, _)) in schemas() {
        let is_bare = schema.namespace.is_empty();
        for ((sort, name), line) in &schema.uses {
            if !is_defined(*sort, name, is_bare) {
                let (namespace, local, path) = (&name.namespace, &name.local, &id.path);
                let sort = told(*sort);
                lost.push(format!(
                    "{path}, line {line}: {sort} `{local}` of namespace `{namespace}`"
                ));
            }
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    let count = lost.len();
    let what = format!("{count} name(s) are used that no schema defines; nothing was installed");
    lost.truncate(NAMES_SHOWN);
    if NAMES_SHOWN < count {
        lost.push(format!("and {} more", count - NAMES_SHOWN));
    }
    lost.push(
        "a schema is broken, of another version, or imports a namespace without saying where it is"
            .to_owned(),
    );
    Err(ImportError::new(codes::IMPORT_MISSING, what).with(lost))
}

fn told(sort: Sort) -> &'static str {
    match sort {
        Sort::Type => "type",
        Sort::Element => "element",
        Sort::Group => "group",
        Sort::Attribute => "attribute",
        Sort::AttributeGroup => "attribute group",
    }
}
