//! Every fault of a document, also behind an element that does not fit: the validator stops judging
//! there, and what follows in the same parent passes unseen.
//!
//! So the text is mended where it does not fit and read again, until it fits: what is missing is put
//! in, what the schema does not have is taken out. What was mended is told as found first; of the
//! mended text everything is told but what lies in the pieces that were put in. Only for documents
//! that are refused anyway, with bounds on rounds and bytes: beyond them, what was found is told.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
};

use quick_xml::{Reader, escape::escape, events::Event};
use xsd_schema::{SchemaSet, validation::SchemaValidator};

use crate::{
    Limits,
    tree::{Node, Tree},
    xml::{
        CONTENT, Finding, Pass,
        expected::{Name, Place, expected},
        pass, sentences,
    },
};

/// Readings of one document.
const ROUNDS_MAX: usize = 32;

/// Bytes read again for one document, all rounds together: one of 16 KiB gets every round.
const BYTES_MAX: usize = 512 << 10;

/// The rule about elements that the schema does not have at all.
const UNDECLARED: &str = "cvc-elt.1";

/// Names told where something else is.
const NAMES_MAX: usize = 6;

/// Elements of unknown names in one parent that are taken out one by one.
const MANY: usize = 12;

/// Elements put in before one that does not fit.
const PUT_IN_MAX: usize = 16;

/// One thing to tell: what was found, and what would be allowed there.
#[derive(Debug)]
pub(crate) struct Told {
    /// With nodes of the document as it was read first.
    pub(crate) finding: Finding,
    /// Elements, in the schema's order; empty where the question does not arise.
    expected: Vec<Name>,
}

impl Told {
    /// Names of elements that would be allowed there, the first few.
    pub(crate) fn names(&self) -> Vec<String> {
        self.expected.iter().take(NAMES_MAX).map(|name| name.local.clone()).collect()
    }
}

/// How the text is read.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'j> {
    pub(crate) schemas: &'j SchemaSet,
    pub(crate) validator: &'j SchemaValidator<'j>,
    pub(crate) limits: &'j Limits,
}

/// Everything that is wrong with `text`, whose first reading was `first`, and how many more faults
/// there are than a report keeps.
pub(crate) fn every(text: &str, first: &Pass, judge: Judge<'_>) -> (Vec<Told>, usize) {
    let found = Found::by(first, judge);
    if first.fatal.is_some() || !found.told.iter().any(|told| is_misfit(&told.finding)) {
        return (without_consequences(found.told, &first.tree), found.more);
    }
    Mending::new(text, &first.tree, judge).run(found)
}

/// What one reading found.
struct Found {
    told: Vec<Told>,
    /// Beyond those that are kept.
    more: usize,
}

impl Found {
    fn by(pass: &Pass, judge: Judge<'_>) -> Self {
        Self { told: ask(pass, judge), more: pass.findings_total - pass.findings.len() }
    }
}

/// Leaves out what only follows from a misfit: the validator refuses every sibling behind one too,
/// for want of the same element.
fn without_consequences(mut told: Vec<Told>, tree: &Tree<'_>) -> Vec<Told> {
    let mut misfits = HashSet::new();
    // Per parent, what was expected when a child was refused last.
    let mut stuck: HashMap<Node, Vec<Name>> = HashMap::new();
    told.retain(|told| {
        let Some(node) = told.finding.node else { return true };
        if told.finding.rule == UNDECLARED {
            return !misfits.contains(&node);
        }
        let parent = match question(&told.finding) {
            None => return true,
            Some(Place::Before(_)) => {
                misfits.insert(node);
                tree.parent(node)
            }
            Some(Place::AtEnd(_)) => Some(node),
        };
        let Some(parent) = parent else { return true };
        stuck.insert(parent, told.expected.clone()).as_ref() != Some(&told.expected)
    });
    told
}

/// The findings of a reading, with what was expected where it matters.
fn ask(pass: &Pass, judge: Judge<'_>) -> Vec<Told> {
    let places: Vec<Place> = pass.findings.iter().filter_map(question).collect();
    let answers = expected(&pass.tree, judge.schemas, judge.validator, &places);
    let told = |finding: &Finding| {
        let expected = question(finding).and_then(|place| answers.get(&place));
        Told { finding: finding.clone(), expected: expected.cloned().unwrap_or_default() }
    };
    pass.findings.iter().map(told).collect()
}

