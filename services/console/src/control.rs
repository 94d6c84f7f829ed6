//! `ControlService`: where operators look and order. All senders' messages, no payload.

use std::sync::Arc;

use messaging::{Channel, Clock};
use stores::{journal::Journal, register::Register};
use tonic::{Request, Response, Status};
use wire::control::{
    EndpointOverview, GetApplicationRequest, GetApplicationResponse, GetBulkRequest,
    GetBulkResponse, GetCommandRequest, GetCommandResponse, GetOverviewRequest,
    GetOverviewResponse, IssueCommandRequest, IssueCommandResponse, ListApplicationsRequest,
    ListApplicationsResponse, ListCommandsRequest, ListCommandsResponse, ListDeliveriesRequest,
    ListDeliveriesResponse, ListUndecidedRequest, ListUndecidedResponse,
    control_service_server::ControlService,
};

use crate::{answer, chain, convert, status::page_rows};

mod bulk;
mod command;
mod edit;

/// Characters of an id, at least.
const ID_MIN: usize = 8;

/// Messages in one answer.
const FOUND_MAX: u32 = 50;

#[derive(Debug)]
pub(crate) struct ControlServer {
    pub(crate) journal: Arc<dyn Journal>,
    /// What was ordered, and what became of it.
    pub(crate) register: Arc<dyn Register>,
    /// Where commands go.
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) clock: Clock,
    /// `ce_source` of commands.
    pub(crate) source: String,
    /// Whether those who can reach it may order.
    pub(crate) takes_orders: bool,
}

#[tonic::async_trait]
impl ControlService for ControlServer {
    async fn list_applications(
        &self,
        request: Request<ListApplicationsRequest>,
    ) -> Result<Response<ListApplicationsResponse>, Status> {
        let request = request.into_inner();
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(
                token
                    .parse::<i64>()
                    .map_err(|_| answer::invalid("page_token", "not a token of this service"))?,
            ),
        };
        let rows_max = page_rows(request.page_size);
        let some = |text: String| (!text.is_empty()).then_some(text);
        let found =
            self.journal.list(before, some(request.state), some(request.endpoint), rows_max).await;
        let found = found.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match found.last() {
            Some((last, _)) if found.len() == rows_max as usize => last.id.to_string(),
            _ => String::new(),
        };
        let applications = found.iter().map(|(row, of)| convert::row(row, of)).collect();
        Ok(Response::new(ListApplicationsResponse { applications, next_page_token }))
    }

    async fn get_application(
        &self,
        request: Request<GetApplicationRequest>,
    ) -> Result<Response<GetApplicationResponse>, Status> {
        let id = request.into_inner().id;
        if id.trim().chars().count() < ID_MIN {
            return Err(answer::invalid("id", "at least 8 characters are expected"));
        }
        let found = self.journal.search(&id, FOUND_MAX).await;
        let found = found.map_err(|failure| answer::failed(&failure))?;
        if found.is_empty() {
            return Err(answer::not_found());
        }
        let mut applications: Vec<_> = found.iter().map(convert::application).collect();
        for (application, whole) in applications.iter_mut().zip(&found) {
            let places = chain::of(&*self.journal, whole).await;
            let places = places.map_err(|failure| answer::failed(&failure))?;
            for (delivery, place) in application.deliveries.iter_mut().zip(places) {
                let place = place.unwrap_or_default();
                delivery.waits_for = place.waits_for.map(|id| id.to_string()).unwrap_or_default();
                (delivery.ahead, delivery.behind) = (place.ahead, place.behind);
            }
        }
        // What a departmental system says about a person is between it and the portal.
        for delivery in applications.iter_mut().flat_map(|it| it.deliveries.iter_mut()) {
            delivery.reasons.iter_mut().for_each(|reason| reason.text.clear());
        }
        Ok(Response::new(GetApplicationResponse { applications }))
    }

    async fn get_overview(
        &self,
        _: Request<GetOverviewRequest>,
    ) -> Result<Response<GetOverviewResponse>, Status> {
        let overview = self.journal.overview().await.map_err(|failure| answer::failed(&failure))?;
        let projected_at = self.journal.progress().borrow().projected_at;
        let endpoints = overview.endpoints.into_iter().map(|(endpoint, of)| {
            let (gate_closed_at, gate_code) = match of.gate_closed {
                Some((at, code)) => (Some(answer::time(at)), code.unwrap_or_default()),
                None => (None, String::new()),
            };
            let deliveries = of.deliveries.into_iter().collect();
            let report = of.report.map(|(at, report)| convert::report(at, report));
            EndpointOverview { endpoint, deliveries, gate_closed_at, gate_code, report }
        });
        Ok(Response::new(GetOverviewResponse {
            endpoints: endpoints.collect(),
            applications_total: overview.applications,
            unrouted: overview.unrouted,
            refused: overview.refused,
            projected_at: projected_at.map(answer::time),
        }))
    }

    async fn list_undecided(
        &self,
        request: Request<ListUndecidedRequest>,
    ) -> Result<Response<ListUndecidedResponse>, Status> {
        self.undecided(request.into_inner()).await.map(Response::new)
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        self.deliveries(request.into_inner()).await.map(Response::new)
    }

    async fn get_bulk(
        &self,
        request: Request<GetBulkRequest>,
    ) -> Result<Response<GetBulkResponse>, Status> {
        self.bulk(request.into_inner()).await.map(Response::new)
    }

    async fn issue_command(
        &self,
        request: Request<IssueCommandRequest>,
    ) -> Result<Response<IssueCommandResponse>, Status> {
        if !self.takes_orders {
            return Err(answer::orders_unproven());
        }
        self.issue(request.into_inner()).await.map(Response::new)
    }

    async fn get_command(
        &self,
        request: Request<GetCommandRequest>,
    ) -> Result<Response<GetCommandResponse>, Status> {
        self.command(request.into_inner()).await.map(Response::new)
    }

    async fn list_commands(
        &self,
        request: Request<ListCommandsRequest>,
    ) -> Result<Response<ListCommandsResponse>, Status> {
        self.commands(request.into_inner()).await.map(Response::new)
    }
}
