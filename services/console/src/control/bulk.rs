//! Orders about many deliveries: what they are chosen from, and how they are getting on.

use std::time::Duration;

use messaging::{
    Bulk, CaseId, CommandId, DeliveryState, EachOrder, EndpointName, MessageId, Seen, SenderName,
    Target,
    command::{BULK_INTERVAL_MAX, BULK_TARGETS_MAX},
};
use stores::journal::{Application, Delivery, Undecided};
use wire::control::{
    BulkItem, DeliveryVersion, GetBulkRequest, GetBulkResponse, ListDeliveriesRequest,
    ListDeliveriesResponse, issue_command_request as asked,
};

use super::{
    ControlServer,
    command::{Answered, undecided},
};
use crate::{answer, status::page_rows};

/// Later messages of a case that are named.
const SIBLINGS_MAX: usize = 20;

/// A bulk as asked for: within its bounds, and frozen.
pub(super) fn checked(of: asked::Bulk) -> Answered<Bulk> {
    let asked::Bulk { each, deliveries, canary, interval, failures_max } = of;
    let each = EachOrder::of_bulk(&format!("bulk_{each}"))
        .ok_or_else(|| answer::invalid("bulk.each", "no order about a delivery"))?;
    if deliveries.is_empty() || BULK_TARGETS_MAX < deliveries.len() {
        return Err(answer::invalid("bulk.deliveries", "1 to 10,000 deliveries"));
    }
    let interval = interval.map_or(Ok(Duration::ZERO), Duration::try_from);
    let interval = interval.ok().filter(|interval| *interval <= BULK_INTERVAL_MAX);
    let interval = interval.ok_or_else(|| answer::invalid("bulk.interval", "0 to 1 h"))?;
    let targets = deliveries.into_iter().map(target).collect::<Answered<_>>()?;
    Ok(Bulk { each, targets, canary, interval, failures_max })
}

fn target(of: asked::DeliveryOrder) -> Answered<Target> {
    let wrong = |rule| answer::invalid("bulk.deliveries", rule);
    let message_id: MessageId =
        of.message_id.parse().map_err(|_| wrong("not a message id in full"))?;
    let Some(DeliveryVersion { ledger, epoch, delivery, version }) = of.version else {
        return Err(wrong("each names the version that was looked at"));
    };
    Ok(Target { message_id, seen: Some(Seen { ledger, epoch, delivery, version }) })
}

impl ControlServer {
    pub(super) async fn deliveries(
        &self,
        request: ListDeliveriesRequest,
    ) -> Answered<ListDeliveriesResponse> {
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(
                token
                    .parse::<i64>()
                    .map_err(|_| answer::invalid("page_token", "not a token of this service"))?,
            ),
        };
        let endpoint: EndpointName = request
            .endpoint
            .parse()
            .map_err(|_| answer::invalid("endpoint", "1 to 200 of a-z, 0-9, `-`, `_`"))?;
        let state = DeliveryState::named(&request.state)
            .ok_or_else(|| answer::invalid("state", "no state of a delivery"))?;
        let rows_max = page_rows(request.page_size);
        let found = self.journal.list(before, None, Some(endpoint.to_string()), rows_max).await;
        let found = found.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match found.last() {
            Some((last, _)) if found.len() == rows_max as usize => last.id.to_string(),
            _ => String::new(),
        };
        let mut deliveries = Vec::new();
        for (application, of) in found {
            let wanted = |it: &Delivery| it.endpoint == endpoint.as_str() && it.state == state;
            // The newest of several: what was sent again stands for what it repeats.
            let Some(delivery) = of.into_iter().filter(wanted).max_by_key(|it| it.number) else {
                continue;
            };
            let since = match request.with_siblings {
                true => self.delivered_since(&application, &delivery).await?,
                false => Vec::new(),
            };
            let mut told = undecided(&Undecided { application, delivery });
            told.delivered_since = since;
            deliveries.push(told);
        }
        Ok(ListDeliveriesResponse { deliveries, next_page_token })
    }

    /// Later messages of its case that the endpoint has already.
    pub(super) async fn delivered_since(
        &self,
        application: &Application,
        delivery: &Delivery,
    ) -> Answered<Vec<String>> {
        let sender = application.sender.as_ref().and_then(|it| SenderName::new(it).ok());
        let Some((sender, case)) = sender.zip(application.case_id) else { return Ok(Vec::new()) };
        let case = self.journal.case(&sender, CaseId(case)).await;
        let case = case.map_err(|failure| answer::failed(&failure))?;
        let is_later = |it: &Delivery| {
            (&it.endpoint, &it.ledger) == (&delivery.endpoint, &delivery.ledger)
                && it.state == DeliveryState::Delivered
                && delivery.number < it.number
        };
        let own = application.message_id;
        let later = case.iter().filter(|whole| {
            whole.application.message_id != own && whole.deliveries.iter().any(is_later)
        });
        Ok(later.map(|it| it.application.message_id.to_string()).take(SIBLINGS_MAX).collect())
    }

    pub(super) async fn bulk(&self, request: GetBulkRequest) -> Answered<GetBulkResponse> {
        let id: CommandId =
            request.command_id.parse().map_err(|_| answer::invalid("command_id", "not a UUID"))?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(
                token
                    .parse::<u32>()
                    .map_err(|_| answer::invalid("page_token", "not a token of this service"))?,
            ),
        };
        let rows_max = page_rows(request.page_size);
        let command = self.register.command(id).await.map_err(|f| answer::failed(&f))?;
        let command = command.ok_or_else(answer::command_unknown)?;
        let of = self.register.bulk(id).await.map_err(|f| answer::failed(&f))?;
        let items = self.register.bulk_items(id, after, rows_max).await;
        let items = items.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match items.last() {
            Some(last) if items.len() == rows_max as usize => last.item.to_string(),
            _ => String::new(),
        };
        let mut told = GetBulkResponse {
            command: Some(self.told(&command)),
            items: items.into_iter().map(item).collect(),
            next_page_token,
            ..GetBulkResponse::default()
        };
        if let Some(of) = of {
            told.total = of.total;
            told.state = of.state.name().to_owned();
            told.at = Some(answer::time(of.at));
            told.results = of.results.into_iter().collect();
        }
        Ok(told)
    }
}

fn item(of: stores::register::BulkItem) -> BulkItem {
    BulkItem {
        item: of.item,
        message_id: of.message_id.to_string(),
        result: of.result.name().to_owned(),
        code: of.code.unwrap_or_default(),
        at: Some(answer::time(of.at)),
    }
}
