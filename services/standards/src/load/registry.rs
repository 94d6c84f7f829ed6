//! All installed standards, and which of them a document belongs to.

use std::{
    cell::OnceCell,
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use prost_reflect::{DescriptorPool, MessageDescriptor};
use xsd_schema::SchemaSet;

use crate::{
    LoadError, MessageTypeInfo, Options, Prepared, Proofs, StandardInfo,
    codelist::CodeLists,
    load::{
        LoadFault,
        dialect::Dialects,
        kept::{Kept, Miss},
        path::Path,
        schema,
        standard::{MessageType, Standard},
    },
    store,
    xml::proof::Counts,
};

/// The message every standard becomes.
const CANONICAL: &str = "amtsbote.canonical.v1.Application";

/// All installed standards.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) standards: Vec<Standard>,
    pub(crate) canonical: MessageDescriptor,
    pub(crate) codelists: CodeLists,
    /// Namespace and local name of the root.
    roots: Roots,
    /// `$schema` and the member beside it.
    json_roots: Roots,
    /// Compiled while loading, for the first worker that needs them.
    compiled: Mutex<HashMap<usize, SchemaSet>>,
    /// What proves documents valid, of each standard: made for the first document, so that a start does
    /// not wait for standards nobody uses; nothing where there is no XSD.
    tables: Vec<OnceLock<Option<Arc<xsd::Tables>>>>,
    /// What became of that, of each standard.
    counts: Vec<Counts>,
    /// How many of the tables were kept from an earlier start, and how many were made at this one.
    pub(crate) prepared: Prepared,
}

/// Standard and message type of a root; several where a document says its version within.
type Roots = HashMap<(String, String), Vec<(usize, usize)>>;

/// What a root says.
#[derive(Debug)]
pub(crate) enum Found<'r> {
    /// One message type of one standard.
    Message(usize, &'r MessageType),
    /// The standard is known, with other message types.
    OtherMessage(usize),
    /// The standard is known, in these versions; the message type, if there is only one it can be.
    OtherVersion(Vec<&'r Standard>, Option<&'r MessageType>),
    /// Nobody knows it.
    Nothing,
}

impl Registry {
    /// Loads the built-in standards and those below the paths of `options`.
    pub(crate) fn load(options: &Options) -> Result<Self, LoadError> {
        let mut faults = Vec::new();
        let mut roots = vec![store::BUILT_IN.to_owned()];
        roots.extend(options.paths.iter().map(|path| path.to_string_lossy().into_owned()));
        let pool = DescriptorPool::decode(wire::DESCRIPTORS).expect("the build made descriptors");
        let canonical = pool.get_message_by_name(CANONICAL).expect("the protos have it");

        let mut dialects = Dialects::default();
        let mut codelists = CodeLists::default();
        for root in &roots {
            for location in listed(store::files(root, "dialects", "toml"), root, &mut faults) {
                dialects.read(&location, &mut faults);
            }
            for location in listed(store::files(root, "codelists", "xml"), root, &mut faults) {
                codelists.add(&location, &mut faults);
            }
        }
        let mut standards = Vec::new();
        for root in &roots {
            for folder in listed(store::standards(root), root, &mut faults) {
                if options.except.iter().any(|except| except.as_os_str() == &*folder) {
                    continue;
                }
                let own = store::files(&folder, "codelists", "xml");
                for location in listed(own, &folder, &mut faults) {
                    codelists.add(&location, &mut faults);
                }
                standards.extend(Standard::read(&folder, &dialects, &canonical, &mut faults));
            }
        }
        standards.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
        let mut registry = Self {
            standards,
            canonical,
            codelists,
            roots: HashMap::new(),
            json_roots: HashMap::new(),
            compiled: Mutex::default(),
            tables: Vec::new(),
            counts: Vec::new(),
            prepared: Prepared::default(),
        };
        registry.index(&mut faults);
        registry.compile(options.tables.as_deref().map(Kept::within).as_ref(), &mut faults);
        if faults.is_empty() { Ok(registry) } else { Err(LoadError { faults }) }
    }

    fn index(&mut self, faults: &mut Vec<LoadFault>) {
        for (at, standard) in self.standards.iter().enumerate() {
            for (number, message) in standard.messages.iter().enumerate() {
                let mut claim = |roots: &mut Roots, of: &str, key: &str, is_versioned: bool| {
                    let claims = roots.entry((of.to_owned(), message.name.clone())).or_default();
                    let others = claims.iter().filter_map(|(at, _)| self.standards.get(*at));
                    let other = others
                        .into_iter()
                        .find(|other| !is_versioned || standard.shares_a_version_with(other));
                    if let Some(other) = other {
                        faults.push(LoadFault {
                            file: standard.location.clone(),
                            line: 0,
                            key: key.to_owned(),
                            message: format!(
                                "`{}` in `{of}` is claimed by {} too",
                                message.name, other.location
                            ),
                        });
                    }
                    claims.push((at, number));
                };
                if standard.xsd.is_some() {
                    claim(&mut self.roots, &standard.namespace, "recognise.namespace", true);
                }
                if let Some(json) = &standard.json {
                    claim(&mut self.json_roots, &json.uri, "json.schema", false);
                }
            }
        }
    }

