//! The URL of the store: a folder of this process, or a PostgreSQL server.
//!
//! A password never stands in the URL: it comes from the environment or from a file the URL names.

use std::{
    fmt, fs,
    io::Read as _,
    net::IpAddr,
    path::{Path, PathBuf},
};

use stores::PostgresSettings;
use url::Url;

use super::{Backend, read::backend, section::Section};
use crate::codes;

const KEY: &str = "store";
const PORT: u16 = 5432;
/// Begins the names of our schemas.
const PREFIX: &str = "amtsbote";
const PREFIX_BYTES_MAX: usize = 40;
const PASSWORD_BYTES_MAX: u64 = 4096;
/// As everybody's tools call it.
const PASSWORD_VARIABLE: &str = "PGPASSWORD";

/// Where ledger, journal and register lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreBackend {
    /// `embedded:DIR`: as the other backends.
    Embedded(Backend),
    /// `postgres://USER@HOST[:PORT]/DATABASE?…`.
    Postgres(Box<Database>),
}

/// A database, and where its password came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    /// All that a client needs.
    pub(crate) settings: PostgresSettings,
    /// `None`: the environment, or none is needed.
    password_file: Option<PathBuf>,
}

impl StoreBackend {
    /// The folder only this process may use.
    pub(crate) fn own_folder(&self) -> Option<&Path> {
        match self {
            Self::Embedded(backend) => Some(backend.folder()),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for StoreBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(backend) => backend.fmt(f),
            Self::Postgres(database) => database.fmt(f),
        }
    }
}

/// Holds no secret.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PostgresSettings { host, port, database, user, prefix, tls, ca_file, .. } =
            &self.settings;
        let is_socket = host.starts_with('/');
        let place = if is_socket { "localhost" } else { host };
        write!(f, "postgres://{user}@{place}:{port}/{database}?prefix={prefix}")?;
        if is_socket {
            write!(f, "&socket={host}")?;
        } else if !tls {
            f.write_str("&allow_plaintext=true")?;
        }
        for (key, file) in [("ca_file", ca_file), ("password_file", &self.password_file)] {
            if let Some(file) = file {
                write!(f, "&{key}={}", file.display())?;
            }
        }
        Ok(())
    }
}

/// Reads `store`; `None` only where a fault was noted.
pub(super) fn read(root: &Section<'_>, data: &Path) -> Option<StoreBackend> {
    let url = if root.has(KEY) { root.text(KEY)? } else { String::new() };
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "postgres" | "postgresql" => {
            let variable = root.variable(PASSWORD_VARIABLE).filter(|value| !value.is_empty());
            let fault = |(code, what): Wrong| root.fault(KEY, code, what);
            let database = database(&url, root.folder(), variable).map_err(fault);
            database.map(|database| StoreBackend::Postgres(Box::new(database))).ok()
        }
        _ => backend(root, KEY, &[], "`embedded:DIR` and `postgres://USER@HOST/DATABASE`", data)
            .map(StoreBackend::Embedded),
    }
}

