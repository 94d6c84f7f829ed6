//! Reading a claim in pieces, hashing on the way: the last word is whether it was the right claim.

use bytes::Bytes;
use futures_util::stream;
use messaging::{ClaimReader, Result, Sha256, Ticket};
use sha2::{Digest as _, Sha256 as Hasher};

use super::{damaged, names, store::Store};

/// Bytes asked for at once, and so held in memory per reader.
const PIECE_BYTES: u64 = 1 << 20;

struct Reader {
    store: Store,
    ticket: Ticket,
    read: u64,
    hasher: Hasher,
}

/// Looks at the length at once; the hash is known at the end only.
pub(super) async fn open(store: Store, ticket: Ticket) -> Result<ClaimReader> {
    let reader = Reader { store, ticket, read: 0, hasher: Hasher::new() };
    let Some(found) = reader.store.head(&names::body(reader.ticket.claim)).await? else {
        return Err(reader.gone().await);
    };
    if found.size != reader.ticket.len {
        let why = format!("its body has {} bytes instead of {}", found.size, reader.ticket.len);
        return Err(damaged(reader.ticket.claim, &why));
    }
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
        let Some(bytes) = self.store.range(&body, piece).await? else {
            return Err(self.gone().await);
        };
        if bytes.len() as u64 != wanted {
            return Err(damaged(self.ticket.claim, "its body was cut while it was read"));
        }
        self.hasher.update(&bytes);
        self.read += wanted;
        Ok(Some((bytes, self)))
    }

    /// The body, or the whole store.
    async fn gone(&self) -> messaging::Failure {
        match self.store.is_there().await {
            Ok(()) => damaged(self.ticket.claim, "its body is gone"),
            Err(failure) => failure,
        }
    }

    fn end(self) -> Result<()> {
        if Sha256(self.hasher.finalize().into()) == self.ticket.sha256 {
            Ok(())
        } else {
            Err(damaged(self.ticket.claim, "its body has another hash than when it was written"))
        }
    }
}
