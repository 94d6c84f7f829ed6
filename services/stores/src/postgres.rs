//! PostgreSQL as every store here uses it: a schema of its own, a version in it, one pool that reads,
//! and one connection that writes, with its plans pinned.

use std::{borrow::Cow, fmt, path::PathBuf, time::Duration};

use messaging::{Failure, FailureKind, Result};
use sqlx::{
    AssertSqlSafe, Connection as _, Error, PgConnection, Row as _,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode, Postgres},
};

use crate::codes;

/// Connections that read.
const READERS: u32 = 3;
/// How long a connection may take to be there.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long one call may take before its connection is given up; the largest reading takes seconds.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// One that was used so recently is not asked whether it is there: each question is a round trip, and a turn has
/// several calls.
const UNASKED_TIME_MAX: Duration = Duration::from_secs(1);
/// Idle ones go: what stands between may forget them sooner than TCP notices.
const IDLE_TIME_MAX: Duration = Duration::from_secs(300);
/// Every connection is made anew after this long, so that a moved server is found again.
const LIFETIME_MAX: Duration = Duration::from_secs(1_800);

/// What a server is told on every connection. A commit is durable when it is answered, whatever the
/// server's own default is. A client that stands still in the middle of a transaction lets go of it,
/// and so does one whose network is gone.
const SESSION: [(&str, &str); 6] = [
    ("synchronous_commit", "on"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("lock_timeout", "10000"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

/// And on the one that writes: a plan made while a table was empty is not the one it needs when it is
/// full, and a flip costs more than all the rest. Every row is found by its key.
const PLANS: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// And on the one that removes what is old. A plan that reads the table whole for each step is dearer
/// with every row that is kept, and is chosen with good statistics, too.
const TRIM_PLANS: [(&str, &str); 6] = {
    let [seqscan, hashjoin, mergejoin, plans, jit] = PLANS;
    [seqscan, hashjoin, mergejoin, plans, jit, ("enable_bitmapscan", "off")]
};

/// Where the server is, and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// A name or an address, or a folder with a socket in it.
    pub host: String,
    /// TCP port, or the socket's number.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<String>,
    /// Begins the names of our schemas, e.g. `amtsbote` of `amtsbote_ledger`.
    pub prefix: String,
    /// Whether the server must prove who it is, and everything is encrypted.
    pub tls: bool,
    /// Who vouches for the server, PEM; `None`: those who vouch for the web.
    pub ca_file: Option<PathBuf>,
}

/// No password.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("prefix", &self.prefix)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl PostgresSettings {
    fn options(&self, schema: &str, more: &[(&str, &str)]) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .application_name("amtsbote")
            .statement_cache_capacity(100)
            .ssl_mode(if self.tls { PgSslMode::VerifyFull } else { PgSslMode::Disable })
            .options([("search_path", schema)])
            .options(SESSION)
            .options(more.iter().copied());
        options = match self.host.starts_with('/') {
            true => options.socket(&self.host),
            false => options.host(&self.host),
        };
        if let Some(password) = &self.password {
            options = options.password(password);
        }
        match &self.ca_file {
            Some(file) => options.ssl_root_cert(file),
            None => options,
        }
    }
}

/// What a schema must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// For people, and the end of the schema's name, e.g. `ledger`.
    pub(crate) what: &'static str,
    /// Of the tables.
    pub(crate) version: i32,
    /// Makes the tables; the first one is `meta`, with `what` and `version`.
    pub(crate) sql: &'static [&'static str],
    /// What makes version n + 2 of version n + 1, by n; the last one makes `version`.
    pub(crate) migrations: &'static [&'static str],
}

/// One store's place on a server; cheap to clone.
#[derive(Clone)]
pub(crate) struct Server {
    /// Reads; each connection one statement at a time.
    readers: PgPool,
    /// Writes, one transaction after the other.
    writer: PgPool,
    /// Removes what is old, one step after the other.
    trimmer: PgPool,
    what: &'static str,
}

