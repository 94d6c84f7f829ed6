//! Every way a configuration can be wrong, and what is said about it.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Config, Fault, read_text};
use crate::{check, roles::Roles};

/// As `deploy/` ships it.
const EXAMPLE: &str = include_str!("../../../../deploy/amtsbote.example.toml");
const PAGE: &str = include_str!("../../../../docs/configuration.md");

fn read(text: &str) -> Result<Config, Vec<Fault>> {
    let variable = |name: &str| (name == "PORT").then(|| "7007".to_owned());
    read_text(Some("t.toml"), text, Path::new(env!("CARGO_MANIFEST_DIR")), &variable)
        .map_err(|faults| faults.0)
}

#[track_caller]
fn check_faults(text: &str, expected: &[(usize, &str, &str)]) {
    let faults = read(text).err().unwrap_or_default();
    let told: Vec<_> = faults.iter().map(|f| (f.line, f.key.as_str(), f.code)).collect();
    assert_eq!(told, expected, "{text}\n{faults:#?}");
}

const ENDPOINT: &str = "[[endpoint]]\nname = \"a\"\nadapter = \"file_drop\"\n\
     subscribe = [{}]\nsettings = { directory = \"x\", extension = \"xml\" }\n";

#[test]
fn nothing_written_is_a_configuration() {
    let config = read("").unwrap();
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:7001");
    assert_eq!(config.console.listen.to_string(), "127.0.0.1:7080");
    assert!(config.data.ends_with("data"));
    assert_eq!(config.channel.to_string(), format!("embedded:{}", config.data.display()));
}

#[test]
fn every_fault_is_told_with_line_and_key() {
    check_faults("channel =", &[(1, "", "AB-5002")]);
    check_faults("a = 1\na = 2\n[[b]\n", &[(2, "", "AB-5002"), (3, "", "AB-5002")]);
    check_faults("chanel = \"embedded:x\"", &[(1, "chanel", "AB-5003")]);
    check_faults("\n[gateway]\nlimit = 1", &[(3, "gateway.limit", "AB-5003")]);
    check_faults("[retry]\na = 1", &[(1, "retry", "AB-5003")]);
    check_faults("data = 1", &[(1, "data", "AB-5004")]);
    check_faults("data = \"\"", &[(1, "data", "AB-5004")]);
    check_faults("shutdown_time_max = \"20\"", &[(1, "shutdown_time_max", "AB-5004")]);
    check_faults("shutdown_time_max = \"2h\"", &[(1, "shutdown_time_max", "AB-5004")]);
    check_faults("[gateway]\nnotice_time = \"11s\"", &[(2, "gateway.notice_time", "AB-5008")]);
    check_faults("source = \"with blank\"", &[(1, "source", "AB-5004")]);
    check_faults("gateway = 1", &[(1, "gateway", "AB-5004")]);
    check_faults("route = 1", &[(1, "route", "AB-5004")]);
    check_faults("route = [1]", &[(1, "route[0]", "AB-5004")]);
    check_faults(
        "[gateway.limits]\nmessage_bytes_max = \"65MiB\"\nrate_per_second = 0\nuploads_max = 1.5",
        &[
            (2, "gateway.limits.message_bytes_max", "AB-5004"),
            (3, "gateway.limits.rate_per_second", "AB-5004"),
            (4, "gateway.limits.uploads_max", "AB-5004"),
        ],
    );
    check_faults("[telemetry]\nformat = \"xml\"", &[(2, "telemetry.format", "AB-5004")]);
    check_faults("[telemetry]\notlp = \"localhost\"", &[(2, "telemetry.otlp", "AB-5004")]);
    check_faults("[telemetry]\notlp = \"https://c:4317\"", &[(2, "telemetry.otlp", "AB-5004")]);
    check_faults("[telemetry]\nsampling = 1.5", &[(2, "telemetry.sampling", "AB-5004")]);
    check_faults("[standards]\npaths = [\"/no/such\"]", &[(2, "standards.paths", "AB-5004")]);
    check_faults("[standards]\nworkers = 0", &[(2, "standards.workers", "AB-5004")]);
    for share in ["1", "101%", "-1%", "1.00001%", "%", "1,5%"] {
        let text = format!("[standards]\ncross_check = \"{share}\"");
        check_faults(&text, &[(2, "standards.cross_check", "AB-5004")]);
    }
    check_faults(
        "[retention]\nclaims_unused = \"23h\"",
        &[(2, "retention.claims_unused", "AB-5004")],
    );
    check_faults(
        "[retention]\nchannel = \"7d\"\nclaims_used = \"1d\"",
        &[(3, "retention.claims_used", "AB-5008")],
    );
}

