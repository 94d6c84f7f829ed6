//! Matches the files a document refers to with the files its sender has uploaded.

use std::collections::HashMap;

use messaging::{Attachment, ClaimId, ClaimInfo, Claims, Result, SenderName, Sha256, Timestamp};
use standards::{AttachmentNeed, Violation};
use wire::intake::AttachmentReference;

use crate::{codes, limits::TICKET_TIME_MAX, refusal::violation, ticket};

/// Longest name of a file in bytes.
const NAME_BYTES_MAX: usize = 1_000;

const FALLBACK_MEDIA_TYPE: &str = "application/octet-stream";

/// One matching: whose files, and when.
#[derive(Debug)]
pub(super) struct Matching<'m> {
    pub(super) claims: &'m dyn Claims,
    pub(super) sender: &'m SenderName,
    pub(super) now: Timestamp,
    pub(super) attachments_max: usize,
}

impl Matching<'_> {
    /// The files in the document's order; what is wrong goes to `found`. Without `needs` (the
    /// document is refused) only the references themselves are looked at.
    pub(super) async fn run(
        &self,
        references: &[AttachmentReference],
        needs: Option<&[AttachmentNeed]>,
        found: &mut Vec<Violation>,
    ) -> Result<Vec<Attachment>> {
        if self.attachments_max < references.len() {
            found.push(violation(
                codes::ATTACHMENTS_TOO_MANY,
                "attachments",
                &format!("Erlaubt sind höchstens {} Anlagen.", self.attachments_max),
                &format!("At most {} attachments are allowed.", self.attachments_max),
            ));
            return Ok(Vec::new());
        }
        let mut given = HashMap::new();
        for (number, reference) in references.iter().enumerate() {
            let path = |field: &str| format!("attachments[{number}].{field}");
            if !is_name(&reference.name) {
                found.push(malformed(&path("name")));
                continue;
            }
            let info = match self.look_up(reference, &path, found).await? {
                Some(info) => info,
                None => continue,
            };
            if given.insert(reference.name.as_str(), (number, reference, info)).is_some() {
                found.push(violation(
                    codes::ATTACHMENT_TWICE,
                    &path("name"),
                    "Zwei Anlagen tragen denselben Namen.",
                    "Two attachments have the same name.",
                ));
            }
        }
        let Some(needs) = needs else { return Ok(Vec::new()) };
        let named: Vec<_> = references.iter().map(|reference| reference.name.as_str()).collect();
        Ok(pair(given, &named, needs, found))
    }

    async fn look_up(
        &self,
        reference: &AttachmentReference,
        path: &(dyn Fn(&str) -> String + Send + Sync),
        found: &mut Vec<Violation>,
    ) -> Result<Option<ClaimInfo>> {
        let info = match ticket::claim(&reference.ticket) {
            Some(claim) => self.look_up_claim(claim).await?,
            None => None,
        };
        let Some(info) = info else {
            found.push(violation(
                codes::TICKET_UNKNOWN,
                &path("ticket"),
                "Unter diesem Beleg hat dieser Absender keine Datei hochgeladen.",
                "This sender uploaded no file under this ticket.",
            ));
            return Ok(None);
        };
        if TICKET_TIME_MAX < self.now.since(info.used_at.unwrap_or(info.created_at)) {
            found.push(violation(
                codes::TICKET_EXPIRED,
                &path("ticket"),
                "Der Beleg ist abgelaufen; die Datei muss neu hochgeladen werden.",
                "The ticket has expired; upload the file again.",
            ));
            return Ok(None);
        }
        let said = (!reference.sha256.is_empty()).then(|| reference.sha256.parse::<Sha256>());
        match said {
            Some(Err(_)) => found.push(malformed(&path("sha256"))),
            Some(Ok(hash)) if hash != info.ticket.sha256 => {
                found.push(other_hash(&path("sha256")));
            }
            _ => return Ok(Some(info)),
        }
        Ok(None)
    }

    /// Another sender's ticket is as unknown as one that never was.
    async fn look_up_claim(&self, claim: ClaimId) -> Result<Option<ClaimInfo>> {
        let info = self.claims.look_up(claim).await?;
        Ok(info.filter(|info| info.sender == *self.sender))
    }
}

type Given<'r> = HashMap<&'r str, (usize, &'r AttachmentReference, ClaimInfo)>;

/// Every need has its file, and every file its need. `named` are all names that came, also those of
/// files with faults of their own.
fn pair(
    mut given: Given<'_>,
    named: &[&str],
    needs: &[AttachmentNeed],
    found: &mut Vec<Violation>,
) -> Vec<Attachment> {
    let mut paired: Vec<Attachment> = Vec::new();
    for need in needs {
        if paired.iter().any(|attachment| attachment.name == need.name) {
            continue;
        }
        let Some((number, reference, info)) = given.remove(need.name.as_str()) else {
            if !named.contains(&need.name.as_str()) {
                found.push(violation(
                    codes::ATTACHMENT_MISSING,
                    "attachments",
                    "Eine Anlage, auf die das Dokument verweist, fehlt.",
                    "A file the document refers to did not come.",
                ));
            }
            continue;
        };
        if need.sha256.is_some_and(|hash| hash != info.ticket.sha256) {
            found.push(other_hash(&format!("attachments[{number}]")));
            continue;
        }
        let said_at_upload = ticket::media_type(&reference.ticket);
        let media_types = [reference.media_type.as_str(), said_at_upload, &need.media_type];
        let media_type = media_types.into_iter().find(|media_type| !media_type.is_empty());
        paired.push(Attachment {
            name: need.name.clone(),
            media_type: media_type.unwrap_or(FALLBACK_MEDIA_TYPE).to_owned(),
            claim: info.ticket.claim,
            len: info.ticket.len,
            sha256: info.ticket.sha256,
        });
    }
    let mut extra: Vec<_> = given
        .values()
        .filter(|(_, reference, _)| !needs.iter().any(|need| need.name == reference.name))
        .map(|(number, ..)| *number)
        .collect();
    extra.sort_unstable();
    found.extend(extra.into_iter().map(|number| {
        violation(
            codes::ATTACHMENT_EXTRA,
            &format!("attachments[{number}]"),
            "Auf diese Anlage verweist das Dokument nicht.",
            "The document does not refer to this file.",
        )
    }));
    paired
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control)
}

fn malformed(path: &str) -> Violation {
    violation(
        codes::MALFORMED,
        path,
        "Die Angabe fehlt oder ist nicht lesbar.",
        "The value is missing or cannot be read.",
    )
}

fn other_hash(path: &str) -> Violation {
    violation(
        codes::ATTACHMENT_HASH,
        path,
        "Die hochgeladene Datei hat einen anderen Hashwert als angegeben.",
        "The uploaded file has another hash than named.",
    )
}