    /// What is kept of a standard says that its schemas compile: they are read only for the others.
    fn compile(&mut self, kept: Option<&Kept<'_>>, faults: &mut Vec<LoadFault>) {
        let (mut compiled, mut prepared) = (HashMap::new(), Prepared::default());
        let mut unwritten = None;
        for (at, standard) in self.standards.iter().enumerate() {
            self.counts.push(Counts::default());
            if let Err(message) = crate::json::schema::compile(standard) {
                faults.push(LoadFault {
                    file: standard.json.as_ref().map_or("", |json| &json.entry).to_owned(),
                    line: 0,
                    key: String::new(),
                    message,
                });
            }
            if let Some(tables) = kept.and_then(|kept| kept_tables(kept, standard)) {
                prepared.kept += 1;
                self.tables.push(OnceLock::from(Some(Arc::new(tables))));
                continue;
            }
            let found = schema::compile(standard).unwrap_or_else(|found| {
                faults.extend(found);
                None
            });
            let Some((schemas, sources)) = found else {
                self.tables.push(OnceLock::new());
                continue;
            };
            let Some(kept) = kept else {
                self.tables.push(OnceLock::new());
                compiled.insert(at, schemas);
                continue;
            };
            prepared.made += 1;
            let tables = made(&schemas);
            unwritten = kept.write(standard, &tables, &sources).err().or(unwritten);
            self.tables.push(OnceLock::from(Some(tables)));
            // With its tables, a schema is read again only if a document needs the validator: memory for
            // all of them would stay until then.
        }
        if let Some(error) = unwritten {
            tracing::info!(%error, "compiled tables cannot be kept for the next start");
        }
        (self.compiled, self.prepared) = (Mutex::new(compiled), prepared);
    }

    /// A compiled schema set of the standard for one worker; `None` where it has no XSD.
    pub(crate) fn schemas(&self, standard: usize) -> Option<SchemaSet> {
        let ready = self.compiled.lock().ok().and_then(|mut sets| sets.remove(&standard));
        ready.or_else(|| compiled(self.standards.get(standard)?))
    }

