//! `standard.toml`: one version of one standard.

use std::{collections::BTreeMap, sync::Arc};

use messaging::{Domain, ProcedureName};
use prost_reflect::MessageDescriptor;

use crate::{
    MessageKind, Severity,
    carry::Plan,
    load::{
        LoadFault,
        addresses::Addresses,
        dialect::{Dialects, HeaderPaths},
        mapping::Mapping,
        path::Path,
        policy::CodePolicy,
        toml_file::{Entry, Table, TomlFile},
        validity::Validity,
    },
    store, verdict,
};

/// One version of one standard, loaded.
#[derive(Debug)]
pub(crate) struct Standard {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) title: String,
    /// The `standard.toml`.
    pub(crate) location: String,
    /// Namespace of the root elements.
    pub(crate) namespace: String,
    /// Namespaces that begin so are of this standard, perhaps of a version that is not installed.
    pub(crate) family: String,
    /// Where a document says its version.
    pub(crate) version_path: Path,
    /// What it may say there; empty: anything.
    pub(crate) accepts: Vec<String>,
    pub(crate) validity: Validity,
    pub(crate) codelists: CodePolicy,
    /// Id of the dialect.
    pub(crate) dialect: String,
    pub(crate) header: HeaderPaths,
    /// Location of the entry schema.
    pub(crate) xsd: Option<String>,
    /// Location of the OASIS catalogue.
    pub(crate) catalog: Option<String>,
    pub(crate) json: Option<JsonEntry>,
    pub(crate) messages: Vec<MessageType>,
    pub(crate) mapping: Mapping,
    pub(crate) rules: BTreeMap<String, Severity>,
}

/// The JSON alternative.
#[derive(Debug)]
pub(crate) struct JsonEntry {
    /// Value of `$schema`.
    pub(crate) uri: String,
    /// `$schema` values that begin so are of this standard.
    pub(crate) family: String,
    /// Location of the schema.
    pub(crate) entry: String,
}

/// One message type.
#[derive(Debug)]
pub(crate) struct MessageType {
    /// Local name of the root element; in JSON, the one member beside `$schema`.
    pub(crate) name: String,
    /// What its type code should be.
    pub(crate) type_code: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) recognised: verdict::Recognised,
    /// How its documents become canonical.
    pub(crate) plan: Arc<Plan>,
    /// Where they name municipalities.
    pub(crate) addresses: Arc<Addresses>,
}

/// Rules of which an operator may say how severe they are; nothing that makes a document unreadable.
const ADJUSTABLE: [&str; 19] = [
    "AB-4032", "AB-4100", "AB-4101", "AB-4102", "AB-4103", "AB-4104", "AB-4120", "AB-4130",
    "AB-4131", "AB-4132", "AB-4133", "AB-4134", "AB-4135", "AB-4136", "AB-4140", "AB-4141",
    "AB-4142", "AB-4143", "AB-4144",
];

impl Standard {
    /// Reads the standard in `folder`.
    pub(crate) fn read(
        folder: &str,
        dialects: &Dialects,
        canonical: &MessageDescriptor,
        faults: &mut Vec<LoadFault>,
    ) -> Option<Self> {
        let location = store::join(folder, "standard.toml");
        let file = TomlFile::read(&location, faults)?;
        let standard = parse(&file, folder, dialects);
        let is_sound = standard.is_some();
        faults.extend(file.into_faults());
        let mut standard = standard.filter(|_| is_sound)?;
        let names: Vec<String> = standard.messages.iter().map(|m| m.name.clone()).collect();
        let mapping = store::join(folder, "mapping.toml");
        standard.mapping = Mapping::read(&mapping, canonical, &names, faults);
        standard.lay_out(canonical);
        Some(standard)
    }

    /// Lays the mapping out for each message type. Most have no lines of their own, and share what is laid
    /// out.
    fn lay_out(&mut self, canonical: &MessageDescriptor) {
        let mapping = &self.mapping;
        let laid_out = |name: &str| {
            let plan = Plan::new(mapping.rules(name), &mapping.generic, canonical);
            (Arc::new(plan), Arc::new(Addresses::new(mapping.rules(name))))
        };
        let mut common = None;
        for message in &mut self.messages {
            (message.plan, message.addresses) = if mapping.of_message.contains_key(&message.name) {
                laid_out(&message.name)
            } else {
                common.get_or_insert_with(|| laid_out(&message.name)).clone()
            };
        }
    }

