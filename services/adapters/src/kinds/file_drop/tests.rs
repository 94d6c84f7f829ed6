//! A directory in the role of a departmental system: what it finds, and what it never does.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    Adapter, Attempt, Claims, EffectContract, FailureKind, Found,
    conformance::adapter::{self, Fault, Receiver},
};
use prost::Message as _;
use tempfile::TempDir;

use crate::testing::{attempt, build, claims, fault, message, with_attachments};

/// A directory in the role of a departmental system.
struct Inbox {
    root: TempDir,
    claims: Arc<dyn Claims>,
    adapter: Arc<dyn Adapter>,
}

impl Inbox {
    fn new(more: &str) -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("inbox")).unwrap();
        let config = format!("directory = 'inbox'\nextension = 'xml'\n{more}");
        let adapter = build("file_drop", &config, root.path()).unwrap();
        Self { root, claims: claims(), adapter }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("inbox")
    }

    /// Names of all files below the directory, hidden ones too.
    fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.path(), "", &mut names);
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Bytes {
        fs::read(self.path().join(name)).unwrap().into()
    }
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

#[async_trait]
impl Receiver for Inbox {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::clone(&self.adapter)
    }

    fn claims(&self) -> Arc<dyn Claims> {
        Arc::clone(&self.claims)
    }

    fn faults(&self) -> &[Fault] {
        &[Fault::Down]
    }

    async fn play(&self, fault: Option<Fault>) {
        let away = self.root.path().join("unmounted");
        match fault {
            Some(_) => fs::rename(self.path(), away).unwrap(),
            None => fs::rename(away, self.path()).unwrap(),
        }
    }

    async fn effects(&self, attempt: &Attempt) -> u64 {
        let name = format!("{}.xml", attempt.key);
        self.files().iter().filter(|file| **file == name).count() as u64
    }

    async fn traces(&self) -> u64 {
        self.files().len() as u64
    }

    async fn content(&self, attempt: &Attempt) -> Vec<Bytes> {
        let document = format!("{}.xml", attempt.key);
        let key = attempt.key.to_string();
        let mut content = vec![self.read(&document)];
        let files = self.files();
        let beside = files.iter().filter(|f| f.starts_with(&key) && f.ends_with(".pdf"));
        content.extend(beside.map(|file| self.read(file)));
        content
    }
}

#[tokio::test]
async fn it_does_what_every_adapter_does() {
    adapter::check(async || Inbox::new("")).await;
    adapter::check(async || Inbox::new("attachments = 'directory'\nsidecar = true")).await;
}

#[tokio::test]
async fn nothing_but_what_was_asked_for_stands_in_the_directory() {
    let check = async |more: &str, expected: &[&str]| {
        let inbox = Inbox::new(more);
        let files = [("Vollmacht.PDF", Bytes::from("eins")), ("../x", Bytes::from("zwei"))];
        let envelope = with_attachments(message("<a/>"), &inbox.claims, &files).await;
        let attempt = attempt(&envelope, &inbox.claims);
        let accepted = inbox.adapter.deliver(&envelope, &attempt).await.unwrap();
        let key = attempt.key.to_string();
        assert_eq!(accepted.receipt, Some(format!("{key}.xml")));
        let expected: Vec<String> = expected.iter().map(|name| format!("{key}{name}")).collect();
        assert_eq!(inbox.files(), expected);
    };
    check("", &[".1.pdf", ".2.bin", ".xml"]).await;
    check("sidecar = true", &[".1.pdf", ".2.bin", ".json", ".xml"]).await;
    check("attachments = 'directory'", &[".attachments/1.pdf", ".attachments/2.bin", ".xml"]).await;
}

#[tokio::test]
async fn the_sidecar_says_which_message_it_is_and_what_its_files_were_called() {
    let inbox = Inbox::new("sidecar = true");
    let files = [("Vollmacht.PDF", Bytes::from("eins"))];
    let envelope = with_attachments(message("<a/>"), &inbox.claims, &files).await;
    let attempt = attempt(&envelope, &inbox.claims);
    inbox.adapter.deliver(&envelope, &attempt).await.unwrap();
    let key = attempt.key.to_string();
    let sidecar: serde_json::Value =
        serde_json::from_slice(&inbox.read(&format!("{key}.json"))).unwrap();
    assert_eq!(sidecar["delivery_key"], key);
    assert_eq!(sidecar["message_id"], envelope.head.message_id.to_string());
    assert_eq!(sidecar["case_id"], envelope.head.case_id.to_string());
    assert_eq!(sidecar["own_id"], "AZ 7/2026 Müßig");
    assert_eq!(sidecar["authority"], "svb:14730000");
    assert_eq!(sidecar["procedure"]["message_type"], "kfz.neuzulassung.0101");
    assert_eq!(sidecar["sha256"], envelope.head.sha256.to_string());
    assert_eq!(sidecar["attachments"][0]["name"], "Vollmacht.PDF");
    assert_eq!(sidecar["attachments"][0]["file"], format!("{key}.1.pdf"));
}

