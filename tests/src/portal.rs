//! A portal: pushes documents over gRPC and asks what became of them.

use std::{net::SocketAddr, time::Duration};

use axum::body::Bytes;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use wire::{
    intake::{
        AttachmentInfo, AttachmentReference, Receipt, SubmitRequest, SubmitResponse,
        UploadAttachmentRequest, UploadAttachmentResponse,
        intake_service_client::IntakeServiceClient, upload_attachment_request::Part,
    },
    status::{
        ApplicationStatus, GetStatusRequest, get_status_request::By,
        status_service_client::StatusServiceClient,
    },
};

use crate::wait;

/// How long one call may take before its outcome counts as unknown.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// Of an upload.
const PIECE_BYTES: usize = 100_000;

/// One connection.
#[derive(Clone, Debug)]
pub struct Portal {
    /// For calls that have no shorthand here.
    pub intake: IntakeServiceClient<Channel>,
    /// For calls that have no shorthand here.
    pub status: StatusServiceClient<Channel>,
}

impl Portal {
    /// Connects when it first calls.
    #[must_use]
    pub fn new(gateway: SocketAddr) -> Self {
        let channel = Endpoint::from_shared(format!("http://{gateway}"))
            .expect("an address makes a URL")
            .timeout(CALL_TIME_MAX)
            .connect_lazy();
        Self {
            intake: IntakeServiceClient::new(channel.clone()),
            status: StatusServiceClient::new(channel),
        }
    }

    /// Sends a document.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn submit(&self, document: impl Into<Bytes>) -> Result<SubmitResponse, Status> {
        let request = SubmitRequest { document: document.into(), ..SubmitRequest::default() };
        self.send(request).await
    }

    /// Sends a whole request.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn send(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        self.intake.clone().submit(Request::new(request)).await.map(tonic::Response::into_inner)
    }

    /// The receipt of a document that must be taken.
    pub async fn receipt(&self, document: impl Into<Bytes>) -> Receipt {
        match self.submit(document).await {
            Ok(response) => response.receipt.expect("an accepted document has a receipt"),
            Err(status) => panic!("refused: {}", told(&status)),
        }
    }

    /// As [`Portal::receipt`], asking again for as long as it is told to: brokers may have started a
    /// moment ago.
    ///
    /// # Panics
    /// When it is refused for good, or not taken within `bound`.
    pub async fn receipt_at_last(&self, document: impl Into<Bytes>, bound: Duration) -> Receipt {
        let document = document.into();
        wait::until("a document to be taken", bound, || async {
            match self.submit(document.clone()).await {
                Ok(response) => response.receipt,
                Err(status) if is_to_be_repeated(&status) => None,
                Err(status) => panic!("refused: {}", told(&status)),
            }
        })
        .await
    }

    /// What is known of a message.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn status(&self, message_id: &str) -> Result<ApplicationStatus, Status> {
        let by = By::MessageId(message_id.to_owned());
        let request = GetStatusRequest { by: Some(by), position: None };
        let mut response = self.status.clone().get_status(request).await?.into_inner();
        response.applications.pop().ok_or_else(|| Status::internal("no application in the answer"))
    }

    /// Waits until a message with a receipt is in `state`, asking again when told to.
    ///
    /// # Panics
    /// When it is not within `bound`, or not known.
    pub async fn until(&self, message_id: &str, state: &str, bound: Duration) -> ApplicationStatus {
        wait::until(&format!("{message_id} to be {state}"), bound, || async {
            match self.status(message_id).await {
                Ok(status) => (status.state == state).then_some(status),
                // A console that has just begun to read a topic says so after a while, and when to
                // ask again; that it does not know the message would be a lie.
                Err(answer) if is_to_ask_again(&answer) => None,
                Err(answer) => panic!("a message with a receipt is known: {}", told(&answer)),
            }
        })
        .await
    }

    /// Uploads a file in pieces.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn upload(
        &self,
        info: AttachmentInfo,
        chunks: impl Iterator<Item = Bytes> + Send + 'static,
    ) -> Result<UploadAttachmentResponse, Status> {
        let info = UploadAttachmentRequest { part: Some(Part::Info(info)) };
        let rest = chunks.map(|chunk| UploadAttachmentRequest { part: Some(Part::Chunk(chunk)) });
        let parts = tokio_stream::iter(std::iter::once(info).chain(rest));
        self.intake.clone().upload_attachment(parts).await.map(tonic::Response::into_inner)
    }

    /// Uploads a file as a PDF.
    ///
    /// # Errors
    /// As the service answers.
    pub async fn upload_pdf(&self, file: &[u8]) -> Result<UploadAttachmentResponse, Status> {
        let media_type = "application/pdf".to_owned();
        let info = AttachmentInfo { media_type, ..Default::default() };
        let pieces: Vec<_> = file.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).collect();
        self.upload(info, pieces.into_iter()).await
    }
}

/// A document with what was uploaded for it.
#[must_use]
pub fn with_attachment(document: Bytes, upload: UploadAttachmentResponse) -> SubmitRequest {
    let attachment = AttachmentReference {
        ticket: upload.ticket,
        name: "verwertungsnachweis.pdf".to_owned(),
        media_type: String::new(),
        sha256: upload.sha256,
    };
    SubmitRequest { document, attachments: vec![attachment], ..Default::default() }
}

/// The operator's code of a refusal, `AB-nnnn`.
#[must_use]
pub fn code(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// A refusal with everything in it.
#[must_use]
pub fn told(status: &Status) -> String {
    let mut told = format!("{:?} {:?} {}", status.code(), code(status), status.message());
    for violation in
        status.get_details_bad_request().into_iter().flat_map(|bad| bad.field_violations)
    {
        told.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    told
}

/// Whether the outcome of a call is unknown, so that the same has to be sent again.
#[must_use]
pub fn is_unknown(status: &Status) -> bool {
    // A connection that breaks in the middle shows as any of these.
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
    )
}

/// Whether the caller is told that the same may be sent again, and when.
#[must_use]
pub fn is_to_be_repeated(status: &Status) -> bool {
    status.code() == Code::Unavailable && status.get_details_retry_info().is_some()
}

/// Whether the status is only not up to date yet, or the console was just not there, with a time to ask
/// again.
#[must_use]
pub fn is_to_ask_again(status: &Status) -> bool {
    status.code() == Code::Unavailable
        && matches!(code(status).as_deref(), Some("AB-1403" | "AB-1070"))
        && status.get_details_retry_info().is_some()
}

/// Whether the caller was only told to come again.
#[must_use]
pub fn is_overload(status: &Status) -> bool {
    status.code() == Code::ResourceExhausted && status.get_details_retry_info().is_some()
}
