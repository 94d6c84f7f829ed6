//! Packages of published standards, installed by the real program without a line of Rust, and packages that
//! nobody should send.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod code_lists;
mod hostile;
mod place;

use std::{fs, path::Path};

use tests::{archive::Archive, machine};

use crate::{
    code_lists::code_list,
    place::{Place, schema},
};

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
    assert_eq!((&told["dialect"], &told["is_known"]), (&"g2g-1.1".into(), &true.into()), "{told}");
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
async fn a_standard_that_nobody_prepared_is_told_from_its_schemas_alone() {
    let Some(data) = machine::data("a standard is told from its schemas") else { return };
    let place = Place::new();
    // The same standard in a namespace that the program does not know.
    let renamed = |path: &Path| {
        let text = fs::read_to_string(path).expect("a sample");
        text.replace("/V1_0_0", "/V1_0_9").replace("1.0.0", "1.0.9")
    };
    let mut package = Archive::new();
    for schema in fs::read_dir(data.join("xwasser-1.0.0/xsd")).expect("schemas") {
        let path = schema.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        package = package.with(&name, renamed(&path).as_bytes());
    }
    let package = place.file("xwasser.zip", &package.bytes());
    let with = data.join("xoev-basisnachricht").display().to_string();
    let told = place.must_import(&package, &["--with", &with]).await;
    for (key, expected) in
        [("id", "xwasser"), ("version", "1.0.9"), ("title", "XWasser"), ("dialect", "g2g-1.1")]
    {
        assert_eq!(told[key], expected, "{told}");
    }
    assert_eq!(told["is_known"], false, "{told}");
    let types = told["message_types"].as_array().expect("a list");
    assert_eq!(types.len(), 12, "{told}");
    let rejection = types.iter().find(|one| one["name"] == "administration.rueckweisung.0010");
    let title = rejection.map(|one| &one["title"]);
    assert_eq!(title, Some(&"Rückweisung einer Nachricht".into()), "{told}");
    let sample = renamed(&data.join("xwasser-1.0.0/samples/administration_receipt.xml"));
    let sample = place.file("sample.xml", sample.as_bytes());
    assert_eq!(place.judge(Path::new(&sample)).await, (Vec::new(), 0));
    let show = ["standard", "show", "xwasser", "--path", "standards"];
    let (_, told, said) = place.run(&show).await;
    let kinds = told["message_types"].as_array().expect("a list").iter();
    let kinds: Vec<&str> = kinds.map(|one| one["kind"].as_str().unwrap_or_default()).collect();
    assert!(kinds.contains(&"receipt") && kinds.contains(&"rejection"), "{said}");
    assert_eq!(told["accepts"][0], "1.0.9", "{said}");
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