    /// What proves documents of the standard valid, made of `schemas` if it is not there yet; `None` where
    /// it has no XSD.
    pub(crate) fn tables<'s>(
        &self,
        standard: usize,
        schemas: impl FnOnce() -> Option<&'s SchemaSet>,
    ) -> Option<Arc<xsd::Tables>> {
        self.tables.get(standard)?.get_or_init(|| schemas().map(made)).clone()
    }

    /// Puts other tables in the place of those of the standard, which are not made yet.
    #[cfg(test)]
    pub(crate) fn plant(&self, standard: usize, tables: xsd::Tables) {
        self.tables[standard].set(Some(Arc::new(tables))).unwrap();
    }

    /// What became of proving documents of the standard.
    pub(crate) fn counts(&self, standard: usize) -> Option<&Counts> {
        self.counts.get(standard)
    }

    /// What became of proving documents of those standards whose id and version are meant; their tables
    /// are made where they are not there yet.
    pub(crate) fn proofs(&self, are_meant: impl Fn(&str, &str) -> bool) -> Vec<Proofs> {
        let told = |(at, (standard, counts)): (usize, (&Standard, &Counts))| {
            standard.xsd.as_ref().filter(|_| are_meant(&standard.id, &standard.version))?;
            let schemas = OnceCell::new();
            let compiled = || compiled(standard);
            let tables = self.tables(at, || schemas.get_or_init(compiled).as_ref())?;
            Some(Proofs {
                standard: standard.id.clone(),
                version: standard.version.clone(),
                proven: counts.proven(),
                unproven: counts.unproven(),
                disagreements: counts.disagreements(),
                tables_bytes: tables.bytes(),
                not_compiled: tables.unknown().to_vec(),
            })
        };
        self.standards.iter().zip(&self.counts).enumerate().filter_map(told).collect()
    }

    /// Whom an XML root belongs to. `version` says what the document says its version is, where a
    /// standard looks for it.
    pub(crate) fn find(
        &self,
        namespace: &str,
        local: &str,
        version: impl Fn(&Path) -> Option<String>,
    ) -> Found<'_> {
        let key = (namespace.to_owned(), local.to_owned());
        let Some(claims) = self.roots.get(&key) else {
            return self.near(|s| s.namespace == namespace, |s| namespace.starts_with(&s.family));
        };
        let is_it = |(at, _): &&(usize, usize)| {
            let standard = self.standards.get(*at);
            standard.is_some_and(|s| s.accepts(version(&s.version_path).as_deref()))
        };
        match (claims.iter().find(is_it), claims.as_slice()) {
            (Some(claim), _) => self.message(*claim),
            (None, [(at, number)]) => {
                let standard = self.standards.get(*at);
                let message = standard.and_then(|standard| standard.messages.get(*number));
                Found::OtherVersion(standard.into_iter().collect(), message)
            }
            (None, claims) => {
                let standards = claims.iter().filter_map(|(at, _)| self.standards.get(*at));
                Found::OtherVersion(standards.collect(), None)
            }
        }
    }

    /// Whom a JSON document belongs to.
    pub(crate) fn find_json(&self, uri: &str, member: &str) -> Found<'_> {
        let claims = self.json_roots.get(&(uri.to_owned(), member.to_owned()));
        if let Some(claim) = claims.and_then(|claims| claims.first()) {
            return self.message(*claim);
        }
        let json = |standard: &Standard, is: fn(&str, &str, &str) -> bool| {
            standard.json.as_ref().is_some_and(|json| is(uri, &json.uri, &json.family))
        };
        self.near(|s| json(s, |uri, own, _| uri == own), |s| json(s, |u, _, f| u.starts_with(f)))
    }

    fn message(&self, (at, number): (usize, usize)) -> Found<'_> {
        let message = self.standards.get(at).and_then(|standard| standard.messages.get(number));
        message.map_or(Found::Nothing, |message| Found::Message(at, message))
    }

    fn near(
        &self,
        is_same: impl Fn(&Standard) -> bool,
        is_family: impl Fn(&Standard) -> bool,
    ) -> Found<'_> {
        if let Some(at) = self.standards.iter().position(is_same) {
            return Found::OtherMessage(at);
        }
        let family: Vec<&Standard> = self.standards.iter().filter(|s| is_family(s)).collect();
        if family.is_empty() { Found::Nothing } else { Found::OtherVersion(family, None) }
    }

    /// What is installed.
    pub(crate) fn list(&self) -> Vec<StandardInfo> {
        let message = |message: &MessageType| MessageTypeInfo {
            name: message.name.clone(),
            title: message.recognised.title.clone(),
            domain: message.recognised.domain.clone(),
            service: message.service.clone(),
            kind: message.recognised.kind,
        };
        let info = |standard: &Standard| StandardInfo {
            id: standard.id.clone(),
            version: standard.version.clone(),
            title: standard.title.clone(),
            namespace: standard.namespace.clone(),
            accepts: standard.accepts.clone(),
            dialect: standard.dialect.clone(),
            valid_from: standard.validity.from.map(|day| day.to_string()),
            valid_until: standard.validity.until.map(|day| day.to_string()),
            rules: standard.rules.iter().map(|(rule, s)| (rule.clone(), *s)).collect(),
            source: if standard.location.starts_with(store::BUILT_IN) {
                "built-in".to_owned()
            } else {
                store::folder(&standard.location).to_owned()
            },
            message_types: standard.messages.iter().map(message).collect(),
        };
        self.standards.iter().map(info).collect()
    }
}

fn made(schemas: &SchemaSet) -> Arc<xsd::Tables> {
    Arc::new(xsd::compile(schemas, xsd::CompileLimits::default()))
}

fn compiled(standard: &Standard) -> Option<SchemaSet> {
    schema::compile(standard).ok().flatten().map(|(schemas, _)| schemas)
}

/// The tables that are kept of `standard`, if they are of use.
fn kept_tables(kept: &Kept<'_>, standard: &Standard) -> Option<xsd::Tables> {
    let why = match kept.read(standard) {
        Ok(tables) => return Some(tables),
        Err(Miss::Absent) => return None,
        Err(why) => why,
    };
    let cause = std::error::Error::source(&why).map(ToString::to_string);
    let (id, version) = (&standard.id, &standard.version);
    tracing::warn!(standard = %id, %version, %why, cause, "compiled tables are made anew");
    None
}

fn listed(
    found: std::io::Result<Vec<String>>,
    root: &str,
    faults: &mut Vec<LoadFault>,
) -> Vec<String> {
    found.unwrap_or_else(|error| {
        faults.push(LoadFault {
            file: root.to_owned(),
            line: 0,
            key: "standards.paths".to_owned(),
            message: format!("cannot be read: {error}"),
        });
        Vec::new()
    })
}
