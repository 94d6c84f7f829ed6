//! Who judges documents in these tests: a document says itself what is to be found, as `name=value`
//! lines in a comment; of whatever it does not name it is what [`super::world::record`] makes.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use messaging::ProcedureName;

use crate::{Examined, Examinee, Examiner};

#[derive(Debug)]
pub(super) struct Clerk;

#[async_trait]
impl Examiner for Clerk {
    async fn examine(&self, document: Bytes) -> Examined {
        let text = String::from_utf8(document.to_vec()).unwrap();
        let named = |name: &str| {
            let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
            text.lines().find_map(value)
        };
        if let Some(seconds) = named("takes") {
            tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
        }
        if named("away").is_some() {
            return Examined::Unjudged("nobody is there");
        }
        if let Some(path) = named("wrong") {
            return Examined::Invalid { total: 3, first: vec![("AB-4020", path)] };
        }
        let or = |name: &str, otherwise: &str| named(name).unwrap_or_else(|| otherwise.to_owned());
        Examined::Valid(Box::new(Examinee {
            procedure: ProcedureName {
                standard: or("standard", "amtsbote-kfz"),
                version: or("version", "1.0"),
                message_type: or("type", "kfz.neuzulassung.0101"),
            },
            own_id: named("own_id"),
            case_reference: named("case"),
            authority: named("authority"),
            further_authorities: named("further").into_iter().collect(),
            is_test: named("test").is_some(),
            normalised: None,
            canonical: vec![b' '; or("canonical", "3").parse().unwrap()].into(),
            media_type: "application/xml".to_owned(),
            attachments: named("file").map(|name| (name, None)).into_iter().collect(),
            warnings: Vec::new(),
        }))
    }
}
