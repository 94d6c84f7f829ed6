//! The real program: started with a configuration, pushed to, followed, ended; and refused where its
//! surroundings are wrong.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use serde_json::Value;

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../schemas/amtsbote-kfz/1.0/examples/valid/neuzulassung-nordsachsen.xml"
);
const INVALID: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../schemas/amtsbote-kfz/1.0/examples/invalid/neuzulassung-viele-fehler.xml"
);
const CONFIGURATION: &str = r#"
[gateway]
listen = "127.0.0.1:0"
[console]
listen = "127.0.0.1:0"
[[route]]
domain = "kfz"
authority = "svb:14730"
[[endpoint]]
name = "nordsachsen-kfz"
adapter = "file_drop"
subscribe = [{ domain = "kfz" }]
settings = { directory = "inbox", extension = "xml" }
"#;

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(path.join("inbox")).expect("a folder for temporary files");
        Self(path)
    }

    fn with(configuration: &str) -> Self {
        let folder = Self::new();
        fs::write(folder.0.join("amtsbote.toml"), configuration).expect("a file of ours");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// `amtsbote run`, ended at the latest with the test.
struct Running {
    child: Child,
    gateway: String,
    console: String,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder, &["run", "--config", "amtsbote.toml", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let out = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line of text");
        let ready: Value = serde_json::from_str(&line).expect("one JSON value");
        let address = |role: &str| {
            ready
                .pointer(&format!("/ready/{role}"))
                .and_then(Value::as_str)
                .expect("ready")
                .to_owned()
        };
        Self { gateway: address("gateway"), console: address("console"), child }
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway)
    }

    fn end(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("`kill` is there");
        assert!(asked.success());
        self.child.wait().expect("a child of ours")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amtsbote"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program can be started")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON value a line")).collect()
}

/// The code the program ends with, and everything it said.
fn said(output: &Output) -> (Option<i32>, String) {
    let (out, err) = (&output.stdout, &output.stderr);
    let text = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    (output.status.code(), text)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of ours");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn an_application_travels_from_the_command_line_into_a_folder() {
    let folder = Folder::with(CONFIGURATION);
    let running = Running::start(&folder.0);
    let url = running.url();

    let submitted = run(&folder.0, &["submit", EXAMPLE, "--to", &url, "--wait", "--json"]);
    assert_eq!(submitted.status.code(), Some(0), "{:?}", said(&submitted));
    let answers = lines(&submitted);
    let [receipt, status] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(receipt.pointer("/outcome"), Some(&"accepted".into()));
    assert_eq!(status.pointer("/state"), Some(&"delivered".into()));

    let inbox = files(&folder.0.join("inbox"));
    let [file] = inbox.as_slice() else { panic!("{inbox:?}") };
    assert_eq!(fs::read(file).ok(), fs::read(EXAMPLE).ok(), "the original, byte by byte");

    let id = receipt.pointer("/receipt/message_id").and_then(Value::as_str).expect("an id");
    let again = run(&folder.0, &["submit", EXAMPLE, "--to", &url, "--wait", "--json"]);
    let again = lines(&again);
    let same = again.first().and_then(|answer| answer.pointer("/receipt/message_id"));
    assert_eq!(same, Some(&id.into()), "the same again gets the same receipt");
    assert_eq!(files(&folder.0.join("inbox")).len(), 1, "and no second file");

    for id in [id, "e80fc86b-2c7f-54d6-a7e9-adc42891082b"] {
        let status = run(&folder.0, &["status", id, "--to", &url]);
        assert_eq!(status.status.code(), Some(0), "{:?}", said(&status));
        assert!(said(&status).1.contains("zugestellt"), "{:?}", said(&status));
    }
    assert!(running.end().success(), "asked to end, it ends well");

    let running = Running::start(&folder.0);
    let status = run(&folder.0, &["status", id, "--to", &running.url(), "--json"]);
    assert_eq!(lines(&status).first().and_then(|s| s.pointer("/state")), Some(&"delivered".into()));
    assert_ne!(running.console, running.gateway);
}

