//! Reads the sections that stand for themselves.

use std::{
    fs, io::Read as _, net::SocketAddr, net::ToSocketAddrs as _, num::NonZeroUsize, path::Path,
    time::Duration,
};

use messaging::{ChannelName, Sha256};
use sha2::Digest as _;

use super::{
    Console, Dispatcher, Gateway, Operations, Sender, Standards, StatusToken, Telemetry, limits,
    read::refuse_twice, section::Section,
};
use crate::{codes, roles};

const GATEWAY_LISTEN: SocketAddr = SocketAddr::new(LOOPBACK, 7001);
const CONSOLE_LISTEN: SocketAddr = SocketAddr::new(LOOPBACK, 7080);
const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A token shorter than this can be guessed.
const TOKEN_CHARS_MIN: usize = 16;
const TOKEN_BYTES_MAX: u64 = 4096;
const WORKERS_MAX: u32 = 256;
const NOTICE_TIME_MAX: Duration = Duration::from_secs(300);
const NAME_BYTES_MAX: usize = 200;

/// `[gateway]`.
pub(super) fn gateway(
    root: &Section<'_>,
    has_senders: bool,
    shutdown_time_max: Duration,
) -> Gateway {
    let section = root.section("gateway");
    let listen = section.parsed("listen", address).unwrap_or(GATEWAY_LISTEN);
    let allow_plaintext = section.flag("allow_plaintext").unwrap_or_default();
    refuse_plaintext(&section, listen, allow_plaintext);
    if !listen.ip().is_loopback() && !has_senders {
        let what = format!("`{listen}` can be reached by others, and there is no `[[sender]]`");
        section.fault("listen", codes::KEYS_CONTRADICT, what);
    }
    let status = section.parsed("status", console_url);
    if status.as_ref().is_some_and(|url| !roles::is_loopback(url)) && !allow_plaintext {
        let what = "is asked unencrypted where others can listen; set `allow_plaintext = true` if \
                    something between encrypts";
        section.fault("status", codes::PLAINTEXT_REFUSED, what);
    }
    let status_token = status_token(&section);
    let notice_time = section.duration("notice_time", Duration::ZERO..=NOTICE_TIME_MAX);
    let notice_time = notice_time.unwrap_or_default();
    if shutdown_time_max / 2 < notice_time {
        let what = "is more than half of `shutdown_time_max`, and would leave no time to end";
        section.fault("notice_time", codes::KEYS_CONTRADICT, what);
    }
    let limits = limits::read(&section);
    section.close();
    Gateway { listen, allow_plaintext, status, status_token, notice_time, limits }
}

/// What both sides hold: see [`StatusToken`].
fn status_token(section: &Section<'_>) -> Option<StatusToken> {
    let file = section.path("status_token_file")?;
    let is_carried = |token: &String| token.bytes().all(|b| b.is_ascii_graphic());
    match token_text(&file) {
        Ok(token) if is_carried(&token) => Some(StatusToken { file, token }),
        Ok(_) => {
            let what = format!("`{}` holds characters no header can carry", file.display());
            section.fault("status_token_file", codes::SECRET_MISSING, what);
            None
        }
        Err(what) => {
            section.fault("status_token_file", codes::SECRET_MISSING, what);
            None
        }
    }
}

/// A URL of a console: nothing but where it is. What is refused is not shown: it may hold a password.
fn console_url(text: &str) -> Result<url::Url, String> {
    let is_place = |url: &url::Url| {
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_nobodys = url.username().is_empty() && url.password().is_none();
        url.scheme() == "http" && url.has_host() && is_bare && is_nobodys
    };
    let url = url::Url::parse(text).ok().filter(is_place);
    url.ok_or_else(|| "is no URL like `http://console:7080`".to_owned())
}

/// `[[sender]]`.
pub(super) fn senders(root: &Section<'_>) -> Vec<Sender> {
    let mut names = Vec::new();
    let mut senders = Vec::new();
    for section in root.sections("sender") {
        let name = section.required("name", section.name("name"));
        let token_file = section.required("token_file", section.path("token_file"));
        let token_sha256 = token_file.as_deref().map(token_hash);
        if let Some(Err(what)) = &token_sha256 {
            section.fault("token_file", codes::SECRET_MISSING, what);
        }
        if let (Some(name), Some(token_file), Some(Ok(token_sha256))) =
            (name, token_file, token_sha256)
        {
            names.push(section.place_of("name"));
            senders.push(Sender { name, token_file, token_sha256 });
        }
        section.close();
    }
    let places = senders.iter().map(|sender| sender.name.as_str()).zip(names);
    refuse_twice(root, "the sender", places);
    senders
}

/// `[standards]`.
pub(super) fn standards(root: &Section<'_>) -> Standards {
    let section = root.section("standards");
    let folder = section.folder();
    let paths = section.texts("paths").unwrap_or_default();
    let paths: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
    for path in paths.iter().filter(|path| !path.is_dir()) {
        let what = format!("`{}` is no folder", path.display());
        section.fault("paths", codes::VALUE_WRONG, what);
    }
    let workers = section.number("workers", 1..=WORKERS_MAX).and_then(|n| usize::try_from(n).ok());
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let cross_check_ppm = section.parsed("cross_check", share_ppm).unwrap_or_default();
    let defects = section.path("defects");
    section.close();
    Standards { paths, workers: workers.unwrap_or_else(cores), cross_check_ppm, defects }
}

