//! `amtsbote dead`: deliveries that are dead or uncertain, and what operators decide about them.

mod edit;

use serde_json::{Value, json};
use tonic::Code;
use wire::{
    control::{
        GetApplicationRequest, ListUndecidedRequest, UndecidedDelivery,
        issue_command_request::{DeliveryOrder, Order},
    },
    status::ApplicationStatus,
};

use crate::{
    cli::{Console, Dead, Language, ToDecide},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    operate,
    output::Output,
    status,
};

/// Rows of one page; a list goes on until there are no more.
const PAGE_ROWS: u32 = 500;

/// Runs the command.
pub(crate) async fn run(args: &Dead, language: Language, output: &Output) -> Result<Exit, Stop> {
    match args {
        Dead::List { endpoint, console } => list(endpoint, console, language, output).await,
        Dead::Show { id, console } => show(id, console, language, output).await,
        Dead::Replay(what) => decide(what, Order::Replay, language, output).await,
        Dead::Discard(what) => decide(what, Order::Discard, language, output).await,
        Dead::Delivered(what) => decide(what, Order::ConfirmDelivered, language, output).await,
        Dead::SendAgain(what) => decide(what, Order::SendAgain, language, output).await,
        Dead::Edit { what, document } => {
            let document = edit::read(document, &what.by)?;
            let order = |delivery| edit::order(delivery, document);
            decide(what, order, language, output).await
        }
    }
}

async fn list(
    endpoint: &str,
    console: &Console,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let client = Client::connect(&console.server()).await?;
    let mut page_token = String::new();
    let mut is_empty = true;
    loop {
        let request = ListUndecidedRequest {
            page_size: PAGE_ROWS,
            page_token,
            endpoint: endpoint.to_owned(),
            message_id: String::new(),
            with_siblings: false,
        };
        let page = client.control().list_undecided(client.request(request)).await;
        let page = page.map_err(|status| client::stop(&status, language))?.into_inner();
        for delivery in &page.deliveries {
            is_empty = false;
            match output.is_json {
                true => output.json(&json(delivery)),
                false => output.line(line(delivery, language)),
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    if is_empty && !output.is_json {
        output.note(
            language.of("nichts wartet auf eine Entscheidung", "nothing waits for a decision"),
        );
    }
    Ok(Exit::Done)
}

async fn show(
    id: &str,
    console: &Console,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let client = Client::connect(&console.server()).await?;
    for application in find(&client, id, language).await? {
        let open = undecided(&client, &application.message_id, "", language).await?;
        if output.is_json {
            let mut told = status::json(&application);
            if let Some(told) = told.as_object_mut() {
                told.insert("undecided".to_owned(), open.iter().map(json).collect());
            }
            output.json(&told);
            continue;
        }
        status::print(&application, language, output);
        for delivery in &open {
            output.line(format_args!("  → {}", line(delivery, language)));
        }
    }
    Ok(Exit::Done)
}

/// Names the version that was looked at, so that nobody decides about what has changed since.
async fn decide(
    what: &ToDecide,
    order: impl FnOnce(DeliveryOrder) -> Order,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let client = Client::connect(&what.by.console.server()).await?;
    let applications = find(&client, &what.id, language).await?;
    let mut open = Vec::new();
    for application in &applications {
        open.extend(undecided(&client, &application.message_id, &what.endpoint, language).await?);
    }
    let delivery = match open.as_slice() {
        [only] => only,
        [] => {
            let what = format!("no delivery of `{}` is dead or uncertain", what.id);
            return Err(Stop::new(Exit::Refused, codes::NOTHING_TO_DECIDE, what));
        }
        several => {
            let names = several.iter().map(|delivery| line(delivery, language)).collect();
            let what = format!("`{}` has {} deliveries to decide about", what.id, several.len());
            return Err(Stop::usage(codes::DECISION_AMBIGUOUS, what).with_details(names));
        }
    };
    let of = DeliveryOrder {
        message_id: delivery.message_id.clone(),
        version: delivery.version.clone(),
    };
    operate::order(&client, &delivery.endpoint, order(of), &what.by, language, output).await
}

async fn find(
    client: &Client,
    id: &str,
    language: Language,
) -> Result<Vec<ApplicationStatus>, Stop> {
    let request = GetApplicationRequest { id: id.to_owned() };
    match client.control().get_application(client.request(request)).await {
        Ok(response) => Ok(response.into_inner().applications),
        Err(status) if status.code() == Code::NotFound => {
            let what = format!("nothing is known of `{id}` at {}", client.url());
            Err(Stop::new(Exit::Refused, codes::ID_UNKNOWN, what))
        }
        Err(status) => Err(client::stop(&status, language)),
    }
}

/// A message has few deliveries: one page holds them.
async fn undecided(
    client: &Client,
    message_id: &str,
    endpoint: &str,
    language: Language,
) -> Result<Vec<UndecidedDelivery>, Stop> {
    let request = ListUndecidedRequest {
        page_size: PAGE_ROWS,
        page_token: String::new(),
        endpoint: endpoint.to_owned(),
        message_id: message_id.to_owned(),
        with_siblings: false,
    };
    let page = client.control().list_undecided(client.request(request)).await;
    Ok(page.map_err(|status| client::stop(&status, language))?.into_inner().deliveries)
}

pub(crate) fn line(delivery: &UndecidedDelivery, language: Language) -> String {
    let state = status::state(&delivery.state, language);
    let attempts = language.of("Versuche", "attempts");
    let mut text = format!(
        "{}  {}  {state}  {attempts} {}",
        delivery.message_id, delivery.endpoint, delivery.attempts
    );
    if let Some(at) = status::time(delivery.next_at.as_ref()) {
        text.push_str(&format!("  {} {at}", language.of("weiter um", "goes on at")));
    }
    if !delivery.code.is_empty() {
        text.push_str(&format!("  [{}]", delivery.code));
    }
    text
}

pub(crate) fn json(delivery: &UndecidedDelivery) -> Value {
    let version = delivery.version.clone().unwrap_or_default();
    json!({
        "message_id": delivery.message_id,
        "own_id": delivery.own_id,
        "case_id": delivery.case_id,
        "endpoint": delivery.endpoint,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": status::time(delivery.next_at.as_ref()),
        "code": delivery.code,
        "ledger": version.ledger,
        "epoch": version.epoch,
        "delivery": version.delivery,
        "version": version.version,
    })
}