#[test]
fn every_violation_is_shown_and_nothing_kept() {
    let folder = Folder::with(CONFIGURATION);
    let running = Running::start(&folder.0);
    let refused = run(&folder.0, &["submit", INVALID, EXAMPLE, "--to", &running.url(), "--json"]);
    assert_eq!(refused.status.code(), Some(1), "{:?}", said(&refused));
    let answers = lines(&refused);
    let refusal =
        answers.iter().find(|answer| answer["outcome"] == "refused").expect("one refused");
    let violations = refusal["violations"].as_array().expect("a list");
    assert!(5 < violations.len(), "{refusal}");
    assert!(violations.iter().all(|v| v["german"] != "" && v["english"] != ""));
    assert!(answers.iter().any(|answer| answer["outcome"] == "accepted"), "the other is taken");
    let without_server = run(&folder.0, &["standard", "check", INVALID, "--json"]);
    assert_eq!(without_server.status.code(), Some(1));
    let verdict = lines(&without_server).pop().expect("a verdict");
    assert_eq!(verdict["violations"], refusal["violations"], "the same as a portal sees");
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let folder = Folder::new();
    let mut child =
        command(&folder.0, &["errors"]).stdout(Stdio::piped()).spawn().expect("it can be started");
    drop(child.stdout.take());
    assert!(child.wait().expect("a child of ours").success());
}

#[test]
fn a_port_in_use_is_told_with_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for role in ["gateway", "console"] {
        let folder = Folder::with(&format!("[{role}]\nlisten = \"{address}\"\n"));
        let port = if role == "gateway" { "console" } else { "gateway" };
        let text =
            format!("[{role}]\nlisten = \"{address}\"\n[{port}]\nlisten = \"127.0.0.1:0\"\n");
        fs::write(folder.0.join("amtsbote.toml"), text).expect("a file of ours");
        let refused = said(&run(&folder.0, &["run", "--config", "amtsbote.toml"]));
        assert_eq!(refused.0, Some(2), "{refused:?}");
        assert!(refused.1.contains("AB-5013") && refused.1.contains(&address), "{refused:?}");
        assert!(!folder.0.join("data").exists(), "nothing was made");
    }
}

#[test]
fn a_start_that_cannot_be_is_refused_before_anything_listens() {
    let ports = "[gateway]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"127.0.0.1:0\"\n";
    for (text, code) in [
        (format!("data = \"amtsbote.toml\"\n{ports}"), "AB-5014"),
        (format!("data = \"/proc/none\"\n{ports}"), "AB-5014"),
        (format!("dta = \"x\"\n{ports}"), "AB-5003"),
        (format!("store = \"postgres://db\"\n{ports}"), "AB-5006"),
        (format!("{ports}[[sender]]\nname = \"p\"\ntoken_file = \"no\"\n"), "AB-5007"),
        (format!("{ports}[telemetry]\nfilter = \"info,,=\"\n"), "AB-5017"),
        (format!("{ports}[standards]\npaths = [\"broken\"]\n"), "AB-4900"),
        ("data = ".to_owned(), "AB-5002"),
    ] {
        let folder = Folder::with(&text);
        let broken = folder.0.join("broken/melde/1.0");
        fs::create_dir_all(&broken).expect("a folder of ours");
        fs::write(broken.join("standard.toml"), "no = \"standard\"").expect("a file of ours");
        let refused = said(&run(&folder.0, &["run", "--config", "amtsbote.toml"]));
        assert_eq!(refused.0, Some(2), "{text}\n{refused:?}");
        assert!(refused.1.contains(code), "{text}\n{refused:?}");
        assert!(!refused.1.contains("gateway   http"), "{text}\n{refused:?}");
    }
}

#[test]
fn a_second_process_on_the_data_is_refused() {
    let folder = Folder::with(CONFIGURATION);
    let running = Running::start(&folder.0);
    let second = run(&folder.0, &["run", "--config", "amtsbote.toml"]);
    let (code, text) = said(&second);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("AB-2001") && text.contains("data"), "{text}");
    let taken = run(&folder.0, &["submit", EXAMPLE, "--to", &running.url()]);
    assert_eq!(taken.status.code(), Some(0), "the first goes on: {:?}", said(&taken));
}

#[test]
fn roles_apart_are_refused_on_embedded_files() {
    let folder = Folder::with(CONFIGURATION);
    let refused = said(&run(&folder.0, &["run", "gateway", "--config", "amtsbote.toml"]));
    assert_eq!(refused.0, Some(2), "{refused:?}");
    assert!(refused.1.contains("AB-5012"), "{refused:?}");
}

