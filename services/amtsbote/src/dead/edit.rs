//! A corrected document instead of the one that came. Whether it may go is for the dispatcher to say.

use std::{fs, path::Path};

use bytes::Bytes;
use messaging::correction::CORRECTION_BYTES_MAX;
use wire::control::issue_command_request::{DeliveryOrder, EditOrder, Order};

use crate::{cli::Orderer, codes, exit::Stop};

/// Reads the document. Nothing is sent that must be refused.
pub(super) fn read(path: &Path, by: &Orderer) -> Result<Bytes, Stop> {
    if by.reason.trim().is_empty() {
        let what = "another document is handed over only for a reason: say it with `--reason`";
        return Err(Stop::usage(codes::EDIT_UNFIT, what));
    }
    let named = |what: String| format!("`{}`: {what}", path.display());
    let document = fs::read(path)
        .map_err(|error| Stop::usage(codes::DOCUMENT_UNREADABLE, named(error.to_string())))?;
    if (1..=CORRECTION_BYTES_MAX).contains(&document.len()) {
        return Ok(document.into());
    }
    let what = format!("has {} bytes; an edit has 1 to {CORRECTION_BYTES_MAX}", document.len());
    Err(Stop::usage(codes::EDIT_UNFIT, named(what)))
}

pub(super) fn order(delivery: DeliveryOrder, document: Bytes) -> Order {
    Order::Edit(EditOrder { delivery: Some(delivery), document })
}