impl Server {
    /// Connects, and makes or checks the schema. Whoever comes at the same time waits.
    pub(crate) async fn open(settings: &PostgresSettings, schema: &Schema) -> Result<Self> {
        let name = format!("{}_{}", settings.prefix, schema.what);
        let options = settings.options(&name, &[]);
        let connecting = PgConnection::connect_with(&options);
        let mut connection = within(CONNECT_TIME_MAX, connecting).await.map_err(failure)?;
        prepare(&mut connection, &name, schema).await?;
        connection.close().await.ok();
        let pool = |connections, more: &[(&str, &str)]| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(CONNECT_TIME_MAX)
                .idle_timeout(IDLE_TIME_MAX)
                .max_lifetime(LIFETIME_MAX)
                .test_before_acquire(false)
                .before_acquire(|connection, known| {
                    Box::pin(async move {
                        let is_fresh = known.idle_for < UNASKED_TIME_MAX;
                        Ok(is_fresh || connection.ping().await.is_ok())
                    })
                })
                .connect_lazy_with(settings.options(&name, more))
        };
        Ok(Self {
            readers: pool(READERS, &[]),
            writer: pool(1, &PLANS),
            trimmer: pool(1, &TRIM_PLANS),
            what: schema.what,
        })
    }

    /// Runs `work` on a connection that reads.
    pub(crate) async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        on(&self.readers, work).await
    }

    /// Runs `work` on the connection that writes.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        on(&self.writer, work).await
    }

    /// Runs `work` on the connection that removes what is old.
    pub(crate) async fn trim<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        on(&self.trimmer, work).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("what", &self.what).finish_non_exhaustive()
    }
}

/// A connection on which something failed, or came late, is not used again: nobody knows what it would
/// answer next.
async fn on<T>(
    pool: &PgPool,
    work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> Result<T> {
    let mut connection: PoolConnection<Postgres> = pool.acquire().await.map_err(failure)?;
    match within(CALL_TIME_MAX, work(&mut connection)).await {
        Ok(done) => Ok(done),
        Err(error) => {
            drop(connection.detach());
            Err(failure(error))
        }
    }
}

async fn within<T>(
    time_max: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let late = |_| Err(Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(time_max, work).await.unwrap_or_else(late)
}

/// Makes the schema where nothing is; refuses what is something else, or newer than we are.
async fn prepare(connection: &mut PgConnection, name: &str, schema: &Schema) -> Result<()> {
    let done = async {
        let mut sql = connection.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1))")
            .bind(name)
            .execute(&mut *sql)
            .await?;
        let found = found(&mut sql, name, schema).await?;
        let version = match found {
            Found::Nothing { is_schema_there } => {
                if !is_schema_there {
                    // The prefix has nothing in it that would end a name.
                    let make = format!("CREATE SCHEMA \"{name}\"");
                    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *sql).await?;
                }
                for tables in schema.sql {
                    sqlx::raw_sql(*tables).execute(&mut *sql).await?;
                }
                schema.version
            }
            Found::Ours(version) if version < schema.version => {
                for (step, of) in schema.migrations.iter().zip(1..) {
                    if version <= of {
                        sqlx::raw_sql(*step).execute(&mut *sql).await?;
                    }
                }
                sqlx::query("UPDATE meta SET version = $1")
                    .bind(schema.version)
                    .execute(&mut *sql)
                    .await?;
                schema.version
            }
            Found::Ours(version) => version,
            Found::Foreign => return Ok(Err(foreign(name, schema))),
        };
        if schema.version < version {
            return Ok(Err(newer(name, schema, version)));
        }
        sql.commit().await?;
        Ok(Ok(()))
    };
    within(CALL_TIME_MAX, done).await.map_err(failure)?
}

/// What a schema holds.
pub(crate) enum Found {
    /// Nothing yet.
    Nothing {
        /// Whether an administrator has made it.
        is_schema_there: bool,
    },
    /// The store that is asked for, of this version.
    Ours(i32),
    /// Something else.
    Foreign,
}

