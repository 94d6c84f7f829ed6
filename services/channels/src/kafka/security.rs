//! How connections to Kafka are protected, and as whom Amtsbote comes.

use std::{fmt, path::PathBuf};

use rdkafka::ClientConfig;

/// Whether this build can do anything but [`Security::default`]: it has OpenSSL then.
pub const IS_SECURE_BUILD: bool = cfg!(feature = "kafka-tls");

/// Encryption and name, each with or without the other. Default: neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `None`: not encrypted.
    pub tls: Option<Tls>,
    /// `None`: no name, or that of the certificate.
    pub user: Option<User>,
}

/// An encrypted connection to a broker whose certificate is checked, name included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who signs brokers' certificates, in PEM. `None`: whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, for brokers that ask for one.
    pub identity: Option<Identity>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// With the certificates between it and the authority's, if there are any.
    pub certificate_file: PathBuf,
    /// Without a passphrase.
    pub key_file: PathBuf,
}

/// A name and the proof of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// How it is proven.
    pub mechanism: Mechanism,
    /// As the brokers know it.
    pub name: String,
    /// Shown nowhere.
    pub password: Password,
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// Neither side shows it to the other.
    ScramSha256,
    /// As [`Mechanism::ScramSha256`], and the stronger one.
    #[default]
    ScramSha512,
    /// The broker is shown it: for encrypted connections only.
    Plain,
}

/// A secret that no formatter prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes it as it is.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Mechanism {
    /// As Kafka calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::Plain => "PLAIN",
        }
    }

    /// What Kafka calls so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::ScramSha256, Self::ScramSha512, Self::Plain];
        all.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

impl Security {
    /// Tells a client.
    pub(super) fn apply(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.user) {
            (None, None) => return,
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(Tls { ca_file, identity }) = &self.tls {
            config.set("ssl.endpoint.identification.algorithm", "https");
            if let Some(file) = ca_file {
                config.set("ssl.ca.location", file.to_string_lossy());
            }
            if let Some(Identity { certificate_file, key_file }) = identity {
                config.set("ssl.certificate.location", certificate_file.to_string_lossy());
                config.set("ssl.key.location", key_file.to_string_lossy());
            }
        }
        if let Some(User { mechanism, name, password }) = &self.user {
            config
                .set("sasl.mechanism", mechanism.name())
                .set("sasl.username", name)
                .set("sasl.password", &password.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let user = User {
            mechanism: Mechanism::ScramSha512,
            name: "amtsbote".to_owned(),
            password: Password::new("geheim".to_owned()),
        };
        let security = Security { tls: None, user: Some(user) };
        assert!(!format!("{security:?}").contains("geheim"));
    }

    #[test]
    fn each_pair_of_encryption_and_name_is_a_protocol() {
        let user = User {
            mechanism: Mechanism::Plain,
            name: "amtsbote".to_owned(),
            password: Password::new("geheim".to_owned()),
        };
        let (tls, user) = (Some(Tls::default()), Some(user));
        for (tls, user, expected) in [
            (None, None, None),
            (tls.clone(), None, Some("ssl")),
            (None, user.clone(), Some("sasl_plaintext")),
            (tls, user, Some("sasl_ssl")),
        ] {
            let mut config = ClientConfig::new();
            Security { tls, user }.apply(&mut config);
            assert_eq!(config.get("security.protocol"), expected);
        }
    }
}
