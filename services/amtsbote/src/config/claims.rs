//! The URL of the claims: a folder of this process, a directory several share, or a bucket of S3.
//!
//! A key never stands in the URL: it comes from the environment or from files the URL names.

use std::{
    fmt, fs,
    io::Read as _,
    net::IpAddr,
    path::{Path, PathBuf},
};

use stores::claims::{Credentials, S3Settings};
use url::Url;

use super::{Backend, read::backend, section::Section};
use crate::codes;

const KEY: &str = "claims";
/// What servers beside Amazon's call their only region.
const REGION: &str = "us-east-1";
const SECRET_BYTES_MAX: u64 = 4096;
/// As everybody's tools call them.
const ID_VARIABLE: &str = "AWS_ACCESS_KEY_ID";
const SECRET_VARIABLE: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN_VARIABLE: &str = "AWS_SESSION_TOKEN";

/// Where large bodies and attachments lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimsBackend {
    /// `embedded:DIR`: as the other backends.
    Embedded(Backend),
    /// `file:///DIR`: a directory that several processes use, perhaps on several machines.
    Shared(PathBuf),
    /// `s3://BUCKET[/PREFIX]?endpoint=…&region=…`.
    S3(Box<Bucket>),
}

/// A bucket, and where its key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// All that a client needs.
    pub(crate) settings: S3Settings,
    /// `None`: the environment.
    key_files: Option<KeyFiles>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyFiles {
    id: PathBuf,
    secret: PathBuf,
}

impl ClaimsBackend {
    /// Whether processes on other machines find the same there.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Embedded(_))
    }

    /// The folder only this process may use.
    pub(crate) fn own_folder(&self) -> Option<&Path> {
        match self {
            Self::Embedded(backend) => Some(backend.folder()),
            Self::Shared(_) | Self::S3(_) => None,
        }
    }
}

impl fmt::Display for ClaimsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(backend) => backend.fmt(f),
            Self::Shared(directory) => match Url::from_file_path(directory) {
                Ok(url) => url.fmt(f),
                Err(()) => write!(f, "file://{}", directory.display()),
            },
            Self::S3(bucket) => bucket.fmt(f),
        }
    }
}

/// Holds no secret.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let S3Settings { bucket, prefix, endpoint, region, allows_plaintext, ca_file, .. } =
            &self.settings;
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{bucket}{slash}{prefix}?region={region}")?;
        if let Some(endpoint) = endpoint {
            write!(f, "&endpoint={endpoint}")?;
        }
        if *allows_plaintext {
            f.write_str("&allow_plaintext=true")?;
        }
        let key_files = self.key_files.as_ref();
        for (key, file) in [
            ("ca_file", ca_file.as_deref()),
            ("access_key_id_file", key_files.map(|files| files.id.as_path())),
            ("secret_access_key_file", key_files.map(|files| files.secret.as_path())),
        ] {
            if let Some(file) = file {
                write!(f, "&{key}={}", escaped(&file.display().to_string()))?;
            }
        }
        Ok(())
    }
}

/// Reads `claims`; `None` only where a fault was noted.
pub(super) fn read(root: &Section<'_>, data: &Path) -> Option<ClaimsBackend> {
    let url = if root.has(KEY) { root.text(KEY)? } else { String::new() };
    let fault = |(code, what): Wrong| root.fault(KEY, code, what);
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "file" => directory(&url).map_err(fault).map(ClaimsBackend::Shared).ok(),
        "s3" => {
            let variable = |name: &str| root.variable(name);
            let bucket = bucket(&url, root.folder(), &variable).map_err(fault);
            bucket.map(|bucket| ClaimsBackend::S3(Box::new(bucket))).ok()
        }
        _ => backend(root, KEY, &[], "`embedded:DIR`, `file:///DIR` and `s3://BUCKET`", data)
            .map(ClaimsBackend::Embedded),
    }
}

/// Code and what. Never shows the URL, as somebody may have written a key into it.
type Wrong = (&'static str, String);

fn unsupported(what: &str) -> Wrong {
    (codes::BACKEND_UNSUPPORTED, what.to_owned())
}

fn directory(url: &str) -> Result<PathBuf, Wrong> {
    let form = || unsupported("write `file:///DIR`, with a folder from the root on");
    let parsed = Url::parse(url).ok().filter(|_| url.starts_with("file:///"));
    let parsed = parsed.filter(|url| url.query().is_none() && url.fragment().is_none());
    let directory = parsed.and_then(|url| url.to_file_path().ok()).ok_or_else(form)?;
    // `/` itself is nobody's claims.
    if directory.parent().is_some() { Ok(directory) } else { Err(form()) }
}

/// What follows the `?`.
#[derive(Default)]
struct Query {
    endpoint: Option<String>,
    region: Option<String>,
    allows_plaintext: bool,
    ca_file: Option<PathBuf>,
    id_file: Option<PathBuf>,
    secret_file: Option<PathBuf>,
}

fn bucket(
    url: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Bucket, Wrong> {
    let form = || unsupported("write `s3://BUCKET[/PREFIX]?endpoint=https://HOST[:PORT]`");
    let url = Url::parse(url).ok().filter(|url| url.fragment().is_none()).ok_or_else(form)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unsupported("credentials have no place in a URL"));
    }
    let bucket = url.host_str().filter(|host| is_bucket(host) && url.port().is_none());
    let bucket = bucket.ok_or_else(form)?.to_owned();
    let prefix = url.path().trim_matches('/').to_owned();
    if !is_prefix(&prefix) {
        return Err(unsupported("the prefix has A-Z, a-z, 0-9, `-`, `.`, `_`, and `/` between"));
    }
    let query = query(&url, folder)?;
    if query.endpoint.is_none() && query.region.is_none() {
        return Err(unsupported(
            "`endpoint` says where the server is, or `region` which of Amazon's",
        ));
    }
    if let Some(file) = query.ca_file.as_ref().filter(|file| !file.is_file()) {
        let what = format!("`ca_file`: `{}` is no file", file.display());
        return Err((codes::VALUE_WRONG, what));
    }
    let (key_files, credentials) = credentials(query.id_file, query.secret_file, variable)?;
    let settings = S3Settings {
        bucket,
        prefix,
        endpoint: query.endpoint,
        region: query.region.unwrap_or_else(|| REGION.to_owned()),
        allows_plaintext: query.allows_plaintext,
        ca_file: query.ca_file,
        credentials,
    };
    Ok(Bucket { settings, key_files })
}

