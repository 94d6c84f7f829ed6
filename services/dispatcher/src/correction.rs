//! Whether a document may go instead of the one that came, and the record it goes in: pure.

use messaging::{
    ApplicationHead, Correction, Envelope, Payload, Sha256, correction::CORRECTION_BYTES_MAX,
    identity,
};

use crate::{
    codes,
    examiner::{Examined, Examinee},
    orders::Refusal,
};

/// The application as it goes from now on: the head and the files of what came, another document.
pub(crate) fn corrected(
    came: &Envelope,
    correction: &Correction,
    examined: Examined,
) -> Result<Envelope, Refusal> {
    let examinee = match examined {
        Examined::Valid(examinee) => *examinee,
        Examined::Invalid { total, first } => return Err(invalid(total, &first)),
        Examined::Unjudged(why) => {
            let sentence = format!("the document could not be judged now ({why}); order it again");
            return Err(Refusal::because(codes::EDIT_UNJUDGED, sentence));
        }
    };
    if let Some(what) = difference(came, &examinee) {
        let sentence = format!(
            "the document has {what}, so it is another application and not this one corrected; it \
             must be submitted by its sender"
        );
        return Err(Refusal::because(codes::EDIT_FOREIGN, sentence));
    }
    let bodies =
        [Some(&correction.document), examinee.normalised.as_ref(), Some(&examinee.canonical)];
    if bodies.into_iter().flatten().any(|body| CORRECTION_BYTES_MAX < body.len()) {
        let sentence = "the document, or what is made of it, is larger than 256 KiB";
        return Err(Refusal::because(codes::EDIT_TOO_LARGE, sentence));
    }
    let hashes: Vec<Sha256> = came.attachments.iter().map(|file| file.sha256).collect();
    let sha256 = identity::sha256(&correction.document, &hashes);
    Ok(Envelope {
        head: ApplicationHead { sha256, ..came.head.clone() },
        original: Payload::Inline(correction.document.clone()),
        normalised: examinee.normalised.map(Payload::Inline),
        canonical: Payload::Inline(examinee.canonical),
        media_type: examinee.media_type,
        attachments: came.attachments.clone(),
        warnings: examinee.warnings,
    })
}

fn invalid(total: usize, first: &[(&'static str, String)]) -> Refusal {
    let told: Vec<String> = first.iter().map(|(code, path)| format!("{code} {path}")).collect();
    let sentence = format!(
        "the document is not valid, violations: {total} ({}); `amtsbote standard check FILE` tells all",
        told.join(", ")
    );
    Refusal::because(codes::EDIT_INVALID, sentence)
}

/// What makes it another application; no values. What the request said, and the document does not,
/// stays.
fn difference(came: &Envelope, examinee: &Examinee) -> Option<&'static str> {
    let head = &came.head;
    let differs = |named: &Option<String>, is: Option<&str>| {
        named.as_deref().is_some_and(|named| is != Some(named))
    };
    let own_id = head.own_id.as_ref().map(messaging::OwnId::as_str);
    let further = head.further_authorities.iter().map(messaging::Authority::as_str);
    let mut further_named: Vec<&str> = Vec::new();
    for other in &examinee.further_authorities {
        if other != head.authority.as_str() && !further_named.contains(&other.as_str()) {
            further_named.push(other);
        }
    }
    let rows = [
        (examinee.procedure != head.procedure, "another standard, version or message type"),
        (differs(&examinee.own_id, own_id), "another message id"),
        (differs(&examinee.case_reference, head.case_reference.as_deref()), "another case"),
        (differs(&examinee.authority, Some(head.authority.as_str())), "another authority"),
        (!further.eq(further_named), "other further authorities"),
        (examinee.is_test != head.is_test, "another test flag"),
        (!has_same_files(came, examinee), "other attachments"),
    ];
    rows.into_iter().find_map(|(differs, what)| differs.then_some(what))
}

/// Every file it refers to came, and it refers to every file that came.
fn has_same_files(came: &Envelope, examinee: &Examinee) -> bool {
    let is_named = |name: &str| examinee.attachments.iter().any(|(named, _)| named == name);
    let has_come = |(name, sha256): &(String, Option<Sha256>)| {
        let file = came.attachments.iter().find(|file| file.name == *name);
        file.is_some_and(|file| sha256.is_none_or(|sha256| sha256 == file.sha256))
    };
    examinee.attachments.iter().all(has_come)
        && came.attachments.iter().all(|file| is_named(&file.name))
}
