//! How an import resolves references and what it tells from schemas, on packages in memory.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use std::path::PathBuf;

use standards::import::{Bounds, Catalogue, ImportError, Package, Plan, Request, plan};

/// Beside the schemas of a package.
const XS: &str = "xmlns:xs='http://www.w3.org/2001/XMLSchema'";

fn package(name: &str, files: &[(&str, &str)]) -> Package {
    let mut package = Package::new(name, Bounds::default());
    for (path, content) in files {
        package.add(path, content.as_bytes().to_vec()).unwrap();
    }
    package
}

fn request(files: &[(&str, &str)]) -> Request {
    Request {
        package: package("package", files),
        catalogue: None,
        with: Vec::new(),
        installed: Vec::new(),
        name: None,
        namespace: None,
        dialect: None,
        paths: Vec::new(),
    }
}

/// A schema of `namespace` that needs the type `b:T` of `urn:b`, brought by `reference`.
fn main_schema(namespace: &str, reference: &str) -> String {
    let head = ["nachrichtenUUID", "erstellungszeitpunkt"];
    let head: String =
        head.iter().map(|n| format!("<xs:element name='{n}' type='xs:token'/>")).collect();
    let side = |name: &str| {
        format!(
            "<xs:element name='{name}'><xs:complexType><xs:sequence><xs:element name='kennung' \
             type='b:T'/><xs:element name='name' type='b:T'/></xs:sequence></xs:complexType></xs:element>"
        )
    };
    format!(
        "<xs:schema {XS} xmlns:b='urn:b' targetNamespace='{namespace}'>{reference}\
         <xs:element name='antrag.0101'><xs:complexType><xs:sequence><xs:element \
         name='nachrichtenkopf.g2g'><xs:complexType><xs:sequence><xs:element \
         name='identifikation.nachricht'><xs:complexType><xs:sequence>{head}</xs:sequence>\
         </xs:complexType></xs:element>{}{}</xs:sequence></xs:complexType></xs:element></xs:sequence>\
         </xs:complexType></xs:element></xs:schema>",
        side("leser"),
        side("autor")
    )
}

fn import(location: &str) -> String {
    format!("<xs:import namespace='urn:b' schemaLocation='{location}'/>")
}

/// The schema of `urn:b`; `mark` tells copies apart.
fn base(mark: &str) -> String {
    format!(
        "<xs:schema {XS} targetNamespace='urn:b'><xs:simpleType name='T'><xs:annotation>\
         <xs:documentation>{mark}</xs:documentation></xs:annotation><xs:restriction base='xs:token'/>\
         </xs:simpleType></xs:schema>"
    )
}

/// Names of the files with a schema.
fn schemas(plan: &Plan) -> Vec<&str> {
    plan.files.keys().map(String::as_str).filter(|name| name.ends_with(".xsd")).collect()
}

fn text(plan: &Plan, name: &str) -> String {
    String::from_utf8(plan.files.get(name).unwrap_or_else(|| panic!("no {name}")).clone()).unwrap()
}

/// What it is about, the location, files beside the schema that names it, and what is installed.
type Row<'r> = (&'r str, &'r str, Vec<(&'r str, &'r str)>, Vec<&'r str>);

