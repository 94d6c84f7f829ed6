//! `amtsbote replay` and `amtsbote bulk`: the same order about many deliveries, chosen by filter,
//! shown before it is given, and followed to the result of each.

mod choose;

use std::time::Duration;

use messaging::command::BULK_TARGETS_MAX;
use serde_json::{Value, json};
use tokio::time::sleep;
use wire::control::{
    BulkItem, GetBulkRequest, GetBulkResponse, ListCommandsRequest, UndecidedDelivery,
    issue_command_request::{Bulk as Ordered, DeliveryOrder, Order, StopBulk},
};

use crate::{
    cli::{Bulk, Console, Each, Language, Replay},
    client::{self, Client},
    codes,
    dead::line,
    exit::{Exit, Stop},
    operate,
    output::Output,
    status,
};

/// Items of one page.
const PAGE_ROWS: u32 = 1_000;
/// How often it is asked how a bulk is getting on.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Commands looked through for bulks.
const COMMANDS_MAX: u32 = 1_000;

/// Runs `amtsbote replay`.
pub(crate) async fn replay(
    args: &Replay,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let each = each(args)?;
    let client = Client::connect(&args.by.console.server()).await?;
    let chosen = choose::chosen(&client, args, language).await?;
    if args.dry_run {
        for delivery in &chosen {
            show(delivery, language, output);
        }
    }
    if chosen.is_empty() {
        let what = "no delivery fits the filter";
        return Err(Stop::new(Exit::Refused, codes::NOTHING_TO_DECIDE, what));
    }
    if BULK_TARGETS_MAX < chosen.len() {
        let what =
            format!("the filter fits more than {BULK_TARGETS_MAX} deliveries; say it closer");
        return Err(Stop::usage(codes::BULK_TOO_LARGE, what));
    }
    if args.dry_run {
        if !output.is_json {
            let word = language
                .of("Zustellungen, nichts wurde angeordnet", "deliveries, and nothing was ordered");
            output.note(format!("{} {word}", chosen.len()));
        }
        return Ok(Exit::Done);
    }
    let ordered = Ordered {
        each: each.to_owned(),
        deliveries: chosen.into_iter().map(target).collect(),
        canary: args.canary,
        interval: prost_types::Duration::try_from(args.rate.interval()).ok(),
        failures_max: args.stop_after,
    };
    let order = Order::Bulk(ordered);
    let endpoint = &args.filter.endpoint;
    let (id, exit) =
        operate::order_known(&client, endpoint, order, &args.by, language, output).await?;
    if !args.wait {
        if !output.is_json {
            let word = language.of("Ergebnisse zeigt", "the results are shown by");
            output.note(format!("{word} `amtsbote bulk show {id}`"));
        }
        return Ok(exit);
    }
    follow(&client, &id, language, output).await
}

/// What is ordered about each, in the words of the interface.
fn each(args: &Replay) -> Result<&'static str, Stop> {
    let is_over = args.same_key || args.new_effect;
    let what = match (args.filter.is_undecided(), is_over) {
        (true, false) => {
            return Ok(match args.order {
                Each::Replay => "replay",
                Each::Discard => "discard",
                Each::Delivered => "confirm_delivered",
                Each::SendAgain => "send_again",
            });
        }
        (false, true) if args.order == Each::Replay => {
            return Ok(if args.new_effect { "replay_anew" } else { "replay_again" });
        }
        (true, true) => "`--same-key` and `--new-effect` are about deliveries that are over",
        (false, false) => "these are over: say `--same-key` or `--new-effect`",
        (false, true) => "what is over can only be sent again",
    };
    Err(Stop::usage(codes::BULK_UNFIT, what))
}

fn target(of: UndecidedDelivery) -> DeliveryOrder {
    DeliveryOrder { message_id: of.message_id, version: of.version }
}

fn show(delivery: &UndecidedDelivery, language: Language, output: &Output) {
    if output.is_json {
        output.json(&choose::json(delivery));
        return;
    }
    output.line(line(delivery, language));
    for id in &delivery.delivered_since {
        let word = language.of("danach schon zugestellt", "delivered since");
        output.line(format_args!("  {word}: {id}"));
    }
}

/// Runs `amtsbote bulk`.
pub(crate) async fn run(args: &Bulk, language: Language, output: &Output) -> Result<Exit, Stop> {
    match args {
        Bulk::List(console) => list(console, language, output).await,
        Bulk::Show { id, console } => {
            let client = Client::connect(&console.server()).await?;
            print(&client, id, language, output).await
        }
        Bulk::Stop { id, by } => {
            let client = Client::connect(&by.console.server()).await?;
            let known = page(&client, id, 1, String::new(), language).await?;
            let endpoint = known.command.map(|command| command.endpoint).unwrap_or_default();
            let order = Order::StopBulk(StopBulk { command_id: id.clone() });
            operate::order(&client, &endpoint, order, by, language, output).await
        }
    }
}

