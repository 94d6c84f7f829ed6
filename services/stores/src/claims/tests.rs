//! Claims: the conformance suite on both stores, and what only a directory can suffer.

use std::sync::{Arc, Mutex};

use messaging::conformance::claims::check;
use tempfile::TempDir;

use super::{MemoryClaims, ObjectClaims};

#[tokio::test]
async fn memory_keeps_claims() {
    check(|| Arc::new(MemoryClaims::default())).await;
}

#[tokio::test]
async fn a_directory_keeps_claims() {
    let dirs = Mutex::new(Vec::new());
    check(|| {
        let dir = TempDir::new().unwrap();
        let claims = ObjectClaims::open(dir.path()).unwrap();
        dirs.lock().unwrap().push(dir);
        claims
    })
    .await;
}
