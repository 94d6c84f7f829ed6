//! Settings that cannot work are refused before the first message.

use std::path::Path;

use super::super::settings::Settings;
use crate::testing::{build, context, fault};

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let check = |config: &str, expected: &str| {
        let fault = fault("rest", config, Path::new("/nowhere"));
        assert!(fault.contains(expected), "{config}: {fault}");
    };
    let dedupe =
        |more: &str| format!("url = 'https://x/{{key}}'\ncontract = 'deduplicates'\n{more}");
    check("contract = 'deduplicates'", "url");
    check("url = 'https://x/'", "contract");
    check("url = 'https://x/'\ncontract = 'exactly_once'", "exactly_once");
    for contract in ["idempotent", "none"] {
        check(&format!("url = 'https://x/'\ncontract = '{contract}'"), "`conflict` is missing");
    }
    check("url = 'https://x/'\ncontract = 'can_look_up'\nconflict = 'rejected'", "no [look_up]");
    let look_up = "[look_up]\nurl = 'https://x/{key}'\nvisible_within = '5s'";
    check(&dedupe(look_up), "[look_up] is only asked");
    let asks = |more: &str| {
        format!(
            "url = 'https://x/'\ncontract = 'can_look_up'\nconflict = 'rejected'\n[look_up]\n{more}"
        )
    };
    check(&asks("url = 'https://x/{key}'"), "visible_within");
    check(&asks("url = 'https://x/'\nvisible_within = '5s'"), "`look_up.url`");
    check(&asks("url = 'https://x/{key}'\nvisible_within = '5'"), "no duration");
    let both = "url = 'https://x/{key}'\nvisible_within = '5s'\nabsent = [200]";
    check(&asks(both), "status 200 is in both");
    check(&dedupe("unavailable = [500]\ntransient = [500]"), "status 500 is in both");
    check(&dedupe("rejected = [401]"), "`rejected` holds 401");
    check(&dedupe("transient = [200]"), "`transient` holds 200");
    check(&dedupe("rejected = [409]"), "`conflict`");
    check(&dedupe("probe = 'https://x/{key}'"), "`probe`");
    check(&dedupe("receipt = 'a b'"), "`receipt`");
    check(&dedupe("key_header = 'Content-Length'"), "set by Amtsbote");
    check(&dedupe("headers = { Host = 'y' }"), "set by Amtsbote");
    check(&dedupe("headers = { X = \"a\\nb\" }"), "`headers.X`");
    check(&dedupe("rejected_if = { pointer = 'a', values = ['b'] }"), "`rejected_if.pointer`");
    check(&dedupe("rejected_if = { pointer = '/a', values = [] }"), "`rejected_if.values`");
    check(&dedupe("connect_timeout = '0s'"), "no duration");
    check(&dedupe("method = 'GET'"), "GET");
}

#[test]
fn credentials_travel_neither_in_plain_text_nor_to_others() {
    let check = |config: &str, expected: &str| {
        let fault = fault("rest", config, Path::new("/nowhere"));
        assert!(fault.contains(expected), "{config}: {fault}");
    };
    let base = "contract = 'deduplicates'\nbearer_file = 't'";
    check(&format!("url = 'http://x/'\n{base}"), "plain text");
    check(&format!("url = 'https://x/'\nprobe = 'https://y/'\n{base}"), "credentials");
    check("url = 'https://u:p@x/'\ncontract = 'deduplicates'", "use `basic`");
    check("url = 'http://x/'\ncontract = 'deduplicates'\nca_file = 'c'", "https");
}

#[test]
fn a_connection_is_kept_for_each_attempt_that_may_reuse_one() {
    let check = |more: &str, expected| {
        let config = format!("url = 'http://x/'\nconflict = 'rejected'\n{more}");
        let settings: Settings = toml::from_str(&config).unwrap();
        let checked = settings.check(&context(Path::new("/nowhere"))).unwrap();
        assert_eq!(checked.idle_connections_max, expected, "{more}");
    };
    let concurrency = context(Path::new("/nowhere")).concurrency;
    check("contract = 'deduplicates'", concurrency);
    check("contract = 'deduplicates'\nidle_connections_max = 1", 1);
    check("contract = 'none'", 0);
    check("contract = 'none'\nidle_connections_max = 1", 0);
}

#[test]
fn little_is_enough() {
    let config = "url = 'http://x/'\ncontract = 'deduplicates'";
    build("rest", config, Path::new("/nowhere")).unwrap();
}
