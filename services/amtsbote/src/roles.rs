//! Which roles a process has, and what its configuration must say for that.

use std::net::IpAddr;

use crate::{
    cli::Role,
    codes,
    config::{ChannelBackend, Config},
    exit::Stop,
};

/// The roles of one process: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Takes applications.
    pub(crate) gateway: bool,
    /// Hands them over.
    pub(crate) dispatcher: bool,
    /// Shows them.
    pub(crate) console: bool,
}

/// One thing that is wrong: code and what.
type Lack = (&'static str, String);

impl Roles {
    /// One process that does everything.
    pub(crate) const ALL: Self = Self { gateway: true, dispatcher: true, console: true };

    /// As named on the command line; all if none is.
    pub(crate) fn named(roles: &[Role]) -> Self {
        let has = |role| roles.is_empty() || roles.contains(&role);
        Self {
            gateway: has(Role::Gateway),
            dispatcher: has(Role::Dispatcher),
            console: has(Role::Console),
        }
    }

    /// What traces call a process with these roles.
    pub(crate) fn service_name(self) -> String {
        if self == Self::ALL {
            return "amtsbote".to_owned();
        }
        let roles = [
            (self.gateway, "-gateway"),
            (self.dispatcher, "-dispatcher"),
            (self.console, "-console"),
        ];
        let names = roles.into_iter().filter_map(|(has, name)| has.then_some(name));
        std::iter::once("amtsbote").chain(names).collect()
    }

    /// Refuses a configuration these roles cannot work with: every reason at once.
    pub(crate) fn refuse(self, config: &Config) -> Result<(), Stop> {
        let lacks = self.lacks(config);
        let Some((code, what)) = lacks.first() else { return Ok(()) };
        match lacks.as_slice() {
            [_] => Err(Stop::usage(code, what)),
            all => {
                let what = format!("{} reasons against these roles in this process", all.len());
                let details = all.iter().map(|(code, what)| format!("{code} {what}")).collect();
                Err(Stop::usage(code, what).with_details(details))
            }
        }
    }

    fn lacks(self, config: &Config) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if self == Self::ALL {
            return lacks;
        }
        if let ChannelBackend::Embedded(_) = config.channel {
            let channel = &config.channel;
            let what = format!("`{channel}` is for one process with all roles; name none");
            return vec![(codes::ROLES_APART, what)];
        }
        // Who takes attachments in and who hands them over must see the same ones.
        if self.gateway != self.dispatcher && !config.claims.is_shared() {
            let claims = &config.claims;
            let what = format!("claims lie in `{claims}`, where no other process looks");
            lacks.push((codes::CLAIMS_APART, what));
        }
        // A gateway knows the channels of its routes, also of those nobody wrote.
        if self.dispatcher && !self.gateway && config.dispatched_channels().is_empty() {
            lacks.push(missing("`[dispatcher] channels`", "nothing says what to read"));
        } else if !self.gateway && config.application_channels().is_empty() {
            lacks.push(missing("`[console] channels`", "nothing says what to show"));
        }
        lacks.extend(self.status_lacks(config));
        lacks
    }

    /// Between a gateway and a console in another process.
    fn status_lacks(self, config: &Config) -> Vec<Lack> {
        let mut lacks = Vec::new();
        if self.gateway && !self.console {
            let gateway = &config.gateway;
            match &gateway.status {
                None => {
                    let why = "portals ask the gateway, and the console knows";
                    lacks.push(missing("`[gateway] status`", why));
                }
                Some(url) if !is_loopback(url) && gateway.status_token.is_none() => {
                    lacks.push(unproven("gateway", "the console is on another machine"));
                }
                Some(_) => {}
            }
        }
        if self.console && !self.gateway {
            let console = &config.console;
            if !console.listen.ip().is_loopback() && console.status_token.is_none() {
                lacks.push(unproven("console", "others can reach it, and could be anybody"));
            }
        }
        lacks
    }
}