#[test]
fn a_reference_is_resolved_beside_then_by_catalogue_then_by_name() {
    let base = base("own");
    let url = "https://b.example/2/b.xsd";
    let catalogue = format!(
        "<catalog xmlns='urn:oasis:names:tc:entity:xmlns:xml:catalog'>\
         <system systemId='{url}' uri='copies/base.xsd'/></catalog>"
    );
    let rows: [Row<'_>; 5] = [
        ("beside", "b.xsd", vec![("p/b.xsd", &base)], vec!["xsd/b.xsd", "xsd/m.xsd"]),
        ("above", "../q/b.xsd", vec![("q/b.xsd", &base)], vec!["xsd/p/m.xsd", "xsd/q/b.xsd"]),
        (
            "by a catalogue within",
            url,
            vec![("catalog.xml", &catalogue), ("copies/base.xsd", &base)],
            vec!["xsd/copies/base.xsd", "xsd/p/m.xsd"],
        ),
        ("by name", url, vec![("x/B.XSD", &base)], vec!["xsd/p/m.xsd", "xsd/x/B.XSD"]),
        ("by name, moved", "../../b.xsd", vec![("p/b.xsd", &base)], vec!["xsd/b.xsd", "xsd/m.xsd"]),
    ];
    for (what, location, others, expected) in rows {
        let main = main_schema("urn:m:1", &import(location));
        let mut files = vec![("p/m.xsd", main.as_str())];
        files.extend(others);
        let plan = plan(request(&files)).unwrap_or_else(|error| panic!("{what}: {error}"));
        let names = plan.files.keys().map(String::as_str);
        let found: Vec<&str> = names.filter(|n| n.to_lowercase().ends_with(".xsd")).collect();
        assert_eq!(found, expected, "{what}");
        let is_catalogued = plan.files.contains_key("catalog.xml");
        assert_eq!(is_catalogued, !matches!(what, "beside" | "above"), "{what}");
    }
}

#[test]
fn what_is_brought_along_keeps_its_own_relatives_and_yields_to_the_packages_copy() {
    let main = main_schema("urn:m:1", &import("https://b.example/b.xsd"));
    let outer = format!(
        "<xs:schema {XS} xmlns:c='urn:c' targetNamespace='urn:b'><xs:import namespace='urn:c' \
         schemaLocation='../c/c.xsd'/><xs:simpleType name='T'><xs:restriction base='c:U'/>\
         </xs:simpleType></xs:schema>"
    );
    let inner = |mark: &str| {
        format!(
            "<xs:schema {XS} targetNamespace='urn:c'><!--{mark}--><xs:simpleType name='U'>\
             <xs:restriction base='xs:token'/></xs:simpleType></xs:schema>"
        )
    };
    let (theirs, ours) = (inner("theirs"), inner("ours"));
    let with = || package("with", &[("deep/b/b.xsd", &outer), ("deep/c/c.xsd", &theirs)]);
    let alone = Request { with: vec![with()], ..request(&[("m.xsd", &main)]) };
    let alone = plan(alone).unwrap();
    assert_eq!(schemas(&alone), ["lib/1/b/b.xsd", "lib/1/c/c.xsd", "xsd/m.xsd"]);
    assert!(text(&alone, "catalog.xml").contains("uri=\"lib/1/b/b.xsd\""));

    let both = Request { with: vec![with()], ..request(&[("m.xsd", &main), ("c.xsd", &ours)]) };
    let both = plan(both).unwrap();
    assert_eq!(schemas(&both), ["lib/1/b.xsd", "xsd/c.xsd", "xsd/m.xsd"]);
    assert!(text(&both, "xsd/c.xsd").contains("ours"), "two copies would define everything twice");
}