    /// Whether a document that says `version` is one of this version.
    pub(crate) fn accepts(&self, version: Option<&str>) -> bool {
        let is_any = self.accepts.is_empty();
        version.is_none_or(|said| is_any || self.accepts.iter().any(|accepted| accepted == said))
    }

    /// Whether one document could be of both versions by what it says its version is.
    pub(crate) fn shares_a_version_with(&self, other: &Self) -> bool {
        let is_any = self.accepts.is_empty() || other.accepts.is_empty();
        is_any || self.accepts.iter().any(|version| other.accepts.contains(version))
    }

    /// How severe a violation is: by the validator's rule, else by our code, else `default`.
    pub(crate) fn severity(&self, code: &str, rule: Option<&str>, default: Severity) -> Severity {
        let by_rule = rule.and_then(|rule| self.rules.get(rule));
        by_rule.or_else(|| self.rules.get(code)).copied().unwrap_or(default)
    }
}

fn parse(file: &TomlFile, folder: &str, dialects: &Dialects) -> Option<Standard> {
    let mut root = file.root();
    let id = root.required_text("id");
    let version = root.required_text("version");
    let title = root.required_text("title");
    let dialect = root.required_text("dialect");
    let recognise = root.table("recognise");
    let xml = root.table("xml");
    let json = root.table("json");
    let own_header = root.table("header");
    let validity = root.table("validity").map(Validity::read).unwrap_or_default();
    let codelists = root.table("codelists").map(CodePolicy::read).unwrap_or_default();
    let rules = root.table("rules").map(rules).unwrap_or_default();
    let messages = root.take("message");
    root.finish();

    let mut header = dialect.as_ref().map(|of| paths_of(of, dialects, file)).unwrap_or_default();
    if let Some(table) = own_header {
        header.read(table);
    }
    let Some(mut recognise) = recognise else {
        file.fault(1, "recognise", "is missing");
        return None;
    };
    let namespace = recognise.required_text("namespace").map(|(text, _)| text);
    let family = recognise.text("family").map(|(text, _)| text);
    let accepts = recognise.take("accepts").and_then(Entry::texts).unwrap_or_default();
    let version_path = version_path(&mut recognise);
    recognise.finish();
    let (xsd, catalog) = xml.map(|table| xml_entry(table, folder)).unwrap_or_default();
    let json = json.and_then(|table| json_entry(table, folder));
    if xsd.is_none() && json.is_none() {
        file.fault(1, "xml.entry", "a standard needs `xml.entry`, `json.entry` or both");
    }
    let (Some((id, id_line)), Some((version, version_line)), Some((title, _)), Some(namespace)) =
        (id, version, title, namespace)
    else {
        return None;
    };
    check_folder(file, folder, (&id, id_line), (&version, version_line));
    let messages = messages.map(Entry::tables).unwrap_or_default();
    if messages.is_empty() {
        file.fault(1, "message", "at least one [[message]] is needed");
    }
    let messages =
        messages.into_iter().filter_map(|table| message(file, table, &id, &version)).collect();
    Some(Standard {
        id,
        version,
        title,
        location: file.location().to_owned(),
        family: family.unwrap_or_else(|| namespace.clone()),
        namespace,
        version_path,
        accepts,
        validity,
        codelists,
        dialect: dialect.map(|(dialect, _)| dialect).unwrap_or_default(),
        header,
        xsd,
        catalog,
        json,
        messages,
        mapping: Mapping::default(),
        rules,
    })
}

/// Where the dialect called so has its fields.
fn paths_of((dialect, line): &(String, u32), dialects: &Dialects, file: &TomlFile) -> HeaderPaths {
    let paths = dialects.get(dialect).cloned();
    if paths.is_none() {
        let known = dialects.ids().join(", ");
        file.fault(*line, "dialect", format!("no dialect `{dialect}`; there are: {known}"));
    }
    paths.unwrap_or_default()
}