#[test]
fn every_fault_is_told_at_once_as_text_and_as_json() {
    let folder = Folder::with("dta = 1\nchannel = \"s3://x\"\n[console]\nlisten = \"here\"\n");
    let told = said(&run(&folder.0, &["check", "amtsbote.toml"]));
    assert_eq!(told.0, Some(2));
    for expected in ["amtsbote.toml:1: dta", "amtsbote.toml:2: channel", "amtsbote.toml:4: console"]
    {
        assert!(told.1.contains(expected), "{}", told.1);
    }
    let told = run(&folder.0, &["check", "amtsbote.toml", "--json"]);
    let told = lines(&told);
    let faults = told.first().and_then(|told| told["faults"].as_array()).map(Vec::len);
    assert_eq!(faults, Some(3));
}

#[test]
fn a_sender_proves_itself_by_its_token() {
    let tokens = "[[sender]]\nname = \"portal\"\ntoken_file = \"token\"\n";
    let folder = Folder::with(&format!("{CONFIGURATION}{tokens}"));
    fs::write(folder.0.join("token"), "ein Geheimnis von Rang\n").expect("a file of ours");
    fs::write(folder.0.join("wrong"), "ein anderes Geheimnis\n").expect("a file of ours");
    let running = Running::start(&folder.0);
    let url = running.url();
    for (arguments, expected) in [
        (vec!["submit", EXAMPLE, "--to", &url], 2),
        (vec!["submit", EXAMPLE, "--to", &url, "--token-file", "wrong"], 2),
        (vec!["submit", EXAMPLE, "--to", &url, "--token-file", "missing"], 2),
        (vec!["submit", EXAMPLE, "--to", &url, "--token-file", "token"], 0),
    ] {
        let ended = said(&run(&folder.0, &arguments));
        assert_eq!(ended.0, Some(expected), "{arguments:?} {ended:?}");
        assert!(!ended.1.contains("Geheimnis"), "{ended:?}");
    }
}

#[test]
fn an_address_nobody_can_use_is_told() {
    let folder = Folder::new();
    for (url, exit, code) in [
        ("http://127.0.0.1:1", 3, "AB-5021"),
        ("https://127.0.0.1:1", 2, "AB-5022"),
        ("127.0.0.1:7001", 2, "AB-5022"),
        ("nowhere", 2, "AB-5022"),
    ] {
        let told = said(&run(&folder.0, &["status", "some-id", "--to", url]));
        assert_eq!(told.0, Some(exit), "{url} {told:?}");
        assert!(told.1.contains(code), "{url} {told:?}");
    }
}

/// What every county of the demonstration does.
const PROCEDURES: [&str; 5] = ["kfz", "fuehrerschein", "meldebescheinigung", "gewerbe", "eakte"];

#[test]
fn the_demonstration_ends_well_twice_on_the_same_data() {
    let folder = Folder::new();
    for _ in 0..2 {
        let demo = run(&folder.0, &["demo", "--exit-when-done", "--data", "demo", "--json"]);
        assert_eq!(demo.status.code(), Some(0), "{:?}", said(&demo));
        let summary = lines(&demo).pop().expect("a summary");
        assert_eq!(summary["unexpected"], Value::Array(Vec::new()));
        let endpoints = summary["endpoints"].as_object().expect("a table");
        for county in ["nordsachsen", "goerlitz", "harz", "spree-neisse"] {
            for procedure in PROCEDURES {
                let endpoint = &endpoints[&format!("{county}-{procedure}")];
                assert!(endpoint["delivered"] != 0, "{county}-{procedure}: {endpoints:?}");
            }
        }
        assert!(endpoints.values().all(|endpoint| endpoint["delivered"] != 0), "{endpoints:?}");
        assert!(endpoints["harz-kfz"]["failed"] != 0, "and one that was down");
        let fetched = summary["fetched"].as_array().expect("a list");
        assert!(!fetched.is_empty(), "certificates come back");
        for document in fetched {
            let file = folder.0.join("demo").join(document["file"].as_str().expect("a path"));
            let document = std::fs::read(&file).expect("the portal kept it");
            assert!(document.starts_with(b"%PDF-1.4"), "{}", file.display());
        }
    }
}

#[test]
fn a_page_tells_what_a_code_means() {
    let folder = Folder::new();
    let mut child = command(&folder.0, &["errors", "ab-5003"]);
    let mut text = String::new();
    let mut child = child.stdout(Stdio::piped()).spawn().expect("it can be started");
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("a text");
    assert!(child.wait().expect("a child of ours").success());
    assert!(text.starts_with("# AB-5003: ") && text.contains("## What to do"), "{text}");
    assert_eq!(run(&folder.0, &["errors", "AB-0000"]).status.code(), Some(2));
}
