//! The span about one request, as OpenTelemetry's conventions for HTTP clients have it.

use http::{HeaderName, HeaderValue};
use messaging::{Result, TraceParent};
use reqwest::Request;
use telemetry::{Kind, Span, names::attr};

use super::answer::Answer;

/// The header that carries the trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Begins below `trace`. Queries can hold secrets, and stay out.
pub(super) fn span(request: &Request, trace: Option<&TraceParent>) -> Span {
    let (method, parent) = (request.method(), trace.map(TraceParent::as_str));
    let mut span = Span::begin(Kind::Client, parent, || method.to_string());
    span.describe(|span| {
        let mut url = request.url().clone();
        url.set_query(None);
        url.set_fragment(None);
        span.set(attr::HTTP_METHOD, method.to_string());
        if let Some(host) = url.host_str() {
            span.set(attr::SERVER_ADDRESS, host.to_owned());
        }
        if let Some(port) = url.port_or_known_default() {
            span.count(attr::SERVER_PORT, port.into());
        }
        span.set(attr::URL, String::from(url));
    });
    span
}

/// Lets the receiver go on from `span`, or where nobody records, from the trace as it came.
pub(super) fn carry(request: &mut Request, span: &Span, trace: Option<&TraceParent>) {
    let ours = span.traceparent();
    let carried = ours.as_deref().or(trace.map(TraceParent::as_str));
    // A traceparent is a header's value by its very form.
    if let Some(value) = carried.and_then(|text| HeaderValue::from_str(text).ok()) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
}

/// Says how it was answered.
pub(super) fn conclude(span: &mut Span, outcome: &Result<Answer>) {
    span.describe(|span| match outcome {
        Ok(answer) => {
            let status = answer.status;
            span.count(attr::HTTP_STATUS, status.as_u16().into());
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str().to_owned());
            }
        }
        Err(failure) => span.fail(failure.code()),
    });
}
