//! How much the gateway takes at once: every bound of it in one place.

use std::time::Duration;

/// Bytes of a request beside its document.
pub(crate) const REQUEST_SLACK_BYTES: usize = 256 << 10;

/// Bytes of one piece of an upload.
pub(crate) const CHUNK_BYTES_MAX: usize = 1 << 20;

/// Bodies up to this size travel in the record.
pub(crate) const INLINE_BYTES_MAX: usize = 256 << 10;

/// How long an unused ticket can be used, and a used one again.
pub(crate) const TICKET_TIME_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Bounds on what is taken at once. All have defaults that suit one process on two cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document. Default 16 MiB, at most 64 MiB.
    pub message_bytes_max: usize,
    /// Attachments of one message. Default 100.
    pub attachments_max: usize,
    /// Bytes of one attachment. Default 200 MiB.
    pub attachment_bytes_max: u64,
    /// Bytes of all requests being worked on. Default 256 MiB.
    pub bytes_in_flight_max: usize,
    /// Requests being worked on. Default 4,096.
    pub requests_in_flight_max: usize,
    /// Uploads at once. Each holds up to 2 MiB until its end, however slowly it comes: what HTTP/2 lets its client
    /// send ahead, one piece as it is decoded, and the part that is written; a few more where that goes to S3 (AB-2208). Default 64.
    pub uploads_max: usize,
    /// Bytes of pieces of uploads that are arriving or being stored. Default 16 MiB.
    pub upload_bytes_in_flight_max: usize,
    /// Submissions a second of one sender, on average. Default 5,000.
    pub rate_per_second: u32,
    /// Submissions of one sender at once after a pause. Default 10,000.
    pub rate_burst: u32,
    /// Messages of one `SubmitStream` being worked on. Default 256.
    pub stream_window: usize,
    /// Connections at once; further ones wait to be accepted. Default 512.
    pub connections_max: usize,
    /// How long a new connection may take to say that it speaks HTTP/2. Default 10 s.
    pub preface_time_max: Duration,
    /// Requests of one connection at once. Default 128.
    pub streams_per_connection_max: u32,
    /// How long a client may pause in the middle of a message. Default 30 s.
    pub idle_time_max: Duration,
    /// How long one message may take to arrive. Default 5 min.
    pub message_time_max: Duration,
    /// How long a client may pause between two messages of a stream. Default 10 min.
    pub stream_idle_time_max: Duration,
    /// How long a request waits for room before it is refused. Default 250 ms.
    pub admission_time_max: Duration,
    /// How long a stream waits for room before it is refused. Default 30 s.
    pub stream_admission_time_max: Duration,
    /// How long checking a document may take. Default 60 s.
    pub check_time_max: Duration,
    /// How long storing is waited for before the outcome is told as unknown. Default 30 s.
    pub append_time_max: Duration,
    /// Receipts remembered, to answer repetitions at once. Default 100,000.
    pub recent_max: usize,
    /// How long they are remembered. Default 24 h.
    pub recent_time_max: Duration,
    /// How long requests may go on after the shutdown began. Default 10 s.
    pub drain_time_max: Duration,
}

impl Limits {
    /// The most that [`Limits::message_bytes_max`] may be.
    pub const MESSAGE_BYTES_CEILING: usize = 64 << 20;

    /// The largest request of `Submit` and its kin.
    pub(crate) fn request_bytes_max(&self) -> usize {
        self.message_bytes_max.min(Self::MESSAGE_BYTES_CEILING) + REQUEST_SLACK_BYTES
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 << 20,
            attachments_max: 100,
            attachment_bytes_max: 200 << 20,
            bytes_in_flight_max: 256 << 20,
            requests_in_flight_max: 4_096,
            uploads_max: 64,
            upload_bytes_in_flight_max: 16 << 20,
            rate_per_second: 5_000,
            rate_burst: 10_000,
            stream_window: 256,
            connections_max: 512,
            preface_time_max: Duration::from_secs(10),
            streams_per_connection_max: 128,
            idle_time_max: Duration::from_secs(30),
            message_time_max: Duration::from_secs(300),
            stream_idle_time_max: Duration::from_secs(600),
            admission_time_max: Duration::from_millis(250),
            stream_admission_time_max: Duration::from_secs(30),
            check_time_max: Duration::from_secs(60),
            append_time_max: Duration::from_secs(30),
            recent_max: 100_000,
            recent_time_max: Duration::from_secs(24 * 3_600),
            drain_time_max: Duration::from_secs(10),
        }
    }
}
