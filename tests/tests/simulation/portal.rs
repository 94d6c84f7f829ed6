//! The state portal: submits, repeats what it got no receipt for, and now and then what it did get
//! one for, with the same bytes or with others. Which channel, the gateway's own table says.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use channels::codec;
use gateway::route::{Found, Route, find};
use messaging::{
    ApplicationHead, Authority, Channel as _, ChannelName, Domain, Envelope, FailureKind, OwnId,
    Payload, ProcedureName, Record, SenderName, Timestamp, identity,
};

use super::{storm::Storm, weather::Weather};

/// Two counties, each with a channel of its own.
const COUNTIES: [(&str, &str); 2] =
    [("svb:14730", "application.kfz.nordsachsen"), ("svb:14626", "application.kfz.goerlitz")];
const CASES: u64 = 6;
const MESSAGE_TYPE: &str = "kfz.neuzulassung.0101";

/// Who submits, and what it holds receipts for, in order.
#[derive(Debug)]
pub(crate) struct Portal {
    storm: Storm,
    weather: Weather,
    routes: Vec<Route>,
    messages: u64,
    /// Number of the next message, and the receipts so far.
    progress: Mutex<(u64, Vec<Submitted>)>,
}

/// One message with a receipt.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    pub(crate) own_id: String,
    pub(crate) case: String,
    pub(crate) authority: String,
}

impl Portal {
    pub(crate) fn new(storm: &Storm, weather: &Weather, messages: u64) -> Self {
        Self {
            storm: storm.clone(),
            weather: weather.clone(),
            routes: routes(),
            messages,
            progress: Mutex::default(),
        }
    }

    pub(crate) fn submitted(&self) -> Vec<Submitted> {
        self.progress.lock().expect("nobody panics holding it").1.clone()
    }

    /// Submits all that is left, in bursts and lulls. A dropped call goes on with the next.
    pub(crate) async fn submit_all(&self) {
        loop {
            let number = self.progress.lock().expect("nobody panics holding it").0;
            if self.messages <= number {
                return;
            }
            let submitted = message(number);
            self.append(&submitted, &document(&submitted.own_id)).await;
            {
                let mut progress = self.progress.lock().expect("nobody panics holding it");
                progress.0 = number + 1;
                progress.1.push(submitted.clone());
            }
            match self.weather.below(12) {
                0 => self.append(&submitted, &document(&submitted.own_id)).await,
                1 => self.append(&submitted, &Bytes::from_static(b"<other/>")).await,
                2 => self.weather.takes(Duration::from_secs(20)).await,
                _ => {}
            }
        }
    }

    /// Until it is told that it is there.
    async fn append(&self, submitted: &Submitted, document: &Bytes) {
        let record = record(&self.routes, submitted, document);
        while let Err(failure) = self.storm.append(vec![record.clone()]).await {
            assert_eq!(failure.kind(), FailureKind::Unavailable, "{failure:?}");
            self.weather.takes(Duration::from_millis(500)).await;
        }
    }
}

/// What message `own_id` consists of.
pub(crate) fn document(own_id: &str) -> Bytes {
    Bytes::from(format!("<a id=\"{own_id}\"/>"))
}

/// What an operator has instead of it.
pub(crate) fn edited(own_id: &str, number: u64) -> Bytes {
    Bytes::from(format!("<b id=\"{own_id}\" number=\"{number}\"/>"))
}

/// Which case a message belongs to.
pub(crate) fn case_of(own_id: &str) -> String {
    let number = own_id.strip_prefix('m').and_then(|number| number.parse().ok());
    message(number.expect("an id of ours")).case
}

/// Whom a document names.
pub(crate) fn own_id(document: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(document).ok()?;
    Some(text.split('"').nth(1)?.to_owned())
}

pub(crate) fn procedure() -> ProcedureName {
    ProcedureName {
        standard: "amtsbote-kfz".to_owned(),
        version: "1.0".to_owned(),
        message_type: MESSAGE_TYPE.to_owned(),
    }
}

/// Channels a dispatcher of all counties reads.
pub(crate) fn channels() -> Vec<ChannelName> {
    routes().into_iter().map(|route| route.channel).collect()
}

/// Prefix of the one county, and of both.
pub(crate) fn prefixes() -> [&'static str; 2] {
    [COUNTIES[0].0, "svb:14"]
}

fn routes() -> Vec<Route> {
    let route = |(prefix, channel): (&str, &str)| Route {
        domain: Some(Domain::new("kfz").expect("a domain")),
        authority_prefix: prefix.to_owned(),
        message_types: vec![MESSAGE_TYPE.to_owned()],
        test: false,
        channel: ChannelName::new(channel).expect("a channel"),
    };
    COUNTIES.into_iter().map(route).collect()
}

/// A case belongs to one county.
fn message(number: u64) -> Submitted {
    let case = number % CASES;
    let county = usize::try_from(case % 2).expect("0 or 1");
    Submitted {
        own_id: format!("m{number:03}"),
        case: format!("case {case}"),
        authority: format!("{}000", COUNTIES[county].0),
    }
}

fn record(routes: &[Route], submitted: &Submitted, document: &Bytes) -> Record {
    let sender = SenderName::new("portal").expect("a sender");
    let own_id = OwnId::new(&submitted.own_id).expect("an id");
    let sha256 = identity::sha256(document, &[]);
    let message_id = identity::message_id(&sender, Some(&own_id), &sha256);
    let head = ApplicationHead {
        message_id,
        own_id: Some(own_id),
        case_id: identity::case_id(&sender, Some(&submitted.case), message_id),
        case_reference: Some(submitted.case.clone()),
        refers_to: None,
        sender,
        authority: Authority::new(&submitted.authority).expect("an authority"),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").expect("a domain"),
        service: None,
        procedure: procedure(),
        is_test: false,
        sha256,
        received_at: Timestamp(1_000_000),
        trace: None,
    };
    let found = find(routes, &head.domain, &head.authority, MESSAGE_TYPE, false);
    let Found::Channel(channel) = found else { panic!("no route for {submitted:?}: {found:?}") };
    let envelope = Envelope {
        head,
        original: Payload::Inline(document.clone()),
        normalised: None,
        canonical: Payload::Inline(Bytes::new()),
        media_type: "application/xml".to_owned(),
        attachments: Vec::new(),
        warnings: Vec::new(),
    };
    codec::encode_application(channel.clone(), &envelope, "simulation")
}