/// Whether the host is this machine, as it is written.
pub(crate) fn is_loopback(url: &url::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn missing(key: &str, why: &str) -> Lack {
    (codes::ROLE_KEY_MISSING, format!("{key} is missing: {why}"))
}

fn unproven(role: &str, why: &str) -> Lack {
    (codes::STATUS_UNPROVEN, format!("`[{role}] status_token_file` is missing: {why}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::read_text;

    const KAFKA: &str = "channel = \"kafka://b:9092\"\nclaims = \"file:///mnt/claims\"\n";

    #[track_caller]
    fn check(roles: &[Role], text: &str, expected: &[&str]) {
        let folder = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("token"), "a-token-of-some-length").unwrap();
        let config = read_text(Some("t.toml"), text, &folder, &|_| None);
        fs::remove_dir_all(folder).unwrap();
        let config = config.unwrap_or_else(|faults| panic!("{text}\n{:#?}", faults.0));
        let lacks = Roles::named(roles).lacks(&config);
        let codes: Vec<_> = lacks.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, expected, "{roles:?}\n{text}\n{lacks:#?}");
    }

    #[test]
    fn traces_tell_the_roles_of_a_process() {
        let check = |roles: &[Role], expected| {
            assert_eq!(Roles::named(roles).service_name(), expected);
        };
        check(&[], "amtsbote");
        check(&[Role::Gateway], "amtsbote-gateway");
        check(&[Role::Console, Role::Dispatcher], "amtsbote-dispatcher-console");
    }

    #[test]
    fn one_process_with_all_roles_needs_nothing_more() {
        check(&[], "", &[]);
        check(&[Role::Gateway, Role::Dispatcher, Role::Console], "", &[]);
        check(&[], "channel = \"kafka://b:9092\"", &[]);
    }

    #[test]
    fn a_subset_on_an_embedded_channel_is_refused() {
        check(&[Role::Gateway], "", &["AB-5012"]);
        check(&[Role::Dispatcher, Role::Console], "", &["AB-5012"]);
    }

    #[test]
    fn each_role_needs_its_own_keys_only() {
        let with = |more: &str| format!("{KAFKA}{more}");
        check(&[Role::Gateway], &with(""), &["AB-5060"]);
        check(&[Role::Gateway], &with("[gateway]\nstatus = \"http://127.0.0.1:7080\""), &[]);
        check(&[Role::Dispatcher], &with(""), &["AB-5060"]);
        check(&[Role::Dispatcher], &with("[dispatcher]\nchannels = [\"application.kfz\"]"), &[]);
        check(&[Role::Console], &with(""), &["AB-5060"]);
        check(&[Role::Console], &with("[console]\nchannels = [\"application.kfz\"]"), &[]);
        check(&[Role::Dispatcher, Role::Console], &with("[[route]]\ndomain = \"kfz\""), &[]);
        check(&[Role::Gateway, Role::Console], &with(""), &[]);
    }

    #[test]
    fn claims_must_be_seen_from_both_sides() {
        let text = "channel = \"kafka://b:9092\"\n[gateway]\nstatus = \"http://[::1]:7080\"\n\
                    [dispatcher]\nchannels = [\"application.kfz\"]\n";
        check(&[Role::Gateway], text, &["AB-5061"]);
        check(&[Role::Dispatcher], text, &["AB-5061"]);
        check(&[Role::Gateway, Role::Dispatcher], text, &[]);
        check(&[Role::Console], text, &[]);
    }

    #[test]
    fn who_can_be_reached_by_others_asks_for_proof() {
        let token = "status_token_file = \"token\"\n";
        let gateway = "[gateway]\nallow_plaintext = true\nstatus = \"http://console:7080\"\n";
        check(&[Role::Gateway], &format!("{KAFKA}{gateway}"), &["AB-5062"]);
        check(&[Role::Gateway], &format!("{KAFKA}{gateway}{token}"), &[]);
        let console = "[console]\nchannels = [\"application.kfz\"]\nallow_plaintext = true\n\
                       listen = \"0.0.0.0:7080\"\n";
        check(&[Role::Console], &format!("{KAFKA}{console}"), &["AB-5062"]);
        check(&[Role::Console], &format!("{KAFKA}{console}{token}"), &[]);
    }
}
