//! One pass over an XML document: well-formedness, limits, schema and tree at once.

pub(crate) mod expected;
pub(crate) mod root;
pub(crate) mod sentences;
pub(crate) mod types;

use std::cell::{Cell, RefCell};

use xsd_schema::{
    SchemaSet, TypeKey,
    validation::{
        AttributeView, DoctypeView, DriveWithError, ElementStartView, EndElementInfo, PathStep,
        SchemaInfo, SchemaValidator, TextKind, ValidationError, ValidationEventHandler,
        ValidationSink, ValidationWarning, drive_quick_xml_with,
    },
    xml::{LimitExceeded, NotWellFormed, ParseLimits},
};

use crate::{
    Limits,
    tree::{Node, Tree},
};

/// Namespace declarations of one element, and prefixes in scope: more than any real document has.
const NAMESPACES_MAX: usize = 128;

/// The rule about which elements stand where.
pub(crate) const CONTENT: &str = "cvc-complex-type.2.4";

/// In its message where content is missing at the end, instead of wrong at its begin.
pub(crate) const INCOMPLETE: &str = "incomplete";

/// What one pass found.
#[derive(Debug)]
pub(crate) struct Pass {
    /// As far as it could be read.
    pub(crate) tree: Tree,
    /// What the schema does not allow, capped, in the order found.
    pub(crate) findings: Vec<Finding>,
    /// How many there are.
    pub(crate) findings_total: usize,
    /// Why reading stopped, if it did.
    pub(crate) fatal: Option<Fatal>,
}

/// One error of the schema validator.
#[derive(Debug)]
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
        types: RefCell::default(),
        open: Cell::new(None),
    };
    let mut builder =
        Builder { shared: &shared, tree: Tree::default(), open: Vec::new(), offset: 0, before: 0 };
    let mut run = validator.start_run(Sink(&shared));
    run.set_parse_limits(parse_limits(limits));
    let driven = drive_quick_xml_with(text.as_bytes(), &mut run, schemas, &mut builder);
    let fatal = match driven {
        Ok(_) => {
            // What it reports goes to the sink; what it returns is the last of it.
            drop(run.end_validation());
            None
        }
        Err(DriveWithError::NotWellFormed(error)) => Some(Fatal::NotWellFormed(error)),
        Err(DriveWithError::LimitExceeded(limit)) => Some(Fatal::Limit(limit)),
        Err(DriveWithError::Hook(Doctype(at))) => Some(Fatal::Doctype(at)),
        Err(_) => Some(Fatal::NotXml(0)),
    };
    drop(run);
    let tree = builder.tree;
    let mut findings = Vec::new();
    for raw in shared.findings.into_inner() {
        // What is reported at the end of the document has a path only.
        let (node, attribute) = match raw.open {
            Some(node) => (Some(node), attribute(&raw.error)),
            None => (locate(&tree, &raw.error), attribute(&raw.error)),
        };
        findings.push(Finding {
            node,
            attribute,
            rule: raw.error.constraint,
            message: raw.error.message,
            type_key: raw.type_key,
        });
    }
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
    /// Of the open elements.
    types: RefCell<Vec<Option<TypeKey>>>,
    /// The innermost open element: a child that is not allowed too, where the validator blames its
    /// parent.
    open: Cell<Option<Node>>,
}

struct Raw {
    error: ValidationError,
    type_key: Option<TypeKey>,
    open: Option<Node>,
}

struct Sink<'s>(&'s Shared);

impl ValidationSink for Sink<'_> {
    fn on_error(&mut self, error: ValidationError) {
        self.0.total.set(self.0.total.get() + 1);
        let mut findings = self.0.findings.borrow_mut();
        if findings.len() < self.0.findings_max {
            let type_key = self.0.types.borrow().last().copied().flatten();
            findings.push(Raw { error, type_key, open: self.0.open.get() });
        }
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

/// Refuses a document type declaration.
#[derive(Debug)]
struct Doctype(usize);

struct Builder<'s> {
    shared: &'s Shared,
    tree: Tree,
    open: Vec<Node>,
    offset: usize,
    /// Findings before the current attribute.
    before: usize,
}

impl ValidationEventHandler for Builder<'_> {
    type Error = Doctype;

    fn on_element_start_offset(&mut self, at: usize) -> Result<(), Doctype> {
        self.offset = at;
        Ok(())
    }

    fn before_element(&mut self, view: ElementStartView<'_>) -> Result<(), Doctype> {
        let parent = self.open.last().copied();
        let (prefix, local, namespace) = (view.prefix, view.local_name, view.namespace_uri);
        let node = self.tree.push(parent, prefix, local, namespace, self.offset);
        self.shared.open.set(Some(node));
        self.open.push(node);
        Ok(())
    }

    fn after_element(&mut self, _: ElementStartView<'_>, info: &SchemaInfo) -> Result<(), Doctype> {
        self.shared.types.borrow_mut().push(info.schema_type);
        Ok(())
    }

    fn before_attribute(&mut self, view: AttributeView<'_>) -> Result<(), Doctype> {
        self.before = self.shared.findings.borrow().len();
        if let Some(node) = self.open.last() {
            self.tree.push_attribute(*node, view.prefix, view.local_name, view.value);
        }
        Ok(())
    }

    fn after_attribute(&mut self, _: AttributeView<'_>, info: &SchemaInfo) -> Result<(), Doctype> {
        let mut findings = self.shared.findings.borrow_mut();
        for raw in findings.iter_mut().skip(self.before) {
            raw.type_key = info.schema_type;
        }
        Ok(())
    }

    fn on_text(&mut self, _: TextKind, text: &str) -> Result<(), Doctype> {
        if let Some(node) = self.open.last() {
            self.tree.push_text(*node, text);
        }
        Ok(())
    }

    fn after_end_element(&mut self, _: &EndElementInfo, _: usize) -> Result<(), Doctype> {
        self.open.pop();
        self.shared.open.set(self.open.last().copied());
        self.shared.types.borrow_mut().pop();
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

/// The node an error is about, by its path.
fn locate(tree: &Tree, error: &ValidationError) -> Option<Node> {
    let mut node = None;
    for step in error.instance_path()?.steps() {
        let PathStep::Element { name, position, .. } = step else { break };
        let is_step = |child: &Node| {
            tree.local_name(*child) == name.local_name()
                && tree.namespace(*child) == name.namespace_uri()
        };
        let next = match node {
            None => tree.root(),
            Some(parent) => tree.children(parent).filter(is_step).nth(position.saturating_sub(1)),
        };
        if next.is_none() {
            break;
        }
        node = next;
    }
    node
}