#[tokio::test]
async fn each_form_of_the_document_is_written_as_configured() {
    let mut envelope = message("Müßig");
    envelope.normalised = Some(messaging::Payload::Inline("NFC".into()));
    let field = |name: &str, value: &str| wire::canonical::Field {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let canonical = wire::canonical::Application {
        fields: vec![field("zeta", "Müßig"), field("alpha", "2")],
        ..Default::default()
    };
    envelope.canonical = messaging::Payload::Inline(canonical.encode_to_vec().into());
    let check = async |more: &str, expected: &str| {
        let inbox = Inbox::new(more);
        let attempt = attempt(&envelope, &inbox.claims);
        inbox.adapter.deliver(&envelope, &attempt).await.unwrap();
        assert_eq!(inbox.read(&format!("{}.xml", attempt.key)), expected);
    };
    check("", "Müßig").await;
    check("content = 'normalised'", "NFC").await;
    let json = r#"{"fields":[{"name":"zeta","value":"Müßig"},{"name":"alpha","value":"2"}]}"#;
    check("content = 'canonical_json'", json).await;
}

#[tokio::test]
async fn a_canonical_message_nobody_can_read_is_a_defect() {
    let inbox = Inbox::new("content = 'canonical_json'");
    let mut envelope = message("<a/>");
    envelope.canonical = messaging::Payload::Inline("no protobuf".into());
    let attempt = attempt(&envelope, &inbox.claims);
    let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-3002"));
    assert_eq!(inbox.files(), [""; 0]);
}

#[tokio::test]
async fn attachments_nobody_takes_are_a_defect_and_never_left_out() {
    let inbox = Inbox::new("attachments = 'none'");
    let files = [("a.pdf", Bytes::from("eins"))];
    let envelope = with_attachments(message("<a/>"), &inbox.claims, &files).await;
    let attempt = attempt(&envelope, &inbox.claims);
    let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-3003"));
    assert_eq!(inbox.files(), [""; 0]);
}

#[tokio::test]
async fn remainders_of_a_crash_go_with_the_next_attempt() {
    let inbox = Inbox::new("");
    let envelope = message("<a/>");
    let first = attempt(&envelope, &inbox.claims);
    let remainder = inbox.path().join(format!(".{}.xml.0.part", first.key));
    fs::write(&remainder, "<").unwrap();
    fs::write(inbox.path().join(".other.xml.0.part"), "<").unwrap();
    let second = Attempt { number: 2, ..first };
    inbox.adapter.deliver(&envelope, &second).await.unwrap();
    assert_eq!(inbox.files(), [".other.xml.0.part".to_owned(), format!("{}.xml", second.key)]);
    assert_eq!(inbox.read(&format!("{}.xml", second.key)), "<a/>");
}

#[tokio::test]
async fn a_share_that_is_not_mounted_takes_no_message() {
    let inbox = Inbox::new("marker = '.mounted'");
    let envelope = message("<a/>");
    let attempt = attempt(&envelope, &inbox.claims);
    let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-3004"));
    assert_eq!(inbox.adapter.probe().await.unwrap_err().code(), "AB-3004");
    assert_eq!(inbox.files(), [""; 0]);

    fs::write(inbox.path().join(".mounted"), "").unwrap();
    inbox.adapter.probe().await.unwrap();
    inbox.adapter.deliver(&envelope, &attempt).await.unwrap();
}

#[tokio::test]
async fn wrong_rights_close_the_endpoint_and_kill_no_message() {
    let inbox = Inbox::new("");
    let envelope = message("<a/>");
    let attempt = attempt(&envelope, &inbox.claims);
    fs::set_permissions(inbox.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // Who may do everything is not stopped by rights.
    if fs::write(inbox.path().join("x"), "").is_err() {
        let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
        assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-3005"));
        assert_eq!(inbox.adapter.probe().await.unwrap_err().code(), "AB-3005");
    }
    fs::set_permissions(inbox.path(), fs::Permissions::from_mode(0o700)).unwrap();
    // A file where the directory should be is such a fault for everybody.
    fs::remove_dir_all(inbox.path()).unwrap();
    fs::write(inbox.path(), "").unwrap();
    let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-3005"));
}

#[tokio::test]
async fn a_folder_in_the_files_place_is_a_defect() {
    let inbox = Inbox::new("");
    let envelope = message("<a/>");
    let attempt = attempt(&envelope, &inbox.claims);
    fs::create_dir(inbox.path().join(format!("{}.xml", attempt.key))).unwrap();
    let failure = inbox.adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-3008"));
}

#[tokio::test]
async fn a_file_that_was_taken_is_not_reported_absent() {
    let inbox = Inbox::new("");
    assert_eq!(inbox.adapter.contract(), EffectContract::Idempotent);
    let envelope = message("<a/>");
    let attempt = attempt(&envelope, &inbox.claims);
    inbox.adapter.deliver(&envelope, &attempt).await.unwrap();
    let found = inbox.adapter.find(&envelope, &attempt).await.unwrap();
    assert!(matches!(found, Found::Yes(_)));
    fs::remove_file(inbox.path().join(format!("{}.xml", attempt.key))).unwrap();
    assert_eq!(inbox.adapter.find(&envelope, &attempt).await.unwrap(), Found::CannotTell);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let check = |config: &str, expected: &str| {
        let fault = fault("file_drop", config, Path::new("/nowhere"));
        assert!(fault.contains(expected), "{config}: {fault}");
    };
    check("extension = 'xml'", "directory");
    check("directory = '/x'", "extension");
    check("directory = ''\nextension = 'xml'", "`directory` is empty");
    check("directory = '/x'\nextension = '../y'", "`extension`");
    check("directory = '/x'\nextension = 'attachments'", "`extension`");
    check("directory = '/x'\nextension = 'json'\nsidecar = true", "<key>.json");
    check("directory = '/x'\nextension = 'xml'\nmarker = '..'", "`marker`");
    check("directory = '/x'\nextension = 'xml'\nmarker = 'a/b'", "`marker`");
    check("directory = '/x'\nextension = 'xml'\ncontent = 'pdf'", "pdf");
}
