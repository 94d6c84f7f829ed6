//! The suites, and what no store may be taken for.

use std::sync::Arc;

use messaging::{FailureKind, Timestamp};
use stores::{
    PostgresSettings,
    journal::{self, Journal, PgJournal},
    ledger::{self, Ledger, PgLedger},
    register::{self, PgRegister, Register},
};
use tests::postgres::Postgres;

use super::settings;

#[tokio::test]
async fn a_ledger_on_postgresql_passes_the_suite() {
    let Some(postgres) = Postgres::start("the suite of ledgers on PostgreSQL") else { return };
    ledger::conformance::check(async || {
        let settings = settings(&postgres);
        let [restored, standing, switched] = [(); 3].map(|()| settings.clone());
        ledger::conformance::Site {
            restore: Box::new(move || {
                let settings = restored.clone();
                Box::pin(async move {
                    PgLedger::restore(&settings, Timestamp(0)).await.expect("it is restored")
                })
            }),
            standing: Box::new(move || {
                let settings = standing.clone();
                Box::pin(async move { PgLedger::standing(&settings).await })
            }),
            switch: Box::new(move |wanted| {
                let settings = switched.clone();
                Box::pin(async move { PgLedger::switch(&settings, &wanted).await })
            }),
            open: Box::new(move || {
                let settings = settings.clone();
                Box::pin(async move {
                    let ledger = PgLedger::open(&settings, "one").await.expect("it opens");
                    Arc::new(ledger) as Arc<dyn Ledger>
                })
            }),
        }
    })
    .await;
}

#[tokio::test]
async fn a_journal_on_postgresql_passes_the_suite() {
    let Some(postgres) = Postgres::start("the suite of journals on PostgreSQL") else { return };
    journal::conformance::check(async || {
        let settings = settings(&postgres);
        journal::conformance::Site {
            open: Box::new(move || {
                let settings = settings.clone();
                Box::pin(async move {
                    let journal = PgJournal::open(&settings).await.expect("it opens");
                    Arc::new(journal) as Arc<dyn Journal>
                })
            }),
        }
    })
    .await;
}

#[tokio::test]
async fn a_register_on_postgresql_passes_the_suite() {
    let Some(postgres) = Postgres::start("the suite of registers on PostgreSQL") else { return };
    register::conformance::check(async || {
        let settings = settings(&postgres);
        register::conformance::Site {
            open: Box::new(move || {
                let settings = settings.clone();
                Box::pin(async move {
                    let register = PgRegister::open(&settings).await.expect("it opens");
                    Arc::new(register) as Arc<dyn Register>
                })
            }),
        }
    })
    .await;
}

async fn refused(settings: &PostgresSettings) -> (FailureKind, &'static str) {
    let failure = PgLedger::open(settings, "one").await.expect_err("it is refused");
    (failure.kind(), failure.code())
}

#[tokio::test]
async fn what_is_no_ledger_of_ours_is_refused_with_a_code_and_left_alone() {
    let Some(postgres) = Postgres::start("foreign schemas on PostgreSQL") else { return };
    let foreign = settings(&postgres);
    let name = format!("{}_ledger", foreign.prefix);
    let made = format!("CREATE SCHEMA {name}; CREATE TABLE {name}.letter (text text)");
    postgres.sql(&made);
    assert_eq!(refused(&foreign).await, (FailureKind::Defect, "AB-2312"));
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = ";
    assert_eq!(postgres.sql(&format!("{tables} '{name}'")), "1");

    let newer = settings(&postgres);
    drop(PgLedger::open(&newer, "one").await.expect("a new one"));
    postgres.sql(&format!("UPDATE {}_ledger.meta SET version = 99", newer.prefix));
    assert_eq!(refused(&newer).await, (FailureKind::Defect, "AB-2313"));
}

#[tokio::test]
async fn a_role_without_rights_and_a_server_that_is_not_there_are_told_apart() {
    let Some(mut postgres) = Postgres::start("rights on PostgreSQL") else { return };
    postgres.sql("CREATE ROLE clerk LOGIN");
    let clerk = PostgresSettings { user: "clerk".to_owned(), ..settings(&postgres) };
    assert_eq!(refused(&clerk).await, (FailureKind::Unavailable, "AB-2311"));
    // An administrator may make the schema for a role that may not.
    let name = format!("{}_ledger", clerk.prefix);
    postgres.sql(&format!("CREATE SCHEMA {name} AUTHORIZATION clerk"));
    drop(PgLedger::open(&clerk, "one").await.expect("now it may"));
    let nobody = PostgresSettings { user: "nobody".to_owned(), ..settings(&postgres) };
    assert_eq!(refused(&nobody).await, (FailureKind::Unavailable, "AB-2311"));
    let nowhere = PostgresSettings { database: "nowhere".to_owned(), ..settings(&postgres) };
    assert_eq!(refused(&nowhere).await, (FailureKind::Unavailable, "AB-2311"));
    let plain = PostgresSettings { tls: true, ..settings(&postgres) };
    assert_eq!(refused(&plain).await.0, FailureKind::Unavailable, "it does not speak TLS");
    postgres.kill();
    assert_eq!(refused(&settings(&postgres)).await, (FailureKind::Unavailable, "AB-2310"));
}
