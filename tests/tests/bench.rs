//! `amtsbote bench` against the real program: what it tells is what happened.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, process::Output, time::Duration};

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    port,
    process::{self, Program},
};

const ENDS_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_load_is_delivered_to_the_receiver_and_its_figures_fit_together() {
    let receiver = port::free().to_string();
    let url = format!("http://{receiver}/antraege");
    let configuration = Configuration::new()
        .with_standard_route("kfz")
        .with_system(&System::http("last", &url, "deduplicates").at_once(32));
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let process = program.process().to_string();
    let ended = bench(
        &[
            "--to",
            &to,
            "--rate",
            "50",
            "--warmup",
            "1",
            "--duration",
            "2",
            "--cases",
            "20",
            "--receiver",
            &receiver,
            "--pid",
            &process,
        ],
        &configuration,
    )
    .await;
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let report = report(&ended);
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}\n{report}"));
    assert_eq!(count("sent") + count("unsent_behind_schedule"), 150, "50 a second for 3 s");
    for name in ["accepted", "delivered"] {
        assert_eq!(count(name), count("sent"), "{name}\n{report}");
    }
    for name in [
        "missing",
        "duplicates",
        "duplicates_of_other_key",
        "out_of_order",
        "unknown",
        "failed",
        "foreign",
    ] {
        assert_eq!(count(name), 0, "{name}\n{report}");
    }
    for name in ["receipt_ms", "delivery_ms"] {
        let of = |part: &str| report[name][part].as_f64().expect("a number");
        assert!(0.0 < of("p50") && of("p50") <= of("p90"), "{report}");
        assert!(of("p90") <= of("p99") && of("p99") <= of("max"), "{report}");
        let measured = 100 - count("unsent_behind_schedule");
        assert!(measured <= report[name]["count"].as_u64().expect("a number"), "{report}");
    }
    assert_eq!(report["processes"][0]["pid"].as_u64(), Some(program.process().into()));
    assert!(0.0 < report["processes"][0]["cpu_s"].as_f64().expect("a number"), "{report}");
    assert!(0.0 < report["cpu_s_per_1000"].as_f64().expect("a number"), "{report}");
    let memory = report["processes"][0]["memory_peak_bytes"].as_u64().expect("a number");
    assert!(usize::try_from(memory).expect("fits") <= program.memory_peak(), "{report}");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_receiver_that_gets_everything_twice_under_other_keys_says_so() {
    let receiver = port::free().to_string();
    let url = format!("http://{receiver}/antraege");
    let configuration = Configuration::new()
        .with_standard_route("kfz")
        .with_system(&System::http("eins", &url, "deduplicates"))
        .with_system(&System::http("zwei", &url, "deduplicates"));
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let load = ["--to", &to, "--rate", "20", "--warmup", "0", "--duration", "1"];
    let load = [&load[..], &["--receiver", &receiver]].concat();
    let ended = bench(&load, &configuration).await;
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("AB-5044"), "{}", said(&ended));
    let report = report(&ended);
    assert_eq!(report["delivered"], report["sent"], "{report}");
    assert!(1 <= report["duplicates_of_other_key"].as_u64().expect("a number"), "{report}");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn without_a_receiver_the_status_tells_of_deliveries() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let inbox = configuration.folder().join("eingang");
    fs::create_dir_all(&inbox).expect("a folder of ours");
    let configuration = configuration.with_system(&System::directory("ordner", &inbox));
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let load = ["--to", &to, "--rate", "20", "--warmup", "0", "--duration", "2"];
    let ended = bench(&load, &configuration).await;
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let report = report(&ended);
    assert_eq!(report["run"]["delivered_by"], "status");
    assert_eq!(report["delivered"], report["sent"], "{report}");
    assert_eq!(report["missing"], 0, "{report}");
    assert_eq!(report["duplicates"], Value::Null, "nobody here could know");
    let files = fs::read_dir(&inbox).expect("a folder of ours").count() as u64;
    // One more: the first application, which is tried alone.
    assert_eq!(report["delivered"].as_u64().map(|delivered| delivered + 1), Some(files));
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_limit_on_the_sender_is_named_as_what_was_measured() {
    let configuration = Configuration::new()
        .with_standard_route("kfz")
        .with("[gateway.limits]\nrate_per_second = 20\nrate_burst = 5");
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let load =
        ["--to", &to, "--receipts-only", "--connections", "1", "--in-flight", "4", "--warmup", "0"];
    let load = [&load[..], &["--duration", "2", "--drain", "10"]].concat();
    let ended = bench(&load, &configuration).await;
    let report = report(&ended);
    assert!(1 <= report["errors"]["AB-1003"].as_u64().unwrap_or_default(), "{report}");
    let warnings = report["warnings"].as_array().expect("a list");
    assert!(warnings.iter().any(|warning| warning == "sender_limited"), "{report}");
    assert!(report["accepted_per_s"].as_f64().expect("a number") < 30.0, "{report}");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_load_that_makes_no_sense_ends_before_it_begins() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let wrong = configuration.folder().join("falsch.xml");
    fs::write(&wrong, "<kaputt>@@ID@@</kaputt>").expect("a file of ours");
    let place = configuration.folder().join("platz.xml");
    fs::write(&place, "<a>@@NAME@@</a>").expect("a file of ours");
    let (wrong, place) = (wrong.display().to_string(), place.display().to_string());
    let far = "http://192.0.2.1:7001";
    for (load, exit, code, part) in [
        (vec!["--to", "http://127.0.0.1:1"], 3, "AB-5021", "nobody answers"),
        (vec!["--to", far], 2, "AB-5040", "--i-may-load-this-system"),
        (vec!["--to", &to, "--document", &wrong], 1, "AB-4", ""),
        (vec!["--to", &to, "--document", &place], 2, "AB-5041", "@@NAME@@"),
        (vec!["--to", &to, "--token-file", "fehlt"], 2, "AB-5007", "fehlt"),
        (vec!["--to", &to, "--authority", "14730"], 2, "AB-5041", "14730"),
        (vec!["--to", &to, "--test"], 1, "AB-1031", ""),
        (vec!["--to", &to, "--pid", "4294967295"], 2, "AB-5043", "4294967295"),
        // Nobody subscribes to it.
        (vec!["--to", &to], 1, "AB-5042", "unrouted"),
    ] {
        let ended = bench(&load, &configuration).await;
        assert_eq!(ended.status.code(), Some(exit), "{load:?}\n{}", said(&ended));
        let error = &report(&ended)["error"];
        let found = error["code"].as_str().unwrap_or_default();
        assert!(found.starts_with(code), "{load:?}: {error}");
        assert!(error["what"].as_str().unwrap_or_default().contains(part), "{load:?}: {error}");
    }
    assert!(program.end().await.success());
}

