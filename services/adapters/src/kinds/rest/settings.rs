//! The settings of a REST endpoint, and what they become once checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderName, HeaderValue, StatusCode, header};
use messaging::EffectContract;
use reqwest::Url;
use serde::Deserialize;

use super::{
    outcome::{Conflict, Place, RejectedIf, Rules},
    request::Template,
};
use crate::{BuildContext, content::Content, duration};

/// Headers that a request has anyway.
const OWN_HEADERS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    header::AUTHORIZATION,
    header::USER_AGENT,
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Where to; `{key}`, `{message_id}` and `{case_id}` are filled in.
    url: String,
    /// Default `POST`.
    #[serde(default)]
    method: Method,
    /// Which form of the document is sent. Default `original`.
    #[serde(default)]
    content: Content,
    /// Default `none`.
    #[serde(default)]
    attachments: Attachments,
    /// What follows an attempt whose end is unknown. No default: only its vendor knows.
    contract: Contract,
    /// Goes with `contract = "can_look_up"`, and only with it.
    look_up: Option<LookUpSettings>,
    /// Answers 2xx to a GET while the system is there. Default: a TCP connection.
    probe: Option<String>,
    /// JSON pointer into the answer, or the name of its header. Default: no receipt.
    receipt: Option<String>,
    /// What an answer's body is. Default: nothing but an answer.
    reply: Option<Reply>,
    /// Default `Idempotency-Key`.
    #[serde(default = "default_key_header")]
    key_header: String,
    /// Sent with every request, e.g. a client number. No secrets.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Statuses. Default 429 and 503.
    #[serde(default = "default_unavailable")]
    unavailable: Vec<u16>,
    /// Statuses. Default 400, 413, 415 and 422.
    #[serde(default = "default_rejected")]
    rejected: Vec<u16>,
    /// Statuses. Default: none.
    #[serde(default)]
    transient: Vec<u16>,
    /// A value in the answer that makes it a refusal whatever the status. Default: none.
    rejected_if: Option<RejectedIf>,
    /// What 409 means. Default `already_there` where the contract is `deduplicates`.
    conflict: Option<Conflict>,
    /// Default `5s`.
    #[serde(default = "default_connect_timeout", deserialize_with = "duration::human")]
    connect_timeout: Duration,
    /// Idle connections kept. Default: as many as there are attempts at once, so that an endpoint
    /// under load opens none per message.
    idle_connections_max: Option<usize>,
    basic: Option<Basic>,
    bearer_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) enum Method {
    #[default]
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "PUT")]
    Put,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Attachments {
    /// A message with attachments is a configuration error.
    #[default]
    None,
    /// `multipart/form-data`: part `message`, then parts `attachment`.
    Multipart,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Contract {
    Idempotent,
    Deduplicates,
    CanLookUp,
    None,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// The body of a 2xx answer is a document for the portal.
    Document,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookUpSettings {
    /// Asked by GET; filled in as `url`.
    url: String,
    /// An effect shows at most this long after its attempt ended.
    #[serde(deserialize_with = "duration::human")]
    visible_within: Duration,
    /// Statuses. Default 200.
    #[serde(default = "default_found")]
    found: Vec<u16>,
    /// Statuses. Default 404.
    #[serde(default = "default_absent")]
    absent: Vec<u16>,
    /// As the endpoint's. Default: none.
    receipt: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    user: String,
    password_file: PathBuf,
}

/// Checked settings.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) url: Template,
    pub(super) method: http::Method,
    pub(super) content: Content,
    pub(super) attachments: Attachments,
    pub(super) contract: EffectContract,
    pub(super) look_up: Option<LookUp>,
    pub(super) probe: Probe,
    pub(super) key_header: HeaderName,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) rules: Rules,
    pub(super) connect_timeout: Duration,
    pub(super) idle_connections_max: usize,
    pub(super) secrets: Secrets,
}

/// How to ask for an effect.
#[derive(Debug)]
pub(super) struct LookUp {
    pub(super) url: Template,
    pub(super) found: BTreeSet<StatusCode>,
    pub(super) absent: BTreeSet<StatusCode>,
    pub(super) receipt: Option<Place>,
}

/// How to see whether the system is there.
#[derive(Debug)]
pub(super) enum Probe {
    Get(Url),
    Connect { host: String, port: u16 },
}

/// Where secrets lie; never what they are.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    pub(super) basic: Option<(String, PathBuf)>,
    pub(super) bearer: Option<PathBuf>,
    pub(super) client: Option<(PathBuf, PathBuf)>,
    pub(super) ca: Option<PathBuf>,
    pub(super) is_https: bool,
}

