//! Ordering: commands go to `control`, durable before they are answered; what became of them is
//! read from the register.

use std::time::Duration;

use channels::codec;
use messaging::{
    Command, CommandId, EndpointName, MessageId, OperatorName, Order, Seen, Target,
    command::REASON_BYTES_MAX,
};
use stores::{
    journal::{Delivery, Undecided, UndecidedCursor, UndecidedOf},
    register::CommandRow,
};
use tonic::Status;
use uuid::Uuid;
use wire::control::{
    self as proto, CommandState, DeliveryVersion, GetCommandRequest, GetCommandResponse,
    IssueCommandRequest, IssueCommandResponse, ListCommandsRequest, ListCommandsResponse,
    ListUndecidedRequest, ListUndecidedResponse, UndecidedDelivery,
    issue_command_request::{DeliveryOrder, Order as Asked},
};

use super::{ControlServer, bulk};
use crate::{answer, codes, status::page_rows};

/// A command that nobody has answered for so long may be one that nobody will.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest time one question about a command is held.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Messages of one id that are looked through.
const FOUND_MAX: u32 = 50;

pub(super) type Answered<T> = std::result::Result<T, Status>;

impl ControlServer {
    /// Dropping it leaves unknown whether the command is there; it can be repeated with its id.
    pub(super) async fn issue(
        &self,
        request: IssueCommandRequest,
    ) -> Answered<IssueCommandResponse> {
        let command = self.checked(request).await?;
        self.refuse_reused(&command).await?;
        let record = codec::encode_command(&command, &self.source);
        let positions = self.channel.append(vec![record]).await;
        let positions = positions.map_err(|failure| answer::not_issued(command.id, &failure))?;
        let (id, endpoint, order) = (command.id, &command.endpoint, command.order.name());
        tracing::info!(command = %id, %endpoint, order, "command issued");
        let position = positions.first().map(|position| wire::intake::Position {
            channel: position.partition.channel.to_string(),
            partition: position.partition.number,
            offset: position.offset,
        });
        Ok(IssueCommandResponse { command_id: command.id.to_string(), position })
    }

    /// What is asked again is the same again; what has an id of another would be taken for it. What
    /// is not projected yet is for the dispatcher to compare.
    async fn refuse_reused(&self, command: &Command) -> Answered<()> {
        let known = self.register.command(command.id).await;
        let known = known.map_err(|failure| answer::failed(&failure))?;
        let Some(known) = known else { return Ok(()) };
        let message_id = command.order.target().map(|target| target.message_id.0);
        let is_same = known.endpoint == command.endpoint.as_str()
            && known.issued.as_ref().is_none_or(|issued| {
                issued.name == command.order.name() && issued.message_id == message_id
            });
        if is_same { Ok(()) } else { Err(answer::command_reused()) }
    }

    async fn checked(&self, request: IssueCommandRequest) -> Answered<Command> {
        let IssueCommandRequest { command_id, endpoint, operator, reason, order } = request;
        let id = match command_id.as_str() {
            "" => CommandId(Uuid::new_v4()),
            text => text.parse().map_err(|_| answer::invalid("command_id", "not a UUID"))?,
        };
        let endpoint: EndpointName = endpoint
            .parse()
            .map_err(|_| answer::invalid("endpoint", "1 to 200 of a-z, 0-9, `-`, `_`"))?;
        let operator = OperatorName::new(operator).map_err(|_| {
            answer::invalid("operator", "1 to 200 bytes without control characters")
        })?;
        if REASON_BYTES_MAX < reason.len() || reason.chars().any(char::is_control) {
            let rule = "at most 500 bytes without control characters";
            return Err(answer::invalid("reason", rule));
        }
        let order = match order {
            None => return Err(answer::invalid("order", "nothing is ordered")),
            Some(Asked::Pause(_)) => Order::Pause,
            Some(Asked::Resume(_)) => Order::Resume,
            Some(Asked::Replay(of)) => Order::Replay(self.target(&endpoint, of).await?),
            Some(Asked::Discard(of)) => Order::Discard(self.target(&endpoint, of).await?),
            Some(Asked::ConfirmDelivered(of)) => {
                Order::ConfirmDelivered(self.target(&endpoint, of).await?)
            }
            Some(Asked::SendAgain(of)) => Order::SendAgain(self.target(&endpoint, of).await?),
            Some(Asked::ReplayAgain(of)) => Order::ReplayAgain(self.target(&endpoint, of).await?),
            Some(Asked::ReplayAnew(of)) => Order::ReplayAnew(self.target(&endpoint, of).await?),
            Some(Asked::Edit(of)) => self.edit(&endpoint, of, &reason).await?,
            Some(Asked::Bulk(of)) => Order::Bulk(Box::new(bulk::checked(of)?)),
            Some(Asked::StopBulk(of)) => Order::StopBulk(
                of.command_id.parse().map_err(|_| answer::invalid("command_id", "not a UUID"))?,
            ),
        };
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        Ok(Command { id, at: self.clock.now(), operator, endpoint, order, reason })
    }

