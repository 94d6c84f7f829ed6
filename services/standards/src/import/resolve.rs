//! Finds the home of every import, include and redefine without any network: by its relative path, by a
//! catalogue, by namespace and file name within the package, in what is brought along, or in what is
//! installed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Catalogue, ImportError, Package,
    catalogue::{self, Entry},
    expansion, names,
    package::Kind,
    xsd::{self, Reference, Schema},
};
use crate::{codes, store};

/// Missing schemas that are listed; more are counted.
const MISSING_SHOWN: usize = 50;

/// Where a schema is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// A package by its number: 0 is the one to be installed.
    Package(usize),
    /// Named by the catalogue beside the package.
    Catalogue,
}

/// One schema of all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) origin: Origin,
    pub(crate) path: String,
}

/// The package, and what may help.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The package itself, those brought along, those installed.
    pub(crate) packages: Vec<Package>,
    /// How many of them are brought along.
    with: usize,
    pub(crate) catalogue: Option<Catalogue>,
    /// Lines of catalogues within packages, by package.
    lines: Vec<Vec<Entry>>,
    /// Schemas by package, namespace and file name in small letters.
    named: Vec<HashMap<(String, String), String>>,
}

/// How a reference finds its schema when the standard runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It lies where the reference says.
    Beside,
    /// The standard's own catalogue says.
    Catalogue,
}

/// A reference and where it leads.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) reference: Reference,
    pub(crate) target: Option<(FileId, Way)>,
}

/// A reference that leads nowhere.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) by: FileId,
    pub(crate) reference: Reference,
}

/// All schemas of the package and all they lead to.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    pub(crate) schemas: BTreeMap<FileId, (Schema, Vec<Link>)>,
    pub(crate) missing: Vec<Missing>,
}

/// What a standard needs of a forest.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The schemas it begins with.
    pub(crate) tops: Vec<FileId>,
    /// Every schema it needs.
    pub(crate) files: BTreeSet<FileId>,
    /// Location as written, without scheme, to the schema meant.
    pub(crate) catalogue: BTreeMap<String, FileId>,
}

impl Sources {
    pub(crate) fn new(
        package: Package,
        catalogue: Option<Catalogue>,
        with: Vec<Package>,
        installed: Vec<Package>,
    ) -> Self {
        let count = with.len();
        let packages: Vec<Package> =
            std::iter::once(package).chain(with).chain(installed).collect();
        let lines = packages.iter().map(lines).collect();
        let named = packages.iter().map(named).collect();
        Self { packages, with: count, catalogue, lines, named }
    }

    /// The package to be installed.
    pub(crate) fn package(&self) -> Option<&Package> {
        self.packages.first()
    }

    /// The text of a schema; `None` if there is none.
    pub(crate) fn text(&self, id: &FileId) -> Option<Result<String, ImportError>> {
        match id.origin {
            Origin::Package(number) => self.packages.get(number)?.text(&id.path),
            Origin::Catalogue => self.catalogue.as_ref()?.text(&id.path),
        }
    }

    /// The bytes of a schema as they were.
    pub(crate) fn bytes(&self, id: &FileId) -> Option<Vec<u8>> {
        match id.origin {
            Origin::Package(number) => {
                Some(self.packages.get(number)?.files.get(&id.path)?.bytes.clone())
            }
            Origin::Catalogue => Some(self.catalogue.as_ref()?.text(&id.path)?.ok()?.into_bytes()),
        }
    }

    /// How errors call the origin of a schema; empty for the package itself.
    pub(crate) fn told(&self, id: &FileId) -> String {
        match id.origin {
            Origin::Package(0) => String::new(),
            Origin::Package(number) => {
                self.packages.get(number).map(|p| p.name.clone()).unwrap_or_default()
            }
            Origin::Catalogue => {
                self.catalogue.as_ref().map(|c| c.location.clone()).unwrap_or_default()
            }
        }
    }

    fn is_schema(&self, number: usize, path: &str) -> bool {
        let file = self.packages.get(number).and_then(|package| package.files.get(path));
        file.is_some_and(|file| file.kind == Kind::Schema)
    }

    /// Where `reference` of the schema `from` leads.
    fn find(&self, from: &FileId, reference: &Reference) -> Option<(FileId, Way)> {
        let location = reference.location.as_str();
        let beside = store::join(store::folder(&from.path), location);
        let is_relative = !location.contains("://") && !location.is_empty();
        let name = file_name(location);
        match from.origin {
            Origin::Package(number) if is_relative && self.is_schema(number, &beside) => {
                // What the package itself brings wins over the same in another place: two copies of one schema
                // are two definitions of every type.
                let earlier = (0..number)
                    .find_map(|earlier| self.by_name(earlier, &reference.namespace, name));
                return match earlier {
                    Some(id) => Some((id, Way::Catalogue)),
                    None => Some((FileId { origin: from.origin, path: beside }, Way::Beside)),
                };
            }
            Origin::Catalogue if is_relative => {
                let id = FileId { origin: Origin::Catalogue, path: beside };
                if self.text(&id).is_some() {
                    let own = self.by_name(0, &reference.namespace, name);
                    return Some(own.map_or((id, Way::Beside), |own| (own, Way::Catalogue)));
                }
            }
            _ => {}
        }
        self.by_catalogue(from, location)
            .or_else(|| {
                (0..self.packages.len())
                    .find_map(|number| self.by_name(number, &reference.namespace, name))
            })
            .map(|id| (id, Way::Catalogue))
    }