fn query(url: &Url, folder: &Path) -> Result<Query, Wrong> {
    let mut read = Query::default();
    let mut is_loopback = false;
    for (key, value) in url.query_pairs() {
        let file = || (!value.is_empty()).then(|| folder.join(&*value));
        match &*key {
            "endpoint" => {
                let (endpoint, is_this_machine) = endpoint(&value)?;
                (read.endpoint, is_loopback) = (Some(endpoint), is_this_machine);
            }
            "region" if is_region(&value) => read.region = Some(value.into_owned()),
            "region" => return Err(unsupported("`region` has a-z, 0-9 and `-`")),
            "allow_plaintext" => {
                let wrong = |_| unsupported("`allow_plaintext` is `true` or `false`");
                read.allows_plaintext = value.parse().map_err(wrong)?;
            }
            "ca_file" => read.ca_file = file(),
            "access_key_id_file" => read.id_file = file(),
            "secret_access_key_file" => read.secret_file = file(),
            _ => {
                return Err(unsupported(
                    "known are `endpoint`, `region`, `allow_plaintext`, `ca_file`, \
                     `access_key_id_file`, `secret_access_key_file`",
                ));
            }
        }
    }
    let is_plaintext = read.endpoint.as_deref().is_some_and(|it| it.starts_with("http:"));
    if is_plaintext && !is_loopback && !read.allows_plaintext {
        let what = "attachments would travel unencrypted where others can listen; add \
                    `allow_plaintext=true` to the URL if something between encrypts";
        return Err((codes::PLAINTEXT_REFUSED, what.to_owned()));
    }
    read.allows_plaintext = is_plaintext;
    Ok(read)
}

/// The endpoint, and whether it is this machine.
fn endpoint(text: &str) -> Result<(String, bool), Wrong> {
    let wrong = || unsupported("`endpoint` is no URL like `https://s3.example:9000`");
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unsupported("credentials have no place in a URL"));
    }
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_bare {
        return Err(wrong());
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    Ok((url.as_str().trim_end_matches('/').to_owned(), is_loopback))
}

fn credentials(
    id: Option<PathBuf>,
    secret: Option<PathBuf>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Option<KeyFiles>, Credentials), Wrong> {
    let missing = |what: String| (codes::SECRET_MISSING, what);
    match (id, secret) {
        (Some(id), Some(secret)) => {
            let credentials = Credentials {
                access_key_id: secret_in(&id).map_err(missing)?,
                secret_access_key: secret_in(&secret).map_err(missing)?,
                session_token: None,
            };
            Ok((Some(KeyFiles { id, secret }), credentials))
        }
        (None, None) => {
            let set = |name: &str| {
                let value = variable(name).filter(|value| !value.is_empty());
                value.ok_or_else(|| missing(format!("`{name}` is not set; a bucket needs a key")))
            };
            let credentials = Credentials {
                access_key_id: set(ID_VARIABLE)?,
                secret_access_key: set(SECRET_VARIABLE)?,
                session_token: variable(TOKEN_VARIABLE).filter(|token| !token.is_empty()),
            };
            Ok((None, credentials))
        }
        _ => {
            let what = "`access_key_id_file` and `secret_access_key_file` go together";
            Err((codes::KEYS_CONTRADICT, what.to_owned()))
        }
    }
}

/// White space around it is none of it.
fn secret_in(file: &Path) -> Result<String, String> {
    let name = file.display();
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("`{name}`: {error}"))?;
    let text = text.trim();
    let is_carried = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let what = || format!("`{name}` holds no key: one line without blanks");
    is_carried.then(|| text.to_owned()).ok_or_else(what)
}

fn is_bucket(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    (3..=63).contains(&text.len()) && text.bytes().all(is_known)
}

fn is_prefix(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_known);
    text.is_empty() || text.len() <= 200 && text.split('/').all(is_part)
}

fn is_region(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(is_known)
}

/// What would end a value in a query, or be read as something else.
fn escaped(text: &str) -> String {
    let special = [("%", "%25"), ("&", "%26"), ("#", "%23"), ("+", "%2B"), (" ", "%20")];
    special.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests;
