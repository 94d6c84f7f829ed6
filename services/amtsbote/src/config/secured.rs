//! `[kafka]`: how the brokers are reached that `channel` names.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use channels::kafka::{IS_SECURE_BUILD, Identity, Mechanism, Password, Security, Tls, User};
use toml::Table;

use super::section::Section;
use crate::codes;

const PASSWORD_BYTES_MAX: u64 = 4096;

/// Encryption and name towards Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kafka {
    /// `security`: `plaintext`, `tls`, `sasl_plaintext` or `sasl_tls`. Default `plaintext`.
    ///
    /// `ca_file`: who signs brokers' certificates, PEM. Default: whom the system trusts.
    ///
    /// `certificate_file`, `key_file`: our own certificate and its key, PEM. Default: none.
    ///
    /// `mechanism`: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or `PLAIN` with `sasl_tls`. Default
    /// `SCRAM-SHA-512`.
    ///
    /// `username`: as the brokers know it.
    pub(crate) security: Security,
    /// `password_file`: holds the password, white space around it ignored.
    pub(crate) password_file: Option<PathBuf>,
}

/// What `security` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Word {
    is_encrypted: bool,
    has_user: bool,
}

/// Reads the table.
pub(super) fn read(root: &Section<'_>) -> Kafka {
    let section = root.section("kafka");
    let Word { is_encrypted, has_user } = section.parsed("security", word).unwrap_or_default();
    if (is_encrypted || has_user) && !IS_SECURE_BUILD {
        let what = "this build has no OpenSSL; build with `--features kafka-tls`";
        section.fault("security", channels::codes::KAFKA_INSECURE_BUILD, what);
    }
    let tls = tls(&section, is_encrypted);
    let (user, password_file) = user(&section, has_user, is_encrypted);
    section.close();
    Kafka { security: Security { tls, user }, password_file }
}

fn tls(section: &Section<'_>, is_encrypted: bool) -> Option<Tls> {
    let [ca_file, certificate_file, key_file] =
        ["ca_file", "certificate_file", "key_file"].map(|key| {
            if !is_encrypted {
                refuse_without(section, key, "tls");
            }
            let file = section.path(key)?;
            if let Err(what) = readable(&file) {
                section.fault(key, codes::VALUE_WRONG, what);
            }
            Some(file)
        });
    let identity = match (certificate_file, key_file) {
        (Some(certificate_file), Some(key_file)) => Some(Identity { certificate_file, key_file }),
        (Some(_), None) if !section.has("key_file") => {
            section.fault("key_file", codes::KEY_MISSING, "is missing beside `certificate_file`");
            None
        }
        (None, Some(_)) if !section.has("certificate_file") => {
            let what = "is missing beside `key_file`";
            section.fault("certificate_file", codes::KEY_MISSING, what);
            None
        }
        _ => None,
    };
    is_encrypted.then_some(Tls { ca_file, identity })
}

fn user(
    section: &Section<'_>,
    has_user: bool,
    is_encrypted: bool,
) -> (Option<User>, Option<PathBuf>) {
    let mechanism = section.parsed("mechanism", |text| {
        Mechanism::named(text)
            .ok_or_else(|| format!("`{text}` is not `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`"))
    });
    if mechanism == Some(Mechanism::Plain) && !is_encrypted {
        let what = "`PLAIN` shows the password; it needs `security = \"sasl_tls\"`";
        section.fault("mechanism", codes::KEYS_CONTRADICT, what);
    }
    let name = section.text("username");
    let password_file = section.path("password_file");
    if !has_user {
        for key in ["mechanism", "username", "password_file"] {
            refuse_without(section, key, "sasl_tls");
        }
        return (None, None);
    }
    let name = section.required("username", name);
    let password_file = section.required("password_file", password_file);
    let password = password_file.as_deref().map(password);
    if let Some(Err(what)) = &password {
        section.fault("password_file", codes::SECRET_MISSING, what);
    }
    match (name, password) {
        (Some(name), Some(Ok(password))) => {
            let mechanism = mechanism.unwrap_or_default();
            (Some(User { mechanism, name, password }), password_file)
        }
        _ => (None, password_file),
    }
}

fn word(text: &str) -> Result<Word, String> {
    match text {
        "plaintext" => Ok(Word { is_encrypted: false, has_user: false }),
        "tls" => Ok(Word { is_encrypted: true, has_user: false }),
        "sasl_plaintext" => Ok(Word { is_encrypted: false, has_user: true }),
        "sasl_tls" => Ok(Word { is_encrypted: true, has_user: true }),
        other => {
            Err(format!("`{other}` is not `plaintext`, `tls`, `sasl_plaintext` or `sasl_tls`"))
        }
    }
}

/// A key that would be believed to protect, and does not.
fn refuse_without(section: &Section<'_>, key: &'static str, wanted: &str) {
    if section.has(key) {
        let what = format!("has no effect with this `security`; e.g. `{wanted}` has");
        section.fault(key, codes::KEYS_CONTRADICT, what);
    }
}

