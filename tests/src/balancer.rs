//! What stands before several gateways: one address, connections passed through to whichever says that it is
//! ready, as an ordinary balancer on the level of TCP does.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How often each gateway is asked whether it is ready, and how long it may think.
pub const ASKED_EVERY: Duration = Duration::from_millis(100);
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// One gateway behind it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Where connections go.
    pub gateway: SocketAddr,
    /// Where `/readyz` is asked.
    pub operations: SocketAddr,
}

/// Passes connections on until it is dropped.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    seats: Arc<[Seat]>,
    _work: JoinSet<()>,
}

#[derive(Debug)]
struct Seat {
    member: Member,
    is_ready: AtomicBool,
    passed: AtomicUsize,
}

impl Balancer {
    /// Begins with nobody ready.
    ///
    /// # Panics
    /// Without a free port.
    pub async fn start(members: &[Member]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seat = |member: &Member| Seat {
            member: *member,
            is_ready: AtomicBool::new(false),
            passed: AtomicUsize::new(0),
        };
        let seats: Arc<[Seat]> = members.iter().map(seat).collect();
        let mut work = JoinSet::new();
        for index in 0..seats.len() {
            work.spawn(look_after(Arc::clone(&seats), index));
        }
        work.spawn(pass_on(listener, Arc::clone(&seats)));
        Self { address, seats, _work: work }
    }

    /// The one address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections go to this member.
    #[must_use]
    pub fn is_ready(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.is_ready.load(Ordering::SeqCst))
    }

    /// How many connections went to this member so far.
    #[must_use]
    pub fn passed(&self, index: usize) -> usize {
        self.seats.get(index).map_or(0, |seat| seat.passed.load(Ordering::SeqCst))
    }
}

async fn look_after(seats: Arc<[Seat]>, index: usize) {
    let Some(seat) = seats.get(index) else { return };
    let client = reqwest::Client::builder().timeout(ANSWERS_WITHIN).build().expect("a client");
    let url = format!("http://{}/readyz", seat.member.operations);
    loop {
        let answer = client.get(&url).send().await;
        let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
        seat.is_ready.store(is_ready, Ordering::SeqCst);
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

async fn pass_on(listener: TcpListener, seats: Arc<[Seat]>) {
    let mut connections = JoinSet::new();
    let mut turn = 0;
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        turn += 1;
        let after = seats.iter().cycle().skip(turn % seats.len()).take(seats.len());
        let ready = after.into_iter().find(|seat| seat.is_ready.load(Ordering::SeqCst));
        // Nobody: the connection closes, which a portal sees as UNAVAILABLE.
        let Some(seat) = ready else { continue };
        seat.passed.fetch_add(1, Ordering::SeqCst);
        let gateway = seat.member.gateway;
        connections.spawn(async move {
            let Ok(mut server) = TcpStream::connect(gateway).await else { return };
            // Either side may break it off; the other one sees it.
            copy_bidirectional(&mut client, &mut server).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}