fn check_folder(file: &TomlFile, folder: &str, id: (&str, u32), version: (&str, u32)) {
    let mut parts = folder.rsplit('/');
    for (key, (value, line)) in [("version", version), ("id", id)] {
        let part = parts.next().unwrap_or_default();
        if part != value {
            file.fault(line, key, format!("is `{value}`, but the folder is called `{part}`"));
        }
    }
}

fn xml_entry(mut table: Table<'_>, folder: &str) -> (Option<String>, Option<String>) {
    let entry = table.required_text("entry").map(|(text, _)| store::join(folder, &text));
    let catalog = table.text("catalog").map(|(text, _)| store::join(folder, &text));
    table.finish();
    (entry, catalog)
}

fn json_entry(mut table: Table<'_>, folder: &str) -> Option<JsonEntry> {
    let uri = table.required_text("schema");
    let entry = table.required_text("entry");
    let family = table.text("family").map(|(text, _)| text);
    table.finish();
    let uri = uri?.0;
    let family = family.unwrap_or_else(|| uri.clone());
    Some(JsonEntry { uri, family, entry: store::join(folder, &entry?.0) })
}

/// `recognise.version`: the root's attribute `version`, unless said otherwise.
fn version_path(recognise: &mut Table<'_>) -> Path {
    let own = recognise.take("version").and_then(|entry| {
        let report = entry.reporter();
        Path::parse(&entry.text()?).map_err(|message| report(&message)).ok()
    });
    own.unwrap_or_else(|| Path::attribute_of_root("version"))
}

fn rules(mut table: Table<'_>) -> BTreeMap<String, Severity> {
    let mut rules = BTreeMap::new();
    for entry in table.take_all() {
        let (name, report) = (entry.name.clone(), entry.reporter());
        if !ADJUSTABLE.contains(&name.as_str()) && !name.starts_with("cvc-") {
            report("is no rule whose severity can be chosen: `cvc-…`, AB-4032 or AB-41nn");
        }
        match entry.text().as_deref() {
            Some("error") => {
                rules.insert(name, Severity::Error);
            }
            Some("warn") => {
                rules.insert(name, Severity::Warning);
            }
            Some(_) => report("`error` or `warn` is expected"),
            None => {}
        }
    }
    rules
}

fn message(
    file: &TomlFile,
    mut table: Table<'_>,
    standard: &str,
    version: &str,
) -> Option<MessageType> {
    let name = table.required_text("name");
    let title = table.required_text("title");
    let domain = table.required_text("domain");
    let service = table.text("service");
    let type_code = table.text("type_code").map(|(code, _)| code);
    let kind = table.take("kind").and_then(kind).unwrap_or_default();
    table.finish();
    let (domain, line) = domain?;
    let domain = Domain::new(&domain)
        .map_err(|error| file.fault(line, "message.domain", error.to_string()))
        .ok()?;
    if let Some((service, line)) = &service
        && !(service.len() == 14
            && service.starts_with("99")
            && service.bytes().all(|b| b.is_ascii_digit()))
    {
        file.fault(*line, "message.service", "a LeiKa key is `99` and 12 digits");
    }
    let name = name?.0;
    let procedure = ProcedureName {
        standard: standard.to_owned(),
        version: version.to_owned(),
        message_type: name.clone(),
    };
    Some(MessageType {
        type_code: type_code.or_else(|| number_of(&name)),
        service: service.map(|(service, _)| service),
        recognised: verdict::Recognised { procedure, domain, title: title?.0, kind },
        plan: Arc::default(),
        addresses: Arc::default(),
        name,
    })
}

fn kind(entry: Entry<'_>) -> Option<MessageKind> {
    let report = entry.reporter();
    let text = entry.text()?;
    let kind = MessageKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if kind.is_none() {
        report(&format!(
            "one of {} is expected",
            MessageKind::ALL.map(MessageKind::as_str).join(", ")
        ));
    }
    kind
}

/// The number at the end of a root element's name, as in `administration.quittung.0020`.
fn number_of(name: &str) -> Option<String> {
    let number = name.rsplit(['.', '_']).next()?;
    (number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit())).then(|| number.to_owned())
}
