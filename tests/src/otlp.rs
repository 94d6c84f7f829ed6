//! A receiver of traces: keeps everything the real program exports, to the last byte.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::wait;

/// Attributes by name, as text.
pub type Attributes = BTreeMap<String, String>;

/// An OTLP receiver on loopback.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    desk: Desk,
    _server: JoinSet<()>,
}

/// One span as it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who told it.
    pub resource: Attributes,
    /// The span.
    pub span: Span,
}

#[derive(Clone, Debug, Default)]
struct Desk(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let desk = Desk::default();
        let service = TraceServiceServer::new(desk.clone());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let serving = Server::builder().add_service(service).serve_with_incoming(incoming);
            serving.await.expect("a listener on loopback serves");
        });
        Self { address, desk, _server: server }
    }

    /// For `[telemetry] otlp`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far, by the time it began.
    #[must_use]
    pub fn spans(&self) -> Vec<Told> {
        let requests = self.desk.requests().clone();
        let mut told: Vec<Told> = requests
            .into_iter()
            .flat_map(|request| request.resource_spans)
            .flat_map(|of_one| {
                let resource = attributes(&of_one.resource.unwrap_or_default().attributes);
                let spans = of_one.scope_spans.into_iter().flat_map(|scope| scope.spans);
                let told = move |span| Told { resource: resource.clone(), span };
                spans.map(told).collect::<Vec<_>>()
            })
            .collect();
        told.sort_by_key(|told| told.span.start_time_unix_nano);
        told
    }

    /// Everything that came, as it travels.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.desk.requests().iter().flat_map(prost::Message::encode_to_vec).collect()
    }

    /// Waits until `condition` finds what it looks for among all spans.
    ///
    /// # Panics
    /// When it does not within `bound`.
    pub async fn until<T>(
        &self,
        what: &str,
        bound: Duration,
        condition: impl Fn(&[Told]) -> Option<T>,
    ) -> T {
        wait::until(what, bound, || {
            let found = condition(&self.spans());
            async move { found }
        })
        .await
    }
}

impl Desk {
    fn requests(&self) -> MutexGuard<'_, Vec<ExportTraceServiceRequest>> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.requests().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Told {
    /// As in a `traceparent`.
    #[must_use]
    pub fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// As in a `traceparent`.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// As in a `traceparent`; empty for what begins a trace.
    #[must_use]
    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Kind and name, e.g. `PRODUCER send application.kfz`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = SpanKind::try_from(self.span.kind).unwrap_or(SpanKind::Unspecified);
        let kind = kind.as_str_name().trim_start_matches("SPAN_KIND_");
        format!("{kind} {}", self.span.name)
    }

    /// What it says of itself.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        attributes(&self.span.attributes)
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let status = self.span.status.clone().unwrap_or_default();
        (status.code == StatusCode::Error as i32).then_some(status.message)
    }

    /// What it is linked to: traces and spans.
    #[must_use]
    pub fn links(&self) -> Vec<(String, String)> {
        self.span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect()
    }
}

fn attributes(attributes: &[KeyValue]) -> Attributes {
    attributes.iter().map(|one| (one.key.clone(), text(one.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
