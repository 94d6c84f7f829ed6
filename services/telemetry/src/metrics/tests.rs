//! Tests of the metrics.

use std::time::Duration;

use super::*;

#[test]
fn every_role_is_told_in_prometheus_text() {
    let metrics = Metrics::new();
    metrics.set_start(1_700_000_000.0);
    metrics.gateway().submitted("accepted");
    metrics.gateway().receipted(Duration::from_millis(3));
    metrics.channel().appended("application.kfz", 2, 512, Duration::from_millis(1));
    metrics.channel().set_lag("application.kfz", "dispatcher", 7);
    metrics.dispatcher().attempted("nordsachsen-kfz", "delivered", Duration::from_millis(9));
    metrics.dispatcher().set_gate("nordsachsen-kfz", false);
    metrics.console().projected("status", 4);
    let text = metrics.render();
    for line in [
        "amtsbote_gateway_submissions_total{outcome=\"accepted\"} 1",
        "amtsbote_gateway_receipt_duration_seconds_count 1",
        "amtsbote_channel_appended_records_total{channel=\"application.kfz\"} 2",
        "amtsbote_channel_lag_records{channel=\"application.kfz\",reader=\"dispatcher\"} 7",
        "amtsbote_dispatcher_attempts_total{endpoint=\"nordsachsen-kfz\",outcome=\"delivered\"} 1",
        "amtsbote_dispatcher_gate_open{endpoint=\"nordsachsen-kfz\"} 0",
        "amtsbote_console_projected_records_total{channel=\"status\"} 4",
        "process_start_time_seconds 1700000000",
    ] {
        assert!(text.lines().any(|told| told == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn what_is_in_flight_counts_until_it_is_dropped() {
    let metrics = Metrics::new();
    let request = metrics.gateway().in_flight(2_048);
    assert!(metrics.render().contains("amtsbote_gateway_in_flight_bytes 2048"));
    drop(request);
    assert!(metrics.render().contains("amtsbote_gateway_in_flight_bytes 0"));
    assert!(metrics.render().contains("amtsbote_gateway_in_flight_requests 0"));
}

#[test]
fn a_label_never_takes_more_values_than_a_chart_can_show() {
    let metrics = Metrics::new();
    for n in 0..LABEL_VALUES_MAX + 5 {
        metrics.console().projected(&format!("application.{n}"), 1);
    }
    let text = metrics.render();
    assert!(text.contains("amtsbote_console_projected_records_total{channel=\"other\"} 5"));
    assert!(text.contains("amtsbote_console_projected_records_total{channel=\"application.0\"} 1"));
}

#[test]
fn two_instances_share_nothing() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.dispatcher().set_unrouted(3);
    assert!(other.render().contains("amtsbote_dispatcher_unrouted_messages 0"));
}
