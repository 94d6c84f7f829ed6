//! Names and ids, each a type of its own, so that no two can be mixed up.

use std::{fmt, str::FromStr, sync::Arc};

use uuid::Uuid;

/// A text that does not name what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
}

impl NameError {
    pub(crate) fn of(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}: {}", self.what, self.rule)
    }
}

impl std::error::Error for NameError {}

/// Longest name in bytes; names become topic names, metric labels and columns.
pub const NAME_BYTES_MAX: usize = 200;

/// Declares a name: a short text that is checked once, where it enters.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `name`.
            ///
            /// # Errors
            /// When it breaks the rule the error states.
            pub fn new(name: impl AsRef<str>) -> std::result::Result<Self, NameError> {
                let name = name.as_ref();
                let is_valid: fn(&str) -> bool = $is_valid;
                if !name.is_empty() && name.len() <= NAME_BYTES_MAX && is_valid(name) {
                    Ok(Self(name.into()))
                } else {
                    Err(NameError { what: $what, rule: $rule })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> std::result::Result<Self, NameError> {
                Self::new(name)
            }
        }
    };
}

fn is_slug(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn is_printable(name: &str) -> bool {
    !name.chars().any(char::is_control)
}

name! {
    /// The configured name of an authenticated client; `local` on plaintext loopback.
    SenderName, "sender name", "1 to 200 of a-z, 0-9, `-`, `_`, `.`", |n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}
name! {
    /// The message's id as its sender wrote it; kept and searchable as sent.
    OwnId, "message id of the sender", "1 to 200 bytes without control characters", is_printable
}
name! {
    /// One configured departmental system of one authority, e.g. `nordsachsen-kfz`.
    EndpointName, "endpoint name", "1 to 200 of a-z, 0-9, `-`, `_`", is_slug
}
name! {
    /// A family of procedures, e.g. `kfz`; the second word of a channel's name.
    Domain, "domain", "1 to 200 of a-z, 0-9, `-`, `_`", is_slug
}
name! {
    /// An authority's identifier, `prefix:key`, e.g. `svb:14730000` (DVDV).
    Authority, "authority", "`prefix:key` without white space", |n| n.split_once(':').is_some_and(|(p, k)| !p.is_empty() && !k.is_empty()) && !n.chars().any(|c| c.is_whitespace() || c.is_control())
}
name! {
    /// A message channel: `application.<domain>[.<area>]`, `status`, `reply`, `control` or `dead`.
    ChannelName, "channel name", "words of a-z, 0-9, `-`, `_` joined by `.`", |n| n.split('.').all(|w| !w.is_empty() && is_slug(w))
}
name! {
    /// Who reads a channel: a ledger's or a journal's id.
    GroupId, "group", "1 to 200 of a-z, 0-9, `-`, `_`", is_slug
}
name! {
    /// W3C Trace Context `traceparent`, version 00.
    TraceParent, "traceparent", "`00-<32 hex>-<16 hex>-<2 hex>`", is_traceparent
}

fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), ["00", trace, span, flags]
        if is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)
            && trace.bytes().any(|b| b != b'0') && span.bytes().any(|b| b != b'0'))
}

impl ChannelName {
    /// Where refusals, settlements and verdicts are told.
    #[must_use]
    pub fn status() -> Self {
        Self("status".into())
    }

    /// The way back: what departmental systems answer.
    #[must_use]
    pub fn reply() -> Self {
        Self("reply".into())
    }

    /// What operators order; key is the endpoint.
    #[must_use]
    pub fn control() -> Self {
        Self("control".into())
    }

    /// A copy of each dead letter with its cause.
    #[must_use]
    pub fn dead() -> Self {
        Self("dead".into())
    }

    /// `application.<domain>[.<area>]`.
    ///
    /// # Errors
    /// When `area` is not a slug.
    pub fn application(
        domain: &Domain,
        area: Option<&str>,
    ) -> std::result::Result<Self, NameError> {
        match area {
            None => Self::new(format!("application.{domain}")),
            Some(area) => Self::new(format!("application.{domain}.{area}")),
        }
    }

    /// Whose applications travel on it; `None` if none do.
    #[must_use]
    pub fn domain(&self) -> Option<Domain> {
        let domain = self.0.strip_prefix("application.")?;
        Domain::new(domain.split('.').next()?).ok()
    }

    /// Whether applications travel on it.
    #[must_use]
    pub fn is_application(&self) -> bool {
        self.0.starts_with("application.")
    }
}

impl GroupId {
    /// Whether it is a ledger: what it has read is admitted.
    #[must_use]
    pub fn is_ledger(&self) -> bool {
        self.0.starts_with("ledger-")
    }

    /// Whether it is a journal: what it has read is known, and not yet cared for.
    #[must_use]
    pub fn is_journal(&self) -> bool {
        self.0.starts_with("journal-")
    }

    /// Whether `former` is no more once this reads, where there is one ledger and one journal.
    #[must_use]
    pub fn replaces(&self, former: &Self) -> bool {
        let is_same_kind =
            (self.is_ledger() && former.is_ledger()) || (self.is_journal() && former.is_journal());
        is_same_kind && self != former
    }
}

/// Declares an id that is a UUID inside and hyphenated at the edge.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub Uuid);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> std::result::Result<Self, NameError> {
                let error = NameError { what: $what, rule: "a UUID is expected" };
                Uuid::parse_str(text).map(Self).map_err(|_| error)
            }
        }
    };
}

uuid_id! {
    /// Globally unique, and the same again when its sender repeats itself; see [`crate::identity`].
    MessageId, "message id"
}
uuid_id! {
    /// Shared by all messages of one business process of one sender; the unit of order.
    CaseId, "case id"
}
uuid_id! {
    /// Shown to the receiver as its idempotency key; see [`crate::identity::delivery_key`].
    DeliveryKey, "delivery key"
}
uuid_id! {
    /// One thing an operator ordered; random, given by whoever appends it.
    CommandId, "command id"
}
uuid_id! {
    /// A body kept outside its record; random.
    ClaimId, "claim id"
}

/// SHA-256 of the received bytes, then of each attachment's hash in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |four: u8| DIGITS.get(usize::from(four & 15)).copied().unwrap_or(b'?');
        // In one piece, as every message has its hash written several times.
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl FromStr for Sha256 {
    type Err = NameError;

    fn from_str(text: &str) -> std::result::Result<Self, NameError> {
        let error = NameError { what: "SHA-256", rule: "64 hexadecimal digits" };
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(error);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| error.clone())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error.clone())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_with_a_zero_id_is_none() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(TraceParent::new(good).is_ok());
        for bad in [
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert!(TraceParent::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_keep_to_their_alphabet() {
        assert!(EndpointName::new("nordsachsen-kfz").is_ok());
        assert!(EndpointName::new("Nordsachsen").is_err());
        assert!(EndpointName::new("").is_err());
        assert!(Authority::new("svb:14730000").is_ok());
        assert!(Authority::new("14730000").is_err());
        assert!(ChannelName::new("application.kfz.nordsachsen").is_ok());
        assert!(ChannelName::new("application..kfz").is_err());
        assert!(OwnId::new("x".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_hash_reads_back_what_it_prints() {
        let hash = Sha256([0xa7; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("zz".repeat(32).parse::<Sha256>().is_err());
    }
}
