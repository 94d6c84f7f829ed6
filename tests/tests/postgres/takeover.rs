//! A journal of the former version hands what operators ordered over to the register.

use std::time::Duration;

use messaging::{CommandId, FailureKind, Timestamp};
use stores::{
    journal::{Journal, PgJournal, Projected, Projection},
    register::{PgRegister, Register},
};
use tests::postgres::Postgres;
use uuid::Uuid;

use super::{cut::partition, settings};

/// Makes a new journal what the former version would have left, after an operator had given four orders.
/// The second is gone already.
const FORMER: &str = "
CREATE TABLE command (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE,
    endpoint text NOT NULL, issued_at bigint, operator text, name text, message_id uuid, reason text,
    answered_at bigint, is_accepted boolean, code text, cause text
);
CREATE TABLE bulk (
    command uuid PRIMARY KEY, total bigint NOT NULL, state text NOT NULL, at bigint NOT NULL
);
CREATE TABLE bulk_item (
    command uuid NOT NULL, item bigint NOT NULL, message_id uuid NOT NULL, result text NOT NULL,
    code text, at bigint NOT NULL, PRIMARY KEY (command, item)
);
ALTER TABLE milestone ADD COLUMN command bigint NOT NULL DEFAULT 0;
INSERT INTO command OVERRIDING SYSTEM VALUE VALUES
    (1, '00000000-0000-0000-0000-000000000001', 'nordsachsen-kfz', 5, 'erika', 'bulk_replay', NULL,
     'wieder da', 9, true, NULL, NULL),
    (3, '00000000-0000-0000-0000-000000000003', 'nordsachsen-kfz', 6, 'erika', 'replay',
     '00000000-0000-0000-0000-0000000000ff', NULL, 8, false, 'AB-3221', 'gone'),
    (4, '00000000-0000-0000-0000-000000000004', 'harz-kfz', NULL, NULL, NULL, NULL, NULL, 9, true, NULL,
     NULL),
    (5, '00000000-0000-0000-0000-000000000005', 'harz-kfz', 7, 'max', 'pause', NULL, 'Wartung', NULL,
     NULL, NULL, NULL);
INSERT INTO bulk VALUES ('00000000-0000-0000-0000-000000000001', 2, 'stopped', 8);
INSERT INTO bulk_item VALUES
    ('00000000-0000-0000-0000-000000000001', 1, '00000000-0000-0000-0000-000000000066', 'refused',
     'AB-3223', 8);
UPDATE meta SET age = 1800000000000000, version = 1;
INSERT INTO milestone (at, sequence, command) VALUES (1799900000000000, 0, 3)
    ON CONFLICT (at) DO NOTHING;
";

fn id(command: u128) -> CommandId {
    CommandId(Uuid::from_u128(command))
}

async fn numbers(register: &PgRegister) -> Vec<(i64, u128)> {
    let rows = register.commands(None, None, 10).await.expect("it answers");
    rows.iter().map(|row| (row.number, row.id.0.as_u128())).collect()
}

#[tokio::test]
async fn what_a_journal_of_the_former_version_holds_of_orders_is_taken_over_and_ages_on() {
    let Some(postgres) = Postgres::start("orders in a former journal on PostgreSQL") else {
        return;
    };
    let settings = settings(&postgres);
    let before = PgJournal::open(&settings).await.expect("a new one");
    let former = format!("SET search_path = {}_journal;{FORMER}", settings.prefix);
    postgres.sql(&former);
    let failure = PgJournal::open(&settings).await.expect_err("nobody has taken over its orders");
    assert_eq!(failure.kind(), FailureKind::Defect);
    assert!(failure.report().contains("taken over"), "{}", failure.report());

    let register = PgRegister::open(&settings).await.expect("a new one");
    assert_eq!(numbers(&register).await, [(5, 5), (4, 4), (3, 3), (1, 1)]);
    let replay = register.command(id(3)).await.expect("it answers").expect("it is there");
    let (issued, answer) = replay.issued.zip(replay.answer).expect("both");
    assert_eq!((issued.operator.as_str(), issued.name.as_str()), ("erika", "replay"));
    assert_eq!((answer.at, answer.code.as_deref()), (Timestamp(8), Some("AB-3221")));
    let of = register.bulk(id(1)).await.expect("it answers").expect("it is there");
    assert_eq!((of.total, of.results.get("refused").copied()), (2, Some(1)));
    // A console of that version would put more into tables nobody looks at any more.
    let entry = Projected::Undecodable {
        offset: 0,
        at: Timestamp(1),
        code: "AB-1405",
        cause: "nobody can read it".to_owned(),
    };
    let batch = Projection { partition: partition(), from: 0, next: 1, entries: vec![entry] };
    let refused = before.apply(vec![batch], Timestamp(1)).await.expect_err("it is succeeded");
    assert_eq!(refused.code(), "AB-2407");

    // And once more, with a journal put back from before: what is known stays as it is.
    let tables = "DROP TABLE bulk_item, bulk, command; ALTER TABLE milestone DROP COLUMN command;";
    let again = former.replace("CREATE TABLE command", &format!("{tables} CREATE TABLE command"));
    postgres.sql(&format!("{again} DELETE FROM command WHERE number = 3;"));
    drop(register);
    let register = PgRegister::open(&settings).await.expect("it is there");
    assert_eq!(numbers(&register).await, [(5, 5), (4, 4), (3, 3), (1, 1)]);
    drop(PgJournal::open(&settings).await.expect("it holds none any more"));
    let age = register.grow_older(Timestamp(0), Duration::ZERO).await.expect("it answers");
    assert_eq!(age.at, Timestamp(1_800_000_000_000_000));
    let trimmed = register.trim(Duration::from_secs(86_400), 0).await.expect("it trims");
    assert_eq!(trimmed.rows, 2, "one and three, of answered ones");
}
