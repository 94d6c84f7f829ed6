//! The URL of a Kafka channel: brokers, and how topics are made there.

use channels::kafka::Settings;

/// More partitions than any installation needs; a wrong number must not fill a cluster.
pub(crate) const PARTITIONS_MAX: u32 = 1_000;
const REPLICATION_MAX: u16 = 10;
/// Leaves room for the channel's name in a topic's 249 characters.
const PREFIX_BYTES_MAX: usize = 40;

/// Reads what follows `kafka:`. The answer never shows the whole, as somebody may have written a
/// password into it.
pub(super) fn settings(rest: &str) -> Result<Settings, String> {
    const FORM: &str = "write `kafka://HOST:PORT[,HOST:PORT]`";
    let rest = rest.strip_prefix("//").ok_or(FORM)?;
    let (brokers, query) = rest.split_once('?').unwrap_or((rest, ""));
    if brokers.contains('@') {
        return Err("credentials have no place in a URL".to_owned());
    }
    if brokers.is_empty() || !brokers.split(',').all(is_broker) {
        return Err(FORM.to_owned());
    }
    // One ledger on files means one reader of each group.
    let mut settings = Settings { member: Some("sole".to_owned()), ..Settings::new(brokers) };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "prefix" => settings.topic_prefix = prefix(value)?,
            "partitions" => settings.partitions = number(key, value, PARTITIONS_MAX)?,
            "replication" => settings.replication = Some(number(key, value, REPLICATION_MAX)?),
            "make_topics" => {
                settings.makes_topics =
                    value.parse().map_err(|_| "`make_topics` is `true` or `false`")?;
            }
            _ => {
                return Err("known are `prefix`, `partitions`, `replication`, `make_topics`".into());
            }
        }
    }
    Ok(settings)
}

/// The URL that says the same.
pub(super) fn url(settings: &Settings) -> String {
    let Settings { brokers, topic_prefix, partitions, replication, makes_topics, .. } = settings;
    let copies = replication.map(|copies| format!("&replication={copies}")).unwrap_or_default();
    format!(
        "kafka://{brokers}?prefix={topic_prefix}&partitions={partitions}{copies}\
         &make_topics={makes_topics}"
    )
}

fn is_broker(broker: &str) -> bool {
    let is_host = |host: &str| {
        let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        !host.is_empty() && host.bytes().all(is_known)
    };
    broker.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse() != Ok(0_u16))
        && broker.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn prefix(value: &str) -> Result<String, String> {
    let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if PREFIX_BYTES_MAX < value.len() || !value.bytes().all(is_known) {
        return Err("`prefix` has at most 40 of A-Z, a-z, 0-9, `-`, `.`, `_`".to_owned());
    }
    Ok(value.to_owned())
}

fn number<N>(key: &str, value: &str, max: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + From<u8> + std::fmt::Display,
{
    let parsed = value.parse().ok().filter(|number| N::from(1) <= *number && *number <= max);
    parsed.ok_or_else(|| format!("`{key}` is a number from 1 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_all_there_is_to_know() {
        let read = settings("//a:9092,b.c:1?prefix=x.&partitions=3&replication=2").unwrap();
        assert_eq!((read.brokers.as_str(), read.topic_prefix.as_str()), ("a:9092,b.c:1", "x."));
        assert_eq!((read.partitions, read.replication, read.makes_topics), (3, Some(2), true));
        let again = url(&read);
        assert_eq!(settings(again.strip_prefix("kafka:").unwrap()), Ok(read));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_not_repeated() {
        for rest in [
            "",
            "//",
            "a:9092",
            "//a",
            "//a:0",
            "//a:70000",
            "//a:1,",
            "//geheim@a:1",
            "//a:1?partitions=0",
            "//a:1?partitions=geheim",
            "//a:1?replication=11",
            "//a:1?geheim=1",
            "//a:1?prefix=ge/heim",
            "//a:1?make_topics=ja",
        ] {
            let refused = settings(rest).unwrap_err();
            assert!(!refused.contains("heim"), "{rest}: {refused}");
        }
    }
}
