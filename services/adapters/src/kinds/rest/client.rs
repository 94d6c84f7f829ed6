//! The HTTP client and the secrets it stands on, read again when their files change.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use http::HeaderValue;
use messaging::{Failure, FailureKind, Result, TraceParent};
use reqwest::{Certificate, Identity, Request, redirect};
use tokio::time::{self, Instant};

use super::{
    answer::{self, Answer},
    call,
    request::Progress,
    settings::{Checked, Secrets},
};
use crate::codes;

/// Largest secret or certificate file, in bytes.
const SECRET_BYTES_MAX: u64 = 1024 * 1024;
/// How long an idle connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How often a quiet connection is checked.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Gives out the client that fits the secret files as they are now.
pub(super) struct Connection {
    secrets: Secrets,
    connect_timeout: Duration,
    idle_connections_max: usize,
    current: Mutex<Arc<Client>>,
}

/// A client and the credentials it sends.
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) authorization: Option<HeaderValue>,
    stamps: Vec<Stamp>,
}

/// What changes when a file does.
type Stamp = (Option<SystemTime>, u64);

/// Never a secret.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl Connection {
    /// Reads the secret files and connects to nothing.
    pub(super) fn open(settings: &Checked) -> anyhow::Result<Self> {
        let (secrets, connect_timeout) = (settings.secrets.clone(), settings.connect_timeout);
        let idle_connections_max = settings.idle_connections_max;
        let client = Client::build(&secrets, connect_timeout, idle_connections_max)?;
        let current = Mutex::new(Arc::new(client));
        Ok(Self { secrets, connect_timeout, idle_connections_max, current })
    }

    /// The client to use now. Reads the secret files again if one has changed; a half-written one
    /// makes the endpoint unavailable until it is whole.
    pub(super) async fn current(&self) -> Result<Arc<Client>> {
        let client = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        if client.stamps.is_empty() {
            return Ok(client);
        }
        let (secrets, timeout) = (self.secrets.clone(), self.connect_timeout);
        let idle_max = self.idle_connections_max;
        let renewing = tokio::task::spawn_blocking(move || {
            if stamps(&secrets.files())? == client.stamps {
                return Ok(client);
            }
            Client::build(&secrets, timeout, idle_max).map(Arc::new)
        });
        let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
            FailureKind::Unavailable.because(codes::SECRET_UNUSABLE, error)
        };
        let client =
            renewing.await.map_err(|e| unusable(e.into()))?.map_err(|e| unusable(e.into()))?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&client);
        Ok(client)
    }
}

impl Client {
    fn build(
        secrets: &Secrets,
        connect_timeout: Duration,
        idle_connections_max: usize,
    ) -> anyhow::Result<Self> {
        // Before reading: a change in between shows next time.
        let stamps = stamps(&secrets.files())?;
        let mut http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(idle_connections_max)
            .tcp_keepalive(KEEPALIVE);
        if let Some(ca) = &secrets.ca {
            let certificates = Certificate::from_pem_bundle(&read("ca_file", ca)?)
                .with_context(|| format!("`ca_file`: no certificates in `{}`", ca.display()))?;
            ensure!(!certificates.is_empty(), "`ca_file`: `{}` is empty", ca.display());
            http = http.tls_certs_only(certificates);
        } else if !secrets.is_https {
            // Nobody to trust, so nothing to load.
            http = http.tls_certs_only([]);
        }
        if let Some((certificate, key)) = &secrets.client {
            let mut pem = read("client_cert_file", certificate)?;
            pem.push(b'\n');
            pem.extend(read("client_key_file", key)?);
            http = http.identity(Identity::from_pem(&pem).with_context(|| {
                format!(
                    "`client_cert_file`, `client_key_file`: `{}` and `{}` hold no certificate and key",
                    certificate.display(),
                    key.display()
                )
            })?);
        }
        let http = http.build().context("set up TLS from the certificates")?;
        Ok(Self { http, authorization: authorization(secrets)?, stamps })
    }
}

impl Secrets {
    fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let client = self.client.as_ref();
        [
            ("basic.password_file", self.basic.as_ref().map(|(_, file)| file)),
            ("bearer_file", self.bearer.as_ref()),
            ("client_cert_file", client.map(|(certificate, _)| certificate)),
            ("client_key_file", client.map(|(_, key)| key)),
            ("ca_file", self.ca.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, file)| file.map(|file| (key, file.clone())))
        .collect()
    }
}