fn readable(file: &Path) -> Result<(), String> {
    let opened = fs::File::open(file).and_then(|mut file| file.read(&mut [0]));
    match opened {
        Ok(0) => Err(format!("`{}` is empty", file.display())),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{}`: {error}", file.display())),
    }
}

fn password(file: &Path) -> Result<Password, String> {
    let name = file.display();
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("`{name}`: {error}"))?;
    match text.trim() {
        "" => Err(format!("`{name}` holds no password")),
        password => Ok(Password::new(password.to_owned())),
    }
}

/// As a table that reads back to the same.
pub(super) fn write(kafka: &Kafka) -> Table {
    let Kafka { security: Security { tls, user }, password_file } = kafka;
    let security = match (tls, user) {
        (None, None) => "plaintext",
        (Some(_), None) => "tls",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_tls",
    };
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value.into());
        }
    };
    let path = |path: &Path| path.display().to_string();
    put("security", Some(security.to_owned()));
    let identity = tls.as_ref().and_then(|tls| tls.identity.as_ref());
    put("ca_file", tls.as_ref().and_then(|tls| tls.ca_file.as_deref()).map(path));
    put("certificate_file", identity.map(|identity| path(&identity.certificate_file)));
    put("key_file", identity.map(|identity| path(&identity.key_file)));
    put("mechanism", user.as_ref().map(|user| user.mechanism.name().to_owned()));
    put("username", user.as_ref().map(|user| user.name.clone()));
    put("password_file", password_file.as_deref().map(path));
    table
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Fault, read_text};

    const PAGE: &str = include_str!("../../../../docs/configuration.md");
    const CHANNEL: &str = "channel = \"kafka://127.0.0.1:1\"\n[kafka]\n";

    fn read(keys: &str) -> Result<Config, Vec<Fault>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        read_text(Some("t.toml"), &format!("{CHANNEL}{keys}"), folder, &|_| None)
            .map_err(|faults| faults.0)
    }

    /// Of a build that can encrypt; any other says so besides.
    #[track_caller]
    fn check(keys: &str, expected: &[(&str, &str)]) {
        let faults = read(keys).err().unwrap_or_default();
        let told = faults.iter().map(|f| (f.key.as_str(), f.code));
        let told: Vec<_> = told.filter(|(_, code)| *code != "AB-2108").collect();
        assert_eq!(told, expected, "{keys}\n{faults:#?}");
    }

    #[test]
    fn what_would_not_protect_is_refused() {
        check("", &[]);
        check("security = \"plaintext\"", &[]);
        check("security = \"ssl\"", &[("kafka.security", "AB-5004")]);
        check("ca_file = \"Cargo.toml\"", &[("kafka.ca_file", "AB-5008")]);
        check("username = \"a\"", &[("kafka.username", "AB-5008")]);
        check("security = \"tls\"\nusername = \"a\"", &[("kafka.username", "AB-5008")]);
        check("security = \"tls\"\nca_file = \"nix\"", &[("kafka.ca_file", "AB-5004")]);
        check(
            "security = \"tls\"\ncertificate_file = \"Cargo.toml\"",
            &[("kafka.key_file", "AB-5005")],
        );
        check(
            "security = \"tls\"\nkey_file = \"Cargo.toml\"",
            &[("kafka.certificate_file", "AB-5005")],
        );
        check(
            "security = \"sasl_tls\"",
            &[("kafka.username", "AB-5005"), ("kafka.password_file", "AB-5005")],
        );
        let user = "username = \"a\"\npassword_file = \"Cargo.toml\"\n";
        check(&format!("{user}security = \"sasl_tls\""), &[]);
        check(
            &format!("{user}security = \"sasl_plaintext\"\nmechanism = \"PLAIN\""),
            &[("kafka.mechanism", "AB-5008")],
        );
        check(
            &format!("{user}security = \"sasl_tls\"\nmechanism = \"GSSAPI\""),
            &[("kafka.mechanism", "AB-5004")],
        );
        check(
            "security = \"sasl_tls\"\nusername = \"a\"\npassword_file = \"nix\"",
            &[("kafka.password_file", "AB-5007")],
        );
    }

    #[test]
    fn a_table_for_kafka_beside_another_channel_is_refused() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = read_text(Some("t.toml"), "[kafka]\n", folder, &|_| None);
        let faults = read.err().map(|faults| faults.0).unwrap_or_default();
        let told: Vec<_> = faults.iter().map(|f| (f.key.as_str(), f.code)).collect();
        assert_eq!(told, [("kafka", "AB-5008")]);
    }

    #[test]
    fn a_build_that_cannot_encrypt_says_so_before_anything_listens() {
        let faults = read("security = \"tls\"").err().unwrap_or_default();
        let told: Vec<_> = faults.iter().map(|f| (f.line, f.key.as_str(), f.code)).collect();
        let expected: &[_] = match channels::kafka::IS_SECURE_BUILD {
            true => &[],
            false => &[(3, "kafka.security", "AB-2108")],
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn all_is_printed_but_the_password_and_each_key_has_its_line() {
        use channels::kafka::{Identity, Mechanism, Password, Security, Tls, User};
        let file = std::path::PathBuf::from("Cargo.toml");
        let identity = Identity { certificate_file: file.clone(), key_file: file.clone() };
        let tls = Tls { ca_file: Some(file.clone()), identity: Some(identity) };
        let password = Password::new("geheim".to_owned());
        let user = User { mechanism: Mechanism::Plain, name: "amtsbote".to_owned(), password };
        let security = Security { tls: Some(tls), user: Some(user) };
        let table = super::write(&super::Kafka { security, password_file: Some(file) });
        assert!(!table.to_string().contains("geheim"), "{table}");
        assert_eq!(table.len(), 7);
        for key in table.keys() {
            assert!(PAGE.contains(&format!("`{key}`")), "docs/configuration.md: {key}");
        }
    }
}