#[test]
fn what_is_kept_outlives_what_needs_it() {
    let fault =
        |key: &str, line: usize, code: &'static str| (line, format!("retention.{key}"), code);
    for (text, expected) in [
        ("payload = \"59min\"", vec![fault("payload", 2, "AB-5004")]),
        ("journal = \"30\"", vec![fault("journal", 2, "AB-5004")]),
        ("payload = \"401d\"", vec![fault("payload", 2, "AB-5008")]),
        ("history = \"29d\"", vec![fault("history", 2, "AB-5008")]),
        ("payload = \"1d\"\nhistory = \"7d\"", vec![fault("history", 3, "AB-5008")]),
        ("dedupe_horizon = \"399d\"", vec![fault("dedupe_horizon", 2, "AB-5008")]),
        (
            "channel = \"40d\"\nhistory = \"41d\"\ndedupe_horizon = \"40d\"",
            vec![fault("dedupe_horizon", 4, "AB-5008"), fault("dedupe_horizon", 4, "AB-5008")],
        ),
        (
            "channel = \"400d\"\nclaims_used = \"400d\"",
            vec![fault("channel", 2, "AB-5008"), fault("channel", 2, "AB-5008")],
        ),
        ("[retention.domain.kfz]\npayload = \"401d\"", {
            vec![fault("domain.kfz.payload", 3, "AB-5008")]
        }),
        ("[retention.domain.kfz]\nhistory = \"401d\"", {
            vec![
                fault("domain.kfz.payload", 2, "AB-5005"),
                fault("domain.kfz.history", 3, "AB-5003"),
            ]
        }),
        ("[retention.domain.KFZ]\npayload = \"9d\"", vec![fault("domain.KFZ", 2, "AB-5004")]),
        ("domain.kfz = 1", vec![fault("domain.kfz", 2, "AB-5004")]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(l, k, c)| (*l, k.as_str(), *c)).collect();
        check_faults(&format!("[retention]\n{text}"), &expected);
    }
    let text = "[retention]\npayload = \"9d\"\n[retention.domain.kfz]\npayload = \"90d\"";
    let config = read(text).unwrap();
    let days = |time: std::time::Duration| time.as_secs() / 86_400;
    let ledger = &config.retention.ledger;
    let kept = [ledger.payload, ledger.history, ledger.dedupe_horizon, config.retention.journal];
    assert_eq!(kept.map(days), [9, 400, 400, 400]);
    let own = ledger.payload_of.iter().map(|(domain, time)| (domain.as_str(), days(*time)));
    assert_eq!(own.collect::<Vec<_>>(), [("kfz", 90)]);
}

#[test]
fn a_bad_url_is_refused_by_name_and_never_shown_whole() {
    for (url, code) in [
        ("kafka://user:geheim@h:9092", "AB-5006"),
        ("s3://bucket", "AB-5006"),
        ("embeded:x", "AB-5006"),
        ("embedded:", "AB-5006"),
        ("embedded://host/x", "AB-5006"),
        ("x", "AB-5006"),
        ("", "AB-5006"),
    ] {
        for key in ["channel", "store", "claims"] {
            check_faults(&format!("{key} = \"{url}\""), &[(1, key, code)]);
            let faults = read(&format!("{key} = \"{url}\"")).unwrap_err();
            assert!(!format!("{faults:?}").contains("geheim"), "{url}");
        }
    }
}

#[test]
fn who_can_be_reached_must_say_so() {
    check_faults(
        "[gateway]\nlisten = \"0.0.0.0:7001\"",
        &[(2, "gateway.listen", "AB-5009"), (2, "gateway.listen", "AB-5008")],
    );
    check_faults(
        "[gateway]\nallow_plaintext = true\nlisten = \"0.0.0.0:7001\"",
        &[(3, "gateway.listen", "AB-5008")],
    );
    check_faults("[console]\nlisten = \"[::]:80\"", &[(2, "console.listen", "AB-5009")]);
    check_faults("[gateway]\nlisten = \"7001\"", &[(2, "gateway.listen", "AB-5004")]);
    check_faults("[gateway]\nlisten = \"127.0.0.1:70000\"", &[(2, "gateway.listen", "AB-5004")]);
}

