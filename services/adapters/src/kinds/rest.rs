//! Sends each message as one HTTP request to a departmental system.
//!
//! HTTP/1.1 only: there, what has been sent and what has not can be told for certain, and that is
//! what makes the difference between "unavailable" and "outcome unknown".

mod answer;
mod call;
mod client;
mod outcome;
mod request;
mod settings;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use messaging::{Accepted, Adapter, Attempt, EffectContract, Envelope, FailureKind, Found, Result};
use tokio::{
    net::TcpStream,
    time::{self, Instant},
};

use self::{
    answer::Answer,
    client::{Connection, Exchange},
    request::Progress,
    settings::{Checked, Probe},
};
use crate::{AdapterKind, codes};

/// How long a probe may take.
const PROBE_TIME_MAX: Duration = Duration::from_secs(10);
/// How much earlier than asked an attempt ends, so that its outcome is heard before it is dropped.
const HEARD_BEFORE: Duration = Duration::from_millis(200);

pub(crate) const KIND: AdapterKind = AdapterKind {
    name: "rest",
    summary: "Sends one HTTP request per message.",
    example: r#"
        url = "https://kfz.landkreis.example/api/antraege/{key}"
        method = "PUT"
        contract = "can_look_up"
        conflict = "already_there"
        receipt = "/aktenzeichen"
        probe = "https://kfz.landkreis.example/api/health"

        [look_up]
        url = "https://kfz.landkreis.example/api/antraege/{key}"
        visible_within = "5s"
        found = [200]
        absent = [404]
        receipt = "/aktenzeichen"
    "#,
    build: |config, context| {
        let settings: settings::Settings = config.try_into().context("read the rest settings")?;
        let settings = settings.check(context)?;
        let connection = Connection::open(&settings)?;
        Ok(Arc::new(Rest { settings, connection }))
    },
};

#[derive(Debug)]
struct Rest {
    settings: Checked,
    connection: Connection,
}

#[async_trait]
impl Adapter for Rest {
    fn contract(&self) -> EffectContract {
        self.settings.contract
    }

    /// Dropping it leaves the outcome unknown once the request is on its way.
    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        let ends_at = Instant::now() + time_for(attempt);
        let client = self.connection.current().await?;
        let progress = Arc::new(Progress::default());
        let request =
            request::build(&self.settings, envelope, attempt, &client, Arc::clone(&progress))
                .await?;
        let exchange = Exchange { client: &client, ends_at, progress: &progress };
        let answer = exchange.send(request, attempt.trace.as_ref()).await?;
        outcome::of_delivery(&self.settings.rules, &answer, progress.is_whole())
    }

    async fn find(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Found> {
        let Some(look_up) = &self.settings.look_up else { return Ok(Found::CannotTell) };
        let url = look_up.url.expand(envelope, attempt);
        let ends_at = Instant::now() + time_for(attempt);
        let answer = self.get(url, attempt.trace.as_ref(), ends_at).await?;
        outcome::of_look_up(&self.settings.rules, look_up, &answer)
    }

    async fn probe(&self) -> Result<()> {
        match &self.settings.probe {
            Probe::Get(url) => {
                let ends_at = Instant::now() + PROBE_TIME_MAX;
                let answer = self.get(url.clone(), None, ends_at).await?;
                outcome::of_probe(&self.settings.rules, &answer)
            }
            Probe::Connect { host, port } => {
                let connecting = TcpStream::connect((host.as_str(), *port));
                match time::timeout(self.settings.connect_timeout, connecting).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => {
                        Err(FailureKind::Unavailable.because(codes::NO_CONNECTION, error))
                    }
                    Err(late) => Err(FailureKind::Unavailable.because(codes::NO_CONNECTION, late)),
                }
            }
        }
    }
}

impl Rest {
    /// Asks without changing anything: whatever goes wrong, the receiver did nothing.
    async fn get(
        &self,
        url: reqwest::Url,
        trace: Option<&messaging::TraceParent>,
        ends_at: Instant,
    ) -> Result<Answer> {
        let client = self.connection.current().await?;
        let request = request::build_get(&self.settings, url, &client);
        let progress = Progress::default();
        let exchange = Exchange { client: &client, ends_at, progress: &progress };
        exchange.send(request, trace).await
    }
}

fn time_for(attempt: &Attempt) -> Duration {
    attempt.time_max.saturating_sub(HEARD_BEFORE.min(attempt.time_max / 10))
}

#[cfg(test)]
mod tests;
