//! Choosing: the deliveries that fit a filter, as they are now.

use messaging::command::BULK_TARGETS_MAX;
use serde_json::{Value, json};
use wire::control::{ListDeliveriesRequest, ListUndecidedRequest, UndecidedDelivery};

use crate::{
    cli::{Filter, Language, Replay},
    client::{self, Client},
    dead,
    exit::Stop,
};

/// Rows of one page.
const PAGE_ROWS: u32 = 500;

/// All that fit, oldest first, so that what came first goes first; a few more than can be ordered
/// about say that there are too many.
pub(super) async fn chosen(
    client: &Client,
    args: &Replay,
    language: Language,
) -> Result<Vec<UndecidedDelivery>, Stop> {
    let filter = &args.filter;
    let (mut chosen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (page, next) = match filter.is_undecided() {
            true => undecided(client, filter, page_token, args.dry_run, language).await?,
            false => over(client, filter, page_token, args.dry_run, language).await?,
        };
        chosen.extend(page.into_iter().filter(|delivery| fits(delivery, filter)));
        page_token = next;
        if page_token.is_empty() || BULK_TARGETS_MAX < chosen.len() {
            chosen.reverse();
            return Ok(chosen);
        }
    }
}

type Page = (Vec<UndecidedDelivery>, String);

async fn undecided(
    client: &Client,
    filter: &Filter,
    page_token: String,
    with_siblings: bool,
    language: Language,
) -> Result<Page, Stop> {
    let request = ListUndecidedRequest {
        page_size: PAGE_ROWS,
        page_token,
        endpoint: filter.endpoint.clone(),
        message_id: String::new(),
        with_siblings,
    };
    let page = client.control().list_undecided(client.request(request)).await;
    let page = page.map_err(|status| client::stop(&status, language))?.into_inner();
    Ok((page.deliveries, page.next_page_token))
}

async fn over(
    client: &Client,
    filter: &Filter,
    page_token: String,
    with_siblings: bool,
    language: Language,
) -> Result<Page, Stop> {
    let request = ListDeliveriesRequest {
        page_size: PAGE_ROWS,
        page_token,
        endpoint: filter.endpoint.clone(),
        state: filter.state.clone(),
        with_siblings,
    };
    let page = client.control().list_deliveries(client.request(request)).await;
    let page = page.map_err(|status| client::stop(&status, language))?.into_inner();
    Ok((page.deliveries, page.next_page_token))
}

fn fits(delivery: &UndecidedDelivery, filter: &Filter) -> bool {
    delivery.state == filter.state
        && filter.code.as_ref().is_none_or(|code| *code == delivery.code)
        && filter.case.as_ref().is_none_or(|case| *case == delivery.case_id)
        && filter.own_id.as_ref().is_none_or(|own_id| delivery.own_id.starts_with(own_id))
}

/// For programs.
pub(super) fn json(delivery: &UndecidedDelivery) -> Value {
    let mut told = dead::json(delivery);
    if let Some(told) = told.as_object_mut() {
        told.insert("delivered_since".to_owned(), json!(delivery.delivered_since));
    }
    told
}
