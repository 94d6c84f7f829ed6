//! Writes each message as a file into a directory that a departmental system polls.
//!
//! Delivery is atomic: a file is written and synced under a hidden name, then renamed, so the
//! poller never reads half of it; attachments come first, the message last. It is idempotent: names
//! are made of the delivery key.

mod files;
mod settings;
mod sidecar;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use async_trait::async_trait;
use messaging::{Accepted, Adapter, Attempt, EffectContract, Envelope, FailureKind, Found, Result};

use self::{
    files::{Directory, Hidden, Names},
    settings::{Attachments, Checked},
};
use crate::{AdapterKind, codes, content, content::Segment};

pub(crate) const KIND: AdapterKind = AdapterKind {
    name: "file_drop",
    summary: "Writes one file per message into a directory.",
    example: r#"
        directory = "/srv/bauamt/inbox"
        extension = "xml"
        sidecar = true
    "#,
    build: |config, context| {
        let settings: settings::Settings =
            config.try_into().context("read the file_drop settings")?;
        let settings = settings.check(&context.base)?;
        Ok(Arc::new(FileDrop { settings, hidden_names: AtomicU64::new(0) }))
    },
};

#[derive(Debug)]
struct FileDrop {
    settings: Checked,
    /// Makes hidden names differ between attempts of this process.
    hidden_names: AtomicU64,
}

#[async_trait]
impl Adapter for FileDrop {
    fn contract(&self) -> EffectContract {
        EffectContract::Idempotent
    }

    /// Dropping it loses nothing: what is visible is whole, and the same name is written again.
    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        if self.settings.attachments == Attachments::None && !envelope.attachments.is_empty() {
            let why = "the message has attachments and `attachments` is \"none\"";
            return Err(FailureKind::Defect.because(codes::ATTACHMENTS_NOT_TAKEN, why));
        }
        let directory = self.directory();
        directory.check_marker().await?;
        let names = Names::new(&self.settings, envelope, attempt.key);
        // A file that is visible is whole: only its name may not be durable yet.
        if !directory.has_file(&names.document).await? {
            self.write_all(&directory, &names, envelope, attempt).await?;
        }
        directory.sync_after().await?;
        Ok(Accepted { receipt: Some(names.document), replies: Vec::new() })
    }

    async fn find(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Found> {
        let directory = self.directory();
        directory.check_marker().await?;
        let names = Names::new(&self.settings, envelope, attempt.key);
        Ok(if directory.has_file(&names.document).await? {
            Found::Yes(Accepted { receipt: Some(names.document), replies: Vec::new() })
        } else {
            // The poller may have taken it.
            Found::CannotTell
        })
    }

    async fn probe(&self) -> Result<()> {
        let directory = self.directory();
        directory.check_marker().await?;
        directory.try_to_write().await
    }
}

impl FileDrop {
    fn directory(&self) -> Directory<'_> {
        Directory {
            path: &self.settings.directory,
            marker: self.settings.marker.as_deref(),
            hidden_names: &self.hidden_names,
        }
    }

    /// Writes everything hidden, then shows the message last. A crash in between leaves hidden
    /// files, which the next attempt removes, or attachments, which it writes again.
    async fn write_all(
        &self,
        directory: &Directory<'_>,
        names: &Names,
        envelope: &Envelope,
        attempt: &Attempt,
    ) -> Result<()> {
        if attempt.number > 1 {
            directory.remove_remainders(attempt.key).await?;
        }
        let document = self.settings.content.document(envelope, &attempt.claims).await?;
        let attachments: Vec<Segment> =
            envelope.attachments.iter().map(|a| Segment::Claim(a.claim, a.len)).collect();
        content::check_claims(attachments.iter().chain([&document.segment]), &attempt.claims)
            .await?;

        let mut beside = Vec::new();
        if let Some(folder) = names.folder.as_ref().filter(|_| !attachments.is_empty()) {
            directory.make_folder(folder).await?;
        }
        for (name, segment) in names.attachments.iter().zip(attachments) {
            beside.push((directory.write(name, vec![segment], &attempt.claims).await?, name));
        }
        if let Some(name) = &names.sidecar {
            let text = sidecar::text(envelope, attempt, names, &document.media_type)?;
            let segments = vec![Segment::Bytes(text.into())];
            beside.push((directory.write(name, segments, &attempt.claims).await?, name));
        }
        let hidden: Hidden =
            directory.write(&names.document, vec![document.segment], &attempt.claims).await?;
        for (file, name) in beside {
            directory.show(file, name).await?;
        }
        // Their names are durable before the message's is: after a power cut nobody reads a
        // message without its attachments.
        directory.sync_before(names.folder.as_deref()).await?;
        directory.show(hidden, &names.document).await
    }
}

/// Counts up; unique within the process.
fn next(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