/// What the schema `name` holds, which should be `schema`.
pub(crate) async fn found(
    sql: &mut PgConnection,
    name: &str,
    schema: &Schema,
) -> sqlx::Result<Found> {
    let there = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
                EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1),
                (SELECT count(*) FROM pg_attribute a
                 JOIN pg_class c ON c.oid = a.attrelid
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = 'meta'
                    AND a.attname IN ('what', 'version') AND NOT a.attisdropped) = 2",
    )
    .bind(name)
    .fetch_one(&mut *sql)
    .await?;
    let (is_schema_there, is_full, has_meta): (bool, bool, bool) =
        (there.try_get(0)?, there.try_get(1)?, there.try_get(2)?);
    if !is_full {
        return Ok(Found::Nothing { is_schema_there });
    }
    if !has_meta {
        return Ok(Found::Foreign);
    }
    // The prefix has nothing in it that would end a name.
    let meta = format!("SELECT what::text, version::int FROM \"{name}\".meta");
    let meta = sqlx::query(AssertSqlSafe(meta)).fetch_optional(sql).await?;
    let Some(meta) = meta else { return Ok(Found::Foreign) };
    let (what, version): (String, i32) = (meta.try_get(0)?, meta.try_get(1)?);
    let ours = format!("amtsbote {}", schema.what);
    Ok(if what == ours && 1 <= version { Found::Ours(version) } else { Found::Foreign })
}

fn foreign(name: &str, schema: &Schema) -> Failure {
    let text = format!("the schema `{name}` holds something that is no {}", schema.what);
    FailureKind::Defect.because(codes::POSTGRES_FOREIGN, text)
}

fn newer(name: &str, schema: &Schema, version: i32) -> Failure {
    let (what, known) = (schema.what, schema.version);
    let text = format!("the {what} in `{name}` has version {version}, this program knows {known}");
    FailureKind::Defect.because(codes::POSTGRES_NEWER, text)
}

/// Maps what PostgreSQL says to what happens next; the one place. Details, which may quote a row, are
/// left out.
pub(crate) fn failure(error: Error) -> Failure {
    let (kind, code) = match &error {
        Error::Database(told) => judge(&told.code().unwrap_or(Cow::Borrowed(""))),
        Error::Configuration(_) | Error::Tls(_) => {
            (FailureKind::Unavailable, codes::POSTGRES_REFUSED)
        }
        Error::Io(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => (FailureKind::Unavailable, codes::POSTGRES_UNAVAILABLE),
        _ => (FailureKind::Defect, codes::POSTGRES_DAMAGED),
    };
    match &error {
        Error::Database(told) => {
            let state = told.code().unwrap_or(Cow::Borrowed("?????")).into_owned();
            kind.because(code, format!("SQLSTATE {state}: {}", told.message()))
        }
        _ => kind.because(code, error),
    }
}

/// By SQLSTATE: what passes, what somebody must allow, and what should never be.
fn judge(state: &str) -> (FailureKind, &'static str) {
    let class = state.get(..2).unwrap_or_default();
    match (class, state) {
        ("28", _) | (_, "42501" | "3D000") => (FailureKind::Unavailable, codes::POSTGRES_REFUSED),
        // Connections, resources, rollbacks, operators' interventions, read-only standbys, timeouts.
        ("08" | "53" | "40" | "57" | "58", _) | (_, "25006" | "25P03" | "55P03" | "25P02") => {
            (FailureKind::Unavailable, codes::POSTGRES_UNAVAILABLE)
        }
        _ => (FailureKind::Defect, codes::POSTGRES_DAMAGED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_waited_for_and_what_contradicts_is_not() {
        for (state, kind, code) in [
            ("28P01", FailureKind::Unavailable, "AB-2311"),
            ("42501", FailureKind::Unavailable, "AB-2311"),
            ("3D000", FailureKind::Unavailable, "AB-2311"),
            ("57P01", FailureKind::Unavailable, "AB-2310"),
            ("57P03", FailureKind::Unavailable, "AB-2310"),
            ("53100", FailureKind::Unavailable, "AB-2310"),
            ("40P01", FailureKind::Unavailable, "AB-2310"),
            ("25006", FailureKind::Unavailable, "AB-2310"),
            ("23505", FailureKind::Defect, "AB-2314"),
            ("42P01", FailureKind::Defect, "AB-2314"),
            ("", FailureKind::Defect, "AB-2314"),
        ] {
            assert_eq!(judge(state), (kind, code), "{state}");
        }
    }
}
