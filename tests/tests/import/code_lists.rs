//! Code lists installed and compared by the real program.

use std::fs;

use crate::place::{Place, schema};

/// A genericode file with these codes.
pub(crate) fn code_list(uri: &str, version: &str, codes: &[(&str, &str)]) -> String {
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
