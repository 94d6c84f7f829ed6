//! One listener for people, machines and gRPC.

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use messaging::{FailureKind, Result, Sha256};
use telemetry::{Metrics, Readiness};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Status, service::Routes};
use wire::{
    control::control_service_server::{ControlServiceServer, SERVICE_NAME},
    status::status_service_server::StatusServiceServer,
};

use crate::{
    codes,
    control::ControlServer,
    forwarded::{Forwarded, Proof},
    guard::{self, Operators},
    web,
};

/// How long open requests may go on after shutdown began.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(5);

/// What every page and answer may load, embed and tell: its own files, nothing, nobody.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Who gets in.
#[derive(Debug)]
pub(crate) struct Doors {
    /// Only this machine reaches the address.
    pub(crate) is_loopback: bool,
    /// See [`crate::Parts`].
    pub(crate) operator_token_sha256: Option<Sha256>,
    /// See [`crate::Parts`].
    pub(crate) forwarded: Option<Forwarded>,
}

/// Everything on the console's address.
pub(crate) fn router(
    control: ControlServer,
    metrics: Metrics,
    ready: Readiness,
    doors: Doors,
) -> Router {
    let (journal, register) = (control.journal.clone(), control.register.clone());
    let (reporter, health) = tonic_health::server::health_reporter();
    // The health service knows the process ("") as serving from its start.
    drop(reporter);
    let mut grpc = Routes::builder();
    let operators = Operators(doors.operator_token_sha256);
    grpc.add_service(ControlServiceServer::with_interceptor(control, operators));
    grpc.add_service(health);
    if let Some(Forwarded { status, token_sha256 }) = doors.forwarded {
        grpc.add_service(StatusServiceServer::with_interceptor(status, Proof(token_sha256)));
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that generic clients can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(SERVICE_NAME)
        .with_service_name("grpc.health.v1.Health")
        .build_v1();
    if let Ok(reflection) = reflection {
        grpc.add_service(reflection);
    }
    grpc.routes()
        .into_axum_router()
        .route_layer(middleware::from_fn(guard::no_page))
        .merge(web::router(journal, register, metrics, ready))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(doors.is_loopback, guard::known_host))
        .layer(middleware::from_fn(with_headers))
}

/// Serves until `shutdown`, then lets open requests end for a while.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> Result<()> {
    let served =
        axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_WAIT_MAX).await;
    };
    tokio::select! {
        served = served.into_future() => {
            served.map_err(|error| FailureKind::Unavailable.because(codes::LISTENER, error))
        }
        () = drained => Ok(()),
    }
}

async fn unknown(request: Request) -> Response {
    if guard::is_grpc(request.headers()) {
        return Status::unimplemented("no such service").into_http();
    }
    web::not_found::page("Diese Seite gibt es nicht.").into_response()
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
