//! Who wants what, as the ledger remembers it: a dispatcher admits for all endpoints of a ledger, also
//! for those that only others have in their files.

use messaging::{ApplicationHead, Domain, FailureKind, Result};
use serde_json::{Value, json};
use stores::ledger::{EndpointRow, Subscription};

use crate::{Interest, codes};

/// An endpoint, and what it wants.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) endpoint: EndpointRow,
    interests: Vec<Interest>,
}

impl Subscriber {
    pub(crate) fn new(endpoint: EndpointRow, interests: Vec<Interest>) -> Self {
        Self { endpoint, interests }
    }

    pub(crate) fn wants(&self, head: &ApplicationHead) -> bool {
        self.interests.iter().any(|interest| interest.matches(head))
    }
}

/// What an endpoint subscribes to, in a stable notation.
pub(crate) fn notation(interests: &[Interest]) -> String {
    let interests = interests.iter().map(|interest| {
        let Interest { domain, authority_prefix, message_types, test } = interest;
        json!({
            "domain": domain.as_ref().map(|domain| domain.as_str()),
            "authority": authority_prefix,
            "message_types": message_types,
            "test": test,
        })
    });
    Value::from_iter(interests).to_string()
}

/// All who subscribe.
///
/// # Errors
/// `Defect` if one's notation is of a newer version: whoever admits without it loses its messages.
pub(crate) fn of(subscriptions: &[Subscription]) -> Result<Vec<Subscriber>> {
    let with = subscriptions.iter().filter_map(|it| Some((it, it.interests.as_ref()?)));
    with.map(|(subscription, text)| {
        let interests = read(text).ok_or_else(|| {
            let text = format!("what `{}` subscribes to cannot be read", subscription.name);
            FailureKind::Defect.because(codes::INTERESTS_UNKNOWN, text)
        })?;
        Ok(Subscriber { endpoint: subscription.endpoint, interests })
    })
    .collect()
}

fn read(text: &str) -> Option<Vec<Interest>> {
    let interest = |value: &Value| {
        let domain = match value.get("domain")? {
            Value::Null => None,
            domain => Some(Domain::new(domain.as_str()?).ok()?),
        };
        let types = value.get("message_types")?.as_array()?.iter();
        Some(Interest {
            domain,
            authority_prefix: value.get("authority")?.as_str()?.to_owned(),
            message_types: types.map(|it| it.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            test: value.get("test")?.as_bool()?,
        })
    };
    serde_json::from_str::<Value>(text).ok()?.as_array()?.iter().map(interest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_dispatcher_reads_what_one_has_written() {
        let interests = vec![
            Interest {
                domain: Some(Domain::new("kfz").unwrap()),
                authority_prefix: "svb:14730".to_owned(),
                message_types: vec!["kfz.neuzulassung.0101".to_owned(), "a,\"b\"".to_owned()],
                test: true,
            },
            Interest {
                domain: None,
                authority_prefix: String::new(),
                message_types: Vec::new(),
                test: false,
            },
        ];
        assert_eq!(read(&notation(&interests)), Some(interests));
        assert_eq!(read("kfz svb:14730* [] test=false"), None, "of a former version");
    }
}
