//! Sets up logs and traces of the process, once.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How long an export may take, and how long the last one is waited for at the end.
const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);

/// Whose spans would be exported by exporting spans.
const FOREIGN_TARGETS: [&str; 5] = ["h2", "hyper", "tonic", "tower", "opentelemetry"];

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
    /// Where traces go, OTLP over gRPC, e.g. `http://localhost:4317`. Without it nothing is
    /// exported; the trace still runs through records and requests.
    pub otlp_endpoint: Option<String>,
    /// `service.name` of the traces.
    pub service_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Human,
            filter: "info".to_owned(),
            otlp_endpoint: None,
            service_name: "amtsbote".to_owned(),
        }
    }
}

/// Keeps traces flowing; flush them with [`Guard::shutdown`] before the process ends.
#[derive(Debug)]
#[must_use = "call `shutdown` at the end, or the last traces are lost"]
pub struct Guard(SdkTracerProvider);

impl Guard {
    /// Exports what is left, for at most five seconds. Blocks: call it from `main`, on a runtime
    /// with worker threads.
    ///
    /// # Errors
    /// When not everything could be exported.
    pub fn shutdown(self) -> anyhow::Result<()> {
        self.0.shutdown_with_timeout(EXPORT_TIME_MAX).context("export the last traces")
    }
}

/// Sets up logs and traces for the whole process. Call it once, within a Tokio runtime.
///
/// # Errors
/// On a filter that cannot be read, an endpoint that is no URL, or a second call.
pub fn init(options: Options) -> anyhow::Result<Guard> {
    let filter = EnvFilter::try_new(&options.filter)
        .with_context(|| format!("log filter `{}`", options.filter))?;
    let provider = provider(&options)?;
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("amtsbote"))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(is_traced).with_max_level_hint(Level::INFO));
    tracing_subscriber::registry()
        .with(lines(options.format).with_filter(filter))
        .with(traces)
        .try_init()
        .context("set up logging")?;
    Ok(Guard(provider))
}

fn lines(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Human => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// Without an endpoint nothing is sampled: ids are made and passed on, at the cost of two random
/// numbers a span, and the flag says that nobody records it, unless the portal records.
fn provider(options: &Options) -> anyhow::Result<SdkTracerProvider> {
    let resource = Resource::builder()
        .with_service_name(options.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = &options.otlp_endpoint else {
        let unsampled = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        return Ok(builder.with_sampler(unsampled).build());
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIME_MAX)
        .build()
        .with_context(|| format!("OTLP endpoint `{endpoint}`"))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    Ok(builder.with_sampler(sampler).with_batch_exporter(exporter).build())
}

fn is_traced(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        && !FOREIGN_TARGETS.iter().any(|target| metadata.target().starts_with(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_endpoint_the_trace_runs_through_all_the_same() {
        let tracer = provider(&Options::default()).unwrap().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let began = crate::traceparent_of(&tracing::info_span!("submit")).unwrap();
            assert!(began.ends_with("-00"), "nobody records it: {began}");
            let portal = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let span = tracing::info_span!("submit");
            crate::continue_trace(&span, portal);
            let ours = crate::traceparent_of(&span).unwrap();
            assert!(ours.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{ours}");
            assert!(ours.ends_with("-01") && ours != portal, "the portal records it: {ours}");
        });
    }

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
