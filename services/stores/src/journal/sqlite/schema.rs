//! The journal's tables, and what its file must be.

use crate::{codes, sqlite::Schema};

/// A commit is durable at once, or a cursor handed out could name another event after a power cut.
pub(super) const SCHEMA: Schema = Schema {
    what: "journal",
    // "AMBJ".
    application_id: 0x414d_424a,
    version: 6,
    page_bytes: 4_096,
    sql: &[SQL, READINGS],
    migrations: &[COMMANDS, RETENTION, READINGS, REPORTS, ORDERS_MOVED],
    synchronous: "FULL",
    codes: codes::JOURNAL,
};

/// The last version that held orders, which are the register's now.
pub(super) const WITH_ORDERS: Schema =
    Schema { version: 5, migrations: &[COMMANDS, RETENTION, READINGS, REPORTS], ..SCHEMA };

/// Rows of `application` and `event` are numbered from one counter, the sequence that cursors name.
/// A row of `application` that is its own "accepted" entry (`is_fresh`) needs none in `event`.
///
/// One index is random, the fingerprint every record is looked up by. The two that only people's
/// searches use begin with the segment (2^17 sequence numbers), so that inserts stay in a few warm
/// pages, and a search asks segment by segment.
const SQL: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    projected_at INTEGER,
    age INTEGER NOT NULL DEFAULT 0,            -- the journal's own clock; 0 before its first count
    trimmed_through INTEGER NOT NULL DEFAULT 0 -- the highest number that went by retention
) STRICT;
INSERT INTO meta (id, epoch, sequence) VALUES (1, randomblob(16), 0);

CREATE TABLE position (
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE application (
    id INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    message_key INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    is_copy INTEGER NOT NULL,
    is_fresh INTEGER NOT NULL,
    has_head INTEGER NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    is_test INTEGER NOT NULL,
    case_key INTEGER,
    case_id BLOB,
    sender TEXT,
    own_id TEXT,
    case_reference TEXT,
    authority TEXT,
    standard TEXT,
    version TEXT,
    message_type TEXT,
    sha256 BLOB,
    received_at INTEGER,
    trace TEXT
) STRICT;
CREATE INDEX application_by_message ON application (message_key);
CREATE INDEX application_by_case ON application (segment, case_key);
CREATE INDEX application_by_own_id ON application (segment, own_id) WHERE own_id IS NOT NULL;
CREATE INDEX application_by_state ON application (state, id) WHERE state <> 'delivered';

CREATE TABLE delivery (
    application INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    ledger TEXT NOT NULL,
    number INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER,
    receipt TEXT,
    code TEXT,
    reasons TEXT,
    PRIMARY KEY (application, endpoint, ledger, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_by_endpoint ON delivery (endpoint, application);

CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    application INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    endpoint TEXT,
    code TEXT,
    cause TEXT,
    place TEXT,
    trace TEXT,
    receipt TEXT,
    reasons TEXT,
    reply_kind TEXT,
    ledger TEXT,
    epoch INTEGER,
    number INTEGER,
    version INTEGER,
    state TEXT,
    attempts INTEGER,
    next_at INTEGER
) STRICT;
CREATE UNIQUE INDEX event_by_application ON event (application, fingerprint);

CREATE TABLE reply (
    id INTEGER PRIMARY KEY,
    application INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    at INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX reply_by_application ON reply (application, fingerprint);

CREATE TABLE tally (
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (endpoint, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE gate (
    endpoint TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    is_closed INTEGER NOT NULL,
    code TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_undecided ON delivery (application DESC, endpoint, number)
    WHERE state IN ('dead', 'uncertain');

-- At which age of the journal which number was the last: what is not above it is older.
CREATE TABLE milestone (
    at INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;

-- The newest report of each endpoint, as JSON.
CREATE TABLE report (
    endpoint TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    told TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Version 2 brought commands.
pub(super) const COMMANDS: &str = "
CREATE TABLE command (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    issued_at INTEGER,
    operator TEXT,
    name TEXT,
    message_id BLOB,
    reason TEXT,
    answered_at INTEGER,
    is_accepted INTEGER,
    code TEXT,
    cause TEXT
) STRICT;
CREATE INDEX delivery_undecided ON delivery (application DESC, endpoint, number)
    WHERE state IN ('dead', 'uncertain');
";

/// Version 3 brought retention. All that is there is kept as if it had happened last.
const RETENTION: &str = "
ALTER TABLE meta ADD COLUMN age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN trimmed_through INTEGER NOT NULL DEFAULT 0;
CREATE TABLE milestone (
    at INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    command INTEGER NOT NULL
) STRICT;
UPDATE meta SET age = coalesce(projected_at, 0);
INSERT INTO milestone
    SELECT age, sequence, coalesce((SELECT max(number) FROM command), 0) FROM meta WHERE age <> 0;
";

/// Version 4 brought what replies of a standard say.
const READINGS: &str = "
CREATE TABLE reading (
    reply INTEGER PRIMARY KEY,
    standard TEXT NOT NULL,
    version TEXT NOT NULL,
    message_type TEXT NOT NULL,
    canonical BLOB NOT NULL
) STRICT;
";

/// Version 5 brought reports of how endpoints are served, and bulks.
const REPORTS: &str = "
CREATE TABLE report (
    endpoint TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    told TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bulk (
    command BLOB PRIMARY KEY,
    total INTEGER NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bulk_item (
    command BLOB NOT NULL,
    item INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    result TEXT NOT NULL,
    code TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (command, item)
) STRICT, WITHOUT ROWID;
";

/// With version 6 orders are the register's. Whoever has not taken them over before keeps this file as it
/// is.
const ORDERS_MOVED: &str = "
CREATE TABLE left_behind (
    rows INTEGER NOT NULL CONSTRAINT orders_are_taken_over CHECK (rows = 0)
) STRICT;
INSERT INTO left_behind SELECT count(*) FROM command;
INSERT INTO left_behind SELECT count(*) FROM bulk;
INSERT INTO left_behind SELECT count(*) FROM bulk_item;
DROP TABLE left_behind;
DROP TABLE bulk_item;
DROP TABLE bulk;
DROP TABLE command;
ALTER TABLE milestone DROP COLUMN command;
";
