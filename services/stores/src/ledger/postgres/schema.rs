//! The ledger's tables on PostgreSQL.
//!
//! As in SQLite: integer keys inside, no random index on the hot path, identities and bodies apart.
//! Bodies are stored out of line and uncompressed: compressing them costs more than all the rest.

use crate::postgres::Schema;

pub(super) const SCHEMA: Schema = Schema {
    what: "ledger",
    version: 4,
    sql: &[SQL, EDITS, NUMBERINGS],
    migrations: &[EPOCHS, EDITS, NUMBERINGS],
};

/// Version 2 knows for each channel where it ended when the epoch began, not for `control` alone.
const EPOCHS: &str = "
CREATE TABLE floor (channel text, number int, floor bigint NOT NULL, PRIMARY KEY (channel, number));
INSERT INTO floor SELECT 'control', number, floor FROM control_floor
    WHERE (SELECT control_epoch = epoch FROM meta);
INSERT INTO floor SELECT 'control', 0, 0 FROM meta WHERE control_epoch = epoch ON CONFLICT DO NOTHING;
DROP TABLE control_floor;
ALTER TABLE meta DROP COLUMN control_epoch;
";

/// Version 3 brought edits.
const EDITS: &str = "
-- Documents that go instead of those that came, by the generation under whose key they go.
CREATE TABLE edit (
    message bigint NOT NULL,
    endpoint int NOT NULL,
    generation int NOT NULL,
    command uuid NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (message, endpoint, generation)
);
ALTER TABLE edit ALTER COLUMN record SET STORAGE EXTERNAL;
";

/// Version 4 brought numbers of partitions.
const NUMBERINGS: &str = "
-- By how many partitions cases lay, one generation after the other.
CREATE TABLE numbering (
    generation int PRIMARY KEY,
    partitions int NOT NULL,
    at bigint NOT NULL,
    operator text NOT NULL,
    reason text NOT NULL
);
-- Where each but the first begins.
CREATE TABLE numbering_start (
    partition int,
    generation int,
    first bigint NOT NULL,
    PRIMARY KEY (partition, generation)
);
";

const SQL: &str = "
CREATE TABLE meta (
    one int PRIMARY KEY CHECK (one = 1),
    what text NOT NULL,
    version int NOT NULL,
    ledger_id text NOT NULL,
    epoch int NOT NULL,
    starts bigint NOT NULL,
    subscriptions_version bigint NOT NULL,
    age bigint NOT NULL DEFAULT 0          -- the ledger's own clock; 0 before its first count
);
INSERT INTO meta (one, what, version, ledger_id, epoch, starts, subscriptions_version)
    VALUES (1, 'amtsbote ledger', 4, 'ledger-' || replace(gen_random_uuid()::text, '-', ''), 1, 0, 0);

-- The last numbers given out; each dispatcher takes blocks of them.
CREATE TABLE number (
    one int PRIMARY KEY CHECK (one = 1),
    delivery bigint NOT NULL,
    message bigint NOT NULL,
    intent bigint NOT NULL
);
INSERT INTO number VALUES (1, 0, 0, 0);

-- One start of a dispatcher. `beat` grows while it lives, `commits` with each transaction: that tells
-- whether one whose answer was lost took place.
CREATE TABLE writer (
    id bigint PRIMARY KEY,
    holder text NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    commits bigint NOT NULL DEFAULT 0,
    outcome text,                          -- what of the last transaction was dropped
    seen bigint NOT NULL DEFAULT 0         -- the ledger's age when it beat
) WITH (fillfactor = 10);

CREATE TABLE endpoint (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    interests text,                        -- NULL: no dispatcher has it any more
    version bigint NOT NULL
);

-- Which dispatchers have an endpoint in their files, by the names they keep across restarts.
CREATE TABLE subscriber (
    endpoint int NOT NULL,
    holder text NOT NULL,
    seen bigint NOT NULL,                  -- the ledger's age when it was heard of last
    PRIMARY KEY (endpoint, holder)
);

CREATE TABLE endpoint_state (
    endpoint int PRIMARY KEY,
    owner bigint,                          -- a writer
    fence bigint NOT NULL DEFAULT 0,       -- grows whenever it changes hands
    lease bigint NOT NULL DEFAULT 0,       -- microseconds
    paused_at bigint,
    command uuid
) WITH (fillfactor = 50);

