//! Reads of one XML schema what an import needs: what it refers to, its elements and types, and what its
//! annotations say. Whether it is sound, the loader says later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quick_xml::{Reader, events::Event};

use super::{
    ImportError,
    facts::Facts,
    markup::{Node, parse},
};

/// Namespace and local name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) namespace: String,
    pub(crate) local: String,
}

/// What one schema says.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) namespace: String,
    pub(crate) references: Vec<Reference>,
    /// Global, in the file's order.
    pub(crate) elements: Vec<Element>,
    pub(crate) types: HashMap<String, Shape>,
    pub(crate) groups: HashMap<String, Shape>,
    pub(crate) facts: Facts,
    /// What it defines at its top level.
    pub(crate) defines: BTreeSet<(Sort, String)>,
    /// What it refers to by name, with the first line that does.
    pub(crate) uses: BTreeMap<(Sort, Name), u32>,
    /// How much each definition at its top level is, and what is copied into it.
    pub(crate) weights: Vec<Weight>,
}

/// One definition, as far as its size goes.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) sort: Sort,
    pub(crate) local: String,
    /// Elements of its own markup.
    pub(crate) own: u64,
    /// Groups, bases and members, as often as they are named.
    pub(crate) parts: Vec<(Sort, Name)>,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sort {
    Type,
    Element,
    Group,
    Attribute,
    AttributeGroup,
}

impl Sort {
    /// Of what a top-level element called `name` defines.
    fn defined_by(name: &str) -> Option<Self> {
        match name {
            "simpleType" | "complexType" => Some(Self::Type),
            "element" => Some(Self::Element),
            "group" => Some(Self::Group),
            "attribute" => Some(Self::Attribute),
            "attributeGroup" => Some(Self::AttributeGroup),
            _ => None,
        }
    }

    /// Of what the attribute `key` of an element called `name` refers to.
    fn used_by(name: &str, key: &str) -> Option<Self> {
        match (name, key) {
            ("element" | "attribute", "type")
            | ("extension" | "restriction", "base")
            | ("list", "itemType")
            | ("union", "memberTypes") => Some(Self::Type),
            ("element", "ref" | "substitutionGroup") => Some(Self::Element),
            ("attribute", "ref") => Some(Self::Attribute),
            ("group", "ref") => Some(Self::Group),
            ("attributeGroup", "ref") => Some(Self::AttributeGroup),
            _ => None,
        }
    }
}

/// One import, include, redefine or override.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// As the element is called.
    pub(crate) kind: String,
    /// What it is to bring; of an include, the schema's own.
    pub(crate) namespace: String,
    /// As written; empty where there is none.
    pub(crate) location: String,
    pub(crate) line: u32,
}

/// A global element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) is_abstract: bool,
    pub(crate) content: Content,
    /// Of its annotation.
    pub(crate) title: Option<String>,
    pub(crate) documentation: Option<String>,
}

/// What an element may hold.
#[derive(Debug)]
pub(crate) enum Content {
    Type(Name),
    Inline(Box<Shape>),
    Element(Name),
    Nothing,
}

/// A complex type or a group, as far as paths lead through it.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) base: Option<Name>,
    pub(crate) children: Vec<(String, Content)>,
    pub(crate) groups: Vec<Name>,
    /// Name, fixed value.
    pub(crate) attributes: Vec<(String, Option<String>)>,
}

/// Reads the schema in `text`; `path` is for errors.
pub(crate) fn read(path: &str, text: &str) -> Result<Schema, ImportError> {
    let (root, prefixes) = parse(path, text)?;
    let namespace = root.attribute("targetNamespace").unwrap_or_default().to_owned();
    let names = Names { prefixes: &prefixes, own: &namespace };
    let mut schema = Schema { namespace: namespace.clone(), ..Schema::default() };
    schema.facts = Facts::of(&root);
    uses(&root, &names, &mut schema.uses);
    for node in &root.children {
        define(node, &mut schema.defines);
        schema.weights.extend(weight(node, &names));
        match node.name.as_str() {
            "import" | "include" | "redefine" | "override" => {
                schema.references.push(reference(node, &namespace))
            }
            "element" => schema.elements.extend(element(node, &names)),
            "complexType" => {
                if let Some(name) = node.attribute("name") {
                    schema.types.insert(name.to_owned(), shape(node, &names));
                }
            }
            "group" | "attributeGroup" => {
                if let Some(name) = node.attribute("name") {
                    schema.groups.insert(name.to_owned(), shape(node, &names));
                }
            }
            _ => {}
        }
    }
    Ok(schema)
}

