//! The claims as configured, opened and met.

use std::{sync::Arc, time::Duration};

use messaging::Failure;
use stores::claims::ObjectClaims;
use telemetry::names::field;
use tokio::time::timeout;
use tracing::warn;

use crate::{config::ClaimsBackend, exit::Stop};

/// Below `embedded:DIR`.
const FOLDER: &str = "claims";
/// How long a start waits for a store elsewhere.
const MEET_TIME_MAX: Duration = Duration::from_secs(5);

/// Opens them; of a store elsewhere nothing is asked yet.
pub(super) fn open(backend: &ClaimsBackend) -> Result<Arc<ObjectClaims>, Failure> {
    match backend {
        ClaimsBackend::Embedded(backend) => ObjectClaims::open(&backend.folder().join(FOLDER)),
        ClaimsBackend::Shared(directory) => ObjectClaims::open_shared(directory),
        ClaimsBackend::S3(bucket) => ObjectClaims::open_s3(&bucket.settings),
    }
}

/// Tries out a store elsewhere. One that refuses us is refused: no waiting helps, and nobody depends
/// on this process yet. One that does not answer can come back, and most messages need no claim.
pub(super) async fn meet(claims: &ObjectClaims) -> Result<(), Stop> {
    let why = match timeout(MEET_TIME_MAX, claims.check()).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(failure)) if failure.code() != ObjectClaims::UNREACHABLE => {
            return Err(Stop::at_start(&failure));
        }
        Ok(Err(failure)) => failure.report(),
        Err(_) => format!("no answer within {MEET_TIME_MAX:?}"),
    };
    warn!(
        { field::CODE } = ObjectClaims::UNREACHABLE,
        { field::CAUSE } = why,
        "the store of the claims does not answer; starting without it"
    );
    Ok(())
}
