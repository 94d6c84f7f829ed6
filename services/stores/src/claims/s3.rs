//! S3, and what speaks like it: the client with its bounds, and what the server's answers mean.

use std::{fmt, fs, path::PathBuf, sync::Arc, time::Duration};

use messaging::{FailureKind, Result};
use object_store::{
    BackoffConfig, Certificate, ClientOptions, Error as StoreError, RetryConfig, aws::AmazonS3,
    aws::AmazonS3Builder, path::Path, prefix::PrefixStore,
};

use crate::codes;

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// How long one try may take: a part of 5 MiB at 2 Mbit/s.
const TRY_TIME_MAX: Duration = Duration::from_secs(20);
/// Tries after the first, all begun within [`RETRY_TIME_MAX`]: a portal waits for them.
const RETRIES_MAX: usize = 3;
const RETRY_TIME_MAX: Duration = Duration::from_secs(8);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Connections kept open while nobody needs them.
const IDLE_CONNECTIONS_MAX: usize = 16;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// Which bucket, where, and with whose rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket; it must be there.
    pub bucket: String,
    /// Before every object's name; may be empty.
    pub prefix: String,
    /// `http://HOST[:PORT]` or `https://HOST[:PORT]`; `None`: Amazon's in the region.
    pub endpoint: Option<String>,
    /// As the server calls it.
    pub region: String,
    /// Whether an `http` endpoint is meant.
    pub allows_plaintext: bool,
    /// Certificates (PEM) of who vouches for the server, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whose rights.
    pub credentials: Credentials,
}

/// What requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's name.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: String,
    /// Where the key is one for a while.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// All objects whose names begin with the prefix.
pub(super) type Bucket = PrefixStore<AmazonS3>;

/// Makes a client; asks the server nothing.
pub(super) fn open(settings: &S3Settings) -> Result<Arc<Bucket>> {
    let unusable = |error: String| {
        let cause = format!("bucket `{}`: {error}", settings.bucket);
        FailureKind::Defect.because(codes::CLAIMS_UNUSABLE, cause)
    };
    let mut client = ClientOptions::new()
        .with_allow_http(settings.allows_plaintext)
        .with_connect_timeout(CONNECT_TIME_MAX)
        .with_timeout(TRY_TIME_MAX)
        .with_pool_idle_timeout(IDLE_TIME_MAX)
        .with_pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
    if let Some(file) = &settings.ca_file {
        let pem = fs::read(file).map_err(|error| unusable(format!("{}: {error}", file.display())));
        let certificates = Certificate::from_pem_bundle(&pem?);
        for certificate in certificates.map_err(|error| unusable(error.to_string()))? {
            client = client.with_root_certificate(certificate);
        }
    }
    let pauses = BackoffConfig { init_backoff: PAUSE_MIN, max_backoff: PAUSE_MAX, base: 2.0 };
    let retries =
        RetryConfig { backoff: pauses, max_retries: RETRIES_MAX, retry_timeout: RETRY_TIME_MAX };
    let credentials = &settings.credentials;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&credentials.access_key_id)
        .with_secret_access_key(&credentials.secret_access_key)
        // Not every server knows how to remove many at once.
        .with_disable_bulk_delete(true)
        .with_client_options(client)
        .with_retry(retries);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(token) = &credentials.session_token {
        builder = builder.with_token(token);
    }
    let store = builder.build().map_err(|error| unusable(error.to_string()))?;
    let prefix = Path::parse(&settings.prefix).map_err(|error| unusable(error.to_string()))?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

/// What a server's refusal means, without the rest of what it says: that names keys and signatures.
/// `None` where it is no refusal.
pub(super) fn answer(error: &StoreError) -> Option<(&'static str, String)> {
    let text = report(error);
    let said = between(&text, "<Code>", "</Code>").unwrap_or_default();
    let said = if is_word(said) { said } else { "" };
    // Servers tell that they are overloaded or broken in the same form.
    if matches!(said, "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout") {
        return None;
    }
    let status = between(&text, "status code: ", " ").filter(|status| status.len() == 3);
    let told = || match (said, status) {
        ("", Some(status)) => format!("the server answered {status}"),
        ("", None) => "the server refused the request".to_owned(),
        (said, _) => format!("the server answered {said}"),
    };
    if said == "NoSuchBucket" {
        return Some((codes::CLAIMS_GONE, told()));
    }
    let is_refused = match error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => true,
        // E.g. another region, or a signature of another kind than it knows.
        StoreError::Generic { store: "S3", .. } => {
            status.is_some_and(|status| status.starts_with('4') && status != "429")
                || text.contains("redirect without LOCATION")
        }
        _ => false,
    };
    is_refused.then(|| (codes::CLAIMS_REFUSED, told()))
}

fn report(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}
