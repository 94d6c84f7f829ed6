//! A report as people read it.

use super::report::{Latency, Process, Report, Warning};
use crate::cli::Language;

/// Lines, without the last line's end.
pub(super) fn text(report: &Report, language: Language) -> String {
    let mut lines = vec![load(report, language)];
    lines.extend(rates(report, language));
    lines.push(String::new());
    let receipt = language.of("Quittung", "receipt");
    lines.push(percentiles(receipt, Some(&report.receipt_ms), language));
    let delivery = language.of("Zustellung", "delivery");
    lines.push(percentiles(delivery, report.delivery_ms.as_ref(), language));
    if report.run.delivered_by == "status" {
        lines.push(row(
            "",
            language.of(
                "ab Fälligkeit bis zur Nachricht des StatusService: eine obere Grenze",
                "from when it was due until the StatusService's news: an upper bound",
            ),
        ));
    }
    lines.push(String::new());
    lines.extend(outcomes(report, language));
    lines.extend(deliveries(report, language));
    lines.push(String::new());
    lines.extend(report.processes.iter().map(|process| cost(process, &process.name, language)));
    let own = language.of("diese Messung selbst", "this measurement itself");
    lines.extend(report.own.iter().map(|process| cost(process, own, language)));
    let name = language.of("Achtung", "warning");
    lines.extend(report.warnings.iter().map(|warning| row(name, said(*warning, language))));
    lines.join("\n")
}

fn load(report: &Report, language: Language) -> String {
    let run = &report.run;
    let pace = match (run.rate, language) {
        (Some(rate), Language::De) => format!("{} je Sekunde", decimal(rate, language)),
        (Some(rate), Language::En) => format!("{} a second", decimal(rate, language)),
        (None, Language::De) => "so schnell wie Antworten kommen".to_owned(),
        (None, Language::En) => "as fast as answers come".to_owned(),
    };
    let measured = decimal(run.measured_s, language);
    let (bytes, cases) = (run.document_bytes, run.cases);
    let (connections, in_flight) = (run.connections, run.in_flight);
    let text = match language {
        Language::De => format!(
            "{pace}, {measured} s gemessen; {connections} × {in_flight} zugleich, \
             {bytes} Byte im Mittel, {cases} Vorgänge"
        ),
        Language::En => format!(
            "{pace}, measured for {measured} s; {connections} × {in_flight} at once, \
             {bytes} bytes on average, {cases} cases"
        ),
    };
    row(language.of("Last", "load"), text)
}

fn rates(report: &Report, language: Language) -> Vec<String> {
    let a_second = |rate: f64| format!("{}/s", decimal(rate, language));
    if let Some(backlog) = &report.backlog {
        let [filled, first, drained] = [backlog.filled_s, backlog.first_after_s, backlog.drained_s]
            .map(|seconds| decimal(seconds, language));
        let (messages, rate) = (backlog.messages, a_second(backlog.drained_per_s));
        let text = match language {
            Language::De => format!(
                "{messages} in {filled} s angenommen; das System war wieder da, {first} s danach kam \
                 die erste Zustellung, {drained} s später die letzte: {rate}"
            ),
            Language::En => format!(
                "{messages} accepted in {filled} s; {first} s after the system was there again the \
                 first was delivered, {drained} s later the last: {rate}"
            ),
        };
        return vec![row(language.of("Rückstau", "backlog"), text)];
    }
    let name = language.of("angenommen", "accepted");
    let mut lines = vec![row(name, a_second(report.accepted_per_s))];
    if let (Some(rate), Some(to_last)) = (report.delivered_per_s, report.delivered_per_s_to_last) {
        let to_last = a_second(to_last);
        let text = match language {
            Language::De => format!("{}; bis zur letzten {to_last}", a_second(rate)),
            Language::En => format!("{}; to the last one {to_last}", a_second(rate)),
        };
        lines.push(row(language.of("zugestellt", "delivered"), text));
    }
    lines
}

fn percentiles(name: &str, latency: Option<&Latency>, language: Language) -> String {
    let Some(Latency { count, p50, p90, p99, max }) = latency else { return row(name, "–") };
    if *count == 0 {
        return row(name, "–");
    }
    let [p50, p90, p99, max] = [p50, p90, p99, max].map(|millis| pointed(*millis, 1, language));
    row(name, format!("p50 {p50}  p90 {p90}  p99 {p99}  max {max} ms  (n = {count})"))
}

fn outcomes(report: &Report, language: Language) -> Vec<String> {
    let Report { sent, accepted, repeated, unknown, failed, .. } = report;
    let text = match language {
        Language::De => format!(
            "{sent} gesendet, {accepted} angenommen, {repeated} wiederholt, \
             {unknown} Ausgang unbekannt, {failed} nicht angenommen"
        ),
        Language::En => format!(
            "{sent} sent, {accepted} accepted, {repeated} repeated, \
             {unknown} outcome unknown, {failed} not accepted"
        ),
    };
    let mut lines = vec![row(language.of("Anträge", "applications"), text)];
    let errors: Vec<_> =
        report.errors.iter().map(|(code, count)| format!("{code} × {count}")).collect();
    if !errors.is_empty() {
        lines.push(row(language.of("Fehler", "errors"), errors.join(", ")));
    }
    if report.unsent_behind_schedule != 0 {
        let count = report.unsent_behind_schedule;
        let text = match language {
            Language::De => format!("{count} waren fällig und wurden nie gesendet"),
            Language::En => format!("{count} were due and never sent"),
        };
        lines.push(row("", text));
    }
    lines
}

