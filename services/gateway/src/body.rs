//! A request's body that is measured while it arrives: how large each message is, whether there is
//! room for it, and whether the client still sends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, Status, body::Body};

use crate::{
    admission::{Admission, Admissions, Admitted},
    refusal::{Refusal, Refused},
};

/// gRPC's frame before each message: one byte of flags, four of length.
const PREFIX_BYTES: usize = 5;

/// What holds for one call.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Of one message.
    pub(crate) bytes_max: usize,
    /// Told when a message is larger.
    pub(crate) too_large: fn(usize) -> Refused,
    /// In the middle of a message.
    pub(crate) idle_time_max: Duration,
    /// Between two messages.
    pub(crate) pause_time_max: Duration,
    /// From a message's first byte to its last.
    pub(crate) message_time_max: Duration,
    /// For room.
    pub(crate) admission_time_max: Duration,
}

/// The body. Each message waits for its room with nothing of it read but its length: HTTP/2 holds
/// the client back, and the decoder reserves no memory before.
pub(crate) struct Measured {
    inner: Body,
    rules: Rules,
    admission: Admission,
    admissions: Admissions,
    state: State,
    prefix: [u8; PREFIX_BYTES],
    /// Received, not passed on.
    held: Bytes,
    timer: Option<Pin<Box<Sleep>>>,
}

enum State {
    /// So many bytes of the prefix are there.
    Prefix(usize),
    Waiting(Pin<Box<dyn Future<Output = Result<Admitted, Refused>> + Send>>, usize),
    /// So many bytes of the message are missing.
    Message(usize, Instant),
    Over,
}

impl Measured {
    pub(crate) fn new(
        inner: Body,
        rules: Rules,
        admission: Admission,
        admissions: Admissions,
    ) -> Self {
        let (state, prefix) = (State::Prefix(0), [0; PREFIX_BYTES]);
        let (held, timer) = (Bytes::new(), None);
        Self { inner, rules, admission, admissions, state, prefix, held, timer }
    }

    /// What can be passed on of what is held.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refused>>> {
        loop {
            match &mut self.state {
                State::Prefix(have) => {
                    let Some(missing) = self.prefix.get_mut(*have..) else { break };
                    let count = missing.len().min(self.held.len());
                    if count == 0 {
                        break;
                    }
                    let (target, _) = missing.split_at_mut(count);
                    self.held.copy_to_slice(target);
                    *have += count;
                    if *have == PREFIX_BYTES
                        && let Err(refusal) = self.ask_for_room()
                    {
                        return Poll::Ready(Some(Err(refusal)));
                    }
                }
                State::Waiting(room, len) => {
                    let (room, len) = (ready!(room.as_mut().poll(cx)), *len);
                    match room {
                        Err(refusal) => return Poll::Ready(Some(Err(refusal))),
                        Ok(admitted) => self.admissions.push(admitted),
                    }
                    let end = Instant::now() + self.rules.message_time_max;
                    self.state = State::Message(len, end);
                    return Poll::Ready(Some(Ok(Bytes::copy_from_slice(&self.prefix))));
                }
                State::Message(0, _) => self.state = State::Prefix(0),
                State::Message(missing, _) => {
                    let count = self.held.len().min(*missing);
                    if count == 0 {
                        break;
                    }
                    *missing -= count;
                    return Poll::Ready(Some(Ok(self.held.split_to(count))));
                }
                State::Over => break,
            }
        }
        Poll::Ready(None)
    }

    fn ask_for_room(&mut self) -> Result<(), Refused> {
        let [_, len @ ..] = self.prefix;
        let len = u32::from_be_bytes(len) as usize;
        if self.rules.bytes_max < len {
            return Err((self.rules.too_large)(self.rules.bytes_max));
        }
        let room = self.admission.clone().admit(len, self.rules.admission_time_max);
        self.state = State::Waiting(Box::pin(room), len);
        Ok(())
    }

    /// Ready when the client has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| {
            let now = Instant::now();
            let end = match self.state {
                State::Prefix(0) => now + self.rules.pause_time_max,
                State::Message(_, end) => end.min(now + self.rules.idle_time_max),
                _ => now + self.rules.idle_time_max,
            };
            Box::pin(sleep_until(end))
        });
        timer.as_mut().poll(cx)
    }

    fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Prefix(0) | State::Message(0, _) | State::Over)
    }

    fn end(&mut self, status: Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.state = State::Over;
        self.inner = Body::empty();
        self.held = Bytes::new();
        Poll::Ready(Some(Err(status)))
    }
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            match ready!(self.poll_held(cx)) {
                Some(Ok(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Err(refusal)) => return self.end(refusal.into()),
                None => {}
            }
            match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Pending => {
                    ready!(self.poll_silence(cx));
                    return self.end(Refusal::stalled().into());
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer = None;
                    match frame.into_data() {
                        Ok(data) => self.held = data,
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    }
                }
                // Tonic takes "cancelled" for the end of the stream: half an upload would look whole.
                Poll::Ready(Some(Err(status))) if status.code() == Code::Cancelled => {
                    return self.end(Status::aborted("the client cancelled the call"));
                }
                Poll::Ready(Some(Err(status))) => return self.end(status),
                Poll::Ready(None) if self.is_between_messages() => return Poll::Ready(None),
                Poll::Ready(None) => {
                    let (german, english) = (
                        "Die Übertragung endet mitten in einer Nachricht.",
                        "The transfer ends in the middle of a message.",
                    );
                    return self.end(Refusal::malformed("", english, german).into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
