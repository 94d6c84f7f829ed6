//! The ledger's tables.
//!
//! Integer keys inside, UUIDs at the edge. No random index on the hot path: a message id is found by
//! an in-memory fingerprint and its row. Identity rows and bodies are apart, because bodies go by
//! retention and identities stay.

use crate::{codes, sqlite::Schema};

/// `AMTL`.
const APPLICATION_ID: i32 = 0x414D_544C;

pub(super) const SCHEMA: Schema = Schema {
    what: "ledger",
    application_id: APPLICATION_ID,
    version: 7,
    // They halve the cost of a body of 2 KiB.
    page_bytes: 16_384,
    sql: &[SQL, BULKS, EDITS, NUMBERINGS],
    migrations: &[COMMANDS, RETENTION, BULKS, EPOCHS, EDITS, NUMBERINGS],
    synchronous: "FULL",
    codes: codes::LEDGER,
};

/// Version 2 brought commands.
const COMMANDS: &str = "
ALTER TABLE meta ADD COLUMN control_epoch INTEGER NOT NULL DEFAULT 0;
CREATE TABLE command (
    id BLOB PRIMARY KEY,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    name TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    record BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE control_floor (number INTEGER PRIMARY KEY, floor INTEGER NOT NULL) STRICT;
CREATE TABLE endpoint_state (
    endpoint INTEGER PRIMARY KEY,
    paused_at INTEGER NOT NULL,
    command BLOB NOT NULL
) STRICT;
";

/// Version 3 brought retention. When the final deliveries of a former version ended is not known; not
/// after the last thing the ledger knows of, so that they are kept from then on. Which claims its
/// bodies refer to is looked up later, and no pin is lifted before.
const RETENTION: &str = "
ALTER TABLE meta ADD COLUMN age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN claims_unknown INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN final_at INTEGER;
ALTER TABLE command ADD COLUMN kept_from INTEGER NOT NULL DEFAULT 0;
CREATE INDEX delivery_by_message ON delivery (message);
CREATE TABLE milestone (
    at INTEGER PRIMARY KEY,
    message INTEGER NOT NULL,
    verdict INTEGER NOT NULL
) STRICT;
CREATE TABLE claim (
    claim BLOB NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (claim, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_by_holder ON claim (holder);
CREATE TABLE lift (claim BLOB PRIMARY KEY, is_lifted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
UPDATE meta SET
    age = max(coalesce((SELECT max(ended_at) FROM attempt), 0),
              coalesce((SELECT max(admitted_at) FROM message), 0),
              coalesce((SELECT max(admitted_at) FROM command), 0),
              coalesce((SELECT max(at) FROM verdict), 0)),
    claims_unknown = coalesce((SELECT max(message) FROM body), 0);
UPDATE delivery SET final_at = (SELECT age FROM meta)
    WHERE state IN ('delivered', 'rejected', 'discarded');
UPDATE command SET kept_from = (SELECT age FROM meta);
INSERT INTO milestone
    SELECT age, coalesce((SELECT max(id) FROM message), 0),
           coalesce((SELECT max(id) FROM verdict), 0)
    FROM meta WHERE age <> 0;
";

/// Version 4 brought bulks.
const BULKS: &str = "
-- How bulks that operators ordered are getting on; what each is about is in its command's record.
CREATE TABLE bulk (command BLOB PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE bulk_item (
    command BLOB NOT NULL,
    item INTEGER NOT NULL,
    delivery INTEGER,
    result TEXT NOT NULL,
    PRIMARY KEY (command, item)
) STRICT, WITHOUT ROWID;
";

/// Version 5 knows for each channel where it ended when the epoch began, not for `control` alone.
const EPOCHS: &str = "
CREATE TABLE floor (
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;
INSERT INTO floor SELECT 'control', number, floor FROM control_floor
    WHERE (SELECT control_epoch = epoch FROM meta);
INSERT INTO floor SELECT 'control', 0, 0 FROM meta WHERE control_epoch = epoch ON CONFLICT DO NOTHING;
DROP TABLE control_floor;
ALTER TABLE meta DROP COLUMN control_epoch;
ALTER TABLE meta ADD COLUMN delivery_last INTEGER NOT NULL DEFAULT 0;
";

/// Version 6 brought edits.
const EDITS: &str = "
-- Documents that go instead of those that came, by the generation under whose key they go.
CREATE TABLE edit (
    message INTEGER NOT NULL,
    endpoint INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    command BLOB NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (message, endpoint, generation)
) STRICT;
";

/// Version 7 brought numbers of partitions.
const NUMBERINGS: &str = "
-- By how many partitions cases lay, one generation after the other.
CREATE TABLE numbering (
    generation INTEGER PRIMARY KEY,
    partitions INTEGER NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- Where each but the first begins.
CREATE TABLE numbering_start (
    partition INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (partition, generation)
) STRICT, WITHOUT ROWID;
";

const SQL: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ledger_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    subscriptions_version INTEGER NOT NULL,
    age INTEGER NOT NULL DEFAULT 0,           -- the ledger's own clock; 0 before its first count
    claims_unknown INTEGER NOT NULL DEFAULT 0, -- bodies up to here may hold claims not in `claim`
    delivery_last INTEGER NOT NULL DEFAULT 0  -- before a restore, numbers up to here were given out
) STRICT;

CREATE TABLE endpoint (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    interests TEXT,              -- NULL: no longer configured
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE partition (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,
    next INTEGER NOT NULL,
    last_offset INTEGER,         -- of the last record admitted, to recognise a recreated log
    last_message_id BLOB,
    last_sha256 BLOB,
    UNIQUE (channel, number)
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    case_id BLOB NOT NULL,
    sender TEXT NOT NULL,
    admitted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE body (
    message INTEGER PRIMARY KEY,
    record BLOB NOT NULL
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL,
    message INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER,
    first_attempt_at INTEGER,
    version INTEGER NOT NULL,
    replay_of INTEGER,
    final_at INTEGER             -- the ledger's age when it became final
) STRICT;
CREATE INDEX delivery_by_message ON delivery (message);
CREATE INDEX delivery_open ON delivery (id)
    WHERE state NOT IN ('delivered', 'rejected', 'discarded');

CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    cause TEXT,
    receipt TEXT,
    PRIMARY KEY (delivery, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE intent (
    id INTEGER PRIMARY KEY,
    deliveries BLOB NOT NULL     -- pairs of delivery and version, 8 bytes each, big endian
) STRICT;

CREATE TABLE unrouted (message INTEGER PRIMARY KEY) STRICT;

CREATE TABLE verdict (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message_id BLOB,
    sha256 BLOB,
    record BLOB,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY,
    record BLOB NOT NULL
) STRICT;

CREATE TABLE command (
    id BLOB PRIMARY KEY,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    name TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL,
    state TEXT NOT NULL,         -- accepted or refused
    code TEXT,
    record BLOB NOT NULL,        -- who and why are in there
    kept_from INTEGER NOT NULL DEFAULT 0  -- the ledger's age when it was admitted
) STRICT, WITHOUT ROWID;

-- Where a channel ended when this epoch of the ledger began; see `Ledger::floors`.
CREATE TABLE floor (
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,     -- of the partition; 0 at 0 for a channel that was not there
    floor INTEGER NOT NULL,
    PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;

-- What an operator wants of an endpoint; no row: served.
CREATE TABLE endpoint_state (
    endpoint INTEGER PRIMARY KEY,
    paused_at INTEGER NOT NULL,
    command BLOB NOT NULL
) STRICT;

-- At which age of the ledger which rows were the newest: what is not above them is older.
CREATE TABLE milestone (
    at INTEGER PRIMARY KEY,
    message INTEGER NOT NULL,
    verdict INTEGER NOT NULL
) STRICT;

-- Which claims are needed, and by which kept record: a message, or, negative, a verdict.
CREATE TABLE claim (
    claim BLOB NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (claim, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_by_holder ON claim (holder);

-- Claims nobody needed: their pins are to be lifted, or were, and are looked at once more.
CREATE TABLE lift (claim BLOB PRIMARY KEY, is_lifted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";
