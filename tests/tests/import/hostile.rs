//! Packages that nobody should send, and quaint ones that mean no harm.

use tests::archive::Archive;

use crate::place::{Place, schema};

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
        ("groups that double", doubling("group", "sequence").into_bytes(), "AB-4702"),
        ("attributes that double", doubling("attributeGroup", "").into_bytes(), "AB-4702"),
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

/// A schema of thirty groups, each of which is the next one twice.
fn doubling(group: &str, within: &str) -> String {
    let (open, close) = match within {
        "" => (String::new(), String::new()),
        within => (format!("<xs:{within}>"), format!("</xs:{within}>")),
    };
    let groups: String = (0..30)
        .map(|n| {
            let next = format!("<xs:{group} ref='m:g{}'/>", n + 1);
            format!("<xs:{group} name='g{n}'>{open}{next}{next}{close}</xs:{group}>")
        })
        .collect();
    let last = format!("<xs:{group} name='g30'>{open}{close}</xs:{group}>");
    schema("probe", &format!("{groups}{last}"))
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
