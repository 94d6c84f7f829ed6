//! The conformance suite on memory.

use std::sync::{Arc, atomic::AtomicI64};

use messaging::{
    Channel,
    conformance::channel::{Site, check},
};

use super::MemoryChannel;

fn site(partitions: u32) -> Site {
    let now = Arc::new(AtomicI64::new(1));
    let channel = MemoryChannel::with_partitions(Site::clock(&now), partitions);
    let open = move || -> futures_util::future::BoxFuture<'static, Arc<dyn Channel>> {
        let channel: Arc<dyn Channel> = Arc::new(channel.clone());
        Box::pin(async { channel })
    };
    Site { open: Box::new(open), now, trims: true, reads_at_once: true }
}

#[tokio::test]
async fn it_is_a_channel() {
    check(|| site(1)).await;
}

#[tokio::test]
async fn it_is_a_channel_with_several_partitions() {
    check(|| site(3)).await;
}
