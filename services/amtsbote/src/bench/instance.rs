//! The configuration of an instance for a run: one endpoint for each authority, all to the receiver.

use std::net::SocketAddr;

use super::plan;
use crate::cli::Bench;

/// Attempts at once of a lone endpoint; several share them.
const ATTEMPTS: u32 = 128;
/// Each has at least so many.
const ATTEMPTS_MIN: u32 = 4;

/// As `amtsbote run --config` takes it.
pub(super) fn configuration(args: &Bench, receiver: SocketAddr) -> String {
    let authorities: Vec<_> = match args.endpoints {
        Some(count) => (1..=count).map(plan::authority).collect(),
        None => args.authorities.clone(),
    };
    let count = u32::try_from(authorities.len()).unwrap_or(u32::MAX).max(1);
    let concurrency = (ATTEMPTS / count).max(ATTEMPTS_MIN);
    let test = if args.test { ", test = true" } else { "" };
    let head = format!(
        "# For `amtsbote bench` alone: what it sends gets into no system.\n\
         data = \"data\"\n\
         [gateway.limits]\n\
         rate_per_second = 1000000\n\
         rate_burst = 1000000\n\
         [[route]]\n\
         domain = \"kfz\"\n{}",
        if args.test { "test = true\n" } else { "" }
    );
    let endpoint = |(authority, number): (&String, u32)| {
        format!(
            "[[endpoint]]\n\
             name = \"bench-{number}\"\n\
             adapter = \"rest\"\n\
             subscribe = [{{ domain = \"kfz\", authority = \"{authority}\"{test} }}]\n\
             concurrency = {concurrency}\n\
             settings = {{ url = \"http://{receiver}/antraege\", contract = \"deduplicates\" }}\n"
        )
    };
    let endpoints: String = authorities.iter().zip(1..).map(endpoint).collect();
    head + &endpoints
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn each_authority_has_an_endpoint_and_the_attempts_are_shared() {
        for (line, endpoints, concurrency) in [
            ("", 1, 128),
            ("--endpoints 50", 50, 4),
            ("--authority svb:1 --authority svb:2 --test", 2, 64),
        ] {
            let words = ["amtsbote", "bench", "--receiver", "127.0.0.1:9", "--print-config"];
            let words = words.into_iter().chain(line.split_whitespace());
            let Command::Bench(args) = Cli::try_parse_from(words).unwrap().command else {
                panic!("{line}");
            };
            let text = configuration(&args, args.receiver.unwrap());
            let table: toml::Table = text.parse().unwrap();
            let served = table.get("endpoint").unwrap().as_array().unwrap();
            assert_eq!(served.len(), endpoints, "{text}");
            for endpoint in served {
                assert_eq!(endpoint.get("concurrency").unwrap().as_integer(), Some(concurrency));
            }
        }
    }
}
