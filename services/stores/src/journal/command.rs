//! What operators ordered and what was answered, as the console shows it.

use messaging::{Command, CommandId, EndpointName, Event, EventKind, MessageId, Result, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use super::{
    Journal,
    keys::of_uuid,
    read,
    rows::{Application, Delivery},
};

/// One command. Who ordered it and why are people's business: no formatter of a log shows a row.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Its place in the list.
    pub number: i64,
    /// Which.
    pub id: CommandId,
    /// About which endpoint.
    pub endpoint: String,
    /// What was ordered; `None` while only the answer was read.
    pub issued: Option<Issued>,
    /// What was answered; `None` until then.
    pub answer: Option<Answer>,
}

/// What an operator said.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// When.
    pub at: Timestamp,
    /// Who; not checked by anybody.
    pub operator: String,
    /// The word of what was ordered.
    pub name: String,
    /// About which message.
    pub message_id: Option<Uuid>,
    /// Why.
    pub reason: Option<String>,
}

/// What the endpoint's owner said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// Whether it was done.
    pub is_accepted: bool,
    /// Why not.
    pub code: Option<String>,
    /// A sentence about it.
    pub cause: Option<String>,
}

/// Neither who nor why.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("at", &self.at)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Neither who nor why.
impl std::fmt::Debug for CommandRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandRow")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("name", &self.issued.as_ref().map(|issued| &issued.name))
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// The command of this id.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn command(&self, id: CommandId) -> Result<Option<CommandRow>> {
        self.read(move |connection| by_id(connection, id)).await
    }

    /// Commands below number `before`, newest first, about `endpoint` if given.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn commands(
        &self,
        before: Option<i64>,
        endpoint: Option<EndpointName>,
        rows_max: u32,
    ) -> Result<Vec<CommandRow>> {
        let before = before.unwrap_or(i64::MAX);
        self.read(move |connection| list(connection, before, endpoint.as_ref(), rows_max)).await
    }
}

/// A delivery that waits for an operator, or may: dead or uncertain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Of which application.
    pub application: Application,
    /// The delivery.
    pub delivery: Delivery,
}

/// Which undecided deliveries are asked for; `None` is all.
#[derive(Clone, Debug, Default)]
pub struct UndecidedOf {
    /// For this endpoint.
    pub endpoint: Option<EndpointName>,
    /// Of this message.
    pub message: Option<MessageId>,
}

/// Where a list of undecided deliveries goes on: application, endpoint and number of the last row.
pub type UndecidedCursor = (i64, String, i64);

impl Journal {
    /// Dead and uncertain deliveries, of the newest application first, behind `after`; of those
    /// that are asked for.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn undecided(
        &self,
        after: Option<UndecidedCursor>,
        of: UndecidedOf,
        rows_max: u32,
    ) -> Result<Vec<Undecided>> {
        self.read(move |connection| undecided(connection, after, &of, rows_max)).await
    }
}

