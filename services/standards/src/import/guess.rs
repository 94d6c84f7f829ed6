//! Tells from schemas what the standard is called, what its messages are and where its header stands.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ImportError,
    dialects::{Candidate, Candidates},
    facts::{self, Facts},
    known::{self, Known},
    model::Model,
    resolve::{Forest, Origin},
    xsd::{Element, Schema},
};
use crate::codes;

/// Characters of a message's title.
const TITLE_MAX: usize = 120;

/// What the operator says instead of a guess.
#[derive(Debug)]
pub(crate) struct Wishes<'w> {
    pub(crate) name: Option<&'w (String, String)>,
    pub(crate) namespace: Option<&'w str>,
    pub(crate) dialect: Option<&'w str>,
}

/// What a standard is, as far as its folder says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guess {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) title: String,
    /// Of the messages; `None`: building blocks only.
    pub(crate) namespace: Option<String>,
    pub(crate) family: Option<String>,
    /// Where documents say their version, if not in the root's attribute `version`.
    pub(crate) version_path: Option<String>,
    /// What they must say.
    pub(crate) accepts: Option<String>,
    pub(crate) dialect: String,
    pub(crate) messages: Vec<Message>,
    /// Files that say it better, inside the binary.
    pub(crate) known: Option<Known>,
    /// Which of these nobody said: keys of `standard.toml`.
    pub(crate) guessed: Vec<&'static str>,
    /// Namespaces with messages that are not installed.
    pub(crate) others: Vec<String>,
}

/// One message type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) title: String,
}

impl Guess {
    /// Building blocks without messages, kept for what refers to them later.
    pub(crate) fn building_blocks((id, version): (String, String)) -> Self {
        Self { title: id.clone(), id, version, ..Self::default() }
    }
}

/// Elements that carry one dialect's header, in one namespace.
#[derive(Debug, Default)]
struct Choir<'f> {
    elements: Vec<&'f Element>,
    total: usize,
}

/// Guesses; `None` where no element carries a header that any dialect knows.
pub(crate) fn guess(
    forest: &Forest,
    candidates: &Candidates,
    wishes: &Wishes<'_>,
) -> Result<Option<Guess>, ImportError> {
    let model = Model::of(forest);
    let named = match wishes.dialect {
        None => None,
        Some(id) => Some(candidates.get(id).ok_or_else(|| no_dialect(id, candidates))?),
    };
    let considered: Vec<&Candidate> = match named {
        Some(candidate) => vec![candidate],
        None => candidates.0.iter().collect(),
    };
    let mut choirs: BTreeMap<(&str, &str), Choir<'_>> = BTreeMap::new();
    for (schema, element) in
        roots(forest).filter(|(schema, _)| wishes.namespace.is_none_or(|n| n == schema.namespace))
    {
        for candidate in &considered {
            let score = candidate.score(&model, &element.content);
            if score != 0 {
                let choir = choirs.entry((&schema.namespace, &candidate.id)).or_default();
                choir.elements.push(element);
                choir.total += score;
            }
        }
    }
    if choirs.is_empty()
        && let Some(candidate) = named
    {
        for (schema, element) in
            roots(forest).filter(|(s, _)| wishes.namespace.is_none_or(|n| n == s.namespace))
        {
            let choir = choirs.entry((&schema.namespace, &candidate.id)).or_default();
            choir.elements.push(element);
            choir.total += 1;
        }
    }
    let Some((namespace, dialect)) = choose(&choirs, wishes)? else { return Ok(None) };
    let elements = choirs
        .get(&(namespace, dialect))
        .map(|choir| choir.elements.as_slice())
        .unwrap_or_default();
    let mut others: Vec<String> = choirs
        .keys()
        .map(|(other, _)| (*other).to_owned())
        .filter(|other| other != namespace)
        .collect();
    others.dedup();
    // What every message must say of itself.
    let fixed = |name| elements.iter().find_map(|element| model.fixed(&element.content, name));
    let said = (fixed("standard"), fixed("version"));
    let mut guess = described(forest, namespace, said, wishes)?;
    guess.others = others;
    let said = elements.iter().find_map(|element| model.version(&element.content));
    (guess.version_path, guess.accepts) =
        said.map_or((None, None), |(path, version)| (path, Some(version.to_owned())));
    guess.dialect = dialect.to_owned();
    guess.messages = messages(elements);
    guess.guessed.extend(["message", "message.domain"]);
    if named.is_none() {
        guess.guessed.push("dialect");
    }
    Ok(Some(guess))
}

/// Elements of the package itself that can be a document's root.
fn roots(forest: &Forest) -> impl Iterator<Item = (&Schema, &Element)> {
    let own = forest.schemas.iter().filter(|(id, _)| id.origin == Origin::Package(0));
    own.flat_map(|(_, (schema, _))| {
        schema.elements.iter().filter(|e| !e.is_abstract).map(move |e| (schema, e))
    })
}

/// The namespace and dialect with the most of a header in the most elements.
fn choose<'c>(
    choirs: &BTreeMap<(&'c str, &'c str), Choir<'_>>,
    wishes: &Wishes<'_>,
) -> Result<Option<(&'c str, &'c str)>, ImportError> {
    let Some((best, choir)) = choirs.iter().max_by_key(|(_, choir)| choir.total) else {
        return Ok(None);
    };
    let rivals: BTreeSet<&str> = choirs.keys().map(|(namespace, _)| *namespace).collect();
    // A few elements in another namespace are a base; as many as these are another standard.
    let is_close = |namespace: &&&str| {
        let of = choirs.iter().filter(|((other, _), _)| other == *namespace);
        **namespace != best.0
            && of.map(|(_, c)| c.elements.len()).max().unwrap_or(0) * 2 >= choir.elements.len()
    };
    let close: Vec<&&str> = rivals.iter().filter(is_close).collect();
    if close.is_empty() || wishes.namespace.is_some() {
        return Ok(Some(*best));
    }
    let what = "the package has messages of several namespaces, and a standard is one of them";
    let details = rivals.iter().map(|namespace| format!("--namespace {namespace}"));
    Err(ImportError::new(codes::IMPORT_UNCLEAR, what).with(details))
}

