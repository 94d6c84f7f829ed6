//! A departmental system that speaks HTTP, or what it takes for HTTP.

mod conformance;
mod secrets;
mod server;
mod settings;
mod truth;

use std::{net::SocketAddr, path::Path, sync::Arc};

use messaging::Adapter;

use crate::testing::build;

/// An adapter that feeds `address`.
fn rest(address: SocketAddr, more: &str) -> Arc<dyn Adapter> {
    let config = format!(
        "url = 'http://{address}/antraege/{{key}}'\nmethod = 'PUT'\nconflict = 'already_there'\n{more}"
    );
    let contract = if more.contains("contract") { "" } else { "contract = 'idempotent'\n" };
    build("rest", &format!("{contract}{config}"), Path::new("/nowhere")).unwrap()
}
