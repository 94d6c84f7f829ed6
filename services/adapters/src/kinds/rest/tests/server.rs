//! A departmental system on a raw socket: does what no decent HTTP server would.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What it does with a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Closes the connection before reading anything.
    CloseAtOnce,
    /// Reads a part of the request and resets the connection.
    ReadHalfAndReset,
    /// Reads everything and closes.
    ReadAllAndClose,
    /// Reads everything and never answers.
    Hang,
    /// Reads everything and sends these bytes, then closes.
    Send(Bytes),
    /// Reads everything and sends these bytes one by one, then keeps the connection.
    SendSlowly(Bytes),
    /// Sends these bytes before the body has arrived, and reads no further.
    SendEarly(Bytes),
    /// Reads everything, sends this and keeps the connection.
    Answer(String),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Bytes,
}

type Decide = Arc<dyn Fn(&Seen) -> Act + Send + Sync>;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
    /// Dropping it ends the server and its connections.
    _running: JoinSet<()>,
    connections: watch::Receiver<usize>,
}

impl Server {
    pub(super) async fn doing(act: Act) -> Self {
        Self::deciding("127.0.0.1:0".parse().unwrap(), move |_| act.clone()).await
    }

    /// Each request is answered by `decide`, which is asked when its head has come; it is asked
    /// with the body where the act is to read it.
    pub(super) async fn deciding(
        address: SocketAddr,
        decide: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::default();
        let (count, connections) = watch::channel(0);
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::new(decide), Arc::clone(&seen), count));
        Self { address, seen, _running: running, connections }
    }

    /// An address where nobody listens.
    pub(super) async fn nowhere() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.borrow()
    }
}

/// `HTTP/1.1 <status>` with `headers` and `body`.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

async fn accept(
    listener: TcpListener,
    decide: Decide,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        count.send_modify(|count| *count += 1);
        let (decide, seen) = (Arc::clone(&decide), Arc::clone(&seen));
        connections.spawn(async move {
            // A client that goes away ends its connection.
            serve(stream, decide, seen).await.ok();
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    decide: Decide,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> std::io::Result<()> {
    let nothing = Seen { line: String::new(), headers: HashMap::new(), body: Bytes::new() };
    if matches!(decide(&nothing), Act::CloseAtOnce) {
        return Ok(());
    }
    while let Some(mut request) = read_head(&mut stream).await? {
        match decide(&request) {
            Act::ReadHalfAndReset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Act::SendEarly(bytes) => {
                stream.write_all(&bytes).await?;
                return std::future::pending().await;
            }
            _ => {}
        }
        request.body = read_body(&mut stream, &request).await?;
        seen.lock().unwrap().push(request.clone());
        match decide(&request) {
            Act::ReadAllAndClose => return Ok(()),
            Act::Hang => return std::future::pending().await,
            Act::Send(bytes) => {
                stream.write_all(&bytes).await?;
                stream.shutdown().await?;
                return Ok(());
            }
            Act::SendSlowly(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Act::Answer(text) => stream.write_all(text.as_bytes()).await?,
            Act::CloseAtOnce | Act::ReadHalfAndReset | Act::SendEarly(_) => return Ok(()),
        }
    }
    Ok(())
}

/// `None` when the client closed the connection.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Ok(Some(Seen { line, headers, body: Bytes::new() }))
}

async fn read_body(stream: &mut TcpStream, request: &Seen) -> std::io::Result<Bytes> {
    let len = request.headers.get("content-length").map_or(0, |len| len.parse().unwrap());
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await?;
    Ok(body.into())
}
