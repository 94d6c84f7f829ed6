//! Writes a configuration with every default filled in, as a file that reads back to the same.
//!
//! Holds no secret: those lie in files, and what a URL or a key called so could hold is masked.

use std::time::Duration;

use dispatcher::{AfterDeadLetter, Interest};
use messaging::RetryPolicy;
use toml::{Table, Value};

use super::{
    ChannelBackend, Config, Endpoint, Route, StatusToken, calendar, limits, secured, words,
};

/// Instead of what could be a secret.
const MASKED: &str = "***";

impl Config {
    /// The whole configuration.
    pub(crate) fn effective(&self) -> Table {
        let mut table = Table::new();
        table.put("data", self.data.display().to_string());
        table.put("channel", self.channel.to_string());
        if let ChannelBackend::Kafka(_) = self.channel {
            table.put("kafka", secured::write(&self.kafka));
        }
        table.put("store", self.store.to_string());
        table.put("claims", self.claims.to_string());
        table.put("source", self.source.as_str());
        table.put("shutdown_time_max", words::duration_text(self.shutdown_time_max));
        table.put("gateway", self.gateway_table());
        table.put("standards", self.standards_table());
        table.put("dispatcher", self.dispatcher_table());
        table.put("console", self.console_table());
        table.put("operations", self.operations_table());
        table.put("telemetry", self.telemetry_table());
        table.put("retention", self.retention_table());
        let senders = self.senders.iter().map(|sender| {
            let mut table = Table::new();
            table.put("name", sender.name.as_str());
            table.put("token_file", sender.token_file.display().to_string());
            Value::Table(table)
        });
        table.put("sender", senders.collect::<Vec<_>>());
        table.put("route", self.routes.iter().map(route).collect::<Vec<_>>());
        table.put("endpoint", self.endpoints.iter().map(endpoint).collect::<Vec<_>>());
        table.iter().map(|(key, value)| (key.clone(), masked(value, key))).collect()
    }

    fn gateway_table(&self) -> Table {
        let mut table = Table::new();
        table.put("listen", self.gateway.listen.to_string());
        table.put("allow_plaintext", self.gateway.allow_plaintext);
        if let Some(url) = &self.gateway.status {
            table.put("status", url.as_str());
        }
        put_token(&mut table, self.gateway.status_token.as_ref());
        table.put("notice_time", words::duration_text(self.gateway.notice_time));
        table.put("limits", limits::write(&self.gateway.limits));
        table
    }

    fn standards_table(&self) -> Table {
        let paths = self.standards.paths.iter().map(|path| path.display().to_string());
        let mut table = Table::new();
        table.put("paths", paths.collect::<Vec<_>>());
        table.put("workers", i64::try_from(self.standards.workers).unwrap_or(i64::MAX));
        let ppm = self.standards.cross_check_ppm;
        let share = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
        let share = share.trim_end_matches('0').trim_end_matches('.');
        table.put("cross_check", format!("{share}%"));
        if let Some(defects) = &self.standards.defects {
            table.put("defects", defects.display().to_string());
        }
        table
    }

    fn dispatcher_table(&self) -> Table {
        let channels = self.dispatched_channels();
        let mut table = Table::new();
        // Without routes the channels are those of the installed domains, which nobody has named.
        if !channels.is_empty() {
            let channels = channels.iter().map(|channel| channel.as_str().to_owned());
            table.put("channels", channels.collect::<Vec<_>>());
        }
        let replies = if self.dispatcher.has_replies_read { "canonical" } else { "as_sent" };
        table.put("replies", replies);
        if let Some(name) = &self.dispatcher.name {
            table.put("name", name.as_str());
        }
        table
    }

    fn console_table(&self) -> Table {
        let mut table = Table::new();
        table.put("listen", self.console.listen.to_string());
        table.put("allow_plaintext", self.console.allow_plaintext);
        let channels = self.console.channels.iter().map(|channel| channel.as_str().to_owned());
        table.put("channels", channels.collect::<Vec<_>>());
        put_token(&mut table, self.console.status_token.as_ref());
        table
    }

    fn operations_table(&self) -> Table {
        let mut table = Table::new();
        // The default depends on the roles.
        if let Some(listen) = self.operations.listen {
            table.put("listen", listen.to_string());
        }
        table.put("allow_plaintext", self.operations.allow_plaintext);
        table
    }

    fn telemetry_table(&self) -> Table {
        let mut table = Table::new();
        let format = match self.telemetry.format {
            telemetry::Format::Human => "human",
            telemetry::Format::Json => "json",
        };
        table.put("format", format);
        table.put("filter", self.telemetry.filter.as_str());
        if let Some(otlp) = &self.telemetry.otlp {
            table.put("otlp", otlp.as_str());
        }
        table.put("sampling", self.telemetry.sampling);
        table
    }

