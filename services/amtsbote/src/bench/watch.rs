//! Deliveries as a portal learns of them: `WatchStatus`. The moment is when the news is here, which
//! is after the delivery itself, so latencies are upper bounds.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use wire::status::WatchStatusRequest;

use super::desk::Desk;
use crate::client::{self, Client};

/// Before a broken stream is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// Follows everything of this sender until `end`. A broken stream is resumed where it broke; an
/// error that does not pass ends the run. Dropping it loses nothing but news.
pub(super) async fn follow(client: Client, desk: Arc<Desk>, end: CancellationToken) {
    let mut cursor = String::new();
    let followed = async {
        loop {
            match listen(&client, &desk, &mut cursor).await {
                Err(status) if !is_passing(&status) => {
                    desk.stop(client::stop(&status, desk.language).of("WatchStatus"));
                    return;
                }
                Ok(()) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::select! {
        () = end.cancelled() => {}
        () = followed => {}
    }
}

async fn listen(client: &Client, desk: &Desk, cursor: &mut String) -> Result<(), Status> {
    let request = WatchStatusRequest { cursor: cursor.clone(), ..WatchStatusRequest::default() };
    let mut answers = client.status().watch_status(client.request(request)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        desk.told(&answer, Instant::now());
        *cursor = answer.cursor;
    }
    Ok(())
}

fn is_passing(status: &Status) -> bool {
    use Code::{Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable, Unknown};
    matches!(
        status.code(),
        Unavailable | DeadlineExceeded | Cancelled | ResourceExhausted | Unknown | Internal
    )
}
