//! Sets up logs and traces of the process, once.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{
        Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample,
        SpanExporter as _,
    },
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    export::{self, EXPORT_TIME_MAX, Exporting},
    trace,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What [`init`] sets up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How log lines look; they go to standard error.
    pub format: Format,
    /// Which log lines are written, e.g. `info` or `info,dispatcher=debug`.
    pub filter: String,
    /// Where traces go, OTLP over gRPC, e.g. `http://localhost:4317`. Without it no span is made;
    /// the portal's trace is passed on as it came.
    pub otlp_endpoint: Option<String>,
    /// How many of the applications whose portal records no trace of its own are recorded, 0 to 1.
    /// A portal's word for its own ones is followed.
    pub sampling: f64,
    /// `service.name` of the traces: which role, or all of them.
    pub service_name: String,
    /// `service.instance.id`: tells this start from any other. Empty: none.
    pub instance_id: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Human,
            filter: "info".to_owned(),
            otlp_endpoint: None,
            sampling: 1.0,
            service_name: "amtsbote".to_owned(),
            instance_id: String::new(),
        }
    }
}

/// Keeps traces flowing; flush them with [`Guard::shutdown`] before the process ends.
#[derive(Debug)]
#[must_use = "call `shutdown` at the end, or the last traces are lost"]
pub struct Guard(Option<Exporting>);

impl Guard {
    /// Exports what is left, for at most five seconds. Dropping it loses what is left.
    ///
    /// # Errors
    /// When not everything could be exported.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        match self.0 {
            Some(exporting) => exporting.shutdown().await.context("export the last traces"),
            None => Ok(()),
        }
    }
}

/// Sets up logs and traces for the whole process. Call it once, within a Tokio runtime.
///
/// # Errors
/// On a filter that cannot be read, an endpoint that is no URL, or a second call.
pub fn init(options: Options) -> anyhow::Result<Guard> {
    let filter = EnvFilter::try_new(&options.filter)
        .with_context(|| format!("log filter `{}`", options.filter))?;
    let traces = traces(&options)?;
    tracing_subscriber::registry()
        .with(lines(options.format).with_filter(filter))
        .try_init()
        .context("set up logging")?;
    let Some((provider, exporting)) = traces else { return Ok(Guard(None)) };
    trace::record_with(provider.tracer("amtsbote"));
    Ok(Guard(Some(exporting)))
}

fn lines(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Human => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// Where there is an endpoint: what makes spans, and what exports them. Connects when there is
/// something to export.
fn traces(options: &Options) -> anyhow::Result<Option<(SdkTracerProvider, Exporting)>> {
    let Some(endpoint) = &options.otlp_endpoint else { return Ok(None) };
    let mut exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIME_MAX)
        .build()
        .with_context(|| format!("OTLP endpoint `{endpoint}`"))?;
    let resource = resource(options);
    exporter.set_resource(&resource);
    let (queue, exporting) = export::start(exporter);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(ByParentOrLinks(Sampler::TraceIdRatioBased(options.sampling)))
        .with_span_processor(queue)
        .build();
    Ok(Some((provider, exporting)))
}

fn resource(options: &Options) -> Resource {
    let mut resource = Resource::builder()
        .with_service_name(options.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if !options.instance_id.is_empty() {
        let instance = KeyValue::new("service.instance.id", options.instance_id.clone());
        resource = resource.with_attribute(instance);
    }
    resource.build()
}

/// Records what the trace's beginner records, and batches with something recorded in them; of what
/// begins here, a part.
#[derive(Clone, Debug)]
struct ByParentOrLinks(Sampler);

impl ShouldSample for ByParentOrLinks {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent_context = parent.map(|parent| parent.span().span_context().clone());
        let is_recorded = match parent_context.filter(|context| context.is_valid()) {
            Some(parent) => parent.is_sampled(),
            None if !links.is_empty() => links.iter().any(|link| link.span_context.is_sampled()),
            None => return self.0.should_sample(parent, trace_id, name, kind, attributes, links),
        };
        SamplingResult {
            decision: match is_recorded {
                true => SamplingDecision::RecordAndSample,
                false => SamplingDecision::Drop,
            },
            attributes: Vec::new(),
            trace_state: opentelemetry::trace::TraceState::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_filter_is_named() {
        let options = Options { filter: "info,,=".to_owned(), ..Options::default() };
        let error = init(options).unwrap_err();
        assert!(error.to_string().contains("log filter `info,,=`"), "{error}");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_named() {
        let endpoint = Some("not a url".to_owned());
        let error = init(Options { otlp_endpoint: endpoint, ..Options::default() }).unwrap_err();
        assert!(error.to_string().contains("OTLP endpoint `not a url`"), "{error}");
    }
}
