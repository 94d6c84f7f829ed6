//! A database restored by its own means, and the ledger in it marked as restored, with the real program.

use std::{path::Path, time::Duration};

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    portal::Portal,
    postgres::{ADMIN, Postgres},
    process::{self, Program},
    receiver::{Manner, Receiver},
};

const SOON: Duration = Duration::from_secs(60);

fn with(receiver: &Receiver, postgres: &Postgres, database: &str, data: &Path) -> Configuration {
    let store = format!("store = \"postgres://{ADMIN}@127.0.0.1:{}/{database}\"", postgres.port());
    receiver.behave("inbox", Manner { recognises_keys: false, ..Manner::default() });
    let inbox = System {
        more: "timeout = \"2s\"".to_owned(),
        ..System::http("inbox", &receiver.url("inbox"), "none")
    };
    Configuration::new()
        .with_data(data)
        .with_head(&store)
        .with_standard_route("kfz")
        .with_system(&inbox)
}

/// Exit code and what it says.
async fn restore(configuration: &Configuration) -> (Option<i32>, Value) {
    let file = configuration.write();
    let words = ["ledger", "restore", "--config", file.to_str().expect("a path of ours"), "--json"];
    let output = process::run(&words, configuration.folder(), SOON).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), told)
}

#[tokio::test]
async fn a_database_from_a_backup_begins_an_epoch_in_which_nothing_is_repeated() {
    let Some(postgres) = Postgres::start("a ledger restored on PostgreSQL") else { return };
    let receiver = Receiver::start().await;
    let folder = Configuration::new();
    let data = folder.folder().join("data");
    let kfz = Kfz::read();
    let configuration = with(&receiver, &postgres, "postgres", &data);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let before = portal.receipt(kfz.document(1, 0)).await.message_id;
    portal.until(&before, "delivered", SOON).await;
    let working = restore(&configuration).await;
    assert_eq!((working.0, &working.1["error"]["code"]), (Some(2), &"AB-2316".into()));
    assert!(program.end().await.success());
    postgres.sql("CREATE DATABASE backup TEMPLATE postgres");

    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let beyond = portal.receipt(kfz.document(2, 0)).await.message_id;
    portal.until(&beyond, "delivered", SOON).await;
    program.kill().await;
    assert_eq!(receiver.count("inbox"), 2);

    let restored = with(&receiver, &postgres, "backup", &data);
    let (exit, told) = restore(&restored).await;
    assert_eq!(exit, Some(0), "{told}");
    assert!(told["restored"]["epoch"].as_u64() > Some(1), "{told}");
    let program = Program::start(&restored).await;
    let portal = Portal::new(program.gateway());
    let status = portal.until(&beyond, "uncertain", SOON).await;
    assert!(status.deliveries.iter().any(|it| it.code == "AB-3234"), "{status:?}");
    let new = portal.receipt(kfz.document(3, 0)).await.message_id;
    portal.until(&new, "delivered", SOON).await;
    assert_eq!(receiver.count("inbox"), 3, "the one in doubt came once");
    assert!(program.end().await.success());

    let empty = with(&receiver, &postgres, "template1", &data);
    let (exit, told) = restore(&empty).await;
    assert_eq!((exit, &told["error"]["code"]), (Some(2), &"AB-2317".into()));
}
