//! The dry run: says what a submission would be answered, with every violation.

use std::collections::BTreeSet;

use telemetry::Span;
use wire::intake::{self, ValidateRequest, ValidateResponse};

use super::{Caller, Desk};
use crate::{
    convert,
    judge::{Draft, Judgement},
    refusal::{Refusal, Refused},
};

impl Desk {
    /// A refusal of the message is an answer; one of the moment is an error.
    pub(super) async fn validate(
        &self,
        caller: &Caller,
        request: ValidateRequest,
        span: &Span,
    ) -> Result<ValidateResponse, Refused> {
        self.rate.take(&caller.sender).map_err(Refusal::too_fast)?;
        let Some(request) = request.request else {
            return Err(Refusal::malformed(
                "request",
                "The request is missing.",
                "Die Anfrage enthält keine Nachricht.",
            ));
        };
        let wait_max = self.limits.admission_time_max;
        let (judgement, draft) = self.judge.judge(&caller.sender, request, wait_max, span).await;
        let draft = draft.and_then(|draft| {
            let (id, hash) = (draft.head.message_id, draft.head.sha256);
            let is_conflict = self.publisher.recent.is_conflict(id, hash);
            if is_conflict { Err(Refusal::already_exists()) } else { Ok(draft) }
        });
        match draft {
            Ok(draft) => Ok(answer(&judgement, Ok(&draft))),
            // Too large is a rule of this gateway as well, but no message to look into.
            Err(refusal) if refusal.is_by_rule() => Ok(answer(&judgement, Err(&refusal))),
            Err(refusal) => Err(refusal),
        }
    }
}

fn answer(judgement: &Judgement, draft: Result<&Draft, &Refusal>) -> ValidateResponse {
    // An accepted draft has taken the violations, which are all warnings, with it.
    let violations = match draft {
        Ok(draft) => &draft.warnings,
        Err(_) => &judgement.violations,
    };
    let procedure = judgement.recognised.as_ref().map(|known| &known.procedure);
    let word = |of: fn(&messaging::ProcedureName) -> &String| {
        procedure.map(of).cloned().unwrap_or_default()
    };
    ValidateResponse {
        is_acceptable: draft.is_ok(),
        violations: convert::violations(violations),
        violations_total: u32::try_from(judgement.violations_total).unwrap_or(u32::MAX),
        standard: word(|procedure| &procedure.standard),
        version: word(|procedure| &procedure.version),
        message_type: word(|procedure| &procedure.message_type),
        authority: judgement.authority.clone(),
        channel: draft.map(|draft| draft.channel.to_string()).unwrap_or_default(),
        own_id: judgement.own_id.clone(),
        is_test: judgement.is_test,
        refusal: draft.err().map(told_once),
    }
}

/// The violations stand beside it already.
fn told_once(refusal: &Refusal) -> intake::Refusal {
    let codes: BTreeSet<_> = refusal.violations.iter().map(|found| found.code).collect();
    debug_assert!(codes.is_empty() || codes.contains(refusal.code), "its code is one of theirs");
    intake::Refusal { violations: Vec::new(), ..intake::Refusal::from(refusal) }
}
