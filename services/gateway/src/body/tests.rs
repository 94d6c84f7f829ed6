//! Tests of the measured body, without a network.

use std::{convert::Infallible, future::poll_fn};

use futures_util::{StreamExt as _, stream};
use http_body::Body as _;
use telemetry::Metrics;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic_types::StatusExt as _;

use super::*;
use crate::codes;

/// Frames as they come off the network.
struct Frames(Pin<Box<dyn futures_util::Stream<Item = Bytes> + Send>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_next_unpin(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn rules() -> Rules {
    Rules {
        bytes_max: 1_000,
        too_large: Refusal::too_large,
        idle_time_max: Duration::from_secs(30),
        pause_time_max: Duration::from_secs(600),
        message_time_max: Duration::from_secs(100),
        admission_time_max: Duration::from_secs(1),
    }
}

fn message(len: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
    bytes.extend(vec![7; len]);
    bytes
}

fn measured(
    frames: impl futures_util::Stream<Item = Bytes> + Send + 'static,
) -> (Measured, Admissions) {
    let admission = Admission::new(100, 10_240, Metrics::new());
    let admissions = Admissions::default();
    let inner = Body::new(Frames(Box::pin(frames)));
    (Measured::new(inner, rules(), admission, admissions.clone()), admissions)
}

async fn next(body: &mut Measured) -> Option<Result<Bytes, Status>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
    frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

fn code(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn what_comes_out_is_what_went_in_however_it_is_cut() {
    let sent = [message(300), message(0), message(1_000), message(5)].concat();
    for cut in [1, 4, 5, 6, 299, 305, 4_000] {
        let frames: Vec<_> = sent.chunks(cut).map(Bytes::copy_from_slice).collect();
        let (mut body, admissions) = measured(stream::iter(frames));
        let mut got = Vec::new();
        while let Some(frame) = next(&mut body).await {
            got.extend_from_slice(&frame.unwrap());
        }
        assert_eq!(got, sent, "cut at {cut}");
        let room = std::iter::from_fn(|| admissions.take()).count();
        assert_eq!(room, 4, "one per message, cut at {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_refused_by_its_length_alone() {
    let start = Bytes::copy_from_slice(&message(1_001)[..5]);
    let (mut body, _) = measured(stream::iter([start]).chain(stream::pending()));
    let status = next(&mut body).await.unwrap().unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::ResourceExhausted, "AB-1001"));
    assert!(next(&mut body).await.is_none(), "and nothing follows");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_a_message_is_not_waited_for() {
    let start = Bytes::copy_from_slice(&message(500)[..100]);
    let (mut body, _) = measured(stream::iter([start]).chain(stream::pending()));
    let begun = Instant::now();
    let status = loop {
        if let Err(status) = next(&mut body).await.unwrap() {
            break status;
        }
    };
    assert_eq!((status.code(), code(&status).as_str()), (Code::DeadlineExceeded, codes::STALLED));
    assert_eq!(begun.elapsed().as_secs(), rules().idle_time_max.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_does_not_hold_its_room_for_ever() {
    let (send, receive) = mpsc::channel(1);
    let (mut body, _) = measured(ReceiverStream::new(receive));
    let drip = async {
        for byte in message(500) {
            tokio::time::sleep(Duration::from_secs(20)).await;
            if send.send(Bytes::copy_from_slice(&[byte])).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        loop {
            if let Err(status) = next(&mut body).await.unwrap() {
                break status;
            }
        }
    };
    let status = tokio::select! {
        () = drip => unreachable!("the drip never ends"),
        status = read => status,
    };
    assert_eq!(code(&status), codes::STALLED);
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_pause_between_messages() {
    let (send, receive) = mpsc::channel(1);
    let (mut body, _) = measured(ReceiverStream::new(receive));
    send.send(Bytes::from(message(3))).await.unwrap();
    next(&mut body).await.unwrap().unwrap();
    next(&mut body).await.unwrap().unwrap();
    let begun = Instant::now();
    let status = next(&mut body).await.unwrap().unwrap_err();
    assert_eq!(code(&status), codes::STALLED);
    assert_eq!(begun.elapsed().as_secs(), rules().pause_time_max.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_in_a_message_is_not_taken_for_whole() {
    let start = Bytes::copy_from_slice(&message(500)[..100]);
    let (mut body, _) = measured(stream::iter([start]));
    let status = loop {
        if let Err(status) = next(&mut body).await.unwrap() {
            break status;
        }
    };
    assert_eq!(code(&status), codes::MALFORMED);
}
