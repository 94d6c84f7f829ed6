//! The rules of all adapters, held against a small departmental system.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    Adapter, Attempt, Claims,
    conformance::adapter::{self, Fault, Receiver, SECRET},
};

use super::{
    rest,
    server::{Act, Seen, Server, answer},
};
use crate::testing::claims;

/// Effects by key, each with the bodies that arrived.
type Effects = Arc<Mutex<HashMap<String, Vec<Seen>>>>;

struct System {
    address: SocketAddr,
    adapter: Arc<dyn Adapter>,
    claims: Arc<dyn Claims>,
    effects: Effects,
    deduplicates: bool,
    fault: Arc<Mutex<Option<Fault>>>,
    server: Mutex<Option<Server>>,
}

impl System {
    async fn new(contract: &str) -> Self {
        let nowhere = "127.0.0.1:0".parse().unwrap();
        let (effects, fault) = (Effects::default(), Arc::default());
        let deduplicates = matches!(contract, "deduplicates" | "idempotent");
        let server = serve(nowhere, &effects, &fault, deduplicates).await;
        let address = server.address;
        let look_up = format!(
            "[look_up]\nurl = 'http://{address}/antraege/{{key}}'\nvisible_within = '1s'\n"
        );
        let look_up = if contract == "can_look_up" { look_up } else { String::new() };
        let config = format!("contract = '{contract}'\nattachments = 'multipart'\n{look_up}");
        let adapter = rest(address, &config);
        let server = Mutex::new(Some(server));
        let claims = claims();
        Self { address, adapter, claims, effects, deduplicates, fault, server }
    }
}

async fn serve(
    address: SocketAddr,
    effects: &Effects,
    fault: &Arc<Mutex<Option<Fault>>>,
    deduplicates: bool,
) -> Server {
    let (effects, fault) = (Arc::clone(effects), Arc::clone(fault));
    Server::deciding(address, move |seen| {
        // Asked a first time with the head alone, and then again.
        if seen.line.starts_with("PUT") && seen.body.is_empty() {
            return Act::Hang;
        }
        let key = seen.line.split(['/', ' ']).nth(3).unwrap_or_default().to_owned();
        let mut effects = effects.lock().unwrap();
        if seen.line.starts_with("GET") {
            let is_there = effects.contains_key(&key);
            let status = if is_there { "200 OK" } else { "404 Not Found" };
            return Act::Answer(answer(status, "", ""));
        }
        let fault = *fault.lock().unwrap();
        match fault {
            Some(Fault::Silent) => return Act::Hang,
            Some(Fault::Refusing) => {
                let body = format!(r#"{{"detail":"{SECRET} fehlt"}}"#);
                return Act::Answer(answer("422 Unprocessable", "", &body));
            }
            _ => {}
        }
        let of_key = effects.entry(key).or_default();
        if !deduplicates || of_key.is_empty() {
            of_key.push(seen.clone());
        }
        match fault {
            Some(Fault::LostAnswer) => Act::ReadAllAndClose,
            _ => Act::Answer(answer("201 Created", "", "")),
        }
    })
    .await
}

#[async_trait]
impl Receiver for System {
    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::clone(&self.adapter)
    }

    fn claims(&self) -> Arc<dyn Claims> {
        Arc::clone(&self.claims)
    }

    fn faults(&self) -> &[Fault] {
        &[Fault::Down, Fault::Silent, Fault::LostAnswer, Fault::Refusing]
    }

    async fn play(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
        let server = match fault {
            Some(Fault::Down) => None,
            _ if self.server.lock().unwrap().is_some() => return,
            _ => Some(serve(self.address, &self.effects, &self.fault, self.deduplicates).await),
        };
        *self.server.lock().unwrap() = server;
        // The listener goes with its task, and the task when it is next looked at.
        while fault == Some(Fault::Down)
            && tokio::net::TcpStream::connect(self.address).await.is_ok()
        {
            tokio::task::yield_now().await;
        }
    }

    async fn effects(&self, attempt: &Attempt) -> u64 {
        let effects = self.effects.lock().unwrap();
        effects.get(&attempt.key.to_string()).map_or(0, Vec::len) as u64
    }

    async fn traces(&self) -> u64 {
        self.effects.lock().unwrap().values().map(Vec::len).sum::<usize>() as u64
    }

    async fn content(&self, attempt: &Attempt) -> Vec<Bytes> {
        let effects = self.effects.lock().unwrap();
        let seen = effects[&attempt.key.to_string()][0].clone();
        let boundary = seen.headers["content-type"].split_once("boundary=").unwrap().1;
        parts(&seen.body, boundary)
    }
}

/// The bodies of a multipart body.
fn parts(body: &Bytes, boundary: &str) -> Vec<Bytes> {
    let find = |from: usize, what: &str| {
        let rest = &body[from..];
        rest.windows(what.len()).position(|window| window == what.as_bytes()).map(|at| from + at)
    };
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut at = find(0, &delimiter).unwrap();
    while let Some(next) = find(at + 1, &format!("\r\n{delimiter}")) {
        let begin = find(at, "\r\n\r\n").unwrap() + 4;
        parts.push(body.slice(begin..next));
        at = next + 2;
    }
    assert_eq!(&body[at..], format!("{delimiter}--\r\n").as_bytes());
    parts
}

#[tokio::test]
async fn it_does_what_every_adapter_does() {
    for contract in ["idempotent", "deduplicates", "can_look_up", "none"] {
        adapter::check(async || System::new(contract).await).await;
    }
}