    fn by_catalogue(&self, from: &FileId, location: &str) -> Option<FileId> {
        if location.is_empty() {
            return None;
        }
        if let Some(catalogue) = &self.catalogue
            && let Some(path) = catalogue::look_up(&catalogue.entries, location)
        {
            let id = FileId { origin: Origin::Catalogue, path };
            if self.text(&id).is_some() {
                return Some(id);
            }
        }
        let own = match from.origin {
            Origin::Package(number) => number,
            Origin::Catalogue => 0,
        };
        std::iter::once(own).chain(0..self.packages.len()).find_map(|number| {
            let path = catalogue::look_up(self.lines.get(number)?, location)?;
            let is_there = self.is_schema(number, &path);
            is_there.then_some(FileId { origin: Origin::Package(number), path })
        })
    }

    fn by_name(&self, number: usize, namespace: &str, name: &str) -> Option<FileId> {
        let key = (namespace.to_owned(), name.to_lowercase());
        let path = self.named.get(number)?.get(&key)?.clone();
        Some(FileId { origin: Origin::Package(number), path })
    }

    /// Schemas of `namespace` under other names, for advice.
    fn of_namespace(&self, namespace: &str) -> Vec<FileId> {
        let of = |number: usize| {
            let named = self.named.get(number).into_iter().flatten();
            let found = named.filter(|((of, _), _)| of == namespace && !namespace.is_empty());
            found.map(move |(_, path)| FileId {
                origin: Origin::Package(number),
                path: path.clone(),
            })
        };
        (0..self.packages.len()).flat_map(of).collect()
    }
}

fn file_name(location: &str) -> &str {
    location.rsplit('/').next().unwrap_or(location)
}

fn lines(package: &Package) -> Vec<Entry> {
    let mut lines = Vec::new();
    for (path, _) in package.files.iter().filter(|(_, file)| file.kind == Kind::Catalogue) {
        let Some(Ok(text)) = package.text(path) else { continue };
        lines.extend(catalogue::entries(path, &text).unwrap_or_default());
    }
    lines
}

fn named(package: &Package) -> HashMap<(String, String), String> {
    let mut named = HashMap::new();
    for (path, _) in package.files.iter().filter(|(_, file)| file.kind == Kind::Schema) {
        let Some(Ok(text)) = package.text(path) else { continue };
        let Some(namespace) = xsd::target_namespace(&text) else { continue };
        named.entry((namespace, file_name(path).to_lowercase())).or_insert_with(|| path.clone());
    }
    named
}

/// Reads all schemas of the package and all they lead to.
pub(crate) fn explore(sources: &Sources) -> Result<Forest, ImportError> {
    let mut forest = Forest::default();
    let Some(package) = sources.package() else { return Ok(forest) };
    let schemas = package.files.iter().filter(|(_, file)| file.kind == Kind::Schema);
    let own = |(path, _): (&String, _)| FileId { origin: Origin::Package(0), path: path.clone() };
    let mut waiting: Vec<FileId> = schemas.map(own).collect();
    while let Some(id) = waiting.pop() {
        if forest.schemas.contains_key(&id) {
            continue;
        }
        let Some(text) = sources.text(&id) else { continue };
        let schema = xsd::read(&id.path, &text?)?;
        let mut links = Vec::new();
        for reference in &schema.references {
            let target = sources.find(&id, reference);
            match &target {
                Some((target, _)) => waiting.push(target.clone()),
                // Without a location it only says that names of that namespace are used.
                None if reference.location.is_empty() => {}
                None => {
                    forest.missing.push(Missing { by: id.clone(), reference: reference.clone() })
                }
            }
            links.push(Link { reference: reference.clone(), target });
        }
        forest.schemas.insert(id, (schema, links));
    }
    Ok(forest)
}

