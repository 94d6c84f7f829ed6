//! Who sends: a configured name, proved by a token, or `local` on this machine.

use std::{fmt, hint::black_box, net::SocketAddr};

use http::HeaderMap;
use messaging::{SenderName, Sha256, identity};

/// How clients prove who they are.
#[derive(Clone)]
pub enum Senders {
    /// Everybody on this machine is `local`; nobody else is anybody.
    LocalOnly,
    /// A bearer token each; kept as SHA-256 only.
    Tokens(Vec<(SenderName, Sha256)>),
}

impl Senders {
    /// The sender of a request with these headers from `peer`, if it proves to be one.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Option<SenderName> {
        match self {
            Self::LocalOnly => {
                let is_local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
                is_local.then(|| SenderName::new("local").expect("`local` is a sender name"))
            }
            Self::Tokens(tokens) => {
                let header = headers.get(http::header::AUTHORIZATION)?.as_bytes();
                let (scheme, token) = header.split_at_checked("bearer ".len())?;
                if !scheme.eq_ignore_ascii_case(b"bearer ") {
                    return None;
                }
                let hash = identity::sha256(token, &[]);
                let mut found = None;
                // All are compared, so that the time says nothing about which comes close.
                for (sender, expected) in tokens {
                    if is_equal(&hash, expected) {
                        found = Some(sender.clone());
                    }
                }
                found
            }
        }
    }
}

/// Names only.
impl fmt::Debug for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalOnly => f.write_str("LocalOnly"),
            Self::Tokens(tokens) => f.debug_list().entries(tokens.iter().map(|(n, _)| n)).finish(),
        }
    }
}

/// Takes the same time wherever they differ.
fn is_equal(one: &Sha256, other: &Sha256) -> bool {
    let different = one.0.iter().zip(&other.0).fold(0, |bits, (a, b)| bits | black_box(a ^ b));
    black_box(different) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Senders {
        let hash = |token: &str| identity::sha256(token.as_bytes(), &[]);
        Senders::Tokens(vec![
            (SenderName::new("portal").unwrap(), hash("geheim")),
            (SenderName::new("other").unwrap(), hash("geheimer")),
        ])
    }

    #[test]
    fn a_token_names_its_sender_and_nothing_else_does() {
        let check = |header: Option<&'static str>, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(http::header::AUTHORIZATION, header.parse().unwrap());
            }
            let loopback = Some("127.0.0.1:1".parse().unwrap());
            let found = tokens().authenticate(&headers, loopback);
            assert_eq!(found.as_ref().map(SenderName::as_str), expected, "{header:?}");
        };
        check(Some("Bearer geheim"), Some("portal"));
        check(Some("bearer geheimer"), Some("other"));
        check(Some("Bearer geheime"), None);
        check(Some("Bearer "), None);
        check(Some("Bearer"), None);
        check(Some("Basic geheim"), None);
        check(None, None);
    }

    #[test]
    fn local_is_who_is_on_this_machine() {
        let check = |peer: Option<&str>, expected: bool| {
            let peer = peer.map(|peer| peer.parse().unwrap());
            let found = Senders::LocalOnly.authenticate(&HeaderMap::new(), peer);
            assert_eq!(found.is_some(), expected, "{peer:?}");
        };
        check(Some("127.0.0.1:5"), true);
        check(Some("[::1]:5"), true);
        check(Some("[::ffff:127.0.0.1]:5"), true);
        check(Some("10.0.0.1:5"), false);
        check(None, false);
    }

    #[test]
    fn nothing_prints_a_token() {
        assert_eq!(format!("{:?}", tokens()), "[SenderName(\"portal\"), SenderName(\"other\")]");
    }
}