    /// What is not said of the version is what the journal knows now: who decides twice decides
    /// about one version, and the second decision is refused. Also of what is final, so that the
    /// ledger finds it by its number. What the journal does not know is for the ledger to say.
    pub(super) async fn target(
        &self,
        endpoint: &EndpointName,
        of: DeliveryOrder,
    ) -> Answered<Target> {
        let message_id: MessageId = of.message_id.parse().map_err(|_| not_a_message())?;
        if let Some(DeliveryVersion { ledger, epoch, delivery, version }) = of.version {
            let seen = (!ledger.is_empty()).then_some(Seen { ledger, epoch, delivery, version });
            return Ok(Target { message_id, seen });
        }
        let found = self.journal.search(&message_id.to_string(), FOUND_MAX).await;
        let found = found.map_err(|failure| answer::failed(&failure))?;
        let is_it = |whole: &&stores::journal::Whole| whole.application.message_id == message_id.0;
        let deliveries = found.iter().filter(is_it).flat_map(|whole| &whole.deliveries);
        let of_endpoint = deliveries.filter(|it| it.endpoint == endpoint.as_str());
        let newest = of_endpoint.max_by_key(|it| (!it.state.is_final(), it.number));
        let seen = newest.map(|it| Seen {
            ledger: it.ledger.clone(),
            epoch: u32::try_from(it.epoch).unwrap_or_default(),
            delivery: it.number.unsigned_abs(),
            version: it.version.unsigned_abs(),
        });
        Ok(Target { message_id, seen })
    }

    pub(super) async fn command(&self, request: GetCommandRequest) -> Answered<GetCommandResponse> {
        let id: CommandId =
            request.command_id.parse().map_err(|_| answer::invalid("command_id", "not a UUID"))?;
        let wait = request.wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default();
        let until = tokio::time::Instant::now() + wait.min(WAIT_MAX);
        let mut progress = self.journal.progress();
        loop {
            // Seen before it is looked for, or what comes in between would go unheard: the register has
            // it before the journal moves on.
            progress.mark_unchanged();
            let row = self.register.command(id).await.map_err(|f| answer::failed(&f))?;
            let is_answered = row.as_ref().is_some_and(|row| row.answer.is_some());
            if !is_answered
                && let Ok(Ok(())) = tokio::time::timeout_at(until, progress.changed()).await
            {
                continue;
            }
            let row = row.ok_or_else(answer::command_unknown)?;
            return Ok(GetCommandResponse { command: Some(self.told(&row)) });
        }
    }