/// Where to ask what was expected instead.
fn question(finding: &Finding) -> Option<Place> {
    let node = finding.node.filter(|_| finding.rule == CONTENT)?;
    let is_end = sentences::is_incomplete(finding);
    Some(if is_end { Place::AtEnd(node) } else { Place::Before(node) })
}

/// An element where none of its name may be.
fn is_misfit(finding: &Finding) -> bool {
    matches!(question(finding), Some(Place::Before(_)))
}

/// What is done about one element that does not fit.
#[derive(Debug, Default)]
struct Edit {
    put_in: Vec<Name>,
    is_taken_out: bool,
}

struct Mending<'m> {
    text: &'m str,
    tree: &'m Tree<'m>,
    judge: Judge<'m>,
    /// Every name an element of the schema has.
    vocabulary: HashSet<String>,
    edits: BTreeMap<Node, Edit>,
    /// Elements that did not fit, as they are told.
    misfits: Vec<Told>,
    /// Per parent, what was expected where a child was told of last.
    stuck: HashMap<Node, Vec<Name>>,
}

impl<'m> Mending<'m> {
    fn new(text: &'m str, tree: &'m Tree<'_>, judge: Judge<'m>) -> Self {
        let names = judge.schemas.arenas.elements.values().filter_map(|element| element.name);
        let vocabulary = names.map(|name| judge.schemas.name_table.resolve(name)).collect();
        Self {
            text,
            tree,
            judge,
            vocabulary,
            edits: BTreeMap::new(),
            misfits: Vec::new(),
            stuck: HashMap::new(),
        }
    }

    /// Mends and reads until it fits. `found` is what the first reading found.
    fn run(mut self, found: Found) -> (Vec<Told>, usize) {
        let (mut last, mut bytes) = (found, 0);
        for _ in 0..ROUNDS_MAX {
            if !self.mend(&last.told) {
                break;
            }
            bytes += self.text.len();
            let Some(again) = (bytes <= BYTES_MAX).then(|| self.read()).flatten() else { break };
            last = again;
        }
        let more = last.more;
        (self.conclude(last.told), more)
    }

    /// Decides what to do about the first misfit of each parent: the next ones may only follow from
    /// it, and what was expected at them is not known before it is mended. Where many are of names
    /// the schema does not have at all, they go at once. Whether there was any.
    fn mend(&mut self, found: &[Told]) -> bool {
        let mut of_parent: BTreeMap<Node, Vec<&Told>> = BTreeMap::new();
        for told in found.iter().filter(|told| is_misfit(&told.finding)) {
            if let Some(parent) = told.finding.node.and_then(|node| self.tree.parent(node)) {
                of_parent.entry(parent).or_default().push(told);
            }
        }
        let is_any = !of_parent.is_empty();
        for (parent, misfits) in of_parent {
            let unknown: Vec<&Told> =
                misfits.iter().copied().filter(|t| self.is_unknown(t)).collect();
            if MANY < unknown.len() {
                unknown.into_iter().for_each(|told| self.take_out(parent, told));
            } else if let Some(first) = misfits.first() {
                match self.is_unknown(first) {
                    true => self.take_out(parent, first),
                    false => self.mend_known(parent, first),
                }
            }
        }
        is_any
    }

    fn is_unknown(&self, told: &Told) -> bool {
        told.finding.node.is_some_and(|node| !self.vocabulary.contains(self.tree.local_name(node)))
    }

    fn take_out(&mut self, parent: Node, told: &Told) {
        let Some(node) = told.finding.node else { return };
        self.tell(parent, told);
        self.edits.insert(node, Edit { put_in: Vec::new(), is_taken_out: true });
    }

    fn mend_known(&mut self, parent: Node, told: &Told) {
        let Some(node) = told.finding.node else { return };
        if self.take_out_of_place(node, parent) {
            return;
        }
        if !self.edits.contains_key(&node) {
            // What is missing where a misspelt one was taken out was told with that one.
            let is_consequence = self.stuck.get(&parent) == Some(&told.expected);
            if !is_consequence {
                self.tell(parent, told);
            }
        }
        let edit = self.edits.entry(node).or_default();
        let next = told.expected.iter().find(|name| !edit.put_in.contains(name));
        match next.filter(|_| edit.put_in.len() < PUT_IN_MAX) {
            Some(name) => edit.put_in.push(name.clone()),
            None => *edit = Edit { put_in: Vec::new(), is_taken_out: true },
        }
    }

