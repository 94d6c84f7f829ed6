//! Ordering something of a running Amtsbote, and waiting for the answer.

use std::{fs, os::unix::fs::MetadataExt as _, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tonic::Code;
use uuid::Uuid;
use wire::control::{
    Command, CommandState, GetCommandRequest, IssueCommandRequest, issue_command_request::Order,
};

use crate::{
    cli::{Language, Orderer},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    output::Output,
    status,
};

/// How often a command is sent that may have arrived; its id makes it one command.
const SENDINGS_MAX: u32 = 5;
const SENDING_PAUSE: Duration = Duration::from_millis(500);
/// One question about a command is held this long at most.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(20);

/// Orders, waits, and prints what became of it. A refusal, or no answer in time, is an error.
pub(crate) async fn order(
    client: &Client,
    endpoint: &str,
    order: Order,
    by: &Orderer,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    order_known(client, endpoint, order, by, language, output).await.map(|(_, exit)| exit)
}

/// The same; gives the command's id, too.
pub(crate) async fn order_known(
    client: &Client,
    endpoint: &str,
    order: Order,
    by: &Orderer,
    language: Language,
    output: &Output,
) -> Result<(String, Exit), Stop> {
    let request = IssueCommandRequest {
        command_id: Uuid::new_v4().to_string(),
        endpoint: endpoint.to_owned(),
        operator: by.operator.clone().unwrap_or_else(user),
        reason: by.reason.clone(),
        order: Some(order),
    };
    issue(client, &request, language).await?;
    let command = answer(client, &request.command_id, by.wait_max, language).await?;
    let Some(command) = command else {
        return Err(unanswered(codes::COMMAND_UNANSWERED, &request.command_id, ""));
    };
    match command.state() {
        CommandState::Accepted => {
            match output.is_json {
                true => output.json(&json!({ "command": json(&command) })),
                false => output.line(line(&command, language)),
            }
            Ok((request.command_id, Exit::Done))
        }
        CommandState::Refused => Err(Stop::new(Exit::Refused, &command.code, &command.text)),
        CommandState::Issued | CommandState::Unspecified => {
            let code = Some(command.code.as_str()).filter(|code| !code.is_empty());
            let code = code.unwrap_or(codes::COMMAND_UNANSWERED);
            Err(unanswered(code, &command.command_id, &command.text))
        }
    }
}

fn unanswered(code: &str, id: &str, text: &str) -> Stop {
    let text = if text.is_empty() { "it was issued, and not answered in time" } else { text };
    Stop::unavailable(code, format!("command {id}: {text}"))
}

/// Repeats what may not have arrived.
async fn issue(
    client: &Client,
    request: &IssueCommandRequest,
    language: Language,
) -> Result<(), Stop> {
    let mut sent = 0;
    loop {
        sent += 1;
        match client.control().issue_command(client.request(request.clone())).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Unavailable && sent < SENDINGS_MAX => {
                sleep(SENDING_PAUSE).await;
            }
            Err(status) => return Err(client::stop(&status, language)),
        }
    }
}

/// The command once it is answered, or as it is after `wait_max`; `None` if it was not even read.
async fn answer(
    client: &Client,
    command_id: &str,
    wait_max: Duration,
    language: Language,
) -> Result<Option<Command>, Stop> {
    let until = Instant::now() + wait_max;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let wait = prost_types::Duration::try_from(left.min(QUESTION_TIME_MAX)).ok();
        let request = GetCommandRequest { command_id: command_id.to_owned(), wait };
        let command = match client.control().get_command(client.request(request)).await {
            Ok(response) => response.into_inner().command,
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(client::stop(&status, language)),
        };
        let is_answered = command.as_ref().is_some_and(|command| command.answered_at.is_some());
        if is_answered || until <= Instant::now() {
            return Ok(command);
        }
    }
}

/// One line about a command.
pub(crate) fn line(command: &Command, language: Language) -> String {
    let mut text = format!("{} {}", command.order, command.endpoint);
    if !command.message_id.is_empty() {
        text.push_str(&format!(" {}", command.message_id));
    }
    text.push_str(&format!(": {}", answered(command, language)));
    if !command.text.is_empty() {
        text.push_str(&format!(" ({})", command.text));
    }
    text
}

/// The word for what became of it, with the code.
pub(crate) fn answered(command: &Command, language: Language) -> String {
    let word = match command.state() {
        CommandState::Accepted => language.of("ausgeführt", "done"),
        CommandState::Refused => language.of("abgelehnt", "refused"),
        CommandState::Issued | CommandState::Unspecified => {
            language.of("noch nicht beantwortet", "not answered yet")
        }
    };
    match command.code.as_str() {
        "" => word.to_owned(),
        code => format!("{word} [{code}]"),
    }
}

/// For programs.
pub(crate) fn json(command: &Command) -> Value {
    json!({
        "command_id": command.command_id,
        "endpoint": command.endpoint,
        "order": command.order,
        "message_id": command.message_id,
        "operator": command.operator,
        "reason": command.reason,
        "issued_at": status::time(command.issued_at.as_ref()),
        "state": match command.state() {
            CommandState::Accepted => "accepted",
            CommandState::Refused => "refused",
            CommandState::Issued | CommandState::Unspecified => "issued",
        },
        "answered_at": status::time(command.answered_at.as_ref()),
        "code": command.code,
        "text": command.text,
    })
}

/// The user this process runs as, by the system's list of users.
pub(crate) fn user() -> String {
    let Ok(own) = fs::metadata("/proc/self") else {
        return std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    };
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(own.uid(), &users).unwrap_or_else(|| format!("uid {}", own.uid()))
}

fn name_of(uid: u32, users: &str) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_who_the_system_says() {
        let users = "root:x:0:0:root:/root:/bin/sh\nerika:x:1000:1000::/home/erika:/bin/sh\n\n:x:7";
        assert_eq!(name_of(1000, users).as_deref(), Some("erika"));
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!(name_of(100, users), None);
        assert_eq!(name_of(7, users), None);
    }
}
