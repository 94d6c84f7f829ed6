//! What the tests of imports share: a place, the program in it, and small schemas.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use serde_json::Value;
use tests::{configuration::Configuration, process};

const SOON: Duration = Duration::from_secs(120);

/// A folder for packages, and one for standards.
pub(crate) struct Place {
    pub(crate) configuration: Configuration,
}

impl Place {
    pub(crate) fn new() -> Self {
        let configuration = Configuration::new();
        fs::create_dir_all(configuration.folder().join("standards")).expect("a folder of ours");
        Self { configuration }
    }

    pub(crate) fn standards(&self) -> PathBuf {
        self.configuration.folder().join("standards")
    }

    /// Names below the folder of standards, hidden ones too.
    pub(crate) fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.standards()).expect("it is there");
        let names =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.configuration.folder().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder of ours");
        fs::write(&path, content).expect("a file of ours");
        path.display().to_string()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, Value, String) {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = process::run(&arguments, self.configuration.folder(), SOON).await;
        let said = said(&output);
        assert!(!said.contains("panicked"), "{arguments:?}\n{said}");
        let json = serde_json::from_str(said.lines().next().unwrap_or_default());
        let code = output.status.code().unwrap_or(-1);
        (code, json.unwrap_or_else(|_| panic!("no JSON: {arguments:?}\n{said}")), said)
    }

    pub(crate) async fn import(&self, package: &str, more: &[&str]) -> (i32, Value, String) {
        let arguments = ["standard", "import", package, "--into", "standards"];
        self.run(&arguments.iter().chain(more).copied().collect::<Vec<_>>()).await
    }

    pub(crate) async fn must_import(&self, package: &str, more: &[&str]) -> Value {
        let (code, told, said) = self.import(package, more).await;
        assert_eq!(code, 0, "{package} {more:?}\n{said}");
        told
    }

    /// The rules of its schema that a document breaks, sorted; and codes that are in no code list.
    pub(crate) async fn judge(&self, document: &Path) -> (Vec<String>, usize) {
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

pub(crate) fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// A standard of one message with the header of the XÖV-Basisnachricht.
pub(crate) fn schema(id: &str, body: &str) -> String {
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
