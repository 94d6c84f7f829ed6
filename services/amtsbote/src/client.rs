//! Talks to a running Amtsbote over gRPC, as a portal would.

use std::{fs, path::Path, time::Duration};

use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use wire::{
    control::control_service_client::ControlServiceClient,
    intake::intake_service_client::IntakeServiceClient,
    status::{
        answer_service_client::AnswerServiceClient, status_service_client::StatusServiceClient,
    },
};

use crate::{
    cli::{Language, Server},
    codes,
    exit::{Exit, Stop},
};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Longest answer in bytes: a receipt with 1,000 violations and their texts.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Connected, and who it is for the server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
    url: String,
}

impl Client {
    /// Connects, so that an absent server is told before anything is read.
    pub(crate) async fn connect(server: &Server) -> Result<Self, Stop> {
        let wrong = |why: &str| Stop::usage(codes::ADDRESS_WRONG, format!("`{}` {why}", server.to));
        let url = url::Url::parse(&server.to)
            .map_err(|error| wrong(&format!("is no URL: {error}; write http://HOST:PORT")))?;
        match url.scheme() {
            "http" if url.has_host() => {}
            "https" => return Err(wrong("asks for TLS, which this build does not speak")),
            _ => return Err(wrong("is no URL like http://127.0.0.1:7001")),
        }
        let token = server.token_file.as_deref().map(token).transpose()?;
        let endpoint = Endpoint::from_shared(server.to.clone())
            .map_err(|_| wrong("is no URL like http://127.0.0.1:7001"))?
            .connect_timeout(CONNECT_TIME_MAX)
            .http2_adaptive_window(true);
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = anyhow::Error::from(error);
            let cause = cause.chain().last().map(ToString::to_string).unwrap_or_default();
            let what = format!("nobody answers at {}: {cause}", server.to);
            Stop::unavailable(codes::SERVER_UNREACHABLE, what)
        })?;
        Ok(Self { channel, token, url: server.to.clone() })
    }

    /// Where it is connected.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Pushes.
    pub(crate) fn intake(&self) -> IntakeServiceClient<Channel> {
        IntakeServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Asks.
    pub(crate) fn status(&self) -> StatusServiceClient<Channel> {
        StatusServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Asks for answers as messages of a standard.
    pub(crate) fn answers(&self) -> AnswerServiceClient<Channel> {
        AnswerServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Looks and orders, at the console.
    pub(crate) fn control(&self) -> ControlServiceClient<Channel> {
        ControlServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// `message` with the credential.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}

/// What an error of the server means for the command.
pub(crate) fn stop(status: &Status, language: Language) -> Stop {
    let details = status.get_error_details();
    let code = details.error_info().map(|info| info.reason.clone());
    let exit = match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
            Exit::Unavailable
        }
        Code::Unauthenticated | Code::PermissionDenied => Exit::Usage,
        Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented => Exit::Defect,
        _ => Exit::Refused,
    };
    let localized = details.localized_message().map(|text| (&text.locale, &text.message));
    let text = match localized {
        Some((locale, message)) if locale.starts_with("de") && language == Language::De => message,
        _ => status.message(),
    };
    let text = if text.is_empty() { status.code().description() } else { text };
    let code = code.unwrap_or_else(|| codes::SERVER_UNREACHABLE.to_owned());
    let text = text.strip_prefix(&code).unwrap_or(text).trim_start_matches(':').trim();
    let details = details.bad_request().map(|request| {
        let place = |violation: &tonic_types::FieldViolation| {
            format!("{}: {}", violation.field, violation.description)
        };
        request.field_violations.iter().map(place).collect()
    });
    Stop::new(exit, &code, text).with_details(details.unwrap_or_default())
}

/// Prints no part of the token, whatever is wrong with it.
fn token(file: &Path) -> Result<MetadataValue<Ascii>, Stop> {
    let name = file.display();
    let missing = |what: String| Stop::usage(codes::SECRET_MISSING, what);
    let text = fs::read_to_string(file).map_err(|error| missing(format!("`{name}`: {error}")))?;
    match text.trim() {
        "" => Err(missing(format!("`{name}` is empty"))),
        token => format!("Bearer {token}")
            .parse()
            .map_err(|_| missing(format!("`{name}` holds no token of printable ASCII"))),
    }
}
