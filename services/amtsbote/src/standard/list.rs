//! `amtsbote standard list`: what is installed.

use serde_json::json;
use standards::Options;

use super::{folders, load};
use crate::{
    cli::StandardPaths,
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command.
pub(super) fn list(paths: &StandardPaths, output: &Output) -> Result<Exit, Stop> {
    let options = Options { paths: folders(paths)?, workers: 1, ..Options::default() };
    for standard in load(options)?.list() {
        let types = || standard.message_types.iter();
        if output.is_json {
            let types = types().map(|message_type| {
                json!({
                    "name": message_type.name,
                    "title": message_type.title,
                    "domain": message_type.domain.as_str(),
                    "service": message_type.service,
                })
            });
            output.json(&json!({
                "id": standard.id,
                "version": standard.version,
                "title": standard.title,
                "source": standard.source,
                "message_types": types.collect::<Vec<_>>(),
            }));
            continue;
        }
        let (id, version, title) = (&standard.id, &standard.version, &standard.title);
        output.line(format_args!("{id} {version}: {title} ({})", standard.source));
        for message_type in types() {
            let (name, domain) = (&message_type.name, &message_type.domain);
            output.line(format_args!("  {name} [{domain}] {}", message_type.title));
        }
    }
    Ok(Exit::Done)
}
