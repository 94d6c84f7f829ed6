//! `StatusService` at the console's address, for a gateway in another process: it has found out who
//! its portal is, and proves that it is a gateway.

use messaging::{SenderName, Sha256, identity};
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

use crate::{StatusServer, answer};

/// What a gateway in another process may ask, and what proves that it is one.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// Answers.
    pub status: StatusServer,
    /// Of the token the gateway shows. `None`: whoever reaches the address is believed, so it must be
    /// the loopback address.
    pub token_sha256: Option<Sha256>,
}

/// Lets through what is proven, as the sender it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof(pub(crate) Option<Sha256>);

impl Proof {
    fn holds(&self, metadata: &MetadataMap) -> bool {
        self.0.as_ref().is_none_or(|expected| shows(expected, metadata))
    }
}

/// Whether the token with this hash comes with a request. Hashes are compared, so the time it takes
/// says nothing about the token.
pub(crate) fn shows(expected: &Sha256, metadata: &MetadataMap) -> bool {
    let shown = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
    token.is_some_and(|token| identity::sha256(token.as_bytes(), &[]) == *expected)
}

impl Interceptor for Proof {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !self.holds(request.metadata()) {
            return Err(answer::unproven());
        }
        let named = request.metadata().get(wire::SENDER_METADATA);
        let named = named.and_then(|name| name.to_str().ok());
        let sender = named.and_then(|name| SenderName::new(name).ok());
        let sender = sender.ok_or_else(answer::unproven)?;
        request.extensions_mut().insert(sender);
        Ok(request)
    }
}
