//! Tests of the console: on a channel in memory and a journal on disk.

use std::{path::PathBuf, sync::Arc};

use channels::{codec, memory::MemoryChannel};
use messaging::{
    ApplicationHead, Authority, Channel, ChannelName, Clock, DeliveryState, DeliveryVersion,
    Domain, EndpointName, Envelope, Event, EventKind, OwnId, Payload, Position, ProcedureName,
    Record, Reply, ReplyEvent, SenderName, Timestamp,
};
use stores::{
    journal::{Journal, SqliteJournal},
    register::{Register, SqliteRegister},
};
use telemetry::{Metrics, Readiness};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::{Forwarded, Parts, StatusServer};

mod commands;
mod doors;
mod faults;
mod forwarded;
mod pages;
mod portal;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// A console with everything real but the channel.
struct Console {
    directory: PathBuf,
    journal: Arc<dyn Journal>,
    register: Arc<dyn Register>,
    channel: Arc<dyn Channel>,
    status: StatusServer,
    ready: Readiness,
    shutdown: CancellationToken,
    tasks: JoinSet<messaging::Result<()>>,
    address: Option<std::net::SocketAddr>,
    forwarded: Option<Forwarded>,
    operator_token_sha256: Option<messaging::Sha256>,
}

impl Console {
    /// Not running yet.
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("journal.sqlite");
        let register = SqliteRegister::open(&directory.join("register.sqlite"), &file).unwrap();
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&file).unwrap());
        let clock = Clock::fixed(NOW);
        let channel: Arc<dyn Channel> = Arc::new(MemoryChannel::new(clock.clone()));
        let status = StatusServer::new(journal.clone(), channel.clone(), vec![kfz()], clock);
        Self {
            directory,
            journal,
            register: Arc::new(register),
            channel,
            status,
            ready: Readiness::new(),
            shutdown: CancellationToken::new(),
            tasks: JoinSet::new(),
            address: None,
            forwarded: None,
            operator_token_sha256: None,
        }
    }

    /// Projects and serves.
    async fn run(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = Some(listener.local_addr().unwrap());
        let parts = Parts {
            listener,
            journal: self.journal.clone(),
            register: self.register.clone(),
            channel: self.channel.clone(),
            application_channels: vec![kfz()],
            source: "amtsbote/console".to_owned(),
            forwarded: self.forwarded.clone(),
            operator_token_sha256: self.operator_token_sha256,
            retention: std::time::Duration::from_secs(400 * 86_400),
            clock: Clock::fixed(NOW),
            metrics: Metrics::new(),
            ready: self.ready.clone(),
        };
        self.tasks.spawn(crate::run(parts, self.shutdown.clone()));
    }

    async fn append(&self, record: Record) -> Position {
        self.channel.append(vec![record]).await.unwrap().remove(0)
    }

    /// Waits until the record there is in the journal.
    async fn projected(&self, position: &Position) {
        let mut progress = self.journal.progress();
        let is_read = |progress: &stores::journal::Progress| {
            progress.covers(&position.partition, position.offset)
        };
        progress.wait_for(is_read).await.unwrap();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn kfz() -> ChannelName {
    ChannelName::new("application.kfz").unwrap()
}

fn head(own_id: &str) -> ApplicationHead {
    let sender = SenderName::new("portal").unwrap();
    let own_id = OwnId::new(own_id).unwrap();
    let sha256 = messaging::identity::sha256(b"<antrag/>", &[]);
    let message_id = messaging::identity::message_id(&sender, Some(&own_id), &sha256);
    ApplicationHead {
        message_id,
        case_id: messaging::identity::case_id(&sender, None, message_id),
        own_id: Some(own_id),
        case_reference: None,
        refers_to: None,
        sender,
        authority: Authority::new("svb:14730000").unwrap(),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").unwrap(),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256,
        received_at: NOW,
        trace: None,
    }
}

fn application(head: &ApplicationHead) -> Record {
    let envelope = Envelope {
        head: head.clone(),
        original: Payload::Inline(b"<antrag/>"[..].into()),
        normalised: None,
        canonical: Payload::Inline(b""[..].into()),
        media_type: "application/xml".to_owned(),
        attachments: Vec::new(),
        warnings: Vec::new(),
    };
    codec::encode_application(kfz(), &envelope, "amtsbote/test")
}

fn delivered(head: &ApplicationHead) -> Record {
    let event = Event {
        id: format!("ledger-1-{}", head.message_id),
        at: NOW,
        message_id: Some(head.message_id),
        case_id: Some(head.case_id),
        sender: Some(head.sender.clone()),
        delivery: Some(DeliveryVersion {
            ledger: "ledger".to_owned(),
            epoch: 1,
            delivery: 1,
            version: 2,
            endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
            state: DeliveryState::Delivered,
            attempts: 1,
            next_at: None,
        }),
        kind: EventKind::Delivered { receipt: Some("AZ-77".to_owned()) },
        code: None,
        cause: None,
        trace: None,
    };
    codec::encode_event(&event, "amtsbote/test")
}

fn decision(head: &ApplicationHead, body: Vec<u8>) -> Record {
    let reply = ReplyEvent {
        id: "reply-1".to_owned(),
        at: NOW,
        message_id: head.message_id,
        case_id: head.case_id,
        sender: head.sender.clone(),
        endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
        reply: Reply {
            id: "1".to_owned(),
            kind: "decision".to_owned(),
            media_type: "application/pdf".to_owned(),
            body: body.into(),
            read: None,
            code: None,
        },
        trace: None,
    };
    codec::encode_reply(&reply, "amtsbote/test")
}

/// A request of an authenticated sender.
fn from<T>(sender: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(SenderName::new(sender).unwrap());
    request
}