#[test]
fn what_roles_apart_know_of_each_other_is_checked() {
    for url in ["console", "ftp://console", "http://console/x", "http://me:geheim@127.0.0.1:1"] {
        let text = format!("[gateway]\nstatus = \"{url}\"");
        check_faults(&text, &[(2, "gateway.status", "AB-5004")]);
        assert!(!format!("{:?}", read(&text).unwrap_err()).contains("geheim"), "{url}");
    }
    let elsewhere = "[gateway]\nstatus = \"http://console:7080\"";
    check_faults(elsewhere, &[(2, "gateway.status", "AB-5009")]);
    assert!(read(&format!("{elsewhere}\nallow_plaintext = true")).is_ok());
    for role in ["gateway", "console"] {
        let key = format!("{role}.status_token_file");
        let text = format!("[{role}]\nstatus_token_file = \"nowhere\"");
        check_faults(&text, &[(2, &key, "AB-5007")]);
        // More than a header carries.
        let text = format!("[{role}]\nstatus_token_file = \"Cargo.toml\"");
        check_faults(&text, &[(2, &key, "AB-5007")]);
    }
    check_faults(
        "[console]\nchannels = [\"status\"]\n[operations]\nlisten = \"0.0.0.0:7081\"",
        &[(2, "console.channels", "AB-5004"), (4, "operations.listen", "AB-5009")],
    );
}

#[test]
fn variables_reach_every_text() {
    let config = read("[gateway]\nlisten = \"127.0.0.1:${PORT}\"").unwrap();
    assert_eq!(config.gateway.listen.port(), 7007);
    check_faults("[gateway]\nlisten = \"${HOST}:1\"", &[(2, "gateway.listen", "AB-5011")]);
    let settings = ENDPOINT.replace("\"x\"", "\"${WHERE}\"");
    check_faults(&settings, &[(5, "endpoint[0].settings.directory", "AB-5011")]);
}

