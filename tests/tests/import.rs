//! Packages of published standards, installed by the real program without a line of Rust, and packages that
//! nobody should send.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use serde_json::Value;
use tests::{archive::Archive, configuration::Configuration, machine, process};

const SOON: Duration = Duration::from_secs(120);

/// A folder for packages, and one for standards.
struct Place {
    configuration: Configuration,
}

impl Place {
    fn new() -> Self {
        let configuration = Configuration::new();
        fs::create_dir_all(configuration.folder().join("standards")).expect("a folder of ours");
        Self { configuration }
    }

    fn standards(&self) -> PathBuf {
        self.configuration.folder().join("standards")
    }

    /// Names below the folder of standards, hidden ones too.
    fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.standards()).expect("it is there");
        let names =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.configuration.folder().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder of ours");
        fs::write(&path, content).expect("a file of ours");
        path.display().to_string()
    }

    async fn run(&self, arguments: &[&str]) -> (i32, Value, String) {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = process::run(&arguments, self.configuration.folder(), SOON).await;
        let said = said(&output);
        assert!(!said.contains("panicked"), "{arguments:?}\n{said}");
        let json = serde_json::from_str(said.lines().next().unwrap_or_default());
        let code = output.status.code().unwrap_or(-1);
        (code, json.unwrap_or_else(|_| panic!("no JSON: {arguments:?}\n{said}")), said)
    }

    async fn import(&self, package: &str, more: &[&str]) -> (i32, Value, String) {
        let arguments = ["standard", "import", package, "--into", "standards"];
        self.run(&arguments.iter().chain(more).copied().collect::<Vec<_>>()).await
    }

    async fn must_import(&self, package: &str, more: &[&str]) -> Value {
        let (code, told, said) = self.import(package, more).await;
        assert_eq!(code, 0, "{package} {more:?}\n{said}");
        told
    }

    /// The rules of its schema that a document breaks, sorted; and codes that are in no code list.
    async fn judge(&self, document: &Path) -> (Vec<String>, usize) {
        let document = document.display().to_string();
        let (code, verdict, said) =
            self.run(&["standard", "check", &document, "--path", "standards"]).await;
        let violations = verdict["violations"].as_array().expect("a list").iter();
        let (mut rules, mut unlisted, mut is_refused) = (Vec::new(), 0, false);
        for violation in violations {
            let rule = violation["rule"].as_str().unwrap_or_default();
            let code = violation["code"].as_str().unwrap_or_default();
            is_refused |= violation["severity"] == "error";
            match (rule, code) {
                ("", "AB-4140") => unlisted += 1,
                ("", code) if violation["severity"] == "error" => rules.push(code.to_owned()),
                ("", _) => {}
                (rule, _) => rules.push(rule.to_owned()),
            }
        }
        assert_eq!(code, i32::from(is_refused), "{said}");
        rules.sort();
        (rules, unlisted)
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// XWasser as it could be downloaded: an archive in an archive, models and documents beside, and a wrong name.
fn xwasser(data: &Path) -> Vec<u8> {
    let schemas = Archive::new().with_folder("XWasser 1.0.0", &data.join("xwasser-1.0.0/xsd"));
    let model = b"<?xml version='1.0'?><xmi:XMI xmlns:xmi='http://schema.omg.org/spec/XMI/2.1'/>";
    Archive::new()
        .with("XWasser/Spezifikation.pdf", b"%PDF-1.7 ...")
        .with("XWasser/modell.xml", model)
        .with("XWasser/schemata.dat", &schemas.bytes())
        .bytes()
}

#[tokio::test]
async fn a_published_package_is_installed_and_judges_as_its_publishers_schema_does() {
    let Some(data) = machine::data("a published package is imported") else { return };
    let place = Place::new();
    let package = place.file("download.bin", &xwasser(&data));
    let with = data.join("xoev-basisnachricht").display().to_string();
    let told = place.must_import(&package, &["--with", &with]).await;
    assert_eq!((&told["id"], &told["version"]), (&"xwasser".into(), &"1.0.0".into()), "{told}");
    assert_eq!(told["dialect"], "g2g-1.1", "{told}");
    assert_eq!(place.installed(), ["xwasser"], "nothing is left of the way there");
    for (sample, expected) in [
        ("administration_receipt.xml", &[][..]),
        ("olb_report_minimal.xml", &[]),
        ("quality_report_minimal.xml", &["cvc-id.1", "cvc-id.1"]),
        ("quality_report_maximal.xml", &["cvc-id.1"]),
        ("monitoring_plan_minimal_test_result.xml", &["cvc-id.1"]),
        (
            "monitoring_plan_minimal.xml",
            &["cvc-attribute.4", "cvc-attribute.4", "cvc-complex-type.2.4", "cvc-id.1"],
        ),
    ] {
        let verdict = place.judge(&data.join("xwasser-1.0.0/samples").join(sample)).await;
        let expected: Vec<String> = expected.iter().map(|&rule| rule.to_owned()).collect();
        assert_eq!(verdict, (expected, 0), "{sample}");
    }
}

#[tokio::test]
async fn every_sample_of_two_versions_of_xdomea_is_valid_side_by_side() {
    let Some(data) = machine::data("two versions of xdomea are imported") else { return };
    let place = Place::new();
    for version in ["2.3.0", "3.0.0"] {
        let folder = data.join("xdomea").join(version);
        let told = place.must_import(&folder.display().to_string(), &[]).await;
        assert_eq!((&told["id"], &told["version"]), (&"xdomea".into(), &version.into()), "{told}");
        let messages = told["message_types"].as_array().expect("a list").len();
        assert!(20 < messages, "{version}: {messages} message types");
    }
    for version in ["2.3.0", "3.0.0"] {
        let samples = data.join("xdomea").join(version).join("samples");
        let mut count = 0;
        for sample in fs::read_dir(samples).expect("samples").map(|e| e.expect("an entry").path()) {
            // The publisher's own samples of 3.0.0 use a code that its code list does not have.
            let name = sample.file_name().expect("a name").to_string_lossy().into_owned();
            let unlisted = if version == "3.0.0" && name.starts_with("xx_") { 2 } else { 0 };
            let verdict = place.judge(&sample).await;
            assert_eq!(verdict, (Vec::new(), unlisted), "{}", sample.display());
            count += 1;
        }
        assert!(4 <= count, "{version}: {count} samples");
    }
    let lists = fs::read_dir(place.standards().join("xdomea/3.0.0/codelists")).expect("a folder");
    assert_eq!(lists.count(), 18);
}

#[tokio::test]
async fn what_is_missing_is_told_whole_with_its_place_and_nothing_is_installed() {
    let Some(data) = machine::data("what is missing is told") else { return };
    let place = Place::new();
    let package = place.file("xwasser.zip", &xwasser(&data));
    let (code, told, said) = place.import(&package, &[]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-4703".into()), "{said}");
    for expected in [
        "http://xoev.de/schemata/basisnachricht/unqualified/g2g/1_1/xoev-basisnachricht-unqualified-g2g_1.1.xsd",
        "http://xoev.de/schemata/code/1_0/xoev-code.xsd",
        "https://xoev.de/schemata/din/91379/2022-08/din-norm-91379-datatypes.xsd",
        "xwasser-administration.xsd, line 33",
        "--with",
        "--catalog",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    assert!(!said.contains("xmldsig"), "that one is in the package\n{said}");
    assert_eq!(place.installed(), Vec::<String>::new());

    let catalogue = data.join("catalog.xml").display().to_string();
    let told = place.must_import(&package, &["--catalog", &catalogue]).await;
    assert!(told["from_elsewhere"].as_array().is_some_and(|list| 3 <= list.len()), "{told}");
    let receipt = data.join("xwasser-1.0.0/samples/administration_receipt.xml");
    assert_eq!(place.judge(&receipt).await, (Vec::new(), 0));
}

#[tokio::test]
async fn building_blocks_are_kept_for_later_imports_and_are_no_standard() {
    let Some(data) = machine::data("building blocks are kept") else { return };
    let place = Place::new();
    let blocks = data.join("xoev-basisnachricht").display().to_string();
    let (code, told, said) = place.import(&blocks, &[]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-4704".into()), "{said}");
    assert!(said.contains("--as") && said.contains("--with"), "{said}");

    let told = place.must_import(&blocks, &["--as", "xoev-basisnachricht/1.1"]).await;
    assert!(told["namespace"].is_null(), "{told}");
    let package = place.file("xwasser.zip", &xwasser(&data));
    place.must_import(&package, &[]).await;
    let receipt = data.join("xwasser-1.0.0/samples/administration_receipt.xml");
    assert_eq!(place.judge(&receipt).await, (Vec::new(), 0));
    let (_, _, list) = place.run(&["standard", "list", "--path", "standards"]).await;
    assert!(list.contains("\"xwasser\"") && !list.contains("basisnachricht\""), "{list}");
}

/// A standard of one message with the header of the XÖV-Basisnachricht.
fn schema(id: &str, body: &str) -> String {
    let header = "<xs:element name='nachrichtenkopf.g2g'><xs:complexType><xs:sequence>\
        <xs:element name='identifikation.nachricht'><xs:complexType><xs:sequence>\
        <xs:element name='nachrichtenUUID' type='xs:token'/><xs:element name='nachrichtentyp'>\
        <xs:complexType><xs:sequence><xs:element name='code' type='xs:token'/></xs:sequence></xs:complexType>\
        </xs:element><xs:element name='erstellungszeitpunkt' type='xs:dateTime'/></xs:sequence>\
        </xs:complexType></xs:element><xs:element name='leser' type='m:Stelle'/>\
        <xs:element name='autor' type='m:Stelle'/></xs:sequence></xs:complexType></xs:element>";
    format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:m='urn:{id}:1.0' \
         targetNamespace='urn:{id}:1.0' version='1.0'>{body}<xs:complexType name='Stelle'><xs:sequence>\
         <xs:element name='kennung' type='xs:token'/><xs:element name='name' type='xs:token'/>\
         </xs:sequence></xs:complexType><xs:element name='antrag.0101'><xs:complexType><xs:sequence>\
         {header}</xs:sequence></xs:complexType></xs:element></xs:schema>"
    )
}

#[tokio::test]
async fn an_installed_version_stays_until_its_successor_is_sound() {
    let place = Place::new();
    let good = place.file("good/probe.xsd", schema("probe", "").as_bytes());
    let told = place.must_import(&good, &[]).await;
    assert_eq!((&told["id"], &told["version"]), (&"probe".into(), &"1.0".into()), "{told}");
    let standard = place.standards().join("probe/1.0/standard.toml");
    let before = fs::read_to_string(&standard).expect("it is installed");

    let (code, told, said) = place.import(&good, &[]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-5071".into()), "{said}");
    let element = "<xs:element name='kaputt' type='m:GibtEsNicht'/>";
    let bad = place.file("bad/probe.xsd", schema("probe", element).as_bytes());
    let (code, told, said) = place.import(&bad, &["--replace"]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-4703".into()), "{said}");
    assert!(said.contains("line 1: type `GibtEsNicht`"), "{said}");
    let element = "<xs:element name='kaputt'><xs:simpleType><xs:restriction base='xs:token'>\
                   <xs:pattern value='('/></xs:restriction></xs:simpleType></xs:element>";
    let bad = place.file("bad/probe.xsd", schema("probe", element).as_bytes());
    let (code, told, said) = place.import(&bad, &["--replace"]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-4900".into()), "{said}");
    assert!(!said.contains(".amtsbote-import"), "files are named as they would lie\n{said}");
    assert_eq!(fs::read_to_string(&standard).ok(), Some(before));

    let element = "<xs:element name='neu' type='xs:token'/>";
    let next = place.file("next/probe.xsd", schema("probe", element).as_bytes());
    place.must_import(&next, &["--replace"]).await;
    let schema = fs::read_to_string(place.standards().join("probe/1.0/xsd/probe.xsd"));
    assert!(schema.expect("it is installed").contains("'neu'"));
    assert_eq!(place.installed(), ["probe"]);
}

#[tokio::test]
async fn the_folder_comes_from_the_configuration_or_is_asked_for() {
    let place = Place::new();
    let package = place.file("probe.xsd", schema("probe", "").as_bytes());
    let (code, told, said) = place.run(&["standard", "import", &package]).await;
    assert_eq!((code, &told["error"]["code"]), (2, &"AB-5070".into()), "{said}");
    assert!(said.contains("--into") && said.contains("[standards]"), "{said}");
    let file = place.configuration.clone().with_standards(&place.standards()).write();
    let file = file.display().to_string();
    let (code, _, said) = place.run(&["standard", "import", &package, "--config", &file]).await;
    assert_eq!((code, place.installed()), (0, vec!["probe".to_owned()]), "{said}");
    let (_, _, list) = place.run(&["standard", "list", "--config", &file]).await;
    assert!(list.contains("\"probe\""), "{list}");
}

#[tokio::test]
async fn a_hostile_package_is_refused_with_its_code_and_leaves_nothing() {
    let place = Place::new();
    let good = schema("probe", "");
    let good = good.as_bytes();
    let nested = (0..5).fold(Archive::new().with("a.xsd", good), |archive, _| {
        Archive::new().with("inner.zip", &archive.bytes())
    });
    let many = (0..20_001).fold(Archive::new(), |archive, n| archive.with(&format!("{n}"), b""));
    let deep = format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>{}",
        "<xs:annotation>".repeat(5_000)
    );
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a page of HTML", b"<!DOCTYPE html><html><body>Login</body></html>".to_vec(), "AB-4700"),
        ("nothing", Vec::new(), "AB-4700"),
        ("half an archive", xsd_archive(good).bytes()[..200].to_vec(), "AB-4700"),
        ("an unknown method", Archive::new().with_method("a.xsd", good, 97).bytes(), "AB-4700"),
        ("a way out", Archive::new().with("../../a.xsd", good).bytes(), "AB-4701"),
        ("a way out, from Windows", Archive::new().with("..\\a.xsd", good).bytes(), "AB-4701"),
        ("an absolute path", Archive::new().with("/etc/a.xsd", good).bytes(), "AB-4701"),
        ("a drive", Archive::new().with("C:\\a.xsd", good).bytes(), "AB-4701"),
        ("a link", xsd_archive(good).with_link("b.xsd", "/etc/passwd").bytes(), "AB-4701"),
        ("one name twice", xsd_archive(good).with("a.xsd", b"<a/>").bytes(), "AB-4701"),
        ("a name of two lines", Archive::new().with("a\nb.xsd", good).bytes(), "AB-4701"),
        ("archives in archives", nested.bytes(), "AB-4702"),
        ("very many files", many.bytes(), "AB-4702"),
        ("a file that grows", bomb(2 << 20), "AB-4702"),
        ("a schema cut off", Archive::new().with("a.xsd", &good[..400]).bytes(), "AB-4705"),
        ("a schema without end", Archive::new().with("a.xsd", deep.as_bytes()).bytes(), "AB-4705"),
    ];
    for (what, bytes, expected) in rows {
        let package = place.file("package.zip", &bytes);
        let (code, told, said) = place.import(&package, &[]).await;
        assert_eq!((code, &told["error"]["code"]), (1, &expected.into()), "{what}\n{said}");
        assert_eq!(place.installed(), Vec::<String>::new(), "{what}");
        let details = told["error"]["details"].as_array().map_or(0, Vec::len);
        assert!(0 < details || expected == "AB-4705", "{what}: no way out\n{said}");
    }
    std::os::unix::fs::symlink("/etc/hostname", place.configuration.folder().join("folder-link"))
        .expect("a link");
    place.file("folder/a.xsd", good);
    let link = place.configuration.folder().join("folder/b.xsd");
    std::os::unix::fs::symlink("/etc/hostname", link).expect("a link");
    let (code, told, said) = place.import("folder", &[]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-4701".into()), "{said}");
}

#[tokio::test]
async fn large_and_quaint_packages_that_mean_no_harm_are_installed() {
    let place = Place::new();
    let mut large =
        String::from("<xs:element name='viel'><xs:simpleType><xs:restriction base='xs:token'>");
    while large.len() < 3 << 20 {
        large.push_str(&format!("<xs:enumeration value='wert-{}'/>", large.len()));
    }
    large.push_str("</xs:restriction></xs:simpleType></xs:element>");
    let package = place.file("large.xsd", schema("gross", &large).as_bytes());
    place.must_import(&package, &[]).await;

    // A document type with entities, as the W3C's own schemas have.
    let doctype = "<!DOCTYPE xs:schema PUBLIC '-//W3C//DTD XMLSCHEMA 200102//EN' 'XMLSchema.dtd' \
                   [<!ENTITY x 'urn:x'>]>";
    let text = format!("{doctype}{}", schema("doctype", ""));
    let package = place.file("doctype.xsd", text.as_bytes());
    place.must_import(&package, &[]).await;

    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(schema("breit", "").encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let package = place.file("wide.xsd", &wide);
    place.must_import(&package, &[]).await;
    assert_eq!(place.installed(), ["breit", "doctype", "gross"]);
}

/// A genericode file with these codes.
fn code_list(uri: &str, version: &str, codes: &[(&str, &str)]) -> String {
    let row = |(code, name): &(&str, &str)| {
        format!(
            "<Row><Value ColumnRef='c'><SimpleValue>{code}</SimpleValue></Value>\
             <Value ColumnRef='n'><SimpleValue>{name}</SimpleValue></Value></Row>"
        )
    };
    let rows: String = codes.iter().map(row).collect();
    format!(
        "<gc:CodeList xmlns:gc='http://docs.oasis-open.org/codelist/ns/genericode/1.0/'>\
         <Identification><ShortName>l</ShortName><Version>{version}</Version>\
         <CanonicalUri>{uri}</CanonicalUri><CanonicalVersionUri>{uri}_{version}</CanonicalVersionUri>\
         </Identification><ColumnSet><Column Id='c'/><Column Id='n'/><Key Id='k'>\
         <ColumnRef Ref='c'/></Key></ColumnSet><SimpleCodeList>{rows}</SimpleCodeList></gc:CodeList>"
    )
}

#[tokio::test]
async fn versions_of_a_code_list_are_installed_side_by_side_and_compared() {
    let place = Place::new();
    let one =
        place.file("one.xml", code_list("urn:l", "1", &[("1", "eins"), ("2", "zwei")]).as_bytes());
    let two =
        place.file("two.xml", code_list("urn:l", "2", &[("2", "zwo"), ("3", "drei")]).as_bytes());
    let import = ["codes", "import", &one, &two, "--into", "standards"];
    let (code, _, said) = place.run(&import).await;
    assert_eq!(code, 0, "{said}");
    let installed = place.standards().join("codelists/urn-l_1.xml");
    assert_eq!(fs::read(&installed).ok(), fs::read(&one).ok());

    let diff = ["codes", "diff", "urn:l", "1", "2", "--path", "standards"];
    let (_, told, said) = place.run(&diff).await;
    let codes =
        |name: &str| told[name].as_array().expect("a list").iter().map(|c| c["code"].clone());
    assert_eq!(codes("added").collect::<Vec<_>>(), ["3"], "{said}");
    assert_eq!(codes("removed").collect::<Vec<_>>(), ["1"], "{said}");
    assert_eq!(codes("renamed").collect::<Vec<_>>(), ["2"], "{said}");
    let (_, same, _) = place.run(&["codes", "diff", &one, &two]).await;
    assert_eq!(same, told, "two files are compared as two versions");

    let show = ["codes", "show", "urn:l", "2", "3", "--path", "standards"];
    let (code, told, said) = place.run(&show).await;
    assert_eq!((code, &told["name"]), (0, &"drei".into()), "{said}");
    let show = ["codes", "show", "urn:l", "2", "9", "--path", "standards"];
    let (code, told, said) = place.run(&show).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-5073".into()), "{said}");
    let (_, _, list) = place.run(&["codes", "list", "--path", "standards"]).await;
    assert_eq!(list.matches("\"urn:l\"").count(), 2, "{list}");
}

#[tokio::test]
async fn a_version_of_a_code_list_has_one_meaning() {
    let place = Place::new();
    let list = code_list("urn:l", "1", &[("1", "eins")]);
    let file = place.file("l.xml", list.as_bytes());
    let (_, told, _) = place.run(&["codes", "import", &file, "--into", "standards"]).await;
    assert_eq!(told["fate"], "installed");
    let spaced = place.file("spaced.xml", list.replace("<Row>", "\n <Row>").as_bytes());
    let (_, told, _) = place.run(&["codes", "import", &spaced, "--into", "standards"]).await;
    assert_eq!(told["fate"], "kept", "another layout says the same");
    let other = code_list("urn:l", "1", &[("1", "uno")]);
    let other = place.file("other.xml", other.as_bytes());
    let (code, told, said) = place.run(&["codes", "import", &other, "--into", "standards"]).await;
    assert_eq!((code, &told["error"]["code"]), (1, &"AB-5071".into()), "{said}");
    let replace = ["codes", "import", &other, "--into", "standards", "--replace"];
    let (_, told, _) = place.run(&replace).await;
    assert_eq!(told["fate"], "replaced");

    let rows = [
        ("a list without a name", list.replace("urn:l", "").into_bytes(), "AB-4704"),
        ("a list cut off", list.as_bytes()[..list.len() - 30].to_vec(), "AB-4705"),
        ("a million codes", million(&list), "AB-4702"),
        ("a schema", schema("probe", "").into_bytes(), "AB-4700"),
    ];
    for (what, bytes, expected) in rows {
        let file = place.file("bad.xml", &bytes);
        let (code, told, said) =
            place.run(&["codes", "import", &file, "--into", "standards"]).await;
        assert_eq!((code, &told["error"]["code"]), (1, &expected.into()), "{what}\n{said}");
    }
}

/// `list` with one code too many, as short as rows can be.
fn million(list: &str) -> Vec<u8> {
    let row = "<Row><Value><SimpleValue>1</SimpleValue></Value></Row>";
    list.replace("<SimpleCodeList>", &format!("<SimpleCodeList>{}", row.repeat(1_000_001)))
        .into_bytes()
}

#[tokio::test]
async fn what_is_installed_is_listed_and_shown_with_all_there_is_to_it() {
    let place = Place::new();
    let list = code_list("urn:probe:liste", "1", &[("1", "eins")]);
    let package = Archive::new()
        .with("probe.xsd", schema("probe", "").as_bytes())
        .with("liste.xml", list.as_bytes());
    let package = place.file("probe.zip", &package.bytes());
    place.must_import(&package, &[]).await;
    let file = place.standards().join("probe/1.0/standard.toml");
    let text = fs::read_to_string(&file).expect("it is installed");
    let dates = "[validity]\nfrom = \"2026-11-01\"\nuntil = \"2027-04-30\"\n[rules]\n\"cvc-id.1\" = \"warn\"\n";
    fs::write(&file, text.replace("[xml]", &format!("{dates}[xml]"))).expect("a file of ours");

    let (code, told, said) =
        place.run(&["standard", "show", "probe/1.0", "--path", "standards"]).await;
    assert_eq!(code, 0, "{said}");
    for (key, expected) in [
        ("namespace", "urn:probe:1.0"),
        ("dialect", "g2g-1.1"),
        ("valid_from", "2026-11-01"),
        ("valid_until", "2027-04-30"),
        ("source", "standards/probe/1.0"),
    ] {
        assert_eq!(told[key], expected, "{key}: {said}");
    }
    assert_eq!(told["rules"]["cvc-id.1"], "warn", "{said}");
    assert_eq!(told["code_lists"][0]["uri"], "urn:probe:liste", "{said}");
    assert_eq!(told["message_types"][0]["name"], "antrag.0101", "{said}");
    for name in ["probe/2.0", "andere"] {
        let (code, told, said) =
            place.run(&["standard", "show", name, "--path", "standards"]).await;
        assert_eq!((code, &told["error"]["code"]), (1, &"AB-5073".into()), "{said}");
        assert!(said.contains("probe/1.0"), "{said}");
    }
}

fn xsd_archive(schema: &[u8]) -> Archive {
    Archive::new().with("a.xsd", schema)
}

/// A schema that unpacks to `bytes` of spaces.
fn bomb(bytes: usize) -> Vec<u8> {
    use std::io::Write as _;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("a.xsd", options).expect("in memory");
    archive.write_all(schema("probe", "").as_bytes()).expect("in memory");
    archive.write_all(&vec![b' '; bytes]).expect("in memory");
    archive.finish().expect("in memory").into_inner()
}
