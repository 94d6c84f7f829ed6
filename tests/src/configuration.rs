//! Configurations of the real program, each in a folder of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{Table, Value};
use uuid::Uuid;

use crate::port;

/// The roles, each of which can be a process.
pub const ROLES: [&str; 3] = ["gateway", "dispatcher", "console"];

/// A configuration file that grows, beside the data of the program it configures.
#[derive(Clone, Debug)]
pub struct Configuration {
    folder: Arc<Folder>,
    head: String,
    gateway: String,
    tables: String,
    apart: Option<Apart>,
}

/// Addresses that stay when a process is started anew.
#[derive(Clone, Copy, Debug)]
struct Apart {
    gateway: SocketAddr,
    console: SocketAddr,
}

/// A folder that goes away with its last user, and stays after a failure so that it can be looked at.
#[derive(Debug)]
struct Folder(PathBuf);

/// One departmental system.
#[derive(Clone, Debug)]
pub struct System {
    /// The endpoint's name.
    pub name: String,
    /// The first characters of the authorities it serves.
    pub authority: String,
    /// `rest` or `file_drop`.
    pub adapter: &'static str,
    /// The adapter's own keys.
    pub settings: String,
    /// Deliveries at once.
    pub concurrency: usize,
    /// Whether it gets test messages, and only them.
    pub test: bool,
    /// Further keys of the endpoint, e.g. its retry policy.
    pub more: String,
}

impl System {
    /// One that gets everything of `authority`.
    #[must_use]
    pub fn new(name: &str, adapter: &'static str, settings: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            authority: String::new(),
            adapter,
            settings: settings.into(),
            concurrency: 4,
            test: false,
            more: String::new(),
        }
    }

    /// One that speaks HTTP. `contract` as in a configuration.
    #[must_use]
    pub fn http(name: &str, url: &str, contract: &str) -> Self {
        let look_up = match contract {
            "can_look_up" => {
                format!(
                    "[endpoint.settings.look_up]\nurl = \"{url}/{{key}}\"\nvisible_within = \"1s\""
                )
            }
            _ => String::new(),
        };
        let settings = format!(
            "url = \"{url}\"\ncontract = \"{contract}\"\nconflict = \"already_there\"\n\
             receipt = \"/receipt\"\n{look_up}"
        );
        Self::new(name, "rest", settings)
    }

    /// One that polls a directory, which must be there when messages come.
    #[must_use]
    pub fn directory(name: &str, directory: &Path) -> Self {
        let settings = format!("directory = \"{}\"\nextension = \"xml\"", directory.display());
        Self::new(name, "file_drop", settings)
    }

    /// Only for authorities that begin so.
    #[must_use]
    pub fn of(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    /// With so many deliveries at once.
    #[must_use]
    pub fn at_once(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Self::new()
    }
}

