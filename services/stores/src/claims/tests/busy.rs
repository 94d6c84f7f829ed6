//! On S3 only a few hold a large part at once.

use object_store::memory::InMemory;

use super::*;
use crate::claims::{Credentials, S3Settings, s3, store::Kind};

/// Claims that are written as to S3. Its objects are in memory, nobody asks the server: no body here
/// needs more than one part.
fn claims() -> ObjectClaims {
    let bucket = s3::open(&S3Settings {
        bucket: "claims".to_owned(),
        prefix: String::new(),
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        region: "us-east-1".to_owned(),
        allows_plaintext: true,
        ca_file: None,
        credentials: Credentials {
            access_key_id: "id".to_owned(),
            secret_access_key: "key".to_owned(),
            session_token: None,
        },
    });
    ObjectClaims::over(Arc::new(InMemory::new()), Kind::S3(bucket.unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_body_in_memory_waits_for_no_slow_upload() {
    let claims = claims();
    let sender = SenderName::new("local").unwrap();
    let large = Bytes::from(vec![7; 1 << 20]);
    let mut slow = Vec::new();
    let failure = loop {
        let mut writer = claims.create(&sender, Timestamp(1)).await.unwrap();
        match writer.write(large.clone()).await {
            Ok(()) => slow.push(writer),
            Err(failure) => break failure,
        }
    };
    assert_eq!((failure.code(), slow.len()), (codes::CLAIMS_BUSY, 12));
    let kept = claims.keep(&sender, large.clone(), Timestamp(1)).await.unwrap().claim;
    assert!(read(&claims, kept).await.unwrap() == large);
    // And whose place is free again is taken.
    slow.pop();
    claims.create(&sender, Timestamp(1)).await.unwrap().write(large).await.unwrap();
}
