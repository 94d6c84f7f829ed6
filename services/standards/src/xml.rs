//! One pass over an XML document: well-formedness, limits, schema and tree at once.

mod base64;
mod characters;
pub(crate) mod expected;
pub(crate) mod mend;
pub(crate) mod proof;
pub(crate) mod root;
pub(crate) mod sentences;
pub(crate) mod types;

use std::cell::{Cell, RefCell};

use xsd_schema::{
    SchemaSet, TypeKey,
    validation::{
        AttributeView, ContentType, DoctypeView, DriveWithError, ElementStartView, EndElementInfo,
        EndOfAttributesView, PathStep, SchemaInfo, SchemaValidator, TextKind, ValidationError,
        ValidationEventHandler, ValidationSink, ValidationWarning, drive_quick_xml_with,
    },
    xml::{LimitExceeded, NotWellFormed, ParseLimits},
};

use crate::{
    Limits,
    tree::{self, Node, Step, Tree},
    xml::base64::Claim,
};

/// Namespace declarations of one element, and prefixes in scope: more than any real document has.
const NAMESPACES_MAX: usize = 128;

/// The rule about which elements stand where.
pub(crate) const CONTENT: &str = "cvc-complex-type.2.4";

/// Bytes kept of a message that holds a large value: its begin.
const MESSAGE_BEGIN_MAX: usize = 1024;

/// The same: its end.
const MESSAGE_END_MAX: usize = 256;

/// In its message where content is missing at the end, instead of wrong at its begin.
pub(crate) const INCOMPLETE: &str = "incomplete";

/// What one pass found.
#[derive(Debug)]
pub(crate) struct Pass {
    /// As far as it could be read.
    pub(crate) tree: Tree<'static>,
    /// What the schema does not allow, capped, in the order found.
    pub(crate) findings: Vec<Finding>,
    /// How many there are.
    pub(crate) findings_total: usize,
    /// Why reading stopped, if it did.
    pub(crate) fatal: Option<Fatal>,
}

/// One error of the schema validator.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Where; `None` for the document as a whole.
    pub(crate) node: Option<Node>,
    /// Local name of the attribute it is about, if it is about one.
    pub(crate) attribute: Option<String>,
    /// E.g. `cvc-pattern-valid`.
    pub(crate) rule: &'static str,
    /// The validator's words; can hold values, so they are never shown.
    pub(crate) message: String,
    /// The type of the element or attribute.
    pub(crate) type_key: Option<TypeKey>,
}

/// Why a document cannot be read to its end.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// Not well-formed.
    NotWellFormed(NotWellFormed),
    /// Over a limit.
    Limit(LimitExceeded),
    /// A document type declaration at this byte.
    Doctype(usize),
    /// Neither markup nor anything else we know, at this byte.
    NotXml(usize),
}

/// Reads `text` and judges it by the schema of `validator`.
pub(crate) fn pass(
    text: &str,
    schemas: &SchemaSet,
    validator: &SchemaValidator<'_>,
    limits: &Limits,
) -> Pass {
    let shared = Shared {
        findings: RefCell::default(),
        total: Cell::new(0),
        findings_max: limits.violations_max,
        doubtful: RefCell::default(),
        open: RefCell::default(),
    };
    let mut builder =
        Builder { shared: &shared, schemas, tree: Tree::default(), offset: 0, before: 0 };
    let mut run = validator.start_run(Sink(&shared));
    run.set_parse_limits(parse_limits(limits));
    let driven = drive_quick_xml_with(text.as_bytes(), &mut run, schemas, &mut builder);
    let fatal = match driven {
        Ok(_) => {
            // What it reports goes to the sink; what it returns is the last of it, or tells that it
            // did not come to a verdict, which must never look like a valid document.
            if let Err(error) = run.end_validation()
                && shared.total.get() == 0
            {
                Sink(&shared).on_error(error);
            }
            None
        }
        Err(DriveWithError::NotWellFormed(error)) => Some(Fatal::NotWellFormed(error)),
        Err(DriveWithError::LimitExceeded(limit)) => Some(Fatal::Limit(limit)),
        Err(DriveWithError::Hook(Doctype(at))) => Some(Fatal::Doctype(at)),
        Err(_) => Some(Fatal::NotXml(0)),
    };
    drop(run);
    shared.believe();
    let tree = builder.tree;
    let raw = shared.findings.into_inner();
    // What is reported at the end of the document has a path only.
    let paths: Vec<Vec<Step>> =
        raw.iter().map(|raw| raw.path.clone().unwrap_or_default()).collect();
    let located = if raw.iter().any(|raw| raw.path.is_some()) {
        tree::locate(&tree, &paths)
    } else {
        Vec::new()
    };
    let mut located = located.into_iter();
    let findings = raw
        .into_iter()
        .map(|raw| {
            let place = located.next().flatten().filter(|_| raw.path.is_some());
            Finding {
                node: raw.node.or(place),
                attribute: raw.attribute,
                rule: raw.rule,
                message: raw.message,
                type_key: raw.type_key,
            }
        })
        .collect();
    Pass { tree, findings, findings_total: shared.total.get(), fatal }
}

