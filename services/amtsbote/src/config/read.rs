//! Reads the file as a whole: what spans several sections is decided here.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path, time::Duration};

use messaging::{ChannelName, Domain};
use toml::de::DeTable;

use super::{
    Backend, ChannelBackend, Config, Fault, Faults, Retention, Route, broker, claims, endpoints,
    retention,
    section::{Place, Section, Source},
    sections, secured, store,
};
use crate::codes;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// How long a shutdown may take.
const SHUTDOWN_TIME: Duration = Duration::from_secs(20);
const SHUTDOWN_TIME_MIN: Duration = Duration::from_secs(1);
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(600);
const SOURCE: &str = "urn:amtsbote";
const EMBEDDED: &str = "`embedded:DIR`";

/// Reads `file` with the variables of the environment.
pub(crate) fn read_file(file: &Path) -> Result<Config, Faults> {
    let name = file.display().to_string();
    let unreadable = |what: String| {
        let (file, key, code) = (name.clone(), String::new(), codes::FILE_UNREADABLE);
        Faults(vec![Fault { file, line: 0, key, code, what }])
    };
    let bytes = fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if FILE_BYTES_MAX < bytes {
        return Err(unreadable(format!("has {bytes} bytes; a configuration has at most 4 MiB")));
    }
    let text = fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    read_text(Some(&name), &text, folder, &|name| std::env::var(name).ok())
}

/// Reads the text of a file called `name`; without a name, the text is the defaults'.
///
/// # Errors
/// Every fault at once, in the order of the file.
pub(crate) fn read_text(
    name: Option<&str>,
    text: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Faults> {
    let file = name.unwrap_or("the defaults");
    let source = Source { file, text, folder, variable, faults: RefCell::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(0, |span| source.line(&span));
        let place = Place { key: String::new(), line };
        source.fault(&place, codes::NOT_TOML, error.message());
    }
    // What the parser made up to go on would only add faults that are none.
    let config = match errors.is_empty() {
        true => read_config(&source, table.get_ref()),
        false => None,
    };
    let mut faults = source.faults.into_inner();
    faults.sort_by_key(|fault| fault.line);
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(Faults(faults)),
    }
}

/// `None` only where faults were noted.
fn read_config(source: &Source<'_>, table: &DeTable<'_>) -> Option<Config> {
    let root = Section::root(source, table);
    let data = root.path("data").unwrap_or_else(|| source.folder.join("data"));
    let channel = channel_backend(&root, &data);
    let kafka = secured::read(&root);
    if root.has("kafka") && !matches!(channel, None | Some(ChannelBackend::Kafka(_))) {
        root.fault("kafka", codes::KEYS_CONTRADICT, "is for a `channel` on Kafka");
    }
    let store = store::read(&root, &data);
    let claims = claims::read(&root, &data);
    let shutdown_times = SHUTDOWN_TIME_MIN..=SHUTDOWN_TIME_MAX;
    let shutdown_time_max =
        root.duration("shutdown_time_max", shutdown_times).unwrap_or(SHUTDOWN_TIME);
    let source_name = root.parsed("source", uri_reference);
    let senders = sections::senders(&root);
    let gateway = sections::gateway(&root, !senders.is_empty(), shutdown_time_max);
    let standards = sections::standards(&root);
    let routes: Vec<_> = root.sections("route").into_iter().filter_map(route).collect();
    let dispatcher = sections::dispatcher(&root);
    refuse_unread(&root, &routes, dispatcher.channels.as_deref());
    let routes = routes.into_iter().map(|(route, _)| route).collect();
    let endpoints = endpoints::read(&root, source.folder);
    let console = sections::console(&root);
    let operations = sections::operations(&root);
    let telemetry = sections::telemetry(&root);
    let retention = retention::read(&root);
    root.close();
    Some(Config {
        data,
        channel: completed(channel?, &kafka, &retention),
        kafka,
        store: store?,
        claims: claims?,
        source: source_name.unwrap_or_else(|| SOURCE.to_owned()),
        shutdown_time_max,
        gateway,
        senders,
        standards,
        routes,
        dispatcher,
        endpoints,
        console,
        operations,
        telemetry,
        retention,
    })
}

/// `kafka://…`, or as the others.
fn channel_backend(root: &Section<'_>, data: &Path) -> Option<ChannelBackend> {
    let url = if root.has("channel") { root.text("channel")? } else { String::new() };
    let Some(rest) = url.strip_prefix("kafka:") else {
        return backend(root, "channel", &[], EMBEDDED, data).map(ChannelBackend::Embedded);
    };
    match broker::settings(rest) {
        Ok(settings) => Some(ChannelBackend::Kafka(Box::new(settings))),
        Err(what) => {
            root.fault("channel", codes::BACKEND_UNSUPPORTED, what);
            None
        }
    }
}

