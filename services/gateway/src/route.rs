//! Which channel an application goes to: the only place that knows authorities.

use messaging::{Authority, ChannelName, Domain};

/// One row of the route table; the first that matches wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Only this family of procedures; `None`: all.
    pub domain: Option<Domain>,
    /// How the authority's identifier begins, e.g. `svb:14730`; empty: all.
    pub authority_prefix: String,
    /// Only these types of messages; empty: all.
    pub message_types: Vec<String>,
    /// For test messages alone, or for real ones alone.
    pub test: bool,
    /// Where to.
    pub channel: ChannelName,
}

impl Route {
    fn matches(&self, domain: &Domain, authority: &Authority, message_type: &str) -> bool {
        self.domain.as_ref().is_none_or(|only| only == domain)
            && authority.as_str().starts_with(&self.authority_prefix)
            && (self.message_types.is_empty()
                || self.message_types.iter().any(|only| only == message_type))
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'r> {
    /// To this channel.
    Channel(&'r ChannelName),
    /// There is a route, but for test messages (or real ones) only.
    OtherKindOnly,
    /// There is no route.
    Nobody,
}

/// Looks for the first row that matches a message.
#[must_use]
pub fn find<'r>(
    routes: &'r [Route],
    domain: &Domain,
    authority: &Authority,
    message_type: &str,
    is_test: bool,
) -> Found<'r> {
    let mut found = Found::Nobody;
    for route in routes.iter().filter(|route| route.matches(domain, authority, message_type)) {
        if route.test == is_test {
            return Found::Channel(&route.channel);
        }
        found = Found::OtherKindOnly;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(domain: Option<&str>, prefix: &str, types: &[&str], test: bool, to: &str) -> Route {
        Route {
            domain: domain.map(|name| Domain::new(name).unwrap()),
            authority_prefix: prefix.to_owned(),
            message_types: types.iter().map(|&name| name.to_owned()).collect(),
            test,
            channel: ChannelName::new(to).unwrap(),
        }
    }

    #[test]
    fn the_first_row_that_matches_wins() {
        let routes = [
            route(Some("kfz"), "svb:14730", &["0101"], false, "application.kfz.first"),
            route(Some("kfz"), "svb:14730", &[], false, "application.kfz.nordsachsen"),
            route(Some("kfz"), "svb:14626", &[], true, "application.kfz.test"),
            route(None, "svb:15", &[], false, "application.any"),
        ];
        let check = |domain: &str, authority: &str, kind: &str, is_test: bool, expected: &str| {
            let (domain, authority) =
                (Domain::new(domain).unwrap(), Authority::new(authority).unwrap());
            let found = match find(&routes, &domain, &authority, kind, is_test) {
                Found::Channel(channel) => channel.as_str(),
                Found::OtherKindOnly => "other kind",
                Found::Nobody => "nobody",
            };
            assert_eq!(found, expected, "{domain} {authority} {kind} {is_test}");
        };
        check("kfz", "svb:14730000", "0101", false, "application.kfz.first");
        check("kfz", "svb:14730000", "0102", false, "application.kfz.nordsachsen");
        check("kfz", "svb:14730000", "0102", true, "other kind");
        check("kfz", "svb:14626000", "0102", true, "application.kfz.test");
        check("kfz", "svb:14626000", "0102", false, "other kind");
        check("ummeldung", "svb:15085000", "1", false, "application.any");
        check("ummeldung", "svb:14730000", "1", false, "nobody");
    }
}
