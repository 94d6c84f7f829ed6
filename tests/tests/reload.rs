//! A running gateway takes a new standard on SIGHUP, and keeps what it has when one is faulty.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Duration};

use tests::{
    configuration::Configuration,
    portal::{self, Portal},
    process::Program,
    wait,
};

const SOON: Duration = Duration::from_secs(30);

const STANDARD: &str = r#"id = "hund"
version = "1.0"
title = "Hundesteuer"
dialect = "g2g-1.1"
[recognise]
namespace = "urn:hund"
[xml]
entry = "hund.xsd"
[[message]]
name = "hund.anmeldung.0101"
title = "Anmeldung eines Hundes"
domain = "steuer"
"#;

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hund">
<xs:element name="hund.anmeldung.0101" type="xs:anyType"/></xs:schema>"#;

fn install(folder: &Path, standard: &str) {
    let folder = folder.join("hund/1.0");
    fs::create_dir_all(&folder).expect("a folder of ours");
    for (name, content) in
        [("standard.toml", standard), ("mapping.toml", "generic = \".\""), ("hund.xsd", SCHEMA)]
    {
        fs::write(folder.join(name), content).expect("a file of ours");
    }
}

fn document(id: &str) -> String {
    format!(
        "<h:hund.anmeldung.0101 xmlns:h='urn:hund'><nachrichtenkopf.g2g><identifikation.nachricht>\
         <nachrichtenUUID>{id}</nachrichtenUUID><erstellungszeitpunkt>2026-11-02T09:00:00.000+01:00\
         </erstellungszeitpunkt></identifikation.nachricht><leser><kennung>stv:14730000</kennung>\
         </leser></nachrichtenkopf.g2g></h:hund.anmeldung.0101>"
    )
}

#[tokio::test]
async fn a_new_standard_is_taken_without_a_restart_and_a_faulty_one_changes_nothing() {
    let configuration =
        Configuration::new().with_standard_route("kfz").with_standard_route("steuer");
    let standards = configuration.folder().join("standards");
    fs::create_dir(&standards).expect("a folder of ours");
    let configuration = configuration.with_standards(&standards);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());

    let refusal = portal.submit(document("a")).await.expect_err("nobody knows it yet");
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-4020"));

    install(&standards, STANDARD);
    program.role("gateway").hang_up().await;
    let taken =
        wait::until("the new standard", SOON, || async { portal.submit(document("b")).await.ok() });
    let receipt = taken.await.receipt.expect("a receipt");
    assert_eq!(receipt.own_id, "b");

    install(&standards, &STANDARD.replace("g2g-1.1", "g2g-9"));
    program.role("gateway").hang_up().await;
    wait::until("the fault to be told", SOON, || async {
        program.log().contains("standards stay as they were").then_some(())
    })
    .await;
    assert!(program.log().contains("no dialect `g2g-9`"), "what is wrong is told");
    portal.receipt(document("c")).await;
    assert!(program.end().await.success(), "a SIGHUP ends nothing");
}
