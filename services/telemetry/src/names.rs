//! Names of fields, spans and metrics: one place, so that a log, a trace and a chart can be joined.

/// Field names of log events and spans. Ids, hashes and codes only; never a payload or a name.
pub mod field {
    /// Message id given by the gateway.
    pub const MESSAGE_ID: &str = "message_id";
    /// Case id, the unit of order.
    pub const CASE_ID: &str = "case_id";
    /// Configured name of the client.
    pub const SENDER: &str = "sender";
    /// Configured name of a departmental system.
    pub const ENDPOINT: &str = "endpoint";
    /// Name of a message channel.
    pub const CHANNEL: &str = "channel";
    /// Operator's code, `AB-nnnn`.
    pub const CODE: &str = "code";
    /// The chain of causes in one line.
    pub const CAUSE: &str = "cause";
    /// How it ended, a word of a closed list.
    pub const OUTCOME: &str = "outcome";
    /// Number of an attempt, from 1.
    pub const ATTEMPT: &str = "attempt";
    /// Recognised standard.
    pub const STANDARD: &str = "standard";
    /// Size of a body.
    pub const BYTES: &str = "bytes";
    /// Hash of a document.
    pub const SHA256: &str = "sha256";
}

/// Names of spans that have one word or one call to them; the others are an operation and what it is
/// about, e.g. `send application.kfz`.
pub mod span {
    /// One application through the gateway, from its last byte to its receipt.
    pub const SUBMIT: &str = "amtsbote.intake.v1.IntakeService/Submit";
    /// One application of a stream, the same.
    pub const SUBMIT_STREAM: &str = "amtsbote.intake.v1.IntakeService/SubmitStream";
    /// One dry run.
    pub const VALIDATE: &str = "amtsbote.intake.v1.IntakeService/Validate";
    /// One attachment being stored.
    pub const UPLOAD: &str = "amtsbote.intake.v1.IntakeService/UploadAttachment";
    /// One document being recognised, checked and mapped.
    pub const JUDGE: &str = "judge";
}

/// Operations on messages, first words of the names of their spans (`messaging.operation.name`).
pub mod operation {
    /// Records are appended to a channel.
    pub const SEND: &str = "send";
    /// A batch of a channel is taken into the ledger.
    pub const ADMIT: &str = "admit";
    /// One attempt at a departmental system.
    pub const DELIVER: &str = "deliver";
    /// One question to a departmental system about an earlier attempt.
    pub const LOOK_UP: &str = "look_up";
    /// A batch of a channel is projected into the journal.
    pub const PROJECT: &str = "project";
}

/// What is said of spans: OpenTelemetry's names where it has one, ours beside them. Ids, hashes,
/// codes and counts only; never a payload, a name or an own id.
pub mod attr {
    /// The operator's code, or a word of a closed list, where something failed.
    pub const ERROR_TYPE: &str = "error.type";

    /// Always `grpc`.
    pub const RPC_SYSTEM: &str = "rpc.system.name";
    /// Service and call.
    pub const RPC_METHOD: &str = "rpc.method";
    /// gRPC's word for how it ended, e.g. `OK`.
    pub const RPC_STATUS: &str = "rpc.response.status_code";

    /// Method of a request to a departmental system.
    pub const HTTP_METHOD: &str = "http.request.method";
    /// Its answer's status.
    pub const HTTP_STATUS: &str = "http.response.status_code";
    /// Host of a departmental system.
    pub const SERVER_ADDRESS: &str = "server.address";
    /// Its port.
    pub const SERVER_PORT: &str = "server.port";
    /// Where the request went, without query.
    pub const URL: &str = "url.full";

    /// `kafka` or `amtsbote`.
    pub const SYSTEM: &str = "messaging.system";
    /// One of [`super::operation`].
    pub const OPERATION: &str = "messaging.operation.name";
    /// `send`, `receive` or `process`.
    pub const OPERATION_TYPE: &str = "messaging.operation.type";
    /// Name of a message channel.
    pub const CHANNEL: &str = "messaging.destination.name";
    /// Number of a partition.
    pub const PARTITION: &str = "messaging.destination.partition.id";
    /// Who reads: the ledger or the journal.
    pub const GROUP: &str = "messaging.consumer.group.name";
    /// Message id given by the gateway.
    pub const MESSAGE_ID: &str = "messaging.message.id";
    /// Case id, the unit of order.
    pub const CASE_ID: &str = "messaging.message.conversation_id";
    /// Bytes of a record's value.
    pub const BODY_BYTES: &str = "messaging.message.body.size";
    /// Records of a batch.
    pub const BATCH: &str = "messaging.batch.message_count";

    /// Where in its partition a record lies.
    pub const OFFSET: &str = "amtsbote.offset";
    /// Configured name of the client.
    pub const SENDER: &str = "amtsbote.sender";
    /// Configured name of a departmental system.
    pub const ENDPOINT: &str = "amtsbote.endpoint";
    /// Number of an attempt, from 1.
    pub const ATTEMPT: &str = "amtsbote.attempt";
    /// How it ended, a word of a closed list.
    pub const OUTCOME: &str = "amtsbote.outcome";
    /// What the delivery is after it.
    pub const STATE: &str = "amtsbote.state";
    /// Operator's code, `AB-nnnn`, also where nothing failed.
    pub const CODE: &str = "amtsbote.code";
    /// Recognised standard, version and message type.
    pub const PROCEDURE: &str = "amtsbote.procedure";
    /// What was found in a document.
    pub const VIOLATIONS: &str = "amtsbote.violations";
}