/// Id, version, title and family: by the annotations, by what messages must say (`name`, `release`), by
/// the schema's own version, by the namespace.
fn described(
    forest: &Forest,
    namespace: &str,
    (name, release): (Option<&str>, Option<&str>),
    wishes: &Wishes<'_>,
) -> Result<Guess, ImportError> {
    let own = forest.schemas.iter().filter(|(id, (schema, _))| {
        id.origin == Origin::Package(0) && schema.namespace == namespace
    });
    let all: Vec<&Facts> = own.map(|(_, (schema, _))| &schema.facts).collect();
    let said = |of: fn(&Facts) -> Option<&String>| all.iter().find_map(|facts| of(facts)).cloned();
    let (id_there, version_there) = facts::of_namespace(namespace);
    let id = said(|f| f.id.as_ref())
        .or_else(|| name.map(str::to_owned))
        .map(|id| facts::id_of(&id))
        .filter(|id| !id.is_empty())
        .or(id_there);
    let version = said(|f| f.version.as_ref())
        .or_else(|| release.map(str::to_owned))
        .or_else(|| said(|f| f.schema_version.as_ref()))
        .or(version_there);
    let version = version.filter(|version| facts::is_version_name(version));
    let known = known::of_namespace(namespace);
    let mut guess = Guess {
        namespace: Some(namespace.to_owned()),
        family: facts::family(namespace),
        ..Guess::default()
    };
    let title = said(|f| f.title.as_ref()).or_else(|| name.map(str::to_owned));
    let title = title.map(|title| first_sentence(&title));
    let known_name = known.as_ref().map(|known| (known.id.clone(), known.version.clone()));
    let (id, version) = match (wishes.name.cloned().or(known_name), id, version) {
        (Some(name), ..) => name,
        (None, Some(id), Some(version)) => {
            guess.guessed.extend(["id", "version"]);
            (id, version)
        }
        (None, id, version) => return Err(no_name(namespace, id.as_deref(), version.as_deref())),
    };
    guess.title = title.unwrap_or_else(|| id.clone());
    if known.is_none() {
        guess.guessed.push("title");
    }
    (guess.id, guess.version, guess.known) = (id, version, known);
    Ok(guess)
}

fn messages(elements: &[&Element]) -> Vec<Message> {
    let of = |element: &&Element| {
        let title =
            element.title.as_deref().or(element.documentation.as_deref()).map(first_sentence);
        let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| element.name.clone());
        Message { name: element.name.clone(), title }
    };
    let messages: BTreeSet<Message> = elements.iter().map(of).collect();
    messages.into_iter().collect()
}

/// The first sentence of `text`, on one line and not too long.
fn first_sentence(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let end = line.match_indices(". ").map(|(at, _)| at).find(|at| {
        // Not after an abbreviation such as „z. B.“ or a number.
        let before = line.get(..*at).unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        4 <= before.chars().count()
    });
    let sentence = end.and_then(|end| line.get(..end)).unwrap_or(&line).trim_end_matches('.');
    if sentence.chars().count() <= TITLE_MAX {
        return sentence.to_owned();
    }
    let cut: String = sentence.chars().take(TITLE_MAX - 1).collect();
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(before, _)| before);
    format!("{cut} …")
}

fn no_dialect(id: &str, candidates: &Candidates) -> ImportError {
    let what = format!("no dialect `{id}`; there are: {}", candidates.ids());
    ImportError::new(codes::IMPORT_UNCLEAR, what)
}

fn no_name(namespace: &str, id: Option<&str>, version: Option<&str>) -> ImportError {
    let what = format!(
        "the namespace `{namespace}` and its annotations do not say what the standard is called"
    );
    let (id, version) = (id.unwrap_or("NAME"), version.unwrap_or("VERSION"));
    ImportError::new(codes::IMPORT_UNCLEAR, what).with([format!("say it: --as {id}/{version}")])
}

/// Nothing carries a header.
pub(crate) fn no_messages(forest: &Forest) -> ImportError {
    let mut namespaces: Vec<String> =
        roots(forest).map(|(schema, _)| schema.namespace.clone()).collect();
    namespaces.sort();
    namespaces.dedup();
    let count = roots(forest).count();
    let mut details = vec![format!("global elements: {count}, in: {}", namespaces.join(", "))];
    details.push(
        "building blocks of other standards: bring them along with `--with`, or keep them for all later imports with \
         `--as NAME/VERSION`"
            .to_owned(),
    );
    details.push(
        "a standard with another header: `--dialect ID` takes every global element as a message"
            .to_owned(),
    );
    ImportError::new(codes::IMPORT_UNCLEAR, "no element carries a header that a dialect knows")
        .with(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_sentence() {
        let long = "Wort ".repeat(60);
        let rows = [
            ("Ein Antrag. Noch etwas.", "Ein Antrag"),
            ("Ein\n  Antrag", "Ein Antrag"),
            ("Formblätter (z. B. Vorblatt) dazu. Ende.", "Formblätter (z. B. Vorblatt) dazu"),
        ];
        for (text, expected) in rows {
            assert_eq!(first_sentence(text), expected);
        }
        assert!(first_sentence(&long).chars().count() <= TITLE_MAX + 2);
    }
}
