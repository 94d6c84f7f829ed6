//! Who judges corrected documents here: slow, away now and then, and of another opinion when the seed
//! says so.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dispatcher::{Examined, Examinee, Examiner};

use super::{portal, weather::Weather};

#[derive(Debug)]
pub(crate) struct Clerk(pub(crate) Weather);

#[async_trait]
impl Examiner for Clerk {
    async fn examine(&self, document: Bytes) -> Examined {
        let Self(weather) = self;
        weather.takes(Duration::from_secs(3)).await;
        if weather.strikes(10) {
            return Examined::Unjudged("as the seed says");
        }
        if weather.strikes(10) {
            return Examined::Invalid { total: 1, first: vec![("AB-0000", "/b".to_owned())] };
        }
        Examined::Valid(Box::new(Examinee {
            procedure: portal::procedure(),
            own_id: portal::own_id(&document),
            case_reference: None,
            authority: None,
            further_authorities: Vec::new(),
            is_test: false,
            normalised: None,
            canonical: Bytes::new(),
            media_type: "application/xml".to_owned(),
            attachments: Vec::new(),
            warnings: Vec::new(),
        }))
    }
}