impl Settings {
    pub(super) fn check(self, context: &BuildContext) -> anyhow::Result<Checked> {
        let url = Template::new(&self.url).context("`url`")?;
        let rules = self.rules()?;
        let look_up = self.look_up()?;
        let probe = self.probe(&url)?;
        let headers = self.headers()?;
        let secrets = self.secrets(&context.base, &url)?;
        let key_header = header_name(&self.key_header).context("`key_header`")?;
        let contract = match (self.contract, &self.look_up) {
            (Contract::CanLookUp, Some(look_up)) => {
                EffectContract::CanLookUp { visible_within: look_up.visible_within }
            }
            (Contract::CanLookUp, None) => {
                bail!("`contract` is \"can_look_up\", but there is no [look_up]")
            }
            (_, Some(_)) => bail!("[look_up] is only asked where `contract` is \"can_look_up\""),
            (Contract::Idempotent, None) => EffectContract::Idempotent,
            (Contract::Deduplicates, None) => EffectContract::Deduplicates,
            (Contract::None, None) => EffectContract::None,
        };
        Ok(Checked {
            url,
            method: match self.method {
                Method::Post => http::Method::POST,
                Method::Put => http::Method::PUT,
            },
            content: self.content,
            attachments: self.attachments,
            contract,
            look_up,
            probe,
            key_header,
            headers,
            rules,
            connect_timeout: self.connect_timeout,
            // Nobody should have to answer for a connection that the server closed just as it was
            // used again.
            idle_connections_max: match contract {
                EffectContract::None => 0,
                _ => self.idle_connections_max.unwrap_or(context.concurrency),
            },
            secrets,
        })
    }

    fn rules(&self) -> anyhow::Result<Rules> {
        let unavailable = statuses("unavailable", &self.unavailable)?;
        let rejected = statuses("rejected", &self.rejected)?;
        let transient = statuses("transient", &self.transient)?;
        for (name, set, other_name, other) in [
            ("unavailable", &unavailable, "rejected", &rejected),
            ("unavailable", &unavailable, "transient", &transient),
            ("rejected", &rejected, "transient", &transient),
        ] {
            if let Some(status) = set.intersection(other).next() {
                bail!("status {} is in both `{name}` and `{other_name}`", status.as_u16());
            }
        }
        for status in &rejected {
            ensure!(
                !matches!(status.as_u16(), 401 | 403 | 405),
                "`rejected` holds {}: wrong credentials or a wrong address must not refuse citizens",
                status.as_u16()
            );
        }
        let conflict = match (self.conflict, self.contract) {
            (Some(conflict), _) => conflict,
            (None, Contract::Deduplicates) => Conflict::AlreadyThere,
            (None, _) => bail!(
                "`conflict` is missing: say whether 409 means \"already_there\" or \"rejected\" \
                 (only with contract \"deduplicates\" it means \"already_there\" by itself)"
            ),
        };
        if let Some(rule) = &self.rejected_if {
            ensure!(is_pointer(&rule.pointer), "`rejected_if.pointer` must begin with `/`");
            ensure!(!rule.values.is_empty(), "`rejected_if.values` is empty");
        }
        Ok(Rules {
            unavailable,
            rejected,
            transient,
            conflict,
            rejected_if: self.rejected_if.clone(),
            receipt: self.receipt.as_deref().map(place).transpose().context("`receipt`")?,
            is_reply_document: matches!(self.reply, Some(Reply::Document)),
        })
    }

    fn look_up(&self) -> anyhow::Result<Option<LookUp>> {
        let Some(settings) = &self.look_up else { return Ok(None) };
        let found = codes_of("look_up.found", &settings.found)?;
        let absent = codes_of("look_up.absent", &settings.absent)?;
        if let Some(status) = found.intersection(&absent).next() {
            bail!("status {} is in both `look_up.found` and `look_up.absent`", status.as_u16());
        }
        ensure!(!found.is_empty(), "`look_up.found` is empty");
        ensure!(!absent.is_empty(), "`look_up.absent` is empty");
        let receipt = settings.receipt.as_deref().map(place).transpose();
        let url = Template::new(&settings.url).context("`look_up.url`")?;
        ensure!(
            url.names_the_message(),
            "`look_up.url` must hold `{{key}}` or `{{message_id}}`, or it would find any message"
        );
        Ok(Some(LookUp { url, found, absent, receipt: receipt.context("`look_up.receipt`")? }))
    }