/// `0.5%` as parts of a million.
fn share_ppm(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no share such as `1%` or `0.05%`");
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 4 || whole.len() > 3 {
        return Err(wrong());
    }
    let parts = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
    let ppm = parts(whole)? * 10_000 + parts(&format!("{fraction:0<4}"))?;
    if ppm > 1_000_000 { Err(wrong()) } else { Ok(ppm) }
}

/// `[dispatcher]`.
pub(super) fn dispatcher(root: &Section<'_>) -> Dispatcher {
    let section = root.section("dispatcher");
    let channels = application_channels(&section);
    let has_replies_read = section.parsed("replies", |text| match text {
        "canonical" => Ok(true),
        "as_sent" => Ok(false),
        other => Err(format!("`{other}` is neither `canonical` nor `as_sent`")),
    });
    let name =
        section.parsed("name", |text| match text.is_empty() || NAME_BYTES_MAX < text.len() {
            true => Err(format!("is no name of 1 to {NAME_BYTES_MAX} bytes")),
            false => Ok(text.to_owned()),
        });
    section.close();
    Dispatcher { channels, has_replies_read: has_replies_read.unwrap_or(true), name }
}

/// `None` where nothing was written, or where what was meant is unknown, so that nothing is told of
/// what it lacks.
fn application_channels(section: &Section<'_>) -> Option<Vec<ChannelName>> {
    let mut channels = Some(Vec::new());
    for text in section.texts("channels")? {
        match ChannelName::new(&text) {
            Ok(channel) if channel.is_application() => {
                channels.iter_mut().for_each(|known| known.push(channel.clone()));
            }
            Ok(_) | Err(_) => {
                channels = None;
                let what = format!("`{text}` is not `application.<domain>[.<area>]`");
                section.fault("channels", codes::VALUE_WRONG, what);
            }
        }
    }
    channels
}

/// `[console]`.
pub(super) fn console(root: &Section<'_>) -> Console {
    let section = root.section("console");
    let listen = section.parsed("listen", address).unwrap_or(CONSOLE_LISTEN);
    let allow_plaintext = section.flag("allow_plaintext").unwrap_or_default();
    refuse_plaintext(&section, listen, allow_plaintext);
    let channels = application_channels(&section).unwrap_or_default();
    let status_token = status_token(&section);
    section.close();
    Console { listen, allow_plaintext, channels, status_token }
}

/// `[operations]`.
pub(super) fn operations(root: &Section<'_>) -> Operations {
    let section = root.section("operations");
    let listen = section.parsed("listen", address);
    let allow_plaintext = section.flag("allow_plaintext").unwrap_or_default();
    if let Some(listen) = listen {
        refuse_plaintext(&section, listen, allow_plaintext);
    }
    section.close();
    Operations { listen, allow_plaintext }
}

/// `[telemetry]`.
pub(super) fn telemetry(root: &Section<'_>) -> Telemetry {
    let section = root.section("telemetry");
    let format = section.parsed("format", |text| match text {
        "human" => Ok(telemetry::Format::Human),
        "json" => Ok(telemetry::Format::Json),
        other => Err(format!("`{other}` is neither `human` nor `json`")),
    });
    let filter = section.text("filter");
    let otlp = section.parsed("otlp", |text| {
        let is_http = |url: &url::Url| url.scheme() == "http" && url.has_host();
        match url::Url::parse(text) {
            Ok(url) if is_http(&url) => Ok(text.to_owned()),
            Ok(url) if url.scheme() == "https" => {
                let way_out = "name a collector on this machine, `http://…`, that encrypts";
                Err(format!("traces are not sent encrypted by this build; {way_out}"))
            }
            Ok(_) | Err(_) => Err("is no URL like `http://127.0.0.1:4317`".to_owned()),
        }
    });
    let sampling = section.fraction("sampling", 0.0..=1.0);
    section.close();
    Telemetry {
        format: format.unwrap_or_default(),
        filter: filter.unwrap_or_else(|| "info".to_owned()),
        otlp,
        sampling: sampling.unwrap_or(1.0),
    }
}

/// Numbers, `localhost` and names the system can resolve.
fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is no address like `127.0.0.1:7001`");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mut found = text.to_socket_addrs().map_err(|_| wrong())?.collect::<Vec<_>>();
    // `localhost` means ::1 first on some machines; what is printed and documented is 127.0.0.1.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(wrong)
}

fn refuse_plaintext(section: &Section<'_>, listen: SocketAddr, is_allowed: bool) {
    if !listen.ip().is_loopback() && !is_allowed {
        let what = format!(
            "`{listen}` can be reached by others, unencrypted; set `allow_plaintext = true` if \
             something before it encrypts"
        );
        section.fault("listen", codes::PLAINTEXT_REFUSED, what);
    }
}

fn token_hash(file: &Path) -> Result<Sha256, String> {
    let token = token_text(file)?;
    Ok(Sha256(sha2::Sha256::digest(token.as_bytes()).into()))
}

/// White space around it is none of it.
fn token_text(file: &Path) -> Result<String, String> {
    let name = file.display();
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("`{name}`: {error}"))?;
    let token = text.trim();
    let chars = token.chars().count();
    if chars < TOKEN_CHARS_MIN {
        let rule = format!("a token has at least {TOKEN_CHARS_MIN}");
        return Err(format!("`{name}` holds {chars} characters; {rule}"));
    }
    Ok(token.to_owned())
}