fn deliveries(report: &Report, language: Language) -> Vec<String> {
    let (Some(delivered), Some(missing)) = (report.delivered, report.missing) else {
        return Vec::new();
    };
    let (left, wait) = (report.under_way_at_end, decimal(report.drain_s, language));
    let text = match language {
        Language::De => format!(
            "{delivered} zugestellt; {left} unterwegs, als die letzte gesendet war, \
             {missing} fehlen nach weiteren {wait} s"
        ),
        Language::En => format!(
            "{delivered} delivered; {left} under way when the last one was sent, \
             {missing} missing {wait} s later"
        ),
    };
    let mut lines = vec![row(language.of("Zustellungen", "deliveries"), text)];
    if let (Some(twice), Some(order), Some(silent)) =
        (report.duplicates, report.out_of_order, report.delivered_without_receipt)
    {
        let text = match language {
            Language::De => format!(
                "{twice} mehrfach, {order} von einer späteren desselben Vorgangs überholt, \
                 {silent} ohne Quittung"
            ),
            Language::En => format!(
                "{twice} repeated, {order} overtaken by a later one of the same case, \
                 {silent} without a receipt"
            ),
        };
        lines.push(row("", text));
    }
    if report.kept_back != 0 {
        let (count, attempts) = (report.kept_back, report.kept_back_attempts);
        let text = match language {
            Language::De => {
                format!("{count} nimmt das System nie an, wie verlangt; {attempts} Versuche damit")
            }
            Language::En => {
                format!(
                    "{count} are never taken by the system, as asked for; {attempts} attempts at them"
                )
            }
        };
        lines.push(row("", text));
    }
    for (state, count) in &report.ended_otherwise {
        lines.push(row("", format!("{state} × {count}")));
    }
    lines
}

fn cost(process: &Process, name: &str, language: Language) -> String {
    let each = match process.cpu_s_per_1000 {
        Some(seconds) => format!("{} s", pointed(seconds, 3, language)),
        None => "–".to_owned(),
    };
    let (pid, mib) = (process.pid, process.memory_peak_bytes >> 20);
    let text = match language {
        Language::De => {
            format!("{each} CPU je 1.000 Anträge, höchstens {mib} MiB  ({name}, Prozess {pid})")
        }
        Language::En => {
            format!("{each} CPU per 1,000 applications, at most {mib} MiB  ({name}, process {pid})")
        }
    };
    row(language.of("Aufwand", "cost"), text)
}

fn said(warning: Warning, language: Language) -> &'static str {
    match (warning, language) {
        (Warning::BehindSchedule, Language::De) => {
            "es war nicht immer jemand frei zu senden: die Zeiten sind zu gut; weniger --rate oder \
             mehr --in-flight"
        }
        (Warning::BehindSchedule, Language::En) => {
            "not everything that was due could be sent: latencies are too good; lower --rate, or \
             raise --in-flight"
        }
        (Warning::SenderLimited, Language::De) => {
            "gemessen wurde die Grenze für einen Absender (AB-1003): rate_per_second und \
             rate_burst in [gateway.limits] erhöhen"
        }
        (Warning::SenderLimited, Language::En) => {
            "the limit on one sender was measured (AB-1003): raise rate_per_second and rate_burst \
             in [gateway.limits]"
        }
        (Warning::GeneratorBusy, Language::De) => {
            "diese Messung war selbst ausgelastet: das System kann womöglich mehr"
        }
        (Warning::GeneratorBusy, Language::En) => {
            "this measurement itself had no time left: the system may be capable of more"
        }
        (Warning::Interrupted, Language::De) => "vorzeitig beendet",
        (Warning::Interrupted, Language::En) => "ended before its time",
        (Warning::ProcessGone, Language::De) => "ein gemessener Prozess endete vorher",
        (Warning::ProcessGone, Language::En) => "a measured process ended before",
    }
}

fn row(name: &str, text: impl std::fmt::Display) -> String {
    format!("{name:<14}{text}")
}

/// One digit after the point; whole numbers without.
fn decimal(number: f64, language: Language) -> String {
    let text = pointed(number, 1, language);
    text.strip_suffix(language.of(",0", ".0")).map(str::to_owned).unwrap_or(text)
}

/// With a point, or what the language has for one.
fn pointed(number: f64, digits: usize, language: Language) -> String {
    format!("{number:.digits$}").replace('.', language.of(",", "."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::{Backlog, tests::fine};

    #[test]
    fn a_report_reads_well_in_both_languages() {
        let mut report = fine();
        report.warnings = vec![Warning::SenderLimited];
        let german = text(&report, Language::De);
        for part in [
            "200 je Sekunde, 10 s gemessen",
            "angenommen    200/s",
            "zugestellt    199,5/s; bis zur letzten 199,9/s",
            "Quittung      p50 1,5  p90 2,5  p99 12,0  max 31,2 ms  (n = 2000)",
            "0,750 s CPU je 1.000 Anträge",
            "0 fehlen nach weiteren 0 s",
            "rate_per_second",
        ] {
            assert!(german.contains(part), "{part}\n{german}");
        }
        assert!(!german.contains("obere Grenze"), "the receiver saw it itself");
        report.backlog = Some(Backlog {
            messages: 1_000,
            filled_s: 2.5,
            first_after_s: 0.25,
            drained_s: 4.0,
            drained_per_s: 249.75,
        });
        report.kept_back = 7;
        let of_backlog = text(&report, Language::En);
        for part in ["1000 accepted in 2.5 s", "4 s later the last: 249.8/s", "7 are never taken"] {
            assert!(of_backlog.contains(part), "{part}\n{of_backlog}");
        }
        report.backlog = None;
        report.run.delivered_by = "status";
        let english = text(&report, Language::En);
        for part in ["200 a second", "0.750 s CPU per 1,000 applications", "an upper bound"] {
            assert!(english.contains(part), "{part}\n{english}");
        }
    }
}
