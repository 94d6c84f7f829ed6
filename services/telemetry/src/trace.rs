//! One trace through everything: spans for whoever records them, at no cost while nobody does.
//!
//! Spans are begun and described by hand where something is worth telling, and only with what is
//! named here and in [`crate::names::attr`]: what a log line says, or a library, gets into no trace.
//! Shape and reasons: `docs/decisions/0016-one-trace.md`.

mod traceparent;

use std::{borrow::Cow, fmt, sync::OnceLock, time::SystemTime};

use opentelemetry::{
    Context, KeyValue, Value, time,
    trace::{Link, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use self::traceparent::{parse, written};
use crate::names::attr;

/// Set once, by [`crate::init`], where traces go somewhere.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Messages one span is linked to; it counts all of them all the same.
const LINKS_MAX: usize = 128;

/// A span's part in a conversation, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers a call.
    Server,
    /// Makes a message that others take up.
    Producer,
    /// Takes a message up.
    Consumer,
    /// Calls, and waits for the answer.
    Client,
    /// Nobody else takes part.
    Internal,
}

/// Something that takes time and is told to whoever records traces; ends when it is dropped.
///
/// Empty, and without any cost, where nobody does.
#[derive(Default)]
pub struct Span(Option<Box<Begun>>);

struct Begun {
    span: SdkSpan,
    stopped: Option<SystemTime>,
}

/// Begins recording for the whole process. A second call changes nothing.
pub(crate) fn record_with(tracer: SdkTracer) {
    drop(TRACER.set(tracer));
}

/// Whether anybody records spans.
#[must_use]
pub fn is_traced() -> bool {
    TRACER.get().is_some()
}

impl Span {
    /// Begins a span in the trace of `parent`, a `traceparent`. Without one, or with one that is
    /// none, it begins a trace of its own. `name` is asked for only if somebody records.
    pub fn begin<N>(kind: Kind, parent: Option<&str>, name: impl FnOnce() -> N) -> Self
    where
        N: Into<Cow<'static, str>>,
    {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = parent.and_then(parse);
        // What its beginner does not record is not recorded here either, and is passed on as it is.
        if parent.as_ref().is_some_and(|parent| !parent.is_sampled()) {
            return Self(None);
        }
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        Self::begun(tracer, kind, name().into(), Vec::new(), &context)
    }

    /// Begins a span about a batch: in a trace of its own, with a link to every message of `traces`
    /// that somebody records, up to 128. Empty if nobody records any.
    pub fn begin_linked<'t, N>(
        kind: Kind,
        traces: impl IntoIterator<Item = &'t str>,
        name: impl FnOnce() -> N,
    ) -> Self
    where
        N: Into<Cow<'static, str>>,
    {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let contexts = traces.into_iter().filter_map(parse).filter(|context| context.is_sampled());
        let links: Vec<Link> = contexts.take(LINKS_MAX).map(Link::with_context).collect();
        if links.is_empty() {
            return Self(None);
        }
        Self::begun(tracer, kind, name().into(), links, &Context::new())
    }

    /// Begins a part of this span. Empty if this one is.
    pub fn child<N>(&self, kind: Kind, name: impl FnOnce() -> N) -> Self
    where
        N: Into<Cow<'static, str>>,
    {
        let (Some(tracer), Some(begun)) = (TRACER.get(), &self.0) else { return Self(None) };
        if !begun.span.is_recording() {
            return Self(None);
        }
        let above = begun.span.span_context().clone();
        let context = Context::new().with_remote_span_context(above);
        Self::begun(tracer, kind, name().into(), Vec::new(), &context)
    }

    fn begun(
        tracer: &SdkTracer,
        kind: Kind,
        name: Cow<'static, str>,
        links: Vec<Link>,
        context: &Context,
    ) -> Self {
        let builder = tracer.span_builder(name).with_kind(kind.into()).with_links(links);
        let span = tracer.build_with_context(builder, context);
        Self(Some(Box::new(Begun { span, stopped: None })))
    }

    /// Whether anybody reads what is said about it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|begun| begun.span.is_recording())
    }

    /// Lets `tell` say more, only if anybody reads it.
    pub fn describe(&mut self, tell: impl FnOnce(&mut Self)) {
        if self.is_recorded() {
            tell(self);
        }
    }

    /// Says one thing. Ids, hashes, codes and counts only; `key` is one of [`attr`].
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(begun) = &mut self.0 {
            begun.span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says a number.
    pub fn count(&mut self, key: &'static str, number: u64) {
        self.set(key, i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Says that it did not succeed, and the operator's code or a word of a closed list for why.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(begun) = &mut self.0 {
            let why = why.into();
            begun.span.set_attribute(KeyValue::new(attr::ERROR_TYPE, why.clone()));
            begun.span.set_status(Status::error(why));
        }
    }

    /// Ends it at this moment, while more may still be said about it.
    pub fn stop(&mut self) {
        if let Some(begun) = &mut self.0 {
            begun.stopped = Some(time::now());
        }
    }

    /// For whoever goes on: this span, as `traceparent`. `None` if it is empty; then the one it was
    /// to be a part of is passed on.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        written(self.0.as_ref()?.span.span_context())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        match self.stopped {
            Some(at) => self.span.end_with_timestamp(at),
            None => self.span.end(),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.traceparent()).finish()
    }
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Producer => Self::Producer,
            Kind::Consumer => Self::Consumer,
            Kind::Client => Self::Client,
            Kind::Internal => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_records_nothing_is_made_or_asked_for() {
        let asked = || -> &'static str { panic!("nobody reads it") };
        let mut span = Span::begin(Kind::Server, None, asked);
        span.describe(|_| panic!("nobody reads it"));
        span.fail("AB-9001");
        span.stop();
        assert_eq!(span.traceparent(), None);
        let recorded = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];
        assert!(!Span::begin_linked(Kind::Client, recorded, asked).is_recorded());
    }
}
