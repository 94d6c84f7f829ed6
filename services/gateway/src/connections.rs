//! Accepts connections, no more at once than allowed, and can end them all.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};
use tracing::warn;

/// Before accepting is tried again, e.g. without a free file descriptor.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// Bytes every HTTP/2 client says first.
const PREFACE_BYTES: usize = 24;

/// Before the kernel asks a silent client whether it is there, between two questions, and how many
/// may go unanswered.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 6;

/// One client's connection; counts until dropped, and breaks when all are ended.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    preface: Option<Preface>,
    _counted: OwnedSemaphorePermit,
}

/// What must have come by when: before it, nothing else watches a connection that is silent.
#[derive(Debug)]
struct Preface {
    bytes_missing: usize,
    deadline: Pin<Box<Sleep>>,
}

/// Connections as they come, until `end` breaks those that are there.
pub(crate) fn incoming(
    listener: TcpListener,
    connections_max: usize,
    preface_time_max: Duration,
    end: CancellationToken,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let listener = TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(KEEPALIVE_TIME))
        .with_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .with_keepalive_retries(Some(KEEPALIVE_RETRIES));
    stream::unfold((listener, room, end), move |(mut listener, room, end)| async move {
        let counted = room.clone().acquire_owned().await.ok()?;
        let stream = loop {
            match listener.next().await? {
                Ok(stream) => break stream,
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_WAIT).await;
                }
            }
        };
        let preface = Some(Preface {
            bytes_missing: PREFACE_BYTES,
            deadline: Box::pin(sleep(preface_time_max)),
        });
        let ended = Box::pin(end.clone().cancelled_owned());
        let connection = Connection { stream, end: ended, preface, _counted: counted };
        Some((Ok(connection), (listener, room, end)))
    })
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if let Some(preface) = &mut this.preface {
            let came = buffer.filled().len() - before;
            preface.bytes_missing = preface.bytes_missing.saturating_sub(came);
            if preface.bytes_missing == 0 {
                this.preface = None;
            } else if preface.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
