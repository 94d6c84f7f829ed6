//! `StatusService`: where a portal learns what became of its applications. A sender sees its own
//! messages only; another's message is as unknown as one that never was.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use messaging::{
    CaseId, Channel, ChannelName, Clock, MessageId, OwnId, Partition, Position, SenderName, Sha256,
};
use stores::journal::{Journal, Progress};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use wire::status::{
    ApplicationStatus, CitizenStatus, FetchReplyRequest, FetchReplyResponse, GetStatusRequest,
    GetStatusResponse, ListRepliesRequest, ListRepliesResponse, WatchStatusRequest,
    WatchStatusResponse, get_status_request::By, list_replies_request,
    status_service_server::StatusService,
};

use crate::{answer, convert};

mod watch;

/// How long an answer waits until the journal has come as far as the channels.
const CATCH_UP_WAIT_MAX: Duration = Duration::from_secs(2);

/// Replies on one page.
const PAGE_ROWS_MAX: u32 = 1_000;

/// Replies on a page that asks for no number.
const PAGE_ROWS_DEFAULT: u32 = 100;

/// Bytes of a reply in one piece.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// Serves `StatusService` from the journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StatusServer {
    journal: Arc<dyn Journal>,
    channel: Arc<dyn Channel>,
    application_channels: Arc<[ChannelName]>,
    watches: Arc<watch::Watches>,
    shutdown: CancellationToken,
    catch_up_wait_max: Duration,
}

/// What is asked for.
enum Asked {
    Message(MessageId),
    Case(CaseId),
}

impl StatusServer {
    /// Answers from `journal`; `channel` says how far it must have come to be definitive. Nothing
    /// told so far depends on the clock.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        channel: Arc<dyn Channel>,
        application_channels: Vec<ChannelName>,
        _clock: Clock,
    ) -> Self {
        let application_channels = application_channels.into();
        Self {
            journal,
            channel,
            application_channels,
            watches: Arc::default(),
            shutdown: CancellationToken::new(),
            catch_up_wait_max: CATCH_UP_WAIT_MAX,
        }
    }

    /// The same, ending its watches when `shutdown` begins: they would end never otherwise.
    #[must_use]
    pub fn with_shutdown(self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self }
    }

    /// The same with another patience.
    #[cfg(test)]
    pub(crate) fn with_patience(self, catch_up_wait_max: Duration) -> Self {
        Self { catch_up_wait_max, ..self }
    }

    async fn look_up(
        &self,
        sender: &SenderName,
        asked: &Asked,
    ) -> Result<Vec<ApplicationStatus>, Status> {
        let found = match asked {
            Asked::Message(id) => {
                self.journal.message(sender, *id).await.map(|found| found.into_iter().collect())
            }
            Asked::Case(id) => self.journal.case(sender, *id).await,
        };
        let found = found.map_err(|failure| answer::failed(&failure))?;
        Ok(found.iter().map(convert::application).collect())
    }

    /// The ends of all channels applications travel on, as of now.
    async fn ends(&self) -> Result<Vec<Position>, Status> {
        let mut ends = Vec::new();
        for channel in self.application_channels.iter() {
            let of_it = self.channel.ends(channel).await;
            ends.extend(of_it.map_err(|failure| answer::failed(&failure))?);
        }
        Ok(ends)
    }

    /// Waits until the journal has read up to `ends`; whether it came so far in time.
    async fn catch_up(&self, ends: &[Position]) -> bool {
        let has_read = |progress: &Progress| {
            let of_it = |end: &Position| match end.offset.checked_sub(1) {
                Some(last) => progress.covers(&end.partition, last),
                None => true,
            };
            ends.iter().all(of_it)
        };
        let mut progress = self.journal.progress();
        let caught_up =
            tokio::time::timeout(self.catch_up_wait_max, progress.wait_for(has_read)).await;
        matches!(caught_up, Ok(Ok(_)))
    }

    /// The message is not here although a receipt was shown for it. Whether that receipt can be
    /// true depends on the channels alone, so nothing about other senders' messages shows.
    fn is_on_its_way(&self, claimed: &Position, ends: &[Position]) -> bool {
        let is_read = self.journal.progress().borrow().covers(&claimed.partition, claimed.offset);
        let exists = ends
            .iter()
            .any(|end| end.partition == claimed.partition && claimed.offset < end.offset);
        exists && !is_read
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl StatusService for StatusServer {
    type WatchStatusStream = Answers<WatchStatusResponse>;
    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let sender = answer::sender_of(&request)?;
        let request = request.into_inner();
        let claimed = request.position.map(position).transpose()?;
        let asked = asked(&sender, request.by)?;
        let mut applications = self.look_up(&sender, &asked).await?;
        // A case is complete only if it has what was receipted last.
        let is_claim_open = claimed.as_ref().is_some_and(|claimed| {
            !self.journal.progress().borrow().covers(&claimed.partition, claimed.offset)
        });
        let is_case = matches!(asked, Asked::Case(_));
        if applications.is_empty() || (is_case && is_claim_open) {
            // The ends are taken once: what is appended later was not receipted before the question.
            let ends = self.ends().await?;
            if let Some(claimed) = claimed
                && self.is_on_its_way(&claimed, &ends)
            {
                applications.push(accepted(&asked));
                return Ok(Response::new(GetStatusResponse { applications }));
            }
            let is_definitive = self.catch_up(&ends).await;
            applications = self.look_up(&sender, &asked).await?;
            if applications.is_empty() && !is_definitive {
                return Err(answer::not_caught_up());
            }
        }
        if applications.is_empty() {
            return Err(answer::not_found());
        }
        Ok(Response::new(GetStatusResponse { applications }))
    }

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let sender = answer::sender_of(&request)?;
        let watch = watch::Watch::begin(self, sender, request.into_inner())?;
        Ok(Response::new(Box::pin(watch.answers())))
    }

    async fn list_replies(
        &self,
        request: Request<ListRepliesRequest>,
    ) -> Result<Response<ListRepliesResponse>, Status> {
        let sender = answer::sender_of(&request)?;
        let request = request.into_inner();
        let asked = match request.by {
            Some(list_replies_request::By::MessageId(id)) => Asked::Message(parse(&id)?),
            Some(list_replies_request::By::CaseId(id)) => Asked::Case(parse(&id)?),
            None => return Err(answer::invalid("by", "message_id or case_id is expected")),
        };
        let after = page_after(&request.page_token)?;
        let rows_max = page_rows(request.page_size);
        let found = match asked {
            Asked::Message(id) => {
                self.journal.message(&sender, id).await.map(|found| found.into_iter().collect())
            }
            Asked::Case(id) => self.journal.case(&sender, id).await,
        };
        let found = found.map_err(|failure| answer::failed(&failure))?;
        if found.is_empty() {
            let is_definitive = self.catch_up(&self.ends().await?).await;
            let is_known = !self.look_up(&sender, &asked).await?.is_empty();
            return match (is_known, is_definitive) {
                (true, _) => Ok(Response::new(ListRepliesResponse::default())),
                (false, true) => Err(answer::not_found()),
                (false, false) => Err(answer::not_caught_up()),
            };
        }
        let of = found.iter().map(|whole| whole.application.id).collect();
        let replies = self.journal.replies(of, after, rows_max).await;
        let replies = replies.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match replies.last() {
            Some((of, reply)) if replies.len() == rows_max as usize => format!("{of}.{}", reply.id),
            _ => String::new(),
        };
        let replies = replies.iter().map(|(_, reply)| convert::reply(reply)).collect();
        Ok(Response::new(ListRepliesResponse { replies, next_page_token }))
    }

    async fn fetch_reply(
        &self,
        request: Request<FetchReplyRequest>,
    ) -> Result<Response<Self::FetchReplyStream>, Status> {
        let sender = answer::sender_of(&request)?;
        let request = request.into_inner();
        let reply = self.journal.reply(&sender, &request.reply_id).await;
        let reply = reply.map_err(|failure| answer::failed(&failure))?;
        let reply = reply.ok_or_else(answer::not_found)?;
        let body = if request.canonical { reply.canonical } else { Some(reply.body) };
        let mut body = body.ok_or_else(answer::not_found)?;
        let mut info = Some(convert::reply(&reply.info));
        let pieces = std::iter::from_fn(move || {
            if info.is_none() && body.is_empty() {
                return None;
            }
            let chunk = body.split_to(body.len().min(CHUNK_BYTES_MAX));
            Some(Ok(FetchReplyResponse { info: info.take(), chunk }))
        });
        Ok(Response::new(Box::pin(stream::iter(pieces))))
    }
}