/// Free a moment ago; nobody else here asks for it by number.
async fn bench(load: &[&str], configuration: &Configuration) -> Output {
    let arguments = [&["bench", "--json"], load].concat();
    process::run(&arguments, configuration.folder(), ENDS_WITHIN).await
}

/// The first line.
fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_else(|| panic!("no answer\n{}", said(output)));
    serde_json::from_str(line).expect("one JSON value a line")
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[tokio::test]
async fn a_backlog_goes_when_its_system_is_back_and_what_is_kept_back_stays() {
    let receiver = port::free().to_string();
    let load = ["--receiver", &receiver, "--endpoints", "3", "--dead", "1", "--poison", "10%"];
    let configuration = Configuration::new();
    let printed = bench(&[&load[..], &["--print-config"]].concat(), &configuration).await;
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    let instance = printed.split_once("[gateway.limits]").expect("limits").1;
    let configuration = configuration.with(&format!("[gateway.limits]{instance}"));
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let more = ["--to", &to, "--backlog", "300", "--cases", "60"];
    let ended = bench(&[&load[..], &more].concat(), &configuration).await;
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let report = report(&ended);
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}\n{report}"));
    assert_eq!(report["backlog"]["messages"], 300, "{report}");
    assert_eq!(count("accepted"), 300, "{report}");
    assert_eq!(count("delivered") + count("kept_back"), 300, "{report}");
    // A third of the cases are of a system that is away, and a tenth fail.
    assert!((60..=200).contains(&count("kept_back")), "{report}");
    assert!(1 <= count("kept_back_attempts"), "{report}");
    for name in ["missing", "duplicates", "out_of_order", "foreign"] {
        assert_eq!(count(name), 0, "{name}\n{report}");
    }
    assert!(0.0 < report["backlog"]["drained_per_s"].as_f64().expect("a number"), "{report}");
    assert!(program.end().await.success());
}