#[test]
fn a_secret_that_is_not_there_or_too_short_is_told_without_being_shown() {
    check_faults(
        "[[sender]]\nname = \"p\"\ntoken_file = \"nowhere\"",
        &[(3, "sender[0].token_file", "AB-5007")],
    );
    let folder = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("token");
    fs::write(&file, "kurzgeheim\n").unwrap();
    let text = format!("[[sender]]\nname = \"p\"\ntoken_file = \"{}\"", file.display());
    let faults = read(&text).unwrap_err();
    assert!(!format!("{faults:?}").contains("kurzgeheim"));
    fs::write(&file, "ein langes geheimes Wort\n").unwrap();
    let config = read(&text).unwrap();
    let shown = format!("{config:?}{}", config.effective());
    assert!(!shown.contains("geheimes"), "{shown}");
    assert!(!shown.contains(&config.senders[0].token_sha256.to_string()));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn routes_name_one_channel() {
    check_faults("[[route]]\nauthority = \"svb\"", &[(1, "route[0].channel", "AB-5005")]);
    check_faults("[[route]]\ndomain = \"Kfz\"", &[(2, "route[0].domain", "AB-5004")]);
    check_faults("[[route]]\nchannel = \"status\"", &[(2, "route[0].channel", "AB-5004")]);
    check_faults("[[route]]\ndomain = \"kfz\"\narea = \"a.b\"", &[(3, "route[0].area", "AB-5004")]);
    check_faults(
        "[[route]]\ndomain = \"kfz\"\narea = \"a\"\nchannel = \"application.kfz.b\"",
        &[(3, "route[0].area", "AB-5008")],
    );
    check_faults(
        "[[route]]\ndomain = \"kfz\"\nchannel = \"application.melde\"",
        &[(3, "route[0].channel", "AB-5008")],
    );
    let config = read("[[route]]\ndomain = \"kfz\"\narea = \"harz\"").unwrap();
    assert_eq!(config.routes[0].channel.as_str(), "application.kfz.harz");
}

#[test]
fn a_route_to_a_channel_nobody_reads_is_told() {
    let dispatcher = "[dispatcher]\nchannels = [\"application.kfz\"]\n";
    let routes = |one: &str| format!("{dispatcher}[[route]]\ndomain = \"kfz\"\n{one}");
    check_faults(&routes(""), &[]);
    check_faults(&routes("area = \"a\""), &[(5, "route[0].area", "AB-5018")]);
    check_faults(
        &routes("[[route]]\ndomain = \"melde\"\n[[route]]\nchannel = \"application.kfz.b\""),
        &[(6, "route[1].domain", "AB-5018"), (8, "route[2].channel", "AB-5018")],
    );
    let unclear = "[dispatcher]\nchannels = [\"kfz\"]\n[[route]]\ndomain = \"kfz\"";
    check_faults(unclear, &[(2, "dispatcher.channels", "AB-5004")]);
}

#[test]
fn every_fault_of_an_endpoint_is_told() {
    assert!(read(ENDPOINT).is_ok(), "{:?}", read(ENDPOINT).err());
    check_faults(
        "[[endpoint]]",
        &[
            (1, "endpoint[0].name", "AB-5005"),
            (1, "endpoint[0].adapter", "AB-5005"),
            (1, "endpoint[0].subscribe", "AB-5005"),
        ],
    );
    check_faults(&format!("{ENDPOINT}{ENDPOINT}"), &[(7, "endpoint[1].name", "AB-5008")]);
    check_faults(&ENDPOINT.replace("file_drop", "fax"), &[(3, "endpoint[0].adapter", "AB-5004")]);
    check_faults(&ENDPOINT.replace("[{}]", "[]"), &[(4, "endpoint[0].subscribe", "AB-5004")]);
    check_faults(
        &ENDPOINT.replace("{}", "{ domian = \"kfz\" }"),
        &[(4, "endpoint[0].subscribe[0].domian", "AB-5003")],
    );
    check_faults(
        &ENDPOINT.replace("extension =", "one = 1, two = 2, extension ="),
        &[(5, "endpoint[0].settings.one", "AB-5003"), (5, "endpoint[0].settings.two", "AB-5003")],
    );
    check_faults(
        &ENDPOINT.replace(", extension = \"xml\"", ""),
        &[(5, "endpoint[0].settings", "AB-5010")],
    );
    check_faults(
        &format!(
            "{ENDPOINT}concurrency = 0\ntimeout = \"1ms\"\nafter_dead_letter = \"stop\"\n\
             retry = {{ multiplier = 0.5, initial_interval = \"10s\", max_interval = \"1s\" }}"
        ),
        &[
            (6, "endpoint[0].concurrency", "AB-5004"),
            (7, "endpoint[0].timeout", "AB-5004"),
            (8, "endpoint[0].after_dead_letter", "AB-5004"),
            (9, "endpoint[0].retry.multiplier", "AB-5004"),
            (9, "endpoint[0].retry.max_interval", "AB-5008"),
        ],
    );
}

const CALENDAR: &str = "rate = \"30/min\"\nburst = 5\n[endpoint.calendar]\n\
     open = [\"Mon-Fri 07:00-18:00\"]\nholidays = \"DE-SN\"\nholidays_extra = [\"12-24\"]\n\
     maintenance = [\"Sun 02:00-05:00\", \"2026-12-05T20:00/2026-12-06T06:00\"]\n";

#[test]
fn every_fault_of_what_an_endpoint_bears_is_told() {
    assert!(read(&format!("{ENDPOINT}{CALENDAR}")).is_ok());
    check_faults(&format!("{ENDPOINT}rate = \"fast\""), &[(6, "endpoint[0].rate", "AB-5004")]);
    check_faults(&format!("{ENDPOINT}burst = 5"), &[(6, "endpoint[0].burst", "AB-5008")]);
    check_faults(
        &format!(
            "{ENDPOINT}[endpoint.calendar]\ntime_zone = \"Europe/Goerlitz\"\n\
             open = [\"Mo 7-18\", \"Mon 07:00-18:00\"]\nholidays = \"Sachsen\"\n\
             holidays_extra = [\"24.12.\"]\nmaintenance = [\"tonight\"]\nclosed = true"
        ),
        &[
            (7, "endpoint[0].calendar.time_zone", "AB-5004"),
            (8, "endpoint[0].calendar.open", "AB-5004"),
            (9, "endpoint[0].calendar.holidays", "AB-5004"),
            (10, "endpoint[0].calendar.holidays_extra", "AB-5004"),
            (11, "endpoint[0].calendar.maintenance", "AB-5004"),
            (12, "endpoint[0].calendar.closed", "AB-5003"),
        ],
    );
}

#[test]
fn what_is_printed_reads_back_to_the_same() {
    let calendar = format!("{ENDPOINT}{CALENDAR}");
    for text in ["", ENDPOINT, &calendar, "source = \"urn:x\"\n[[route]]\ndomain = \"kfz\""] {
        let printed = read(text).unwrap().effective();
        let again = read(&toml::to_string(&printed).unwrap()).unwrap().effective();
        assert_eq!(printed, again, "{text}");
    }
}

#[test]
fn a_password_is_never_printed() {
    let text = "[telemetry]\notlp = \"http://me:geheim@127.0.0.1:4317\"";
    let printed = read(text).unwrap().effective().to_string();
    assert!(printed.contains("***") && !printed.contains("geheim"), "{printed}");
}

#[test]
fn the_example_is_valid_and_shows_every_section() {
    let folder = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(folder.join("secrets")).unwrap();
    fs::write(folder.join("secrets/landesportal.token"), "a-token-of-some-length").unwrap();
    let config = read_text(Some("example"), EXAMPLE, &folder, &|_| None);
    fs::remove_dir_all(folder).unwrap();
    let config = config.unwrap_or_else(|faults| panic!("{:#?}", faults.0));
    assert_eq!(check::warnings(&config, Roles::ALL), Vec::<String>::new());
    assert!(!config.endpoints.is_empty() && !config.routes.is_empty());
}

#[test]
fn every_key_is_documented() {
    let folder = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let token = folder.join("token").display().to_string();
    fs::write(&token, "a-token-of-some-length").unwrap();
    let text = format!(
        "[[sender]]\nname = \"p\"\ntoken_file = \"{token}\"\n[telemetry]\n\
         otlp = \"http://127.0.0.1:1\"\n[dispatcher]\nchannels = [\"application.kfz\"]\n\
         [gateway]\nstatus = \"http://127.0.0.1:1\"\nstatus_token_file = \"{token}\"\n\
         [operations]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\ndomain = \"kfz\"\n{ENDPOINT}{CALENDAR}"
    );
    let text = text.replace("[{}]", "[{ domain = \"kfz\" }]");
    let effective = read(&text).unwrap().effective();
    fs::remove_dir_all(folder).unwrap();
    let mut keys = BTreeSet::from(["area".to_owned(), "max_elapsed_time".to_owned()]);
    collect_keys(&effective.into(), &mut keys);
    let is_said =
        |key: &String| PAGE.contains(&format!("`{key}`")) || PAGE.contains(&format!("{key}]"));
    let missing: Vec<_> = keys.iter().filter(|key| !is_said(key)).collect();
    assert!(missing.is_empty(), "docs/configuration.md does not say: {missing:?}");
}

#[test]
fn what_can_be_meant_but_seldom_is_is_warned_about() {
    let warned = |text: &str, expected: &[&str]| {
        let warnings = check::warnings(&read(text).unwrap(), Roles::ALL);
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.contains(expected), "{warning}");
        }
    };
    let route = |authority: &str, area: &str| {
        format!("[[route]]\ndomain = \"kfz\"\nauthority = \"{authority}\"\narea = \"{area}\"\n")
    };
    let endpoint = |subscribe: &str| ENDPOINT.replace("{}", subscribe);
    warned("", &["no `[[route]]`"]);
    warned(&route("svb:1", "a"), &["no endpoint subscribes"]);
    warned(&format!("{}{}", route("svb:1", "a"), endpoint("{}")), &[]);
    warned(
        &format!("{}{}", route("svb:1", "a"), endpoint("{ authority = \"svb:2\" }")),
        &["no endpoint subscribes", "no route reaches"],
    );
    warned(
        &format!("{}{}", route("svb:1", "a"), endpoint("{ test = true }")),
        &["no endpoint subscribes", "no route reaches"],
    );
    warned(
        &format!("{}{}{}", route("svb:1", "a"), route("svb:2", "b"), endpoint("{}")),
        &["on several channels"],
    );
    let none = "[[endpoint]]\nname = \"a\"\nadapter = \"rest\"\nsubscribe = [{}]\n\
         settings = { url = \"http://127.0.0.1:1/\", contract = \"none\", \
         conflict = \"rejected\" }\n";
    warned(&format!("{}{none}", route("svb:1", "a")), &["contract `none`"]);
}

fn collect_keys(value: &toml::Value, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                keys.insert(key.clone());
                // An adapter's own keys are documented with the adapter.
                if key != "settings" {
                    collect_keys(value, keys);
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}
