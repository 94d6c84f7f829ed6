//! What became of a message, as a message of a standard: asked of the real program, and judged by it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path, process::Output, time::Duration};

use tests::{
    configuration::{Configuration, System},
    documents::{Kfz, own_id_of},
    portal::Portal,
    process,
    program::Program,
};

const SOON: Duration = Duration::from_secs(30);

async fn amtsbote(arguments: &[&str], folder: &Path) -> (Output, String) {
    let output = process::run(arguments, folder, SOON).await;
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    (output, text)
}

/// What the program itself says of a document it wrote: its message type.
async fn judged(document: &str, folder: &Path) -> String {
    let file = folder.join("answer.xml");
    fs::write(&file, document).expect("the folder can be written");
    let file = file.to_str().expect("UTF-8");
    let (output, said) = amtsbote(&["standard", "check", file], folder).await;
    assert_eq!(output.status.code(), Some(0), "{said}\n{document}");
    said.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_portal_gets_the_receipt_of_a_delivered_message_as_a_message() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let folder = configuration.folder().to_owned();
    let inbox = folder.join("inbox");
    fs::create_dir(&inbox).expect("the folder can be written");
    let configuration = configuration.with_system(&System::directory("inbox", &inbox));
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(Kfz::read().document(1, 0)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;

    let url = format!("http://{}", program.gateway());
    let ask = ["status", &receipt.message_id, "--to", &url, "--as-answer", "--reader"];
    let ask = [&ask[..], &["lap:14000001", "--reader-name", "Landesportal"]].concat();
    let (output, answer) = amtsbote(&ask, &folder).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        judged(&answer, &folder).await,
        "Quittung: amtsbote-antwort 1.0, antwort.quittung.0901"
    );
    assert!(answer.contains(&own_id_of(1, 0).to_string()), "{answer}");
    // The same question has the same answer, with the same id.
    assert_eq!(amtsbote(&ask, &folder).await.1, answer);
}

#[tokio::test]
async fn a_refused_document_gets_the_rejection_with_every_reason() {
    let configuration = Configuration::new();
    let folder = configuration.folder();
    let wrong = Kfz::read().varied(&[("postleitzahl", "0450"), ("geburtsdatum", "1979-13-01")]);
    let file = folder.join("wrong.xml");
    fs::write(&file, &wrong).expect("the folder can be written");
    let file = file.to_str().expect("UTF-8");
    let check = ["standard", "check", file, "--answer"];
    let (output, answer) = amtsbote(&check, folder).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let judged = judged(&answer, folder).await;
    assert_eq!(judged, "Rückweisung: amtsbote-antwort 1.0, antwort.rueckweisung.0905");
    for place in ["kfz:anschrift/kfz:postleitzahl", "kfz:natuerlichePerson/kfz:geburtsdatum"] {
        assert!(answer.contains(place), "{place}\n{answer}");
    }
    assert_eq!(answer.matches("<code>AB-4102</code>").count(), 2, "{answer}");
    // The document goes back only if somebody asks for it.
    assert!(!answer.contains(":nachricht>"), "{answer}");
    let (_, whole) = amtsbote(&[&check[..], &["--with-original"]].concat(), folder).await;
    assert!(whole.contains(":nachricht>"), "{whole}");

    // A rejection is not rejected, however wrong it is.
    let twisted = answer.replace("<nachrichtenUUID>", "<nachrichtenUUID>x");
    fs::write(file, twisted).expect("the folder can be written");
    let (output, _) = amtsbote(&check, folder).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AB-1080"), "{output:?}");
}
