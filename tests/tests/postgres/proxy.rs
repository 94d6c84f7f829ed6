//! A TCP proxy that cuts connections after so many bytes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::JoinSet,
};

/// Passes on what comes, until its bytes are used up.
pub(super) struct Proxy {
    pub(super) port: u16,
    /// Bytes that still pass, both ways together; negative: all.
    left: Arc<AtomicI64>,
    /// Whether a commit reaches the server, and its answer nobody.
    loses_answers: Arc<AtomicBool>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it listens").port();
        let left = Arc::new(AtomicI64::new(-1));
        let mut serving = JoinSet::new();
        let loses_answers = Arc::new(AtomicBool::new(false));
        let (bytes, loses) = (Arc::clone(&left), Arc::clone(&loses_answers));
        serving.spawn(async move {
            let mut passing = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                passing.spawn(pass(client, to, Arc::clone(&bytes), Arc::clone(&loses)));
            }
        });
        Self { port, left, loses_answers, _serving: serving }
    }

    /// From now on so many bytes pass; then every connection is cut.
    pub(super) fn cut_after(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// The next commit reaches the server, and its answer nobody: then the connection is cut.
    pub(super) fn lose_an_answer(&self) {
        self.loses_answers.store(true, Ordering::SeqCst);
    }

    /// Everything passes again.
    pub(super) fn mend(&self) {
        self.loses_answers.store(false, Ordering::SeqCst);
        self.left.store(-1, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, to: u16, left: Arc<AtomicI64>, loses: Arc<AtomicBool>) {
    let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], to))).await;
    let Ok(server) = server else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_committing = AtomicBool::new(false);
    let commits = |bytes: &[u8]| {
        let is_commit = bytes.windows(6).any(|word| word == b"COMMIT");
        if is_commit && loses.swap(false, Ordering::SeqCst) {
            is_committing.store(true, Ordering::SeqCst);
        }
        true
    };
    let answers = |_: &[u8]| !is_committing.load(Ordering::SeqCst);
    // Whichever ends first ends both.
    tokio::select! {
        () = copy(from_client, to_server, &left, commits) => {}
        () = copy(from_server, to_client, &left, answers) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: &AtomicI64,
    may_pass: impl Fn(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if !may_pass(&buffer[..read]) {
            return;
        }
        let passes = take(left, read);
        if to.write_all(&buffer[..passes]).await.is_err() || passes < read {
            return;
        }
    }
}

/// How many of `wanted` bytes pass.
fn take(left: &AtomicI64, wanted: usize) -> usize {
    let wanted = i64::try_from(wanted).expect("a buffer's size");
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        (0 <= left).then(|| (left - wanted).max(0))
    });
    let passes = before.map_or(wanted, |left| left.min(wanted));
    usize::try_from(passes).expect("not more than wanted")
}
