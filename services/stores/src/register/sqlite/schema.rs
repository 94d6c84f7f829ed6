//! The register's tables, and what its file must be.

use crate::{codes, sqlite::Schema};

/// What was ordered and its answer are told once; a commit is durable before the channels are read on.
pub(super) const SCHEMA: Schema = Schema {
    what: "register",
    // "AMBR".
    application_id: 0x414d_4252,
    version: 1,
    page_bytes: 4_096,
    sql: &[SQL],
    migrations: &[],
    synchronous: "FULL",
    codes: codes::REGISTER,
};

const SQL: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    age INTEGER NOT NULL DEFAULT 0             -- the register's own clock; 0 before its first count
) STRICT;
INSERT INTO meta (id) VALUES (1);

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

-- At which age of the register which number was the last: what is not above it is older.
CREATE TABLE milestone (
    at INTEGER PRIMARY KEY,
    command INTEGER NOT NULL
) STRICT;
";
