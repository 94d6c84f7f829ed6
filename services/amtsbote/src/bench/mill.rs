//! Makes the messages of a run: which case each belongs to, and what its document says. All is
//! prepared, so that a message costs one copy.

use bytes::Bytes;
use wire::intake::SubmitRequest;

use super::{chance, kfz, names::Names, template::Template};

/// Different documents that are prepared; a message's id and case make it one of its own.
const DOCUMENTS: u32 = 256;

/// Everything a message is made of.
#[derive(Debug)]
pub(super) struct Mill {
    /// For each authority in turn, then for the next document of each.
    templates: Vec<Template>,
    authorities: u32,
    names: Names,
    cases: u32,
    seed: u64,
}

impl Mill {
    /// Generated applications to `authorities`, at least one.
    pub(super) fn generated(
        authorities: &[String],
        is_test: bool,
        seed: u64,
        cases: u32,
        names: Names,
    ) -> Self {
        let count = u32::try_from(authorities.len()).unwrap_or(u32::MAX).max(1);
        let rounds = (DOCUMENTS / count).max(1);
        let numbered = (0..rounds).flat_map(|round| authorities.iter().map(move |to| (round, to)));
        let templates = numbered
            .zip(0..)
            .map(|((_, authority), document): (_, u64)| {
                let own = chance::Chance::new(seed.wrapping_add(document)).draw();
                kfz::application(own, authority, is_test)
            })
            .collect();
        Self { templates, authorities: count, names, cases, seed }
    }

    /// One document for all.
    pub(super) fn of_template(template: Template, seed: u64, cases: u32, names: Names) -> Self {
        Self { templates: vec![template], authorities: 1, names, cases, seed }
    }

    /// The names of the run.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The same documents under names of their own: nothing of it is known anywhere.
    pub(super) fn renamed(&self, names: Names) -> Self {
        Self { templates: self.templates.clone(), names, ..*self }
    }

    /// Which case message `number` belongs to, below the number of cases.
    pub(super) fn case_of(&self, number: u32) -> u32 {
        chance::drawn(self.seed, number, self.cases)
    }

    /// Bytes of a document on average.
    pub(super) fn document_bytes(&self) -> usize {
        let all: usize = self.templates.iter().map(Template::len).sum();
        all / self.templates.len().max(1)
    }

    /// Message `number`. What its document does not say of id and case, the request says.
    pub(super) fn request(&self, number: u32) -> SubmitRequest {
        let case = self.case_of(number);
        let (id, key) = (self.names.id(number), self.names.key(case));
        // A case stays with one authority.
        let rounds = u32::try_from(self.templates.len()).unwrap_or(u32::MAX) / self.authorities;
        let round = chance::drawn(!self.seed, number, rounds);
        let at = round * self.authorities + case % self.authorities;
        let Some(template) = self.templates.get(at as usize) else {
            return SubmitRequest::default();
        };
        let said = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        SubmitRequest {
            document: Bytes::from(template.fill(&id, &key)),
            own_id: if template.has_id() { String::new() } else { said(&id) },
            case_reference: if template.has_key() { String::new() } else { said(&key) },
            ..SubmitRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_case_stays_with_one_authority_and_all_cases_have_messages() {
        let names = Names::new(Uuid::new_v4());
        let authorities = ["svb:14730000".to_owned(), "svb:14626000".to_owned(), "x:1".to_owned()];
        let mill = Mill::generated(&authorities, false, 1, 10, names);
        let mut of_case: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for number in 0..1_000 {
            let text = String::from_utf8(mill.request(number).document.to_vec()).unwrap();
            let to = authorities.iter().find(|to| text.contains(to.as_str())).unwrap();
            of_case.entry(mill.case_of(number)).or_default().insert(to);
        }
        assert_eq!(of_case.len(), 10);
        assert!(of_case.values().all(|authorities| authorities.len() == 1), "{of_case:?}");
    }

    #[test]
    fn the_request_says_what_the_document_does_not() {
        let names = Names::new(Uuid::new_v4());
        let id = String::from_utf8(names.id(5).to_vec()).unwrap();
        for (text, has_own_id, has_case) in
            [("<a/>", true, true), ("@@ID@@", false, true), ("@@KEY@@ @@ID@@", false, false)]
        {
            let template = Template::new(text.as_bytes()).unwrap();
            let request = Mill::of_template(template, 1, 3, names.clone()).request(5);
            assert_eq!(request.own_id, if has_own_id { id.as_str() } else { "" }, "{text}");
            assert_eq!(!request.case_reference.is_empty(), has_case, "{text}");
        }
    }
}