fn undecided(
    connection: &Connection,
    after: Option<UndecidedCursor>,
    of: &UndecidedOf,
    rows_max: u32,
) -> rusqlite::Result<Vec<Undecided>> {
    let endpoint = match of.endpoint {
        Some(_) => "endpoint = ?4",
        None => "?4 IS NULL",
    };
    let (message, index) = match of.message {
        Some(_) => (
            "application IN (SELECT id FROM application WHERE message_key = ?6 AND message_id = ?7)",
            "",
        ),
        None => ("?6 IS NULL AND ?7 IS NULL", "INDEXED BY delivery_undecided"),
    };
    let sql = format!(
        "SELECT application, endpoint, ledger, number, epoch, version, state, attempts, next_at,
                receipt, code, reasons
         FROM delivery {index}
         WHERE state IN ('dead', 'uncertain') AND {endpoint} AND {message} AND application <= ?1
           AND (application < ?1 OR (endpoint, number) > (?2, ?3))
         ORDER BY application DESC, endpoint, number LIMIT ?5"
    );
    let (application, last, number) = after.unwrap_or((i64::MAX, String::new(), 0));
    let endpoint = of.endpoint.as_ref().map(EndpointName::as_str);
    let key = of.message.map(|message| of_uuid(message.0));
    let id = of.message.map(|message| message.0.into_bytes());
    let values = params![application, last, number, endpoint, rows_max, key, id];
    let rows: Vec<(i64, Delivery)> = connection
        .prepare_cached(&sql)?
        .query_map(values, |row| Ok((row.get(0)?, read::delivery(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::with_capacity(rows.len());
    for (id, delivery) in rows {
        if let Some(application) = read::by_number(connection, id)? {
            found.push(Undecided { application, delivery });
        }
    }
    Ok(found)
}

/// The answer may have come before.
pub(super) fn issued(sql: &Transaction<'_>, command: &Command) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO command (id, endpoint, issued_at, operator, name, message_id, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE
         SET issued_at = ?3, operator = ?4, name = ?5, message_id = ?6, reason = ?7
         WHERE issued_at IS NULL",
    )?
    .execute(params![
        command.id.0.as_bytes(),
        command.endpoint.as_str(),
        command.at.0,
        command.operator.as_str(),
        command.order.name(),
        command.order.target().map(|target| target.message_id.0.into_bytes()),
        command.reason,
    ])
    .map(drop)
}

/// True if `event` answers a command. Of two answers the one that says it was done counts: only the
/// owner can have done it.
pub(super) fn answered(sql: &Transaction<'_>, event: &Event) -> rusqlite::Result<bool> {
    let (command, endpoint, is_accepted) = match &event.kind {
        EventKind::CommandAccepted { command, endpoint } => (command, endpoint, true),
        EventKind::CommandRefused { command, endpoint } => (command, endpoint, false),
        _ => return Ok(false),
    };
    sql.prepare_cached(
        "INSERT INTO command (id, endpoint, answered_at, is_accepted, code, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE
         SET answered_at = ?3, is_accepted = ?4, code = ?5, cause = ?6
         WHERE answered_at IS NULL OR is_accepted < ?4",
    )?
    .execute(params![
        command.0.as_bytes(),
        endpoint.as_str(),
        event.at.0,
        is_accepted,
        event.code,
        event.cause,
    ])?;
    Ok(true)
}

const COMMAND: &str = "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason,
    answered_at, is_accepted, code, cause FROM command";

fn by_id(connection: &Connection, id: CommandId) -> rusqlite::Result<Option<CommandRow>> {
    let sql = format!("{COMMAND} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.0.as_bytes()], row).optional()
}

fn list(
    connection: &Connection,
    before: i64,
    endpoint: Option<&EndpointName>,
    rows_max: u32,
) -> rusqlite::Result<Vec<CommandRow>> {
    let of = match endpoint {
        Some(_) => "endpoint = ?2",
        None => "?2 IS NULL",
    };
    let sql = format!("{COMMAND} WHERE number < ?1 AND {of} ORDER BY number DESC LIMIT ?3");
    let values = params![before, endpoint.map(EndpointName::as_str), rows_max];
    connection.prepare_cached(&sql)?.query_map(values, row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<CommandRow> {
    let issued = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(at) => Some(Issued {
            at: Timestamp(at),
            operator: row.get(4)?,
            name: row.get(5)?,
            message_id: row.get::<_, Option<[u8; 16]>>(6)?.map(Uuid::from_bytes),
            reason: row.get(7)?,
        }),
    };
    let answer = match row.get::<_, Option<i64>>(8)? {
        None => None,
        Some(at) => Some(Answer {
            at: Timestamp(at),
            is_accepted: row.get(9)?,
            code: row.get(10)?,
            cause: row.get(11)?,
        }),
    };
    let id = CommandId(Uuid::from_bytes(row.get(1)?));
    Ok(CommandRow { number: row.get(0)?, id, endpoint: row.get(2)?, issued, answer })
}

#[cfg(test)]
mod tests {
    use messaging::{OperatorName, Order, Partition};

    use super::{
        super::{Projected, Projection},
        *,
    };

    struct Place(std::path::PathBuf);

    impl Place {
        fn new() -> Self {
            let name = format!("amtsbote-journal-{}", Uuid::new_v4());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn journal(&self) -> Journal {
            Journal::open(&self.0.join("journal.sqlite")).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    fn endpoint() -> EndpointName {
        EndpointName::new("nordsachsen-kfz").unwrap()
    }

    fn command(id: u128) -> Projected {
        Projected::Command(Box::new(Command {
            id: CommandId(Uuid::from_u128(id)),
            at: Timestamp(5),
            operator: OperatorName::new("erika").unwrap(),
            endpoint: endpoint(),
            order: Order::Pause,
            reason: Some("Wartung".to_owned()),
        }))
    }

    fn answer(id: u128, is_accepted: bool) -> Projected {
        let command = CommandId(Uuid::from_u128(id));
        let kind = match is_accepted {
            true => EventKind::CommandAccepted { command, endpoint: endpoint() },
            false => EventKind::CommandRefused { command, endpoint: endpoint() },
        };
        let code = (!is_accepted).then(|| "AB-3222".to_owned());
        Projected::Event(Box::new(Event {
            id: format!("ledger-1-command-{id}-{is_accepted}"),
            at: Timestamp(9),
            message_id: None,
            case_id: None,
            sender: None,
            delivery: None,
            kind,
            code,
            cause: None,
            trace: None,
        }))
    }

    async fn project(journal: &Journal, from: u64, entries: Vec<Projected>) {
        let channel = messaging::ChannelName::control();
        let partition = Partition { channel, number: 0 };
        let next = from + entries.len() as u64;
        let batch = Projection { partition, from, next, entries };
        journal.apply(vec![batch], Timestamp(10)).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_and_its_answer_meet_whatever_comes_first_and_however_often() {
        let place = Place::new();
        let journal = place.journal();
        project(&journal, 0, vec![command(1), answer(2, false)]).await;
        let first = journal.command(CommandId(Uuid::from_u128(1))).await.unwrap().unwrap();
        assert!(first.answer.is_none() && first.issued.is_some());
        let second = journal.command(CommandId(Uuid::from_u128(2))).await.unwrap().unwrap();
        assert!(second.issued.is_none());

        project(&journal, 2, vec![answer(1, true), command(2), command(1), answer(1, true)]).await;
        let rows = journal.commands(None, Some(endpoint()), 10).await.unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                let (issued, answer) = (row.issued.as_ref().unwrap(), row.answer.as_ref().unwrap());
                (row.id.0.as_u128(), issued.operator.as_str(), answer.is_accepted)
            })
            .collect();
        assert_eq!(told, [(2, "erika", false), (1, "erika", true)]);
        assert_eq!(journal.command(CommandId(Uuid::from_u128(3))).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_the_owner_can_have_done_it_so_acceptance_outweighs_a_refusal() {
        let place = Place::new();
        let journal = place.journal();
        project(&journal, 0, vec![answer(1, false), answer(1, true), answer(1, false)]).await;
        let row = journal.command(CommandId(Uuid::from_u128(1))).await.unwrap().unwrap();
        assert!(row.answer.unwrap().is_accepted);
    }

    #[tokio::test]
    async fn a_journal_of_the_former_version_is_taken_over() {
        let place = Place::new();
        let epoch = place.journal().epoch();
        let tables = |file: &rusqlite::Connection| {
            // Columns that were added stand elsewhere in the text of their table.
            let sql = "SELECT t.name, iif(t.type = 'index', t.sql, group_concat(c.name, ' '))
                       FROM sqlite_schema t, pragma_table_info(t.name) c GROUP BY 1 ORDER BY 1";
            let mut found = file.prepare(sql).unwrap();
            let rows = found.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            });
            rows.unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap()
        };
        let file = rusqlite::Connection::open(place.0.join("journal.sqlite")).unwrap();
        let made = tables(&file);
        file.execute_batch(
            "DROP TABLE reading; DROP TABLE milestone; ALTER TABLE meta DROP COLUMN age;
             ALTER TABLE meta DROP COLUMN trimmed_through;
             DROP TABLE command; DROP INDEX delivery_undecided; PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(file);
        let journal = place.journal();
        assert_eq!(journal.epoch(), epoch);
        let file = rusqlite::Connection::open(place.0.join("journal.sqlite")).unwrap();
        assert_eq!(tables(&file), made, "as a new one has them");
        project(&journal, 0, vec![command(1)]).await;
        assert_eq!(journal.commands(None, None, 10).await.unwrap().len(), 1);
    }
}
