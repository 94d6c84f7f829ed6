//! The journal's tables on PostgreSQL; see those of SQLite for why they are so.

use crate::postgres::Schema;

pub(crate) const SCHEMA: Schema =
    Schema { what: "journal", version: 2, sql: &[SQL], migrations: &[ORDERS_MOVED] };

const SQL: &str = "
CREATE TABLE meta (
    id int PRIMARY KEY CHECK (id = 1),
    what text NOT NULL,
    version int NOT NULL,
    epoch uuid NOT NULL,
    writer uuid,                               -- the console that projects
    sequence bigint NOT NULL,
    projected_at bigint,
    age bigint NOT NULL DEFAULT 0,             -- the journal's own clock; 0 before its first count
    trimmed_through bigint NOT NULL DEFAULT 0  -- the highest number that went by retention
) WITH (fillfactor = 10);
INSERT INTO meta (id, what, version, epoch, sequence)
    VALUES (1, 'amtsbote journal', 2, gen_random_uuid(), 0);

CREATE TABLE position (
    channel text NOT NULL,
    number int NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (channel, number)
) WITH (fillfactor = 10);

CREATE TABLE application (
    id bigint PRIMARY KEY,
    segment bigint NOT NULL,
    message_id uuid NOT NULL,
    is_copy boolean NOT NULL,
    is_fresh boolean NOT NULL,
    has_head boolean NOT NULL,
    state text NOT NULL,
    verdict text,
    is_test boolean NOT NULL,
    case_id uuid,
    sender text,
    own_id text COLLATE \"C\",
    case_reference text,
    authority text,
    standard text,
    version text,
    message_type text,
    sha256 bytea,
    received_at bigint,
    trace text
);
CREATE INDEX application_by_message ON application (message_id);
CREATE INDEX application_by_case ON application (segment, case_id);
CREATE INDEX application_by_own_id ON application (segment, own_id) WHERE own_id IS NOT NULL;
CREATE INDEX application_by_state ON application (state, id) WHERE state <> 'delivered';

CREATE TABLE delivery (
    application bigint NOT NULL,
    endpoint text NOT NULL,
    ledger text NOT NULL,
    number bigint NOT NULL,
    epoch bigint NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    attempts int NOT NULL,
    next_at bigint,
    receipt text,
    code text,
    reasons text,
    PRIMARY KEY (application, endpoint, ledger, number)
);
CREATE INDEX delivery_by_endpoint ON delivery (endpoint, application);
CREATE INDEX delivery_undecided ON delivery (application DESC, endpoint, number)
    WHERE state IN ('dead', 'uncertain');

CREATE TABLE event (
    id bigint PRIMARY KEY,
    application bigint NOT NULL,
    fingerprint bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    endpoint text,
    code text,
    cause text,
    place text,
    trace text,
    receipt text,
    reasons text,
    reply_kind text,
    ledger text,
    epoch bigint,
    number bigint,
    version bigint,
    state text,
    attempts int,
    next_at bigint
);
CREATE UNIQUE INDEX event_by_application ON event (application, fingerprint);

CREATE TABLE reply (
    id bigint PRIMARY KEY,                     -- of its event
    application bigint NOT NULL,
    fingerprint bigint NOT NULL,
    at bigint NOT NULL,
    endpoint text NOT NULL,
    kind text NOT NULL,
    media_type text NOT NULL,
    body bytea NOT NULL,
    standard text,                             -- of what a reply of a standard says
    version text,
    message_type text,
    canonical bytea
);
CREATE UNIQUE INDEX reply_by_application ON reply (application, fingerprint);
ALTER TABLE reply ALTER COLUMN body SET STORAGE EXTERNAL,
                  ALTER COLUMN canonical SET STORAGE EXTERNAL;

CREATE TABLE tally (
    endpoint text NOT NULL,
    state text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (endpoint, state)
) WITH (fillfactor = 10);

CREATE TABLE gate (
    endpoint text PRIMARY KEY,
    at bigint NOT NULL,
    event text NOT NULL,
    is_closed boolean NOT NULL,
    code text
);

-- The newest report of each endpoint, as JSON.
CREATE TABLE report (endpoint text PRIMARY KEY, at bigint NOT NULL, told text NOT NULL);

-- At which age of the journal which number was the last: what is not above it is older.
CREATE TABLE milestone (at bigint PRIMARY KEY, sequence bigint NOT NULL);
";

/// With version 2 orders are the register's. Whoever has not taken them over before keeps this journal as
/// it is.
const ORDERS_MOVED: &str = "
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM command) OR EXISTS (SELECT 1 FROM bulk)
        OR EXISTS (SELECT 1 FROM bulk_item)
    THEN RAISE EXCEPTION 'no register has taken over the orders'; END IF;
END $$;
DROP TABLE bulk_item, bulk, command;
ALTER TABLE milestone DROP COLUMN command;
";