fn parse_limits(limits: &Limits) -> ParseLimits {
    ParseLimits::none()
        .with_max_depth(limits.depth_max)
        .with_max_attributes(limits.attributes_max)
        .with_max_attribute_value_bytes(limits.attribute_bytes_max)
        .with_max_name_bytes(limits.name_bytes_max)
        .with_max_namespace_uri_bytes(limits.name_bytes_max)
        .with_max_namespace_declarations(NAMESPACES_MAX)
        .with_max_namespaces_in_scope(NAMESPACES_MAX)
        .with_max_nodes(limits.elements_max)
}

/// What sink and handler both see.
struct Shared {
    findings: RefCell<Vec<Raw>>,
    total: Cell<usize>,
    findings_max: usize,
    /// About the value that was read last: whether they are right is judged when it has been read.
    doubtful: RefCell<Vec<Raw>>,
    /// The open elements. An error is about the innermost: a child that is not allowed too, where
    /// the validator blames its parent.
    open: RefCell<Vec<Open>>,
}

#[derive(Clone, Copy)]
struct Open {
    node: Node,
    type_key: Option<TypeKey>,
    content: Option<ContentType>,
    is_nil: bool,
}

struct Raw {
    rule: &'static str,
    message: String,
    attribute: Option<String>,
    type_key: Option<TypeKey>,
    node: Option<Node>,
    /// Where it is below the root, if there is no node.
    path: Option<Vec<Step>>,
}

impl Shared {
    fn add(&self, raw: Raw) {
        self.total.set(self.total.get() + 1);
        let mut findings = self.findings.borrow_mut();
        if findings.len() < self.findings_max {
            findings.push(raw);
        }
    }

    /// Takes what is left for right.
    fn believe(&self) {
        for raw in self.doubtful.take() {
            self.add(raw);
        }
    }

    /// Takes what is left for right, unless the validator misjudged `value`.
    fn judge(&self, value: &str, type_key: Option<TypeKey>, schemas: &SchemaSet) {
        for mut raw in self.doubtful.take() {
            raw.type_key = type_key;
            let judged = match (sentences::is_fixed(raw.rule), sentences::fixed(&raw.message)) {
                (false, _) => Some(Claim::NotOfItsType),
                (true, Some(fixed)) => Some(Claim::NotThe(fixed)),
                (true, None) => None,
            };
            let is_wrong = type_key
                .zip(judged)
                .is_some_and(|(key, claim)| base64::is_misjudged(value, &claim, key, schemas));
            if !is_wrong {
                self.add(raw);
            }
        }
    }
}

struct Sink<'s>(&'s Shared);

impl ValidationSink for Sink<'_> {
    fn on_error(&mut self, error: ValidationError) {
        let open = self.0.open.borrow().last().copied();
        let raw = Raw {
            rule: error.constraint,
            message: shortened(&error.message),
            attribute: attribute(&error),
            type_key: open.and_then(|open| open.type_key),
            node: open.map(|open| open.node),
            path: if open.is_none() { steps(&error) } else { None },
        };
        if sentences::is_value(raw.rule) {
            self.0.doubtful.borrow_mut().push(raw);
        } else {
            self.0.add(raw);
        }
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

/// Begin and end of a message: names and limits, without the whole of a large value between.
fn shortened(message: &str) -> String {
    let cut = |at: usize| (0..=at).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    let (begin, end) = (cut(MESSAGE_BEGIN_MAX), cut(message.len().saturating_sub(MESSAGE_END_MAX)));
    match (message.get(..begin), message.get(end..)) {
        (Some(first), Some(last)) if begin < end => format!("{first} … {last}"),
        _ => message.to_owned(),
    }
}

/// Refuses a document type declaration.
#[derive(Debug)]
struct Doctype(usize);

struct Builder<'s> {
    shared: &'s Shared,
    schemas: &'s SchemaSet,
    tree: Tree<'static>,
    offset: usize,
    /// Findings before the current attribute.
    before: usize,
}

