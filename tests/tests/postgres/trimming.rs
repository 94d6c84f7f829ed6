//! What retention costs does not grow with what is kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stores::ledger::{Kind, Ledger, PgLedger, Retention};
use tests::postgres::Postgres;
use tokio::time::Instant;

use super::settings;

/// The longest wait for the server's counts, which come late.
const PATIENCE: Duration = Duration::from_secs(60);
const KEPT: Duration = Duration::from_secs(3_600);

/// Settled rows, the first 2,000 of them old.
const FILL: &str = "
    UPDATE meta SET age = 36000000000;
    INSERT INTO milestone VALUES (1000, 2000, 0);
    INSERT INTO partition (channel, number, next) VALUES ('application.kfz', 0, 30000);
    INSERT INTO message SELECT n, 1, n, gen_random_uuid(), 'x', gen_random_uuid(), 'portal', 1
        FROM generate_series(1, 30000) n;
    INSERT INTO body SELECT n, 'x' FROM generate_series(1, 30000) n;
    INSERT INTO delivery (id, endpoint, message, generation, state, attempts, version, final_at)
        SELECT n, 1, n, 0, 'delivered', 1, 2, CASE WHEN n <= 2000 THEN 1000 ELSE 36000000000 END
        FROM generate_series(1, 30000) n;
    INSERT INTO attempt SELECT n, 2, 1, 1, 2, 'accepted' FROM generate_series(1, 30000) n;
    ANALYZE message, body, delivery, attempt;
";

#[tokio::test]
async fn what_goes_is_found_without_reading_what_stays() {
    let Some(postgres) = Postgres::start("what retention costs on PostgreSQL") else { return };
    let settings = settings(&postgres);
    let schema = format!("{}_ledger", settings.prefix);
    let ledger = PgLedger::open(&settings, "one").await.expect("it opens");
    postgres.sql(&format!("SET search_path = {schema};{FILL}"));
    let count = |column: &str| -> u64 {
        let select = format!(
            "SELECT sum({column}) FROM pg_stat_all_tables WHERE schemaname = '{schema}'
                AND relname IN ('message', 'body', 'delivery', 'attempt')"
        );
        postgres.sql(&select).parse().expect("a number")
    };
    let before = count("seq_tup_read");
    let (payload_of, kept) = (BTreeMap::new(), KEPT);
    let of = Retention { payload: kept, payload_of, history: kept, dedupe_horizon: kept };
    let of = Arc::new(of);
    for kind in [Kind::Payload, Kind::Delivery, Kind::Identity] {
        let (mut after, mut rows) = (Some(0), 0);
        while let Some(from) = after {
            let trimmed = ledger.trim(kind, Arc::clone(&of), from).await.expect("it trims");
            rows += trimmed.rows;
            after = trimmed.next;
        }
        assert_eq!(rows, 2_000, "{kind:?}");
    }
    // A connection tells the server's counts of itself when it ends.
    drop(ledger);
    let until = Instant::now() + PATIENCE;
    while count("n_tup_del") < 8_000 {
        assert!(Instant::now() < until, "the server never counted what went");
        tokio::task::yield_now().await;
    }
    assert_eq!(count("seq_tup_read"), before, "rows of tables that were read whole");
    // Whatever is looked up for a row that goes: its body, identity, delivery and attempt, some twice.
    let looked_up = postgres.sql(&format!(
        "SELECT sum(idx_tup_read) FROM pg_stat_all_indexes WHERE schemaname = '{schema}'"
    ));
    let looked_up: u64 = looked_up.parse().expect("a number");
    assert!(looked_up < 2_000 * 30, "{looked_up} entries of indexes for 2,000 messages");
}
