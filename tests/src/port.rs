//! Ports for servers that are told which one to take.

use std::{
    net::{SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that systems give to connections that go out: no client of a test gets one of these
/// while its server is not there yet.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address on this machine where nobody listens; each call gives another one.
pub fn free() -> SocketAddr {
    // Tests in other processes begin elsewhere.
    let begin = u16::try_from(process::id().wrapping_mul(97) % u32::from(COUNT)).expect("below");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let at = (u32::from(begin) + u32::from(step)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(at).expect("below");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("every port from {FIRST} on is taken");
}
