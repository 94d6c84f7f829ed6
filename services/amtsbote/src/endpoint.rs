//! `amtsbote endpoint`: departmental systems as they are served.

mod report;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wire::control::{
    Command, EndpointOverview, GetOverviewRequest, ListCommandsRequest,
    issue_command_request::{Order, Pause, Resume},
};

use crate::{
    cli::{Console, Endpoint, Language},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    operate,
    output::Output,
    status,
};

/// Commands shown of one endpoint.
const COMMANDS_MAX: u32 = 20;

/// Runs the command.
pub(crate) async fn run(
    args: &Endpoint,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    match args {
        Endpoint::List(console) => list(console, language, output).await,
        Endpoint::Show { name, console } => show(name, console, language, output).await,
        Endpoint::Pause { name, by } => {
            let client = Client::connect(&by.console.server()).await?;
            let order = Order::Pause(Pause {});
            operate::order(&client, name, order, by, language, output).await
        }
        Endpoint::Resume { name, by } => {
            let client = Client::connect(&by.console.server()).await?;
            let order = Order::Resume(Resume {});
            operate::order(&client, name, order, by, language, output).await
        }
    }
}

async fn list(console: &Console, language: Language, output: &Output) -> Result<Exit, Stop> {
    let client = Client::connect(&console.server()).await?;
    let endpoints = overview(&client, language).await?;
    let width = endpoints.iter().map(|of| of.endpoint.len()).max().unwrap_or(0);
    for of in &endpoints {
        match output.is_json {
            true => output.json(&json(of)),
            false => output.line(format_args!("{:width$}  {}", of.endpoint, line(of, language))),
        }
    }
    if endpoints.is_empty() && !output.is_json {
        output.note(language.of("kein Fachverfahren bekannt", "no endpoint is known"));
    }
    Ok(Exit::Done)
}

async fn show(
    name: &str,
    console: &Console,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let client = Client::connect(&console.server()).await?;
    let endpoints = overview(&client, language).await?;
    let Some(of) = endpoints.iter().find(|of| of.endpoint == name) else {
        let what = format!("no endpoint `{name}` is known at {}", client.url());
        return Err(Stop::new(Exit::Refused, codes::ID_UNKNOWN, what));
    };
    let commands = commands(&client, name, language).await?;
    if output.is_json {
        let mut told = json(of);
        if let Some(told) = told.as_object_mut() {
            told.insert("commands".to_owned(), commands.iter().map(operate::json).collect());
        }
        output.json(&told);
        return Ok(Exit::Done);
    }
    output.line(format_args!("{name}  {}", line(of, language)));
    for line in of.report.iter().flat_map(|report| report::lines(report, language)) {
        output.line(format_args!("  {line}"));
    }
    for command in &commands {
        output.line(past(command, language));
    }
    Ok(Exit::Done)
}

async fn overview(client: &Client, language: Language) -> Result<Vec<EndpointOverview>, Stop> {
    let request = client.request(GetOverviewRequest {});
    let response = client.control().get_overview(request).await;
    Ok(response.map_err(|status| client::stop(&status, language))?.into_inner().endpoints)
}

async fn commands(
    client: &Client,
    endpoint: &str,
    language: Language,
) -> Result<Vec<Command>, Stop> {
    let request = ListCommandsRequest {
        page_size: COMMANDS_MAX,
        page_token: String::new(),
        endpoint: endpoint.to_owned(),
    };
    let response = client.control().list_commands(client.request(request)).await;
    Ok(response.map_err(|status| client::stop(&status, language))?.into_inner().commands)
}

/// Gate, and deliveries by state.
fn line(of: &EndpointOverview, language: Language) -> String {
    let mut text = match &of.gate_closed_at {
        None => language.of("offen", "open").to_owned(),
        Some(at) => {
            let word = language.of("geschlossen seit", "closed since");
            let code = if of.gate_code.is_empty() { "?" } else { &of.gate_code };
            format!("{word} {} [{code}]", status::time(Some(at)).unwrap_or_default())
        }
    };
    for (state, count) in deliveries(of) {
        text.push_str(&format!("  {} {count}", status::state(state, language)));
    }
    text
}

/// Those there are, in a stable order.
fn deliveries(of: &EndpointOverview) -> BTreeMap<&str, u64> {
    let counted = of.deliveries.iter().filter(|(_, count)| **count != 0);
    counted.map(|(state, count)| (state.as_str(), *count)).collect()
}

fn json(of: &EndpointOverview) -> Value {
    json!({
        "endpoint": of.endpoint,
        "is_open": of.gate_closed_at.is_none(),
        "gate_closed_at": status::time(of.gate_closed_at.as_ref()),
        "gate_code": of.gate_code,
        "deliveries": deliveries(of),
        "report": of.report.as_ref().map(report::json),
    })
}

/// What was ordered, by whom, why, and what became of it.
fn past(command: &Command, language: Language) -> String {
    let at = status::time(command.issued_at.as_ref()).unwrap_or_default();
    let mut text = format!("  {at}  {}", command.order);
    if !command.message_id.is_empty() {
        text.push_str(&format!(" {}", command.message_id));
    }
    let by = language.of("von", "by");
    text.push_str(&format!("  {by} {}", command.operator));
    if !command.reason.is_empty() {
        text.push_str(&format!(" ({})", command.reason));
    }
    text.push_str(&format!(": {}", operate::answered(command, language)));
    text
}
