//! Reading a claim in pieces, hashing on the way: the last word is whether it was the right claim.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use messaging::{ClaimReader, Result, Sha256, Ticket};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use super::{damaged, failure, names};

/// Bytes asked for at once, and so held in memory per reader.
const PIECE_BYTES: u64 = 1 << 20;

struct Reader {
    store: Arc<dyn ObjectStore>,
    ticket: Ticket,
    read: u64,
    hasher: Hasher,
}

/// Looks at the length at once; the hash is known at the end only.
pub(super) async fn open(store: Arc<dyn ObjectStore>, ticket: Ticket) -> Result<ClaimReader> {
    let body = names::body(ticket.claim);
    let len = match store.head(&body).await {
        Ok(found) => found.size,
        Err(StoreError::NotFound { .. }) => return Err(damaged(ticket.claim, "its body is gone")),
        Err(error) => return Err(failure(error)),
    };
    if len != ticket.len {
        let why = format!("its body has {len} bytes instead of {}", ticket.len);
        return Err(damaged(ticket.claim, &why));
    }
    let reader = Reader { store, ticket, read: 0, hasher: Hasher::new() };
    Ok(Box::pin(stream::try_unfold(reader, Reader::next)))
}

impl Reader {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.read == self.ticket.len {
            return self.end().map(|()| None);
        }
        let piece = self.read..self.ticket.len.min(self.read + PIECE_BYTES);
        let wanted = piece.end - piece.start;
        let body = names::body(self.ticket.claim);
        let bytes = self.store.get_range(&body, piece).await.map_err(|error| match error {
            StoreError::NotFound { .. } => damaged(self.ticket.claim, "its body is gone"),
            error => failure(error),
        })?;
        if bytes.len() as u64 != wanted {
            return Err(damaged(self.ticket.claim, "its body was cut while it was read"));
        }
        self.hasher.update(&bytes);
        self.read += wanted;
        Ok(Some((bytes, self)))
    }

    fn end(self) -> Result<()> {
        if Sha256(self.hasher.finalize().into()) == self.ticket.sha256 {
            Ok(())
        } else {
            Err(damaged(self.ticket.claim, "its body has another hash than when it was written"))
        }
    }
}