/// Kafka keeps the records itself, and is told of other tables.
fn completed(
    mut channel: ChannelBackend,
    kafka: &secured::Kafka,
    retention: &Retention,
) -> ChannelBackend {
    if let ChannelBackend::Kafka(settings) = &mut channel {
        settings.retention = retention.channel;
        settings.security = kafka.security.clone();
    }
    channel
}

/// `embedded:DIR`; `planned` schemes are named as what they are, `supported` ones to who errs.
pub(super) fn backend(
    root: &Section<'_>,
    key: &'static str,
    planned: &[&str],
    supported: &str,
    data: &Path,
) -> Option<Backend> {
    if !root.has(key) {
        return Some(Backend::Embedded(data.to_owned()));
    }
    let url = root.text(key)?;
    let (scheme, rest) = url.split_once(':').unwrap_or((&url, ""));
    match scheme {
        "embedded" if !rest.is_empty() && !rest.starts_with("//") => {
            return Some(Backend::Embedded(root.folder().join(rest)));
        }
        "embedded" => {
            let what = format!("`{url}` names no folder; write `embedded:DIR`");
            root.fault(key, codes::BACKEND_UNSUPPORTED, what);
        }
        // A URL can hold a password, so no more of it than its scheme is shown.
        _ => {
            let is_planned = planned.contains(&scheme);
            let why = if is_planned { "is not in this build" } else { "is no backend" };
            let what = format!("`{scheme}:` {why}; this build supports {supported}");
            root.fault(key, codes::BACKEND_UNSUPPORTED, what);
        }
    }
    None
}

fn uri_reference(text: &str) -> Result<String, String> {
    let is_clean = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    if text.is_empty() || 200 < text.len() || !is_clean {
        return Err(format!("`{text}` is no URI of 1 to 200 characters"));
    }
    Ok(text.to_owned())
}

/// `None` only where faults were noted.
fn route(section: Section<'_>) -> Option<(Route, Place)> {
    let domain: Option<Domain> = section.name("domain");
    let authority = section.text("authority").unwrap_or_default();
    let message_types = section.texts("message_types").unwrap_or_default();
    let test = section.flag("test").unwrap_or_default();
    let channel = channel(&section, domain.as_ref());
    let line = section.place().line;
    // Where the channel comes from.
    let keys = ["channel", "area", "domain"];
    let key = keys.into_iter().find(|key| section.has(key)).unwrap_or("channel");
    let place = section.place_of(key);
    section.close();
    Some((Route { domain, authority, message_types, test, channel: channel?, line }, place))
}

/// Notes routes to channels the dispatcher was told not to read: what was accepted would lie there.
fn refuse_unread(root: &Section<'_>, routes: &[(Route, Place)], read: Option<&[ChannelName]>) {
    let Some(read) = read else { return };
    for (Route { channel, .. }, place) in routes {
        if !read.contains(channel) {
            let what = format!("`{channel}` is not among `[dispatcher] channels`; nobody reads it");
            root.fault_at(place, codes::ROUTE_UNREAD, what);
        }
    }
}

/// Named, or made of domain and area.
fn channel(section: &Section<'_>, domain: Option<&Domain>) -> Option<ChannelName> {
    let named = section.parsed("channel", |text| {
        let channel = ChannelName::new(text).map_err(|error| format!("`{text}` is {error}"))?;
        let words = text.split('.').count();
        match channel.is_application() && (2..=3).contains(&words) {
            true => Ok(channel),
            false => Err(format!("`{text}` is not `application.<domain>[.<area>]`")),
        }
    });
    let area = section.parsed("area", |text| match Domain::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("`{text}` is not a word of a-z, 0-9, `-`, `_`")),
    });
    match (domain, section.has("channel")) {
        (_, true) if section.has("area") => {
            section.fault("area", codes::KEYS_CONTRADICT, "is given beside `channel`; keep one");
            None
        }
        (Some(domain), true) => {
            let channel = named?;
            if channel.as_str().split('.').nth(1) != Some(domain.as_str()) {
                let what = format!("`{channel}` is no channel of domain `{domain}`");
                section.fault("channel", codes::KEYS_CONTRADICT, what);
            }
            Some(channel)
        }
        (None, true) => named,
        // An area that is there and wrong had its fault already.
        (Some(domain), false) => ChannelName::application(domain, area.as_deref()).ok(),
        (None, false) => {
            // A domain that is there and wrong had its fault already.
            if !section.has("domain") {
                section.fault("channel", codes::KEY_MISSING, "is missing; so is `domain`");
            }
            None
        }
    }
}

/// Notes names that stand for two things.
pub(super) fn refuse_twice<'n>(
    section: &Section<'_>,
    what: &str,
    names: impl Iterator<Item = (&'n str, Place)>,
) {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, place) in names {
        if let Some(line) = lines.insert(name, place.line) {
            let what = format!("{what} `{name}` is there already, in line {line}");
            section.fault_at(&place, codes::KEYS_CONTRADICT, what);
        }
    }
}
