//! W3C Trace Context's `traceparent`, version 00: read strictly, written plainly.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The context that `text` names, if it names one.
pub(super) fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
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

/// `context` as text, if it is one.
pub(super) fn written(context: &SpanContext) -> Option<String> {
    context.is_valid().then(|| {
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), flags.to_u8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTAL: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_alike() {
        let check = |text: &str| assert_eq!(written(&parse(text).unwrap()).as_deref(), Some(text));
        check(PORTAL);
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
    }

    #[test]
    fn flags_of_a_later_level_are_not_passed_on() {
        let later = PORTAL.replace("-01", "-03");
        assert_eq!(written(&parse(&later).unwrap()).as_deref(), Some(PORTAL));
    }

    #[test]
    fn what_is_no_traceparent_names_nothing() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "00-abc".to_owned(),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{span}-01-more"),
            format!("00-{trace}-{span}-1"),
            format!("00-{zeros}-{span}-01"),
            format!("00-{trace}-0000000000000000-01"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