impl Builder<'_> {
    fn innermost(&self) -> Option<Open> {
        self.shared.open.borrow().last().copied()
    }

    /// The validator takes more characters for white space than XML does, and overlooks white space
    /// in CDATA where nothing may stand.
    fn check_space(&self, kind: TextKind, text: &str) {
        let Some(open) = self.innermost() else { return };
        if text.is_empty() || !text.trim().is_empty() {
            return;
        }
        let is_xml = text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let rule = match (open.content, matches!(kind, TextKind::CData)) {
            (Some(ContentType::ElementOnly), _) if !is_xml => "cvc-complex-type.2.3",
            (Some(ContentType::Empty), true) => "cvc-complex-type.2.1",
            (Some(ContentType::TextOnly), true) if open.is_nil => "cvc-elt.3.2.1",
            _ => return,
        };
        self.shared.add(Raw {
            rule,
            message: String::new(),
            attribute: None,
            type_key: open.type_key,
            node: Some(open.node),
            path: None,
        });
    }
}

impl ValidationEventHandler for Builder<'_> {
    type Error = Doctype;

    fn on_element_start_offset(&mut self, at: usize) -> Result<(), Doctype> {
        self.offset = at;
        Ok(())
    }

    fn before_element(&mut self, view: ElementStartView<'_>) -> Result<(), Doctype> {
        let parent = self.innermost().map(|open| open.node);
        let (prefix, local, namespace) = (view.prefix, view.local_name, view.namespace_uri);
        let node = self.tree.push(parent, prefix, local, namespace, self.offset);
        self.shared.open.borrow_mut().push(Open {
            node,
            type_key: None,
            content: None,
            is_nil: false,
        });
        Ok(())
    }

    fn after_element(&mut self, _: ElementStartView<'_>, info: &SchemaInfo) -> Result<(), Doctype> {
        self.shared.believe();
        if let Some(open) = self.shared.open.borrow_mut().last_mut() {
            (open.type_key, open.content) = (info.schema_type, info.content_type);
            open.is_nil = info.is_nil;
        }
        Ok(())
    }

    fn after_end_of_attributes(&mut self, _: EndOfAttributesView<'_>) -> Result<(), Doctype> {
        self.shared.believe();
        Ok(())
    }

    fn before_attribute(&mut self, view: AttributeView<'_>) -> Result<(), Doctype> {
        self.before = self.shared.findings.borrow().len();
        if let Some(open) = self.innermost() {
            self.tree.push_attribute(open.node, view.prefix, view.local_name, view.value);
        }
        Ok(())
    }

    fn after_attribute(
        &mut self,
        view: AttributeView<'_>,
        info: &SchemaInfo,
    ) -> Result<(), Doctype> {
        for raw in self.shared.findings.borrow_mut().iter_mut().skip(self.before) {
            raw.type_key = info.schema_type;
        }
        self.shared.judge(view.value, info.schema_type, self.schemas);
        Ok(())
    }

    fn on_text(&mut self, kind: TextKind, text: &str) -> Result<(), Doctype> {
        if let Some(open) = self.innermost() {
            self.check_space(kind, text);
            // The validator leaves line ends in CDATA as they are; XML 1.0, 2.11 makes them one.
            if matches!(kind, TextKind::CData) && text.contains('\r') {
                let lines = text.replace("\r\n", "\n").replace('\r', "\n");
                self.tree.push_text(open.node, &lines);
            } else {
                self.tree.push_text(open.node, text);
            }
        }
        Ok(())
    }

    fn after_end_element(&mut self, _: &EndElementInfo, _: usize) -> Result<(), Doctype> {
        if let Some(open) = self.innermost() {
            self.shared.judge(self.tree.text(open.node), open.type_key, self.schemas);
        }
        self.shared.open.borrow_mut().pop();
        Ok(())
    }

    fn on_doctype(&mut self, doctype: DoctypeView<'_>) -> Result<(), Doctype> {
        Err(Doctype(doctype.byte_pos))
    }
}

/// The attribute an error is about.
fn attribute(error: &ValidationError) -> Option<String> {
    match error.instance_path()?.last()? {
        PathStep::Attribute { name, .. } => Some(name.local_name().to_owned()),
        _ => None,
    }
}

/// The path of an error, below the root.
fn steps(error: &ValidationError) -> Option<Vec<Step>> {
    let step = |step: &PathStep| match step {
        PathStep::Element { name, position, .. } => Some(Step {
            local: name.local_name().to_owned(),
            namespace: Some(name.namespace_uri().to_owned()),
            number: *position,
        }),
        _ => None,
    };
    Some(error.instance_path()?.steps().skip(1).map_while(step).collect())
}
