//! The embedded channel: the conformance suite, and what only a file can suffer.

use std::sync::{Arc, atomic::AtomicI64};

use futures_util::future::BoxFuture;
use messaging::{
    Channel,
    conformance::channel::{Site, check},
};
use tempfile::TempDir;

use super::EmbeddedChannel;

fn site() -> Site {
    let now = Arc::new(AtomicI64::new(1));
    let clock = Site::clock(&now);
    let dir = TempDir::new().unwrap();
    let open = move || -> BoxFuture<'static, Arc<dyn Channel>> {
        let channel: Arc<dyn Channel> = EmbeddedChannel::open(dir.path(), clock.clone()).unwrap();
        Box::pin(async { channel })
    };
    Site { open: Box::new(open), now, trims: true }
}

#[tokio::test]
async fn it_is_a_channel() {
    check(site).await;
}