/// The namespace of the schema in `text`, without reading on.
pub(crate) fn target_namespace(text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                let mut attributes = element.attributes().filter_map(Result::ok);
                let found =
                    attributes.find(|attribute| attribute.key.as_ref() == "targetNamespace");
                return Some(
                    found.map(|attribute| attribute.value.into_owned()).unwrap_or_default(),
                );
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn reference(node: &Node, own: &str) -> Reference {
    let namespace = match node.name.as_str() {
        "import" => node.attribute("namespace").unwrap_or_default(),
        _ => own,
    };
    Reference {
        kind: node.name.clone(),
        namespace: namespace.to_owned(),
        location: node.attribute("schemaLocation").unwrap_or_default().trim().to_owned(),
        line: node.line,
    }
}

/// Notes what `node` defines, at the top level or within a redefinition.
fn define(node: &Node, defines: &mut BTreeSet<(Sort, String)>) {
    if matches!(node.name.as_str(), "redefine" | "override") {
        node.children.iter().for_each(|child| define(child, defines));
    }
    if let (Some(sort), Some(name)) = (Sort::defined_by(&node.name), node.attribute("name")) {
        defines.insert((sort, name.to_owned()));
    }
}

/// How much `node` is, if it is a definition.
fn weight(node: &Node, names: &Names<'_>) -> Option<Weight> {
    let (sort, local) = (Sort::defined_by(&node.name)?, node.attribute("name")?.to_owned());
    let mut weight = Weight { sort, local, own: 0, parts: Vec::new() };
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        weight.own += 1;
        // The type of an element is not copied into the element.
        if !matches!(node.name.as_str(), "element" | "attribute") {
            for (key, value) in &node.attributes {
                let sort = Sort::used_by(&node.name, key);
                let part = |name| sort.map(|sort| (sort, names.resolve(name)));
                weight.parts.extend(value.split_whitespace().filter_map(part));
            }
        }
        waiting.extend(node.children.iter().filter(|child| child.name != "annotation"));
    }
    Some(weight)
}

/// Notes what `node` and all below it refer to.
fn uses(node: &Node, names: &Names<'_>, found: &mut BTreeMap<(Sort, Name), u32>) {
    for (key, value) in &node.attributes {
        if let Some(sort) = Sort::used_by(&node.name, key) {
            for name in value.split_whitespace() {
                found.entry((sort, names.resolve(name))).or_insert(node.line);
            }
        }
    }
    for child in node.children.iter().filter(|child| child.name != "annotation") {
        uses(child, names, found);
    }
}

/// How names in attributes are resolved.
struct Names<'n> {
    prefixes: &'n BTreeMap<String, String>,
    own: &'n str,
}

impl Names<'_> {
    fn resolve(&self, name: &str) -> Name {
        let (prefix, local) = name.trim().split_once(':').unwrap_or(("", name.trim()));
        let namespace = match self.prefixes.get(prefix) {
            Some(namespace) => namespace.clone(),
            None => String::new(),
        };
        Name { namespace, local: local.to_owned() }
    }

    fn own(&self, local: &str) -> Name {
        Name { namespace: self.own.to_owned(), local: local.to_owned() }
    }
}