#[test]
fn a_catalogue_beside_the_package_is_asked_before_names_are_compared() {
    let main = main_schema("urn:m:1", &import("https://b.example/v2/b.xsd"));
    let catalogue = "<catalog xmlns='urn:oasis:names:tc:entity:xmlns:xml:catalog'><rewriteURI \
                     uriStartString='http://b.example/' rewritePrefix='copies/'/></catalog>";
    let read = |location: &str| match location {
        "/srv/copies/v2/b.xsd" => Ok(base("catalogue").into_bytes()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let catalogue = Catalogue::new("/srv/catalog.xml", catalogue.as_bytes(), read).unwrap();
    let wrong = package("with", &[("b.xsd", &base("with"))]);
    let request =
        Request { catalogue: Some(catalogue), with: vec![wrong], ..request(&[("m.xsd", &main)]) };
    let plan = plan(request).unwrap();
    assert!(text(&plan, "lib/1/b.xsd").contains("catalogue"), "{:?}", schemas(&plan));
}

#[test]
fn a_schema_without_namespace_is_of_whoever_includes_it() {
    let part = base("part").replace(" targetNamespace='urn:b'", "");
    let main = main_schema("urn:b", "<xs:include schemaLocation='part.xsd'/>");
    let plan = plan(Request {
        name: Some(("b".to_owned(), "1".to_owned())),
        ..request(&[("m.xsd", &main), ("part.xsd", &part)])
    });
    assert_eq!(schemas(&plan.unwrap()), ["xsd/m.xsd", "xsd/part.xsd"]);
}

#[test]
fn a_name_that_no_schema_defines_is_told_with_its_line() {
    let main = main_schema("urn:m:1", "<xs:import namespace='urn:b'/>");
    let error = plan(request(&[("m.xsd", &main)])).unwrap_err();
    assert_eq!(error.code, "AB-4703");
    assert!(error.details[0].starts_with("m.xsd, line 1: type `T`"), "{error}");
}

#[test]
fn one_location_with_two_meanings_is_refused() {
    // Two folders name a file of the same name above the package, and of another namespace each.
    let one = main_schema("urn:m:1", &import("../../b.xsd"));
    let part = format!(
        "<xs:schema {XS} xmlns:c='urn:c' targetNamespace='urn:m:1'><xs:import namespace='urn:c' \
         schemaLocation='../../b.xsd'/><xs:element name='x' type='c:T'/></xs:schema>"
    );
    let other = base("c").replace("urn:b", "urn:c");
    let files =
        [("m.xsd", &*one), ("part.xsd", &*part), ("u/b.xsd", &base("b")), ("v/b.xsd", &*other)];
    let error: ImportError = plan(request(&files)).unwrap_err();
    assert_eq!(error.code, "AB-4704", "{error}");
    assert!(error.what.contains("different schemas"), "{error}");
}

#[test]
fn messages_of_several_namespaces_are_never_mixed() {
    let (one, two) =
        (main_schema("urn:m:1", &import("b.xsd")), main_schema("urn:n:1", &import("b.xsd")));
    let base = base("own");
    let files = [("m.xsd", &*one), ("n.xsd", &*two), ("b.xsd", &*base)];
    let error = plan(request(&files)).unwrap_err();
    assert_eq!(error.code, "AB-4704");
    assert_eq!(error.details, ["--namespace urn:m:1", "--namespace urn:n:1"]);
    let chosen = Request { namespace: Some("urn:n:1".to_owned()), ..request(&files) };
    let plan = plan(chosen).unwrap();
    assert_eq!((plan.id.as_str(), schemas(&plan)), ("n", vec!["xsd/b.xsd", "xsd/n.xsd"]));
}

#[test]
fn a_standard_is_called_as_annotations_attributes_or_its_namespace_say() {
    let annotation = "<xs:annotation><xs:appinfo><standard><nameKurz>XProbe</nameKurz>\
                      <nameTechnisch>xprobe</nameTechnisch></standard><versionStandard><version>2.1\
                      </version></versionStandard></xs:appinfo></xs:annotation>";
    let attributes = "</xs:sequence><xs:attribute name='standard' fixed='XProbe'/>\
                      <xs:attribute name='version' fixed='2.1'/></xs:complexType></xs:element></xs:schema>";
    let with = |namespace: &str, head: &str, end: &str| {
        let schema = main_schema(namespace, &format!("{head}{}", import("b.xsd")));
        let begin = schema.strip_suffix("</xs:sequence></xs:complexType></xs:element></xs:schema>");
        format!("{}{end}", begin.unwrap())
    };
    let plain = "</xs:sequence></xs:complexType></xs:element></xs:schema>";
    let rows = [
        (with("urn:x:y", annotation, plain), Some(("xprobe", "2.1", "XProbe"))),
        (with("urn:x:y", "", attributes), Some(("xprobe", "2.1", "XProbe"))),
        (with("urn:probe:3.0", "", plain), Some(("probe", "3.0", "probe"))),
        (with("urn:probe", "", plain), None),
    ];
    for (schema, expected) in rows {
        let made = plan(request(&[("m.xsd", &schema), ("b.xsd", &base("own"))]));
        match (made, expected) {
            (Ok(plan), Some(expected)) => {
                assert_eq!((&*plan.id, &*plan.version, &*plan.title), expected);
            }
            (Err(error), None) => {
                assert_eq!(error.details, ["say it: --as probe/VERSION"], "{error}");
            }
            (made, _) => panic!("{made:?} for {schema}"),
        }
    }
}

#[test]
fn schemas_without_a_top_get_one() {
    let (one, two) = (main_schema("urn:m:1", &import("b.xsd")), "antrag.0102");
    let two = main_schema("urn:m:1", &import("b.xsd")).replace("antrag.0101", two);
    let base = base("own");
    let plan = plan(request(&[("m.xsd", &one), ("n.xsd", &two), ("b.xsd", &base)])).unwrap();
    assert_eq!(plan.entry, "xsd/amtsbote-entry.xsd");
    let entry = text(&plan, &plan.entry);
    assert!(
        entry.contains("targetNamespace=\"urn:m:1\"") && entry.contains("\"n.xsd\""),
        "{entry}"
    );
    assert_eq!(plan.messages.len(), 2);
}

/// A tree of elements as nested types, from paths.
fn elements(paths: &[Vec<&str>]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in paths.iter().filter_map(|path| path.first()) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let element = |name: &&str| {
        let below: Vec<Vec<&str>> = paths
            .iter()
            .filter(|path| path.first() == Some(name) && 1 < path.len())
            .map(|path| path[1..].to_vec())
            .collect();
        match below.is_empty() {
            true => format!("<xs:element name='{name}' type='xs:token'/>"),
            false => format!(
                "<xs:element name='{name}'><xs:complexType><xs:sequence>{}</xs:sequence>{}\
                 </xs:complexType></xs:element>",
                elements(&below),
                attributes(&below)
            ),
        }
    };
    names.iter().filter(|name| !name.starts_with('@')).map(element).collect()
}

fn attributes(paths: &[Vec<&str>]) -> String {
    let names = paths.iter().filter(|path| path.len() == 1).filter_map(|p| p[0].strip_prefix('@'));
    names.map(|name| format!("<xs:attribute name='{name}' fixed='3.6'/>")).collect()
}

fn paths(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(path) => vec![path.clone()],
        toml::Value::Array(values) => values.iter().flat_map(paths).collect(),
        toml::Value::Table(table) => table.get("join").map(paths).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[test]
fn every_dialect_is_told_by_the_schemas_that_speak_it() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/dialects");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let table: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let all: Vec<String> =
            table["paths"].as_table().unwrap().values().flat_map(paths).collect();
        let all: Vec<Vec<&str>> = all.iter().map(|path| path.split('/').collect()).collect();
        let schema = format!(
            "<xs:schema {XS} targetNamespace='urn:probe:1.0'><xs:element name='antrag.0101'>\
             <xs:complexType><xs:sequence>{}</xs:sequence></xs:complexType></xs:element></xs:schema>",
            elements(&all)
        );
        let plan = plan(request(&[("probe.xsd", &schema)])).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(Some(plan.dialect.as_str()), table["id"].as_str(), "{}", file.display());
        count += 1;
        if plan.dialect == "xjustiz-3" {
            let standard = text(&plan, "standard.toml");
            assert!(
                standard.contains("version = \"nachrichtenkopf/@xjustizVersion\""),
                "{standard}"
            );
            assert!(standard.contains("accepts = [\"3.6\"]"), "{standard}");
        }
    }
    assert!(6 < count, "{count} dialects");
}
