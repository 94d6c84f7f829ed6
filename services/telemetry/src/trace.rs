//! Carries one W3C trace through the process: text at the edges, spans inside.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` a part of the trace that `traceparent` names. What is not a traceparent is ignored,
/// and the span begins a trace of its own.
pub fn continue_trace(span: &Span, traceparent: &str) {
    if let Some(remote) = parse(traceparent) {
        // Refused where no subscriber keeps traces (tests) or the span is filtered out: then there
        // is no span to continue in.
        drop(span.set_parent(Context::new().with_remote_span_context(remote)));
    }
}

/// The current span as `traceparent`; `None` outside of any.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// `span` as `traceparent`; `None` if nobody keeps traces.
#[must_use]
pub fn traceparent_of(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| {
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), flags.to_u8())
    })
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if version != "00" || parts.next().is_some() || !is_hex(trace, 32) || !is_hex(span, 16) {
        return None;
    }
    let flags = is_hex(flags, 2).then(|| u8::from_str_radix(flags, 16).ok())??;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PORTAL: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with_traces(test: impl FnOnce()) {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
    }

    #[test]
    fn the_portals_trace_goes_on_under_a_span_of_ours() {
        with_traces(|| {
            let span = tracing::info_span!("submit");
            continue_trace(&span, PORTAL);
            let ours = span.in_scope(current_traceparent).unwrap();
            let parts = |text: &str| text.split('-').map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(parts(&ours)[1], parts(PORTAL)[1], "same trace");
            assert_ne!(parts(&ours)[2], parts(PORTAL)[2], "another span");
            assert!(ours.ends_with("-01"), "sampled as the portal's: {ours}");
        });
    }

    #[test]
    fn a_message_without_a_trace_begins_one() {
        with_traces(|| {
            for wrong in ["", "00-abc", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
                let span = tracing::info_span!("submit");
                continue_trace(&span, wrong);
                let ours = traceparent_of(&span).unwrap();
                assert_eq!(ours.len(), PORTAL.len());
            }
        });
    }

    #[test]
    fn nothing_is_invented_where_nobody_keeps_traces() {
        assert_eq!(current_traceparent(), None);
    }
}