/// What the messages of `namespace` need; of building blocks (`None`), what the whole package needs.
pub(crate) fn reach(
    sources: &Sources,
    forest: &Forest,
    namespace: Option<&str>,
) -> Result<Reach, ImportError> {
    let is_own = |id: &FileId, schema: &Schema| {
        id.origin == Origin::Package(0)
            && namespace.is_none_or(|namespace| schema.namespace == namespace)
    };
    let own: Vec<&FileId> = forest
        .schemas
        .iter()
        .filter(|(id, (schema, _))| is_own(id, schema))
        .map(|(id, _)| id)
        .collect();
    let mut files = BTreeSet::new();
    let mut catalogue = BTreeMap::new();
    let mut waiting: Vec<FileId> = own.iter().map(|id| (*id).clone()).collect();
    while let Some(id) = waiting.pop() {
        let Some((_, links)) = forest.schemas.get(&id).filter(|_| files.insert(id.clone())) else {
            continue;
        };
        for link in links {
            let Some((target, way)) = &link.target else { continue };
            waiting.push(target.clone());
            if *way == Way::Catalogue && !link.reference.location.is_empty() {
                let key = catalogue::without_scheme(&link.reference.location).to_owned();
                catalogue.entry(key).or_insert_with(|| target.clone());
            }
        }
    }
    let lost: Vec<Missing> =
        forest.missing.iter().filter(|missing| files.contains(&missing.by)).cloned().collect();
    if !lost.is_empty() {
        return Err(missing(sources, &lost));
    }
    agree(forest, &files, &catalogue)?;
    names::check(forest, &files)?;
    expansion::check(forest, &files)?;
    Ok(Reach { tops: tops(forest, &own), files, catalogue })
}

/// A catalogue has no folders: one location as written must mean one schema everywhere.
fn agree(
    forest: &Forest,
    files: &BTreeSet<FileId>,
    catalogue: &BTreeMap<String, FileId>,
) -> Result<(), ImportError> {
    let mut faults = Vec::new();
    for (id, (_, links)) in forest.schemas.iter().filter(|(id, _)| files.contains(*id)) {
        for link in links {
            let key = catalogue::without_scheme(&link.reference.location);
            let (Some(meant), Some((target, _))) = (catalogue.get(key), &link.target) else {
                continue;
            };
            if meant != target {
                let (line, path) = (link.reference.line, &id.path);
                faults.push(format!(
                    "`{path}`, line {line}: means `{}`, elsewhere `{}`",
                    target.path, meant.path
                ));
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    faults.push(
        "put the file that is missing into the package, at the place the reference names"
            .to_owned(),
    );
    let what = "one relative location means different schemas";
    Err(ImportError::new(codes::IMPORT_UNCLEAR, what).with(faults))
}

/// The schemas of `own` that no other of them includes; copies of one another count once.
fn tops(forest: &Forest, own: &[&FileId]) -> Vec<FileId> {
    let mut included = BTreeSet::new();
    for id in own {
        let links = forest.schemas.get(*id).map(|(_, links)| links.as_slice()).unwrap_or_default();
        let includes = links.iter().filter(|link| link.reference.kind != "import");
        included.extend(
            includes
                .filter_map(|link| link.target.as_ref())
                .map(|(target, _)| target)
                .filter(|t| t != id),
        );
    }
    let tops: Vec<FileId> =
        own.iter().filter(|id| !included.contains(**id)).map(|id| (*id).clone()).collect();
    // Schemas that include each other have no top: then each is one.
    if tops.is_empty() { own.iter().map(|id| (*id).clone()).collect() } else { tops }
}

/// The list of everything missing, by location.
pub(crate) fn missing(sources: &Sources, missing: &[Missing]) -> ImportError {
    let mut by_location: BTreeMap<&str, Vec<&Missing>> = BTreeMap::new();
    for one in missing {
        by_location.entry(&one.reference.location).or_default().push(one);
    }
    let mut details = Vec::new();
    for (location, users) in by_location.iter_mut().take(MISSING_SHOWN) {
        users.sort_by_key(|user| (&user.by, user.reference.line));
        let namespace =
            users.first().map(|user| user.reference.namespace.as_str()).unwrap_or_default();
        details.push(format!("{location}  (namespace {namespace})"));
        for user in users.iter().take(3) {
            let of = match sources.told(&user.by) {
                name if name.is_empty() => String::new(),
                name => format!(" of {name}"),
            };
            let (path, line, kind) = (&user.by.path, user.reference.line, &user.reference.kind);
            details.push(format!("    {kind} in {path}, line {line}{of}"));
        }
        if 3 < users.len() {
            details.push(format!("    and {} more", users.len() - 3));
        }
        for other in sources.of_namespace(namespace).iter().take(3) {
            details.push(format!("    another file has this namespace: {}", other.path));
        }
    }
    let hidden = by_location.len().saturating_sub(MISSING_SHOWN);
    if hidden != 0 {
        details.push(format!("and {hidden} more"));
    }
    details.push(
        "bring them along: `--with` takes the package, folder or file that has them (same namespace, same file name); \
         `--catalog` takes an OASIS catalogue that says where copies lie"
            .to_owned(),
    );
    let what = format!(
        "{} schema(s) are referred to and not there; nothing is fetched, nothing was installed",
        by_location.len()
    );
    ImportError::new(codes::IMPORT_MISSING, what).with(details)
}

impl Sources {
    /// Whether `id` was brought along or installed before, for the report.
    pub(crate) fn is_installed(&self, id: &FileId) -> bool {
        matches!(id.origin, Origin::Package(number) if self.with < number)
    }
}