    fn probe(&self, url: &Template) -> anyhow::Result<Probe> {
        match &self.probe {
            Some(text) => {
                let template = Template::new(text).context("`probe`")?;
                ensure!(template.is_constant(), "`probe` belongs to no message: no {{…}} in it");
                Ok(Probe::Get(template.sample().clone()))
            }
            None => {
                let host = url.sample().host_str().unwrap_or_default();
                // An IPv6 address stands in brackets only within a URL.
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let port = url.sample().port_or_known_default().unwrap_or(443);
                Ok(Probe::Connect { host, port })
            }
        }
    }

    fn headers(&self) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let in_which = || format!("`headers.{name}`");
            let value = HeaderValue::from_str(value).with_context(in_which)?;
            headers.push((header_name(name).with_context(in_which)?, value));
        }
        Ok(headers)
    }

    fn secrets(&self, base: &Path, url: &Template) -> anyhow::Result<Secrets> {
        let file = |path: &PathBuf| base.join(path);
        let is_https = url.sample().scheme() == "https";
        ensure!(
            self.basic.is_none() || self.bearer_file.is_none(),
            "`basic` and `bearer_file` exclude each other"
        );
        let client = match (&self.client_cert_file, &self.client_key_file) {
            (Some(cert), Some(key)) => Some((file(cert), file(key))),
            (None, None) => None,
            (Some(_), None) => bail!("`client_cert_file` needs `client_key_file`"),
            (None, Some(_)) => bail!("`client_key_file` needs `client_cert_file`"),
        };
        ensure!(
            is_https || (client.is_none() && self.ca_file.is_none()),
            "`client_cert_file` and `ca_file` need an https `url`"
        );
        let has_secret = self.basic.is_some() || self.bearer_file.is_some();
        ensure!(
            is_https || !has_secret || url.is_loopback(),
            "`url` is http: a password or token would travel in plain text; use https"
        );
        // What is asked besides gets the same credentials.
        let others = [self.look_up.as_ref().map(|l| &l.url), self.probe.as_ref()];
        for other in others.into_iter().flatten() {
            let other = Template::new(other)?;
            ensure!(
                other.sample().origin() == url.sample().origin() || !has_secret,
                "`look_up.url` and `probe` must be on the host of `url`: they get its credentials"
            );
        }
        Ok(Secrets {
            basic: self.basic.as_ref().map(|b| (b.user.clone(), file(&b.password_file))),
            bearer: self.bearer_file.as_ref().map(file),
            client,
            ca: self.ca_file.as_ref().map(file),
            is_https,
        })
    }
}

fn header_name(name: &str) -> anyhow::Result<HeaderName> {
    let header: HeaderName = name.parse().with_context(|| format!("`{name}` is no header"))?;
    ensure!(
        !OWN_HEADERS.contains(&header) && !header.as_str().starts_with("x-amtsbote-"),
        "`{name}` is set by Amtsbote itself"
    );
    Ok(header)
}

/// Statuses that are given a meaning: only errors can be.
fn statuses(name: &str, numbers: &[u16]) -> anyhow::Result<BTreeSet<StatusCode>> {
    for number in numbers {
        ensure!(
            (400..=599).contains(number) && *number != 409,
            "`{name}` holds {number}: only 400 to 599 can be there, and 409 has `conflict`"
        );
    }
    codes_of(name, numbers)
}

fn codes_of(name: &str, numbers: &[u16]) -> anyhow::Result<BTreeSet<StatusCode>> {
    numbers
        .iter()
        .map(|number| {
            StatusCode::from_u16(*number).with_context(|| format!("`{name}` holds {number}"))
        })
        .collect()
}

fn place(text: &str) -> anyhow::Result<Place> {
    if is_pointer(text) {
        return Ok(Place::Pointer(text.to_owned()));
    }
    let name = text.parse().with_context(|| {
        format!("`{text}` is neither a JSON pointer (it would begin with `/`) nor a header")
    })?;
    Ok(Place::Header(name))
}

fn is_pointer(text: &str) -> bool {
    text.starts_with('/')
}

fn default_key_header() -> String {
    "Idempotency-Key".to_owned()
}

fn default_unavailable() -> Vec<u16> {
    vec![429, 503]
}

fn default_rejected() -> Vec<u16> {
    vec![400, 413, 415, 422]
}

fn default_found() -> Vec<u16> {
    vec![200]
}

fn default_absent() -> Vec<u16> {
    vec![404]
}

fn default_connect_timeout() -> Duration {
    Duration::from_secs(5)
}
