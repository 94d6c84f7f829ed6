//! `amtsbote check`: the effective configuration, what is doubtful about it, or every fault.

use std::{collections::BTreeMap, path::Path};

use dispatcher::Interest;
use messaging::EffectContract;
use serde_json::json;

use crate::{
    cli::Check,
    config::{self, Config, Faults, Route},
    exit::{Exit, Stop},
    output::Output,
    roles::Roles,
    standard,
};

/// Runs the command.
pub(crate) fn run(args: &Check, output: &Output) -> Result<Exit, Stop> {
    let config = match read(args.config.as_deref()) {
        Ok(config) => config,
        Err(Faults(faults)) if output.is_json => {
            output.json(&json!({ "faults": faults }));
            return Ok(Exit::Usage);
        }
        Err(faults) => return Err(faults.into()),
    };
    let options = standards::Options {
        paths: config.standards.paths.clone(),
        workers: 1,
        ..standards::Options::default()
    };
    let roles = Roles::named(&args.roles);
    // What `run` would refuse is refused here.
    roles.refuse(&config)?;
    if roles.gateway {
        drop(standard::load(options)?);
    }
    let warnings = warnings(&config, roles);
    let effective = config.effective();
    if output.is_json {
        output.json(&json!({ "faults": [], "configuration": effective, "warnings": warnings }));
        return Ok(Exit::Done);
    }
    let defect = |error: toml::ser::Error| {
        Stop::new(Exit::Defect, crate::codes::ANSWER_BROKEN, error.to_string())
    };
    output.line(toml::to_string(&effective).map_err(defect)?.trim_end());
    for warning in warnings {
        output.note(format_args!("warning: {warning}"));
    }
    Ok(Exit::Done)
}

/// The file, or what holds without one.
pub(crate) fn read(file: Option<&Path>) -> Result<Config, Faults> {
    match file {
        Some(file) => config::read_file(file),
        None => config::read_text(None, "", Path::new(""), &|_| None),
    }
}

/// What can be meant, but seldom is.
pub(crate) fn warnings(config: &Config, roles: Roles) -> Vec<String> {
    let mut warnings = Vec::new();
    if roles.gateway && config.routes.is_empty() {
        warnings.push(
            "no `[[route]]`: every authority is taken, on one channel per domain; what no \
             endpoint wants shows as `unrouted`"
                .to_owned(),
        );
    }
    // What is routed here and delivered elsewhere is nobody's fault.
    let is_whole = roles.gateway && roles.dispatcher;
    for route in unread(config).filter(|_| is_whole) {
        let (line, channel) = (route.line, &route.channel);
        warnings.push(format!(
            "route in line {line}: no endpoint subscribes to what it puts on `{channel}`"
        ));
    }
    for endpoint in config.endpoints.iter().filter(|_| roles.dispatcher) {
        let (line, name) = (endpoint.line, &endpoint.spec.name);
        let begin = format!("endpoint `{name}` in line {line}");
        let reached: Vec<_> = routes_to(config, &endpoint.spec.interests).collect();
        if is_whole && reached.is_empty() && !config.routes.is_empty() {
            warnings.push(format!("{begin}: no route reaches it"));
        }
        for (domain, channels) in split_domains(&reached) {
            let channels = channels.join("`, `");
            warnings.push(format!(
                "{begin}: domain `{domain}` reaches it on several channels (`{channels}`); order \
                 within a case is kept on each, not across them"
            ));
        }
        if endpoint.spec.adapter.contract() == EffectContract::None {
            warnings.push(format!(
                "{begin}: contract `none`: after each attempt whose end is unknown, an operator \
                 is asked"
            ));
        }
    }
    warnings
}

/// Routes no endpoint has anything of.
fn unread(config: &Config) -> impl Iterator<Item = &Route> {
    config.routes.iter().filter(|route| {
        let endpoints = config.endpoints.iter();
        !endpoints.flat_map(|endpoint| &endpoint.spec.interests).any(|i| overlaps(route, i))
    })
}

fn routes_to<'c>(config: &'c Config, interests: &'c [Interest]) -> impl Iterator<Item = &'c Route> {
    config.routes.iter().filter(|route| interests.iter().any(|interest| overlaps(route, interest)))
}

/// Domains that come on more than one channel.
fn split_domains<'c>(routes: &[&'c Route]) -> BTreeMap<&'c str, Vec<&'c str>> {
    let mut channels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in routes {
        let channel = route.channel.as_str();
        let domain = channel.split('.').nth(1).unwrap_or(channel);
        let found = channels.entry(domain).or_default();
        if !found.contains(&channel) {
            found.push(channel);
        }
    }
    channels.retain(|_, channels| 1 < channels.len());
    channels
}

/// Whether a message can be on the route and of interest.
fn overlaps(route: &Route, interest: &Interest) -> bool {
    let (one, other) = (&route.authority, &interest.authority_prefix);
    let types = (&route.message_types, &interest.message_types);
    let share_type = types.0.is_empty()
        || types.1.is_empty()
        || types.0.iter().any(|message_type| types.1.contains(message_type));
    let share_domain = match (&route.domain, &interest.domain) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    route.test == interest.test
        && (one.starts_with(other.as_str()) || other.starts_with(one.as_str()))
        && share_domain
        && share_type
}
