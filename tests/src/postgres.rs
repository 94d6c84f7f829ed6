//! A PostgreSQL server of a test's own, on a loopback port, that can be killed and started again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use crate::{machine, port};

/// The role that owns everything.
pub const ADMIN: &str = "postgres";
/// Where Debian puts the server's programs, which are on nobody's path.
const DEBIAN: &str = "/usr/lib/postgresql";
/// A server is up within a second; on a busy machine within some.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server on a folder of its own, gone at the end.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Starts one, or says loudly that `test` does not run here.
    ///
    /// # Panics
    /// When all is there and it does not start.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            machine::not_run(test, "no PostgreSQL server (initdb)");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("amtsbote-pg-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).expect("a temporary folder");
        if is_root() {
            let given = Command::new("chown").arg(ADMIN).arg(&folder).status();
            assert!(given.expect("chown is there").success(), "no user {ADMIN}");
        }
        let made = as_owner(&programs.join("initdb"))
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "-U", ADMIN, "-D"])
            .arg(folder.join("data"))
            .output()
            .expect("initdb is there");
        assert!(made.status.success(), "{made:?}");
        let mut postgres = Self { folder, programs, port: port::free().port(), server: None };
        postgres.go_on();
        Some(postgres)
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again where it was, on what it had, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    #[allow(clippy::disallowed_methods, reason = "it waits for another process")]
    pub fn go_on(&mut self) {
        let log = fs::File::create(self.folder.join("log")).expect("a log");
        let server = as_owner(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(&self.folder)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100"])
            .args(["-c", "shared_buffers=128MB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.server = Some(server.expect("postgres is there"));
        let until = Instant::now() + PATIENCE;
        while self.try_sql("SELECT 1").is_none() {
            assert!(Instant::now() < until, "no answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it in the middle of whatever it does, all its processes; what it wrote stays.
    ///
    /// # Panics
    /// When it is not there to be killed.
    pub fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("it runs");
        let pid = pid.lines().next().expect("the process");
        // The others notice that the first is gone, but not at once.
        let children = Command::new("pgrep").args(["-P", pid]).output().expect("pgrep is there");
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let all = std::iter::once(pid).chain(children.split_whitespace());
        // Some may have ended by themselves.
        let killed = Command::new("kill").arg("-KILL").args(all).output();
        killed.expect("kill is there");
        self.server.take().expect("it runs").wait().expect("a child of ours");
    }

    /// What a statement gives, one line a row.
    ///
    /// # Panics
    /// When it is refused.
    #[allow(clippy::must_use_candidate, reason = "statements are made for what they do, too")]
    pub fn sql(&self, statement: &str) -> String {
        self.try_sql(statement).unwrap_or_else(|| panic!("refused: {statement}"))
    }

    /// The same; `None` where it is refused.
    #[must_use]
    pub fn try_sql(&self, statement: &str) -> Option<String> {
        let told = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ADMIN])
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c"])
            .arg(statement)
            .output()
            .expect("psql is there");
        told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
    }

    /// Copies a schema as it is at this moment to `file`, as operators do.
    ///
    /// # Panics
    /// When the server's own means refuse.
    pub fn dump(&self, schema: &str, file: &Path) {
        self.tool("pg_dump", &["--format=custom", "--schema", schema, "--file"], file);
    }

    /// Puts such a copy in the place of what is there.
    ///
    /// # Panics
    /// As [`Postgres::dump`].
    pub fn put_back(&self, schema: &str, file: &Path) {
        self.sql(&format!("DROP SCHEMA {schema} CASCADE"));
        self.tool("pg_restore", &["--exit-on-error"], file);
    }

    fn tool(&self, name: &str, arguments: &[&str], file: &Path) {
        let told = Command::new(self.programs.join(name))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ADMIN, "-d", "postgres"])
            .args(arguments)
            .arg(file)
            .output();
        let told = told.expect("it is beside the server");
        assert!(told.status.success(), "{name}: {told:?}");
    }

    /// What the server said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.folder.display());
        } else if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("could not remove {}: {error}", self.folder.display());
        }
    }
}

/// The folder of the server's programs: the newest of Debian's, else whatever is on the path.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    })
}

/// The server refuses to be root's.
fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ADMIN, "--regid", ADMIN, "--clear-groups"]).arg(program);
    // Where it is started may be a folder the user cannot enter.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id is there");
    id.stdout == b"0\n"
}