/// Code and what. Never shows the URL, as somebody may have written a password into it.
type Wrong = (&'static str, String);

fn unsupported(what: &str) -> Wrong {
    (codes::BACKEND_UNSUPPORTED, what.to_owned())
}

/// What follows the `?`.
#[derive(Default)]
struct Query {
    prefix: Option<String>,
    socket: Option<String>,
    allows_plaintext: bool,
    ca_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

fn database(url: &str, folder: &Path, variable: Option<String>) -> Result<Database, Wrong> {
    let form = || unsupported("write `postgres://USER@HOST[:PORT]/DATABASE`");
    let url = Url::parse(url).ok().filter(|url| url.fragment().is_none()).ok_or_else(form)?;
    if url.password().is_some() {
        return Err(unsupported("a password has no place in a URL; name a `password_file`"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(form)?;
    let name = url.path().trim_start_matches('/');
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(is_plain);
    if !is_name(url.username()) || !is_name(name) {
        return Err(form());
    }
    let query = query(&url, folder)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let is_here = query.socket.is_some()
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if let Some(file) = query.ca_file.as_ref().filter(|file| !file.is_file()) {
        let what = format!("`ca_file`: `{}` is no file", file.display());
        return Err((codes::VALUE_WRONG, what));
    }
    let password = match &query.password_file {
        Some(file) => Some(password(file).map_err(|what| (codes::SECRET_MISSING, what))?),
        None => variable,
    };
    let settings = PostgresSettings {
        host: query.socket.unwrap_or(host),
        port: url.port().unwrap_or(PORT),
        database: name.to_owned(),
        user: url.username().to_owned(),
        password,
        prefix: query.prefix.unwrap_or_else(|| PREFIX.to_owned()),
        // On this machine nobody listens between.
        tls: query.ca_file.is_some() || !is_here && !query.allows_plaintext,
        ca_file: query.ca_file,
    };
    Ok(Database { settings, password_file: query.password_file })
}

fn query(url: &Url, folder: &Path) -> Result<Query, Wrong> {
    let mut read = Query::default();
    for (key, value) in url.query_pairs() {
        let file = || (!value.is_empty()).then(|| folder.join(&*value));
        match &*key {
            "prefix" if is_prefix(&value) => read.prefix = Some(value.into_owned()),
            "prefix" => return Err(unsupported("`prefix` has a-z, 0-9 and `_`, a letter first")),
            "socket" if value.starts_with('/') => read.socket = Some(value.into_owned()),
            "socket" => return Err(unsupported("`socket` is a folder from the root on")),
            "allow_plaintext" => {
                let wrong = |_| unsupported("`allow_plaintext` is `true` or `false`");
                read.allows_plaintext = value.parse().map_err(wrong)?;
            }
            "ca_file" => read.ca_file = file(),
            "password_file" => read.password_file = file(),
            _ => {
                return Err(unsupported(
                    "known are `prefix`, `socket`, `allow_plaintext`, `ca_file`, `password_file`",
                ));
            }
        }
    }
    Ok(read)
}

/// White space around it is none of it.
fn password(file: &Path) -> Result<String, String> {
    let name = file.display();
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("`{name}`: {error}"))?;
    match text.trim() {
        "" => Err(format!("`{name}` holds no password")),
        password => Ok(password.to_owned()),
    }
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.".contains(&b)
}

fn is_prefix(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    text.len() <= PREFIX_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Database, &'static str> {
        database(url, Path::new("/etc/amtsbote"), None).map_err(|(code, _)| code)
    }

    #[test]
    fn a_url_says_where_the_server_is_and_whether_it_must_prove_itself() {
        for (url, host, port, tls) in [
            ("postgres://amtsbote@db.kreis.example/amtsbote", "db.kreis.example", 5432, true),
            ("postgresql://amtsbote@[::1]:5433/amtsbote", "::1", 5433, false),
            ("postgres://amtsbote@127.0.0.1/amtsbote", "127.0.0.1", 5432, false),
            ("postgres://amtsbote@db/amtsbote?allow_plaintext=true", "db", 5432, false),
            (
                "postgres://amtsbote@x/amtsbote?socket=/run/postgresql",
                "/run/postgresql",
                5432,
                false,
            ),
        ] {
            let settings = read(url).unwrap().settings;
            assert_eq!((settings.host.as_str(), settings.port, settings.tls), (host, port, tls));
            assert_eq!(settings.prefix, "amtsbote");
        }
    }

    #[test]
    fn what_is_written_reads_back_to_the_same() {
        for url in [
            "postgres://amtsbote@db:6543/kreis?prefix=harz",
            "postgres://amtsbote@db/kreis?allow_plaintext=true",
            "postgres://amtsbote@localhost/kreis?socket=/run/postgresql",
        ] {
            let database = read(url).unwrap();
            assert_eq!(read(&database.to_string()).unwrap(), database, "{url}");
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused_with_a_code() {
        for (url, code) in [
            ("postgres://amtsbote:geheim@db/amtsbote", "AB-5006"),
            ("postgres://db/amtsbote", "AB-5006"),
            ("postgres://amtsbote@db", "AB-5006"),
            ("postgres://amtsbote@db/a/b", "AB-5006"),
            ("postgres://amtsbote@db/amtsbote?prefix=A", "AB-5006"),
            ("postgres://amtsbote@db/amtsbote?sslmode=disable", "AB-5006"),
            ("postgres://amtsbote@db/amtsbote?password_file=nowhere", "AB-5007"),
            ("postgres://amtsbote@db/amtsbote?ca_file=nowhere", "AB-5004"),
        ] {
            assert_eq!(read(url).unwrap_err(), code, "{url}");
        }
    }
}