    fn retention_table(&self) -> Table {
        let mut table = Table::new();
        table.put("channel", words::duration_text(self.retention.channel));
        table.put("claims_unused", words::duration_text(self.retention.claims_unused));
        table.put("claims_used", words::duration_text(self.retention.claims_used));
        let ledger = &self.retention.ledger;
        table.put("payload", words::duration_text(ledger.payload));
        table.put("history", words::duration_text(ledger.history));
        table.put("dedupe_horizon", words::duration_text(ledger.dedupe_horizon));
        table.put("journal", words::duration_text(self.retention.journal));
        let mut domains = Table::new();
        for (domain, payload) in &ledger.payload_of {
            let mut of = Table::new();
            of.put("payload", words::duration_text(*payload));
            domains.put(domain.as_str(), of);
        }
        if !domains.is_empty() {
            table.put("domain", domains);
        }
        table
    }
}

/// Says `put` for what tables call `insert`, with every conversion.
trait Put {
    fn put(&mut self, key: &str, value: impl Into<Value>);
}

impl Put for Table {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(key.to_owned(), value.into());
    }
}

fn put_token(table: &mut Table, token: Option<&StatusToken>) {
    if let Some(StatusToken { file, .. }) = token {
        table.put("status_token_file", file.display().to_string());
    }
}

fn route(route: &Route) -> Value {
    let mut table = Table::new();
    if let Some(domain) = &route.domain {
        table.put("domain", domain.as_str());
    }
    table.put("authority", route.authority.as_str());
    table.put("message_types", route.message_types.clone());
    table.put("test", route.test);
    table.put("channel", route.channel.as_str());
    Value::Table(table)
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let spec = &endpoint.spec;
    let mut table = Table::new();
    table.put("name", spec.name.as_str());
    table.put("adapter", endpoint.kind);
    table.put("concurrency", i64::try_from(spec.concurrency).unwrap_or(i64::MAX));
    if let Some(rate) = spec.rate {
        table.put("rate", rate.to_string());
        table.put("burst", i64::from(spec.burst));
    }
    if let Some(calendar) = &spec.calendar {
        table.put("calendar", calendar::write(calendar));
    }
    table.put("timeout", words::duration_text(spec.timeout));
    let after_dead_letter = match spec.after_dead_letter {
        AfterDeadLetter::Hold => "hold",
        AfterDeadLetter::Continue => "continue",
    };
    table.put("after_dead_letter", after_dead_letter);
    table.put("retry", retry(&spec.policy));
    table.put("subscribe", spec.interests.iter().map(interest).collect::<Vec<_>>());
    table.put("settings", endpoint.settings.clone());
    Value::Table(table)
}

fn interest(interest: &Interest) -> Value {
    let mut table = Table::new();
    if let Some(domain) = &interest.domain {
        table.put("domain", domain.as_str());
    }
    table.put("authority", interest.authority_prefix.as_str());
    table.put("message_types", interest.message_types.clone());
    table.put("test", interest.test);
    Value::Table(table)
}

fn retry(policy: &RetryPolicy) -> Table {
    let mut table = Table::new();
    let time = |time: Duration| words::duration_text(time);
    table.put("initial_interval", time(policy.initial_interval));
    table.put("multiplier", policy.multiplier);
    table.put("randomization_factor", policy.randomization_factor);
    table.put("max_interval", time(policy.max_interval));
    if let Some(max_elapsed_time) = policy.max_elapsed_time {
        table.put("max_elapsed_time", time(max_elapsed_time));
    }
    table.put("attempts_max", i64::from(policy.attempts_max));
    table
}

/// Texts with `$` were written with `$$`.
fn masked(value: &Value, key: &str) -> Value {
    const SECRET: [&str; 4] = ["password", "secret", "token", "authorization"];
    let key = key.to_ascii_lowercase();
    let is_secret = !key.ends_with("_file") && SECRET.iter().any(|word| key.contains(word));
    match value {
        Value::String(_) if is_secret => MASKED.into(),
        Value::String(text) => masked_url(text).replace('$', "$$").into(),
        Value::Array(items) => Value::Array(items.iter().map(|item| masked(item, &key)).collect()),
        Value::Table(table) => {
            let rows = table.iter().map(|(key, value)| (key.clone(), masked(value, key)));
            Value::Table(rows.collect())
        }
        other => other.clone(),
    }
}

/// A URL without its password.
fn masked_url(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return text.to_owned() };
    // Fails for URLs that cannot have one, which have none then.
    match url.password().is_some() && url.set_password(Some(MASKED)).is_ok() {
        true => url.to_string(),
        false => text.to_owned(),
    }
}