impl Configuration {
    /// All roles on free ports, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("amtsbote-test-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        Self {
            folder: Arc::new(Folder(folder)),
            head: "data = \"data\"\n".to_owned(),
            gateway: "listen = \"127.0.0.1:0\"\n".to_owned(),
            tables: String::new(),
            apart: None,
        }
    }

    /// A process for each role, on topics of its own with this broker.
    #[must_use]
    pub fn apart(broker: &str) -> Self {
        let new = Self::new();
        let prefix = Uuid::new_v4().simple().to_string();
        let channel =
            format!("channel = \"kafka://{broker}?prefix={prefix}.&partitions=3&replication=1\"");
        let shared = new.folder().join("claims");
        fs::create_dir_all(&shared).expect("a folder in a folder of ours");
        let claims = format!("claims = \"file://{}\"", shared.display());
        let apart = Apart { gateway: port::free(), console: port::free() };
        Self { apart: Some(apart), ..new.with_head(&channel).with_head(&claims) }
    }

    /// The same roles on topics with so many partitions, instead of three.
    #[must_use]
    pub fn with_partitions(mut self, partitions: u32) -> Self {
        self.head = self.head.replace("partitions=3&", &format!("partitions={partitions}&"));
        self
    }

    /// Whether each role is a process.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// With the data elsewhere.
    #[must_use]
    pub fn with_data(mut self, folder: &Path) -> Self {
        self.head = format!("data = \"{}\"\n", folder.display());
        self
    }

    /// With a key at the top.
    #[must_use]
    pub fn with_head(mut self, line: &str) -> Self {
        self.head.push_str(&format!("{line}\n"));
        self
    }

    /// With a key of the gateway, instead of its listener where it is that.
    #[must_use]
    pub fn with_gateway(mut self, line: &str) -> Self {
        if line.starts_with("listen") {
            self.gateway.clear();
        }
        self.gateway.push_str(&format!("{line}\n"));
        self
    }

    /// With anything else.
    #[must_use]
    pub fn with(mut self, tables: &str) -> Self {
        self.tables.push_str(&format!("\n{tables}\n"));
        self
    }

    /// With a folder of further standards.
    #[must_use]
    pub fn with_standards(self, folder: &Path) -> Self {
        self.with(&format!("[standards]\npaths = [\"{}\"]", folder.display()))
    }

    /// With a route for a whole domain.
    #[must_use]
    pub fn with_standard_route(self, domain: &str) -> Self {
        self.with(&format!("[[route]]\ndomain = \"{domain}\""))
    }

    /// With a route for the test messages of a domain.
    #[must_use]
    pub fn with_test_route(self, domain: &str) -> Self {
        self.with(&format!("[[route]]\ndomain = \"{domain}\"\narea = \"test\"\ntest = true"))
    }

    /// With a departmental system.
    #[must_use]
    pub fn with_system(self, system: &System) -> Self {
        let System { name, authority, adapter, settings, concurrency, test, more } = system;
        self.with(&format!(
            "[[endpoint]]\nname = \"{name}\"\nadapter = \"{adapter}\"\nconcurrency = {concurrency}\n{more}\n\
             [[endpoint.subscribe]]\nauthority = \"{authority}\"\ntest = {test}\n\
             [endpoint.settings]\n{settings}"
        ))
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Writes the file as it is now.
    #[must_use]
    pub fn write(&self) -> PathBuf {
        let file = self.folder().join("amtsbote.toml");
        fs::write(&file, self.text()).expect("a file in a folder of ours");
        file
    }

    fn text(&self) -> String {
        let Self { head, gateway, tables, .. } = self;
        format!(
            "{head}\n[gateway]\n{gateway}\n[console]\nlisten = \"127.0.0.1:0\"\n\n\
             [telemetry]\nformat = \"json\"\n{tables}"
        )
    }

    /// Writes the file of one role: of all that was said, what is this role's and nothing else.
    #[must_use]
    pub fn write_role(&self, role: &str) -> PathBuf {
        let apart = self.apart.expect("a configuration of roles apart");
        let whole: Table = self.text().parse().expect("what `with` was given is TOML");
        let shared = ["channel", "store", "claims", "standards", "telemetry", "retention"];
        let mut of_role: Table = shared
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), whole.get(*key)?.clone())))
            .collect();
        of_role.insert("data".to_owned(), format!("data-{role}").into());
        let channels = Value::from(channels(&whole));
        let mut own = Table::new();
        match role {
            "gateway" => {
                own = whole["gateway"].as_table().cloned().unwrap_or_default();
                own.insert("listen".to_owned(), apart.gateway.to_string().into());
                own.insert("status".to_owned(), format!("http://{}", apart.console).into());
                of_role.extend(taken(&whole, &["route", "sender"]));
                of_role.remove("store");
            }
            "dispatcher" => {
                own.insert("channels".to_owned(), channels);
                own.extend(
                    whole
                        .get("dispatcher")
                        .and_then(Value::as_table)
                        .cloned()
                        .into_iter()
                        .flatten(),
                );
                of_role.extend(taken(&whole, &["endpoint"]));
            }
            _ => {
                of_role.remove("claims");
                own.insert("listen".to_owned(), apart.console.to_string().into());
                own.insert("channels".to_owned(), channels);
            }
        }
        of_role.insert(role.to_owned(), own.into());
        if role != "console" {
            let operations = Table::from_iter([("listen".to_owned(), "127.0.0.1:0".into())]);
            of_role.insert("operations".to_owned(), operations.into());
        }
        let file = self.folder().join(format!("{role}.toml"));
        fs::write(&file, of_role.to_string()).expect("a file in a folder of ours");
        file
    }

    /// Writes the file of one of several dispatchers, by the name that it keeps.
    #[must_use]
    pub fn write_dispatcher(&self, name: &str) -> PathBuf {
        let named = self.clone().with(&format!("[dispatcher]\nname = \"{name}\""));
        let file = self.folder().join(format!("dispatcher-{name}.toml"));
        fs::rename(named.write_role("dispatcher"), &file).expect("a file in a folder of ours");
        file
    }
}

fn taken(whole: &Table, keys: &[&str]) -> Vec<(String, Value)> {
    let found = keys.iter().filter_map(|key| Some(((*key).to_owned(), whole.get(*key)?.clone())));
    found.collect()
}

/// Every channel a route names.
fn channels(whole: &Table) -> Vec<String> {
    let routes = whole.get("route").and_then(Value::as_array).into_iter().flatten();
    let channel = |route: &Value| {
        let word = |key: &str| route.get(key).and_then(Value::as_str);
        match (word("channel"), word("domain"), word("area")) {
            (Some(channel), _, _) => channel.to_owned(),
            (None, Some(domain), None) => format!("application.{domain}"),
            (None, Some(domain), Some(area)) => format!("application.{domain}.{area}"),
            (None, None, _) => panic!("a route without channel: {route:?}"),
        }
    };
    let mut channels: Vec<String> = routes.map(channel).collect();
    channels.sort();
    channels.dedup();
    channels
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.0.display());
        } else if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("could not remove {}: {error}", self.0.display());
        }
    }
}