fn element(node: &Node, names: &Names<'_>) -> Option<Element> {
    let annotation = node.all("annotation").next();
    let said = |name: &str| {
        let text =
            annotation.and_then(|annotation| annotation.first(name)).map(|node| node.text.trim());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(Element {
        name: node.attribute("name")?.to_owned(),
        is_abstract: node.attribute("abstract").is_some_and(|value| matches!(value, "true" | "1")),
        content: content(node, names),
        title: said("title"),
        documentation: said("documentation"),
    })
}

fn content(node: &Node, names: &Names<'_>) -> Content {
    if let Some(name) = node.attribute("type") {
        Content::Type(names.resolve(name))
    } else if let Some(name) = node.attribute("ref") {
        Content::Element(names.resolve(name))
    } else if let Some(inline) = node.all("complexType").next() {
        Content::Inline(Box::new(shape(inline, names)))
    } else if let Some(name) = node.attribute("substitutionGroup") {
        Content::Element(names.resolve(name.split_whitespace().next().unwrap_or_default()))
    } else {
        Content::Nothing
    }
}

fn shape(node: &Node, names: &Names<'_>) -> Shape {
    let mut shape = Shape::default();
    fill(node, names, &mut shape);
    shape
}

fn fill(node: &Node, names: &Names<'_>, shape: &mut Shape) {
    for child in &node.children {
        match child.name.as_str() {
            "extension" | "restriction" => {
                if let Some(base) = child.attribute("base") {
                    let mut base = names.resolve(base);
                    // A redefined type extends the one of its own name, which paths cannot tell apart.
                    if Some(base.local.as_str()) == node.attribute("name")
                        && base.namespace == names.own
                    {
                        base = names.own("");
                    }
                    shape.base = Some(base);
                }
                fill(child, names, shape);
            }
            "sequence" | "choice" | "all" | "complexContent" | "simpleContent" => {
                fill(child, names, shape)
            }
            "element" => {
                if let Some(name) = child.attribute("name").or_else(|| child.attribute("ref")) {
                    let local = name.rsplit(':').next().unwrap_or(name).to_owned();
                    shape.children.push((local, content(child, names)));
                }
            }
            "group" | "attributeGroup" => {
                shape.groups.extend(child.attribute("ref").map(|name| names.resolve(name)))
            }
            "attribute" => {
                if let Some(name) = child.attribute("name").or_else(|| child.attribute("ref")) {
                    let local = name.rsplit(':').next().unwrap_or(name).to_owned();
                    shape.attributes.push((local, child.attribute("fixed").map(str::to_owned)));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{super::markup::DEPTH_MAX, *};

    const XSD: &str = r#"<?xml version="1.0"?>
<!DOCTYPE schema [ <!ENTITY dsig 'urn:x'> ]>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:a="urn:a" targetNamespace="urn:a">
  <xs:import namespace="urn:b"
             schemaLocation="http://b.example/b.xsd"/>
  <xs:include schemaLocation="parts.xsd"/>
  <xs:element name="antrag.0101">
    <xs:annotation><xs:appinfo><title>Antrag</title></xs:appinfo>
      <xs:documentation>Ein Antrag &amp; mehr. Und noch etwas.</xs:documentation></xs:annotation>
    <xs:complexType><xs:complexContent><xs:extension base="a:KopfType"><xs:sequence>
      <xs:element ref="a:teil"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  </xs:element>
  <xs:complexType name="KopfType"><xs:sequence><xs:element name="kopf" type="a:T"/></xs:sequence>
    <xs:attribute name="version" fixed="1"/></xs:complexType>
</xs:schema>"#;

    #[test]
    fn references_elements_and_types_are_read_with_their_lines() {
        let schema = read("a.xsd", XSD).unwrap();
        assert_eq!(
            (schema.namespace.as_str(), target_namespace(XSD).unwrap().as_str()),
            ("urn:a", "urn:a")
        );
        let references: Vec<_> = schema
            .references
            .iter()
            .map(|r| (r.kind.as_str(), r.namespace.as_str(), r.location.as_str(), r.line))
            .collect();
        assert_eq!(
            references,
            [
                ("import", "urn:b", "http://b.example/b.xsd", 4),
                ("include", "urn:a", "parts.xsd", 6)
            ]
        );
        let element = &schema.elements[0];
        assert_eq!(
            (element.name.as_str(), element.title.as_deref()),
            ("antrag.0101", Some("Antrag"))
        );
        assert_eq!(element.documentation.as_deref(), Some("Ein Antrag & mehr. Und noch etwas."));
        let Content::Inline(shape) = &element.content else { panic!("an inline type") };
        assert_eq!(shape.base.as_ref().unwrap().local, "KopfType");
        assert_eq!(
            schema.types["KopfType"].attributes,
            [("version".to_owned(), Some("1".to_owned()))]
        );
    }

    #[test]
    fn what_is_not_xml_is_told_with_its_line() {
        let error = read("b.xsd", "<a>\n<b>\n</a>").unwrap_err();
        assert!(error.what.contains("`b.xsd`, line 3"), "{error}");
        let deep = "<a>".repeat(DEPTH_MAX + 1);
        assert!(read("d.xsd", &deep).unwrap_err().what.contains("deep"));
        assert!(read("e.xsd", "<a>").is_err());
    }
}