fn asked(sender: &SenderName, by: Option<By>) -> Result<Asked, Status> {
    match by {
        Some(By::MessageId(id)) => parse(&id).map(Asked::Message),
        Some(By::CaseId(id)) => parse(&id).map(Asked::Case),
        Some(By::OwnId(id)) => {
            let own_id = OwnId::new(&id);
            let own_id = own_id.map_err(|error| answer::invalid("own_id", &error.to_string()))?;
            // With an own id the hash is no part of the message id.
            let unused = Sha256([0; 32]);
            let id = messaging::identity::message_id(sender, Some(&own_id), &unused);
            Ok(Asked::Message(id))
        }
        None => Err(answer::invalid("by", "message_id, own_id or case_id is expected")),
    }
}

fn parse<T: std::str::FromStr>(id: &str) -> Result<T, Status> {
    id.parse().map_err(|_| answer::invalid("by", "a UUID is expected"))
}

fn position(claimed: wire::intake::Position) -> Result<Position, Status> {
    let channel = ChannelName::new(&claimed.channel)
        .map_err(|error| answer::invalid("position.channel", &error.to_string()))?;
    let partition = Partition { channel, number: claimed.partition };
    Ok(Position { partition, offset: claimed.offset })
}

/// What is known of a message whose record is still on its way.
fn accepted(asked: &Asked) -> ApplicationStatus {
    let (message_id, case_id) = match asked {
        Asked::Message(id) => (id.to_string(), String::new()),
        Asked::Case(id) => (String::new(), id.to_string()),
    };
    ApplicationStatus {
        message_id,
        case_id,
        state: "accepted".to_owned(),
        citizen_status: CitizenStatus::Received.into(),
        ..ApplicationStatus::default()
    }
}

pub(crate) fn page_rows(asked: u32) -> u32 {
    match asked {
        0 => PAGE_ROWS_DEFAULT,
        rows => rows.min(PAGE_ROWS_MAX),
    }
}

/// After which reply of which message.
fn page_after(token: &str) -> Result<(i64, i64), Status> {
    if token.is_empty() {
        return Ok((0, 0));
    }
    let parsed = token
        .split_once('.')
        .and_then(|(of, reply)| Some((of.parse::<i64>().ok()?, reply.parse::<i64>().ok()?)));
    parsed.ok_or_else(|| answer::invalid("page_token", "not a token of this service"))
}