    pub(super) async fn commands(
        &self,
        request: ListCommandsRequest,
    ) -> Answered<ListCommandsResponse> {
        let before = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|_| not_a_token())?),
        };
        let endpoint = some_endpoint(&request.endpoint)?;
        let rows_max = page_rows(request.page_size);
        let rows = self.register.commands(before, endpoint, rows_max).await;
        let rows = rows.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() == rows_max as usize => last.number.to_string(),
            _ => String::new(),
        };
        let commands = rows.iter().map(|row| self.told(row)).collect();
        Ok(ListCommandsResponse { commands, next_page_token })
    }

    pub(super) async fn undecided(
        &self,
        request: ListUndecidedRequest,
    ) -> Answered<ListUndecidedResponse> {
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(cursor(token).ok_or_else(not_a_token)?),
        };
        let message = match request.message_id.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| not_a_message())?),
        };
        let of = UndecidedOf { endpoint: some_endpoint(&request.endpoint)?, message };
        let rows_max = page_rows(request.page_size);
        let rows = self.journal.undecided(after, of, rows_max).await;
        let rows = rows.map_err(|failure| answer::failed(&failure))?;
        let next_page_token = match rows.last() {
            Some(Undecided { application, delivery }) if rows.len() == rows_max as usize => {
                format!("{}.{}.{}", application.id, delivery.endpoint, delivery.number)
            }
            _ => String::new(),
        };
        let mut deliveries: Vec<_> = rows.iter().map(undecided).collect();
        if request.with_siblings {
            for (told, row) in deliveries.iter_mut().zip(&rows) {
                let (application, delivery) = (&row.application, &row.delivery);
                told.delivered_since = self.delivered_since(application, delivery).await?;
            }
        }
        Ok(ListUndecidedResponse { deliveries, next_page_token })
    }

    pub(super) fn told(&self, row: &CommandRow) -> proto::Command {
        let mut told = proto::Command {
            command_id: row.id.to_string(),
            endpoint: row.endpoint.clone(),
            ..proto::Command::default()
        };
        told.set_state(CommandState::Issued);
        if let Some(issued) = &row.issued {
            told.order.clone_from(&issued.name);
            told.message_id = issued.message_id.map(|id| id.to_string()).unwrap_or_default();
            told.operator.clone_from(&issued.operator);
            told.reason = issued.reason.clone().unwrap_or_default();
            told.issued_at = Some(answer::time(issued.at));
        }
        match (&row.answer, &row.issued) {
            (Some(answered), _) => {
                told.set_state(match answered.is_accepted {
                    true => CommandState::Accepted,
                    false => CommandState::Refused,
                });
                told.answered_at = Some(answer::time(answered.at));
                told.code = answered.code.clone().unwrap_or_default();
                told.text = answered.cause.clone().unwrap_or_default();
            }
            (None, Some(issued)) if ANSWER_WAIT_MAX <= self.clock.now().since(issued.at) => {
                told.code = codes::UNANSWERED.to_owned();
                told.text =
                    "no dispatcher has answered; one that owns the endpoint and has not read \
                             it yet will carry it out; if none owns it, it is not carried out, and \
                             must be issued again"
                        .to_owned();
            }
            (None, _) => {}
        }
        told
    }
}

pub(super) fn undecided(row: &Undecided) -> UndecidedDelivery {
    let Undecided { application, delivery } = row;
    let Delivery { endpoint, ledger, number, epoch, version, state, attempts, .. } = delivery;
    UndecidedDelivery {
        message_id: application.message_id.to_string(),
        own_id: application.own_id.clone().unwrap_or_default(),
        case_id: application.case_id.map(|case| case.to_string()).unwrap_or_default(),
        endpoint: endpoint.clone(),
        state: state.name().to_owned(),
        attempts: *attempts,
        next_at: delivery.next_at.map(answer::time),
        code: delivery.code.clone().unwrap_or_default(),
        version: Some(DeliveryVersion {
            ledger: ledger.clone(),
            epoch: u32::try_from(*epoch).unwrap_or_default(),
            delivery: number.unsigned_abs(),
            version: version.unsigned_abs(),
        }),
        delivered_since: Vec::new(),
    }
}

fn not_a_message() -> Status {
    answer::invalid("message_id", "not a message id in full")
}

fn not_a_token() -> Status {
    answer::invalid("page_token", "not a token of this service")
}

fn some_endpoint(text: &str) -> Answered<Option<EndpointName>> {
    match text {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| answer::invalid("endpoint", "1 to 200 of a-z, 0-9, `-`, `_`")),
    }
}

fn cursor(token: &str) -> Option<UndecidedCursor> {
    let mut parts = token.split('.');
    let (application, endpoint, number) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((application.parse().ok()?, endpoint.to_owned(), number.parse().ok()?))
}