CREATE TABLE partition (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    number int NOT NULL,
    next bigint NOT NULL,
    last_offset bigint,                    -- of the last record admitted, to recognise a recreated log
    last_message_id uuid,
    last_sha256 bytea,
    UNIQUE (channel, number)
) WITH (fillfactor = 10);

CREATE TABLE message (
    id bigint PRIMARY KEY,
    partition int NOT NULL,
    place bigint NOT NULL,                 -- the offset
    message_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    case_id uuid NOT NULL,
    sender text NOT NULL,
    admitted_at bigint NOT NULL
);
ALTER TABLE message ALTER COLUMN sha256 SET STORAGE PLAIN;
CREATE INDEX message_by_place ON message (partition, place);

CREATE TABLE body (message bigint PRIMARY KEY, record bytea NOT NULL)
    WITH (toast_tuple_target = 8160);
ALTER TABLE body ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE TABLE delivery (
    id bigint PRIMARY KEY,
    endpoint int NOT NULL,
    message bigint NOT NULL,
    generation int NOT NULL,
    state text NOT NULL,
    attempts int NOT NULL,
    next_at bigint,
    first_attempt_at bigint,
    version bigint NOT NULL,
    replay_of bigint,
    final_at bigint                        -- the ledger's age when it became final
);
CREATE INDEX delivery_by_message ON delivery (message);
CREATE INDEX delivery_open ON delivery (endpoint, id) WHERE final_at IS NULL;

CREATE TABLE attempt (
    delivery bigint NOT NULL,
    version bigint NOT NULL,
    number int NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint NOT NULL,
    outcome text NOT NULL,
    code text,
    cause text,
    receipt text,
    PRIMARY KEY (delivery, version)
);

CREATE TABLE intent (
    id bigint NOT NULL,
    endpoint int NOT NULL,
    deliveries bigint[] NOT NULL,
    versions bigint[] NOT NULL,
    PRIMARY KEY (id, endpoint)
);

CREATE TABLE unrouted (message bigint PRIMARY KEY);

CREATE TABLE verdict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition int NOT NULL,
    place bigint NOT NULL,
    kind text NOT NULL,
    message_id uuid,
    sha256 bytea,
    record bytea,
    at bigint NOT NULL
);
ALTER TABLE verdict ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE TABLE outbox (
    writer bigint NOT NULL,
    sequence bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (writer, sequence)
) WITH (toast_tuple_target = 8160);
ALTER TABLE outbox ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE TABLE command (
    id uuid PRIMARY KEY,
    admission bigint GENERATED ALWAYS AS IDENTITY,
    partition int NOT NULL,
    place bigint NOT NULL,
    endpoint text NOT NULL,
    name text NOT NULL,
    issued_at bigint NOT NULL,
    admitted_at bigint NOT NULL,
    state text NOT NULL,                   -- waiting for the owner, accepted or refused
    code text,
    record bytea NOT NULL,                 -- who and why are in there
    kept_from bigint NOT NULL              -- the ledger's age when it was admitted
);
CREATE INDEX command_waiting ON command (admission) WHERE state = 'waiting';

-- How bulks that operators ordered are getting on; what each is about is in its command's record.
CREATE TABLE bulk (command uuid PRIMARY KEY, endpoint int NOT NULL, state text NOT NULL);
CREATE INDEX bulk_open ON bulk (endpoint) WHERE state <> 'done';
CREATE TABLE bulk_item (
    command uuid NOT NULL,
    item bigint NOT NULL,
    delivery bigint,
    result text NOT NULL,
    PRIMARY KEY (command, item)
);

-- Where a channel ended when this epoch of the ledger began; 0 at 0 for one that was not there.
CREATE TABLE floor (channel text, number int, floor bigint NOT NULL, PRIMARY KEY (channel, number));

-- At which age of the ledger which rows were the newest: what is not above them is older.
CREATE TABLE milestone (at bigint PRIMARY KEY, message bigint NOT NULL, verdict bigint NOT NULL);

-- Which claims are needed, and by which kept record: a message, or, negative, a verdict.
CREATE TABLE claim (claim uuid NOT NULL, holder bigint NOT NULL, PRIMARY KEY (claim, holder));
CREATE INDEX claim_by_holder ON claim (holder);

-- Claims nobody needed: their pins are to be lifted, or were, and are looked at once more.
CREATE TABLE lift (claim uuid PRIMARY KEY, is_lifted boolean NOT NULL);
";
