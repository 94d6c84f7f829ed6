//! `StatusService`: where a portal learns what became of its applications.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use messaging::{Channel, ChannelName, Clock};
use stores::journal::Journal;
use tonic::{Request, Response, Status};
use wire::status::{
    FetchReplyRequest, FetchReplyResponse, GetStatusRequest, GetStatusResponse, ListRepliesRequest,
    ListRepliesResponse, WatchStatusRequest, WatchStatusResponse,
    status_service_server::StatusService,
};

/// Serves `StatusService` from the journal. Cheap to clone.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "used by the answers")]
pub struct StatusServer {
    journal: Journal,
    channel: Arc<dyn Channel>,
    application_channels: Arc<[ChannelName]>,
    clock: Clock,
}

impl StatusServer {
    /// Answers from `journal`; `channel` says how far it must have come to be definitive.
    #[must_use]
    pub fn new(
        journal: Journal,
        channel: Arc<dyn Channel>,
        application_channels: Vec<ChannelName>,
        clock: Clock,
    ) -> Self {
        Self { journal, channel, application_channels: application_channels.into(), clock }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl StatusService for StatusServer {
    type WatchStatusStream = Answers<WatchStatusResponse>;
    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn get_status(
        &self,
        _request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        Err(Status::unavailable("starting"))
    }

    async fn watch_status(
        &self,
        _request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        Err(Status::unavailable("starting"))
    }

    async fn list_replies(
        &self,
        _request: Request<ListRepliesRequest>,
    ) -> Result<Response<ListRepliesResponse>, Status> {
        Err(Status::unavailable("starting"))
    }

    async fn fetch_reply(
        &self,
        _request: Request<FetchReplyRequest>,
    ) -> Result<Response<Self::FetchReplyStream>, Status> {
        Err(Status::unavailable("starting"))
    }
}