    fn tell(&mut self, parent: Node, told: &Told) {
        self.stuck.insert(parent, told.expected.clone());
        let finding = told.finding.clone();
        self.misfits.push(Told { finding, expected: told.expected.clone() });
    }

    /// Where `node` is what was put in before one of its siblings, that one stands too early: it is
    /// taken out instead.
    fn take_out_of_place(&mut self, node: Node, parent: Node) -> bool {
        let (local, namespace) = (self.tree.local_name(node), self.tree.namespace(node));
        let is_it = |name: &Name| name.local == local && name.namespace == namespace;
        let early = self.edits.range_mut(..node).rev().find(|(other, edit)| {
            self.tree.parent(**other) == Some(parent) && edit.put_in.iter().any(is_it)
        });
        if let Some((_, edit)) = early {
            *edit = Edit { put_in: Vec::new(), is_taken_out: true };
            return true;
        }
        false
    }

    /// Reads the mended text; its findings are those of the document. `None` where that cannot be.
    fn read(&self) -> Option<Found> {
        let (mended, nodes) = self.mended()?;
        let Judge { schemas, validator, limits } = self.judge;
        let again = pass(&mended, schemas, validator, limits);
        if again.fatal.is_some() || again.tree.len() != nodes.len() {
            return None;
        }
        let mut found = Found::by(&again, self.judge);
        found.told.retain_mut(|told| {
            let Some(node) = told.finding.node else { return true };
            // What lies in a piece that was put in is none of the document's faults.
            told.finding.node = nodes.get(node.index()).copied().flatten();
            told.finding.node.is_some()
        });
        Some(found)
    }

    /// The text with its edits, and for each of its nodes the document's, if it is one of those.
    fn mended(&self) -> Option<(String, Vec<Option<Node>>)> {
        let mut mended = String::with_capacity(self.text.len() + 256);
        let mut nodes = Vec::with_capacity(self.tree.len());
        let (mut taken_out, mut from) = (HashSet::new(), 0);
        for node in (0..).map_while(|index| self.tree.node(index)) {
            if self.tree.parent(node).is_some_and(|parent| taken_out.contains(&parent)) {
                taken_out.insert(node);
                continue;
            }
            let Some(edit) = self.edits.get(&node) else {
                nodes.push(Some(node));
                continue;
            };
            let at = self.tree.offset(node);
            mended.push_str(self.text.get(from..at)?);
            from = at;
            if edit.is_taken_out {
                taken_out.insert(node);
                from = end_of(self.text, at)?;
                continue;
            }
            for name in &edit.put_in {
                put_in(&mut mended, name)?;
                nodes.push(None);
            }
            nodes.push(Some(node));
        }
        mended.push_str(self.text.get(from..)?);
        Some((mended, nodes))
    }

    /// What was mended, and what the last reading found beside it.
    fn conclude(self, last: Vec<Told>) -> Vec<Told> {
        let Self { mut misfits, edits, stuck, tree, .. } = self;
        let mended: HashSet<Node> = edits.keys().copied().collect();
        let is_new = |told: &Told| {
            let Some(node) = told.finding.node else { return true };
            match question(&told.finding) {
                // Where mending ended early, what follows from a misfit is told with it.
                Some(Place::Before(_)) => {
                    let parent = tree.parent(node);
                    !mended.contains(&node) && parent.is_none_or(|p| !stuck.contains_key(&p))
                }
                Some(Place::AtEnd(parent)) => stuck.get(&parent) != Some(&told.expected),
                None => told.finding.rule != UNDECLARED || !mended.contains(&node),
            }
        };
        misfits.extend(last.into_iter().filter(is_new));
        misfits
    }
}

/// Writes an empty element.
fn put_in(text: &mut String, name: &Name) -> Option<()> {
    let (local, namespace) = (&name.local, escape(name.namespace.as_str()));
    match name.namespace.is_empty() {
        true => write!(text, "<{local} xmlns=\"\"/>").ok(),
        false => write!(text, "<v:{local} xmlns:v=\"{namespace}\"/>").ok(),
    }
}

/// Where the element that begins at byte `at` ends.
fn end_of(text: &str, at: usize) -> Option<usize> {
    let mut reader = Reader::from_str(text.get(at..)?);
    match reader.read_event().ok()? {
        Event::Start(element) => {
            let name = element.to_owned();
            reader.read_to_end(name.name()).ok()?;
        }
        Event::Empty(_) => {}
        _ => return None,
    }
    at.checked_add(usize::try_from(reader.buffer_position()).ok()?)
}