async fn list(console: &Console, language: Language, output: &Output) -> Result<Exit, Stop> {
    let client = Client::connect(&console.server()).await?;
    let request = ListCommandsRequest { page_size: COMMANDS_MAX, ..ListCommandsRequest::default() };
    let commands = client.control().list_commands(client.request(request)).await;
    let commands = commands.map_err(|status| client::stop(&status, language))?.into_inner();
    let bulks = commands.commands.iter().filter(|command| command.order.starts_with("bulk_"));
    for command in bulks {
        let of = page(&client, &command.command_id, 1, String::new(), language).await?;
        match output.is_json {
            true => output.json(&json(&of)),
            false => {
                output.line(format_args!("{}  {}", command.command_id, summary(&of, language)))
            }
        }
    }
    Ok(Exit::Done)
}

async fn page(
    client: &Client,
    id: &str,
    page_size: u32,
    page_token: String,
    language: Language,
) -> Result<GetBulkResponse, Stop> {
    let request = GetBulkRequest { command_id: id.to_owned(), page_size, page_token };
    let of = client.control().get_bulk(client.request(request)).await;
    Ok(of.map_err(|status| client::stop(&status, language))?.into_inner())
}

/// Waits until it is known what became of each, and prints that.
async fn follow(
    client: &Client,
    id: &str,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    loop {
        let of = page(client, id, 1, String::new(), language).await?;
        if of.state == "done" {
            return print(client, id, language, output).await;
        }
        sleep(ASK_EVERY).await;
    }
}

/// All of it; exit code 1 if something of it did not come to what was wanted.
async fn print(
    client: &Client,
    id: &str,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let mut of = page(client, id, PAGE_ROWS, String::new(), language).await?;
    let mut token = std::mem::take(&mut of.next_page_token);
    while !token.is_empty() {
        let next = page(client, id, PAGE_ROWS, token, language).await?;
        of.items.extend(next.items);
        token = next.next_page_token;
    }
    if output.is_json {
        output.json(&json(&of));
    } else {
        output.line(summary(&of, language));
        for item in &of.items {
            output.line(line_of(item, language));
        }
    }
    let is_bad = of.items.iter().any(|item| !matches!(&*item.result, "succeeded" | "ordered"));
    Ok(if is_bad { Exit::Refused } else { Exit::Done })
}

fn summary(of: &GetBulkResponse, language: Language) -> String {
    let command = of.command.clone().unwrap_or_default();
    let state = match of.state.as_str() {
        "running" => language.of("läuft", "running"),
        "stopped" => language.of("angehalten", "stopped"),
        "done" => language.of("abgeschlossen", "done"),
        _ => language.of("noch nicht begonnen", "not begun yet"),
    };
    let of_all = language.of("von", "of");
    let told: u64 = of.results.values().sum();
    let mut text =
        format!("{} {}: {state}, {told} {of_all} {}", command.order, command.endpoint, of.total);
    let mut results: Vec<_> = of.results.iter().collect();
    results.sort();
    for (result, count) in results {
        text.push_str(&format!("  {} {count}", word(result, language)));
    }
    text
}

fn line_of(item: &BulkItem, language: Language) -> String {
    let mut text = format!("  {}  {}", item.message_id, word(&item.result, language));
    if !item.code.is_empty() {
        text.push_str(&format!("  [{}]", item.code));
    }
    text
}

fn word(result: &str, language: Language) -> &str {
    match result {
        "ordered" => language.of("angeordnet", "ordered"),
        "succeeded" => language.of("gelungen", "succeeded"),
        "failed" => language.of("wieder gescheitert", "failed"),
        "refused" => language.of("nicht angeordnet", "refused"),
        "skipped" => language.of("ausgelassen", "skipped"),
        other => other,
    }
}

fn json(of: &GetBulkResponse) -> Value {
    let item = |item: &BulkItem| {
        json!({
            "item": item.item,
            "message_id": item.message_id,
            "result": item.result,
            "code": item.code,
            "at": status::time(item.at.as_ref()),
        })
    };
    json!({
        "command": of.command.as_ref().map(operate::json),
        "total": of.total,
        "state": of.state,
        "at": status::time(of.at.as_ref()),
        "results": of.results,
        "items": of.items.iter().map(item).collect::<Vec<_>>(),
    })
}