fn stamps(files: &[(&'static str, PathBuf)]) -> anyhow::Result<Vec<Stamp>> {
    let stamp = |(key, file): &(&'static str, PathBuf)| -> anyhow::Result<Stamp> {
        let metadata =
            fs::metadata(file).with_context(|| format!("`{key}`: look at `{}`", file.display()))?;
        Ok((metadata.modified().ok(), metadata.len()))
    };
    files.iter().map(stamp).collect()
}

fn authorization(secrets: &Secrets) -> anyhow::Result<Option<HeaderValue>> {
    let (key, text) = if let Some((user, file)) = &secrets.basic {
        let password = text("basic.password_file", file)?;
        ("basic", format!("Basic {}", base64(format!("{user}:{password}").as_bytes())))
    } else if let Some(file) = &secrets.bearer {
        ("bearer_file", format!("Bearer {}", text("bearer_file", file)?))
    } else {
        return Ok(None);
    };
    // The error of the conversion is not shown: it stands beside the secret.
    let mut value = HeaderValue::from_str(&text)
        .ok()
        .with_context(|| format!("`{key}`: the secret does not fit into a header"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// One line; editors end files with a line end that belongs to no secret.
fn text(key: &str, file: &Path) -> anyhow::Result<String> {
    let text = String::from_utf8(read(key, file)?)
        .ok()
        .with_context(|| format!("`{key}`: `{}` is no UTF-8 text", file.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "`{key}`: `{}` is empty", file.display());
    Ok(secret.to_owned())
}

fn read(key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(file)?.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(io::Error::other("too large for a secret"));
        }
        Ok(bytes)
    };
    read().with_context(|| format!("`{key}`: read `{}`", file.display()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |group, index| {
            group << 8 | u32::from(chunk.get(index).copied().unwrap_or_default())
        });
        for index in 0..4_usize {
            let sextet = (group >> (18 - 6 * index)) & 63;
            let letter = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            text.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// One request and its answer.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) ends_at: Instant,
    pub(super) progress: &'a Progress,
}

impl Exchange<'_> {
    /// Sends `request` as a part of `trace`, and reads the answer whole, as far as its bound.
    pub(super) async fn send(
        self,
        mut request: Request,
        trace: Option<&TraceParent>,
    ) -> Result<Answer> {
        let mut span = call::span(&request, trace);
        call::carry(&mut request, &span, trace);
        let outcome = self.answer(request).await;
        call::conclude(&mut span, &outcome);
        outcome
    }

    async fn answer(self, request: Request) -> Result<Answer> {
        let exchange = async {
            let response = self.client.http.execute(request).await?;
            answer::read(response).await
        };
        match time::timeout_at(self.ends_at, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failure(error)),
            Err(_) => Err(self.unanswered("no complete answer in time")),
        }
    }

    fn failure(self, error: reqwest::Error) -> Failure {
        if error.is_builder() {
            return FailureKind::Defect.because(codes::REQUEST_UNBUILDABLE, error.without_url());
        }
        match self.progress.failure() {
            // The message cannot be sent at all; nothing repeats it by itself.
            Some(failure) if failure.kind() == FailureKind::Defect => failure,
            // The request was cut off by us; what the receiver made of half of it is unknown.
            Some(failure) => self.unanswered(failure),
            None if is_certificate_refused(&error) => {
                FailureKind::Unavailable.because(codes::MISCONFIGURED, error.without_url())
            }
            None => self.unanswered(error.without_url()),
        }
    }

    /// The one place that tells "nothing was sent" from "nobody knows".
    fn unanswered(self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        if self.progress.has_begun() {
            FailureKind::Uncertain.because(codes::ANSWER_LOST, why)
        } else {
            FailureKind::Unavailable.because(codes::NO_CONNECTION, why)
        }
    }
}

/// Whether the server ended the handshake because of our certificate. In TLS 1.3 that is heard
/// only after the request was sent, and still the server never looked at it: it reads nothing
/// before the client is known.
fn is_certificate_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::AlertDescription as Alert;
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error hides what it wraps from its chain.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = wrapped.and_then(|wrapped| wrapped.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return matches!(
                alert,
                Alert::CertificateRequired
                    | Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::AccessDenied
            );
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_no_lost_answer() {
        let check = |tls: rustls::Error, expected: bool| {
            let error = io::Error::new(io::ErrorKind::InvalidData, tls);
            assert_eq!(is_certificate_refused(&error), expected, "{error}");
        };
        use rustls::AlertDescription as Alert;
        check(rustls::Error::AlertReceived(Alert::CertificateRequired), true);
        check(rustls::Error::AlertReceived(Alert::CertificateExpired), true);
        check(rustls::Error::AlertReceived(Alert::InternalError), false);
        check(rustls::Error::AlertReceived(Alert::CloseNotify), false);
        check(rustls::Error::HandshakeNotComplete, false);
        assert!(!is_certificate_refused(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let check = |plain: &str, expected| assert_eq!(base64(plain.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        check("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        check("ÿþ~", "w7/Dvn4=");
    }
}