/// Names of metrics: `amtsbote_<role>_<what>_<unit>`, counters end in `_total`.
pub mod metric {
    /// Answers to submissions, by outcome (`accepted`, `repeated` or the code of the refusal).
    pub const SUBMISSIONS: &str = "amtsbote_gateway_submissions_total";
    /// Documents judged by an XSD, by outcome (`proven`, or why the validator had to judge).
    pub const PROOFS: &str = "amtsbote_gateway_proofs_total";
    /// Time from a submission's arrival to its receipt.
    pub const RECEIPT_DURATION: &str = "amtsbote_gateway_receipt_duration_seconds";
    /// Bytes of requests being worked on.
    pub const BYTES_IN_FLIGHT: &str = "amtsbote_gateway_in_flight_bytes";
    /// Requests being worked on.
    pub const REQUESTS_IN_FLIGHT: &str = "amtsbote_gateway_in_flight_requests";
    /// Attachments stored or refused, by outcome.
    pub const UPLOADS: &str = "amtsbote_gateway_uploads_total";
    /// Bytes of attachments stored.
    pub const UPLOAD_BYTES: &str = "amtsbote_gateway_upload_bytes_total";
    /// Events about refusals that were dropped because too many came at once.
    pub const REFUSED_DROPPED: &str = "amtsbote_gateway_refused_events_dropped_total";

    /// Records appended, by channel.
    pub const APPENDED_RECORDS: &str = "amtsbote_channel_appended_records_total";
    /// Bytes appended, by channel.
    pub const APPENDED_BYTES: &str = "amtsbote_channel_appended_bytes_total";
    /// Appends that failed, by channel.
    pub const APPEND_FAILURES: &str = "amtsbote_channel_append_failures_total";
    /// Time until an append was durable, by channel.
    pub const APPEND_DURATION: &str = "amtsbote_channel_append_duration_seconds";
    /// Records a reader has not read yet, by channel and reader.
    pub const LAG: &str = "amtsbote_channel_lag_records";
    /// Those of them that have used up half of the time they are kept, by channel and reader.
    pub const EXPIRING: &str = "amtsbote_channel_expiring_records";

    /// Records admitted into the ledger, by channel.
    pub const ADMITTED: &str = "amtsbote_dispatcher_admitted_records_total";
    /// Records that became a verdict instead of a delivery, by verdict.
    pub const VERDICTS: &str = "amtsbote_dispatcher_verdicts_total";
    /// Attempts, by endpoint and outcome.
    pub const ATTEMPTS: &str = "amtsbote_dispatcher_attempts_total";
    /// Duration of attempts, by endpoint.
    pub const ATTEMPT_DURATION: &str = "amtsbote_dispatcher_attempt_duration_seconds";
    /// Time from receipt to delivery, by endpoint.
    pub const DELIVERY_DURATION: &str = "amtsbote_dispatcher_delivery_duration_seconds";
    /// Attempts under way, by endpoint.
    pub const IN_FLIGHT: &str = "amtsbote_dispatcher_in_flight_attempts";
    /// Deliveries by endpoint and state.
    pub const DELIVERIES: &str = "amtsbote_dispatcher_deliveries";
    /// 1 while an endpoint is served, 0 while its gate is closed.
    pub const GATE_OPEN: &str = "amtsbote_dispatcher_gate_open";
    /// Messages no endpoint subscribes to.
    pub const UNROUTED: &str = "amtsbote_dispatcher_unrouted_messages";
    /// Events written and not relayed yet.
    pub const OUTBOX: &str = "amtsbote_dispatcher_outbox_events";
    /// Time of a ledger transaction, by kind.
    pub const LEDGER_DURATION: &str = "amtsbote_dispatcher_ledger_transaction_duration_seconds";

    /// Rows of the ledger that went by retention, by kind, and pins of claims that were lifted.
    pub const LEDGER_TRIMMED: &str = "amtsbote_dispatcher_trimmed_rows_total";

    /// Records projected into the journal, by channel.
    pub const PROJECTED: &str = "amtsbote_console_projected_records_total";
    /// Age of the newest projected record when it was projected.
    pub const PROJECTION_LAG: &str = "amtsbote_console_projection_lag_seconds";

    /// Rows of journal and register that went by retention, by kind.
    pub const JOURNAL_TRIMMED: &str = "amtsbote_console_trimmed_rows_total";

    /// Spans the receiver of traces has taken.
    pub const SPANS_EXPORTED: &str = "amtsbote_telemetry_spans_exported_total";
    /// Spans lost, by reason (`queue_full`, `not_taken`).
    pub const SPANS_DROPPED: &str = "amtsbote_telemetry_spans_dropped_total";

    /// Unix time of the start of the process.
    pub const PROCESS_START: &str = "process_start_time_seconds";
    /// Resident memory of the process (Linux).
    pub const PROCESS_MEMORY: &str = "process_resident_memory_bytes";
    /// Always 1; its label is the version.
    pub const BUILD_INFO: &str = "amtsbote_build_info";
}
