//! The paths of dialects and mappings: local names below the root, perhaps with a condition, perhaps
//! an attribute at the end.

use xsd::LocalName;

use crate::tree::{Node, Tree};

/// `step/step[sub/step='value']/@attribute`; the empty path is the node itself, `**` is it and
/// everything below it, `..` the node around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
    attribute: Option<LocalName>,
    is_one_way: bool,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Local name of a child, or what else is written there.
    pub(crate) name: LocalName,
    axis: Axis,
    /// What must hold of it.
    pub(crate) condition: Option<Box<Condition>>,
}

/// A place below a step and the value it must have: a discriminator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) path: Path,
    pub(crate) value: Box<str>,
}

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Child,
    /// `.`: the node itself, which only a condition makes useful.
    Here,
    /// `**`: it and everything below it.
    AnyDepth,
    /// `..`: the node around it.
    Up,
}

impl Axis {
    fn of(name: &str) -> Self {
        match name {
            "." => Self::Here,
            "**" => Self::AnyDepth,
            ".." => Self::Up,
            _ => Self::Child,
        }
    }
}

impl Path {
    /// Reads `text`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut path = Self { steps: Vec::new(), attribute: None, is_one_way: false };
        for part in split(text) {
            if path.attribute.is_some() {
                return Err(format!("nothing comes after an attribute in `{text}`"));
            }
            if part == "." {
                continue;
            }
            match part.strip_prefix('@') {
                Some(name) => path.attribute = Some(LocalName::new(local_name(name, part)?)),
                None => path.steps.push(Step::parse(part)?),
            }
        }
        path.is_one_way =
            path.steps.iter().any(|step| matches!(step.axis, Axis::AnyDepth | Axis::Up));
        Ok(path)
    }

    /// The attribute called `name` of the node itself.
    pub(crate) fn attribute_of_root(name: &str) -> Self {
        let attribute = Some(LocalName::new(name));
        Self { steps: Vec::new(), attribute, is_one_way: false }
    }

    /// The value it leads to from `node`: trimmed, not empty.
    pub(crate) fn value<'t>(&self, tree: &'t Tree<'_>, node: Node) -> Option<&'t str> {
        self.value_at(tree, self.node(tree, node)?)
    }

    /// The value at `found`, a node it leads to.
    pub(crate) fn value_at<'t>(&self, tree: &'t Tree<'_>, found: Node) -> Option<&'t str> {
        let value = match &self.attribute {
            Some(name) => tree.attribute(found, name)?,
            None => tree.text(found),
        };
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The first node it leads to from `node`.
    pub(crate) fn node(&self, tree: &Tree<'_>, node: Node) -> Option<Node> {
        if self.is_one_way() {
            return self.nodes(tree, node).first().copied();
        }
        self.steps.iter().try_fold(node, |node, step| match (step.axis, &step.condition) {
            (Axis::Here, _) => step.holds(tree, node).then_some(node),
            (_, None) => tree.child(node, &step.name),
            (_, Some(_)) => tree.children(node).find(|child| step.takes(tree, *child)),
        })
    }

    /// Whether it leads anywhere, whatever the value there.
    pub(crate) fn is_present(&self, tree: &Tree<'_>, node: Node) -> bool {
        let has = |found| {
            self.attribute.as_ref().is_none_or(|name| tree.attribute(found, name).is_some())
        };
        self.node(tree, node).is_some_and(has)
    }

    /// Every node it leads to from `node`, in the document's order.
    pub(crate) fn nodes(&self, tree: &Tree<'_>, node: Node) -> Vec<Node> {
        let mut found = Vec::new();
        self.each(tree, node, &mut |node| found.push(node));
        found
    }

    /// Does `act` for every node it leads to from `node`, in the document's order.
    pub(crate) fn each(&self, tree: &Tree<'_>, node: Node, act: &mut dyn FnMut(Node)) {
        if !self.is_one_way() {
            return along(&self.steps, tree, node, act);
        }
        // Several ways may lead to one node, and not in its order.
        let mut found = Vec::new();
        along(&self.steps, tree, node, &mut |node| found.push(node));
        found.sort_unstable();
        found.dedup();
        found.into_iter().for_each(act);
    }

    /// Whether it leads to any depth or up: it can be read, and not written.
    pub(crate) fn is_one_way(&self) -> bool {
        self.is_one_way
    }

    /// Whether it leads down by names alone, to the first element of each.
    pub(crate) fn is_plain(&self) -> bool {
        self.steps.iter().all(|step| step.axis == Axis::Child && step.condition.is_none())
    }

    /// Its steps, the attribute not among them.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it ends at an attribute.
    pub(crate) fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for step in &self.steps {
            write!(f, "{separator}{}", &*step.name)?;
            if let Some(condition) = &step.condition {
                write!(f, "[{}='{}']", condition.path, condition.value)?;
            }
            separator = "/";
        }
        match &self.attribute {
            Some(attribute) => write!(f, "{separator}@{}", &**attribute),
            None if self.steps.is_empty() => f.write_str("."),
            None => Ok(()),
        }
    }
}

impl Step {
    fn parse(part: &str) -> Result<Self, String> {
        let step = |name: &str, condition| Self {
            axis: Axis::of(name),
            name: LocalName::new(name),
            condition,
        };
        if matches!(Axis::of(part), Axis::AnyDepth | Axis::Up) {
            return Ok(step(part, None));
        }
        let Some((name, rest)) = part.split_once('[') else {
            return Ok(step(local_name(part, part)?, None));
        };
        let faulty = || format!("the condition in `{part}` is not of the form [path='value']");
        let name = if name == "." { name } else { local_name(name, part)? };
        let (path, value) =
            rest.strip_suffix(']').and_then(|inner| inner.split_once('=')).ok_or_else(faulty)?;
        let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
        let value = value.filter(|v| !v.is_empty() && !v.contains('\'')).ok_or_else(faulty)?;
        let path = Path::parse(path)?;
        if path.steps.iter().any(|step| step.condition.is_some()) {
            return Err(format!("a condition within a condition in `{part}`"));
        }
        let condition = Condition { path, value: value.into() };
        Ok(step(name, Some(Box::new(condition))))
    }

    /// Whether `node`, a child, is what this step leads to.
    fn takes(&self, tree: &Tree<'_>, node: Node) -> bool {
        tree.is_called(node, &self.name) && self.holds(tree, node)
    }

    fn holds(&self, tree: &Tree<'_>, node: Node) -> bool {
        let is = |c: &Condition| c.path.value(tree, node) == Some(&*c.value);
        self.condition.as_deref().is_none_or(is)
    }
}

/// Does `act` for every node that `steps` lead to from `node`.
fn along(steps: &[Step], tree: &Tree<'_>, node: Node, act: &mut dyn FnMut(Node)) {
    let Some((step, rest)) = steps.split_first() else { return act(node) };
    match step.axis {
        Axis::AnyDepth => {
            tree.below(node).into_iter().for_each(|node| along(rest, tree, node, act))
        }
        Axis::Up => {
            if let Some(parent) = tree.parent(node) {
                along(rest, tree, parent, act);
            }
        }
        Axis::Here => {
            if step.holds(tree, node) {
                along(rest, tree, node, act);
            }
        }
        Axis::Child => {
            for child in tree.children(node) {
                if step.takes(tree, child) {
                    along(rest, tree, child, act);
                }
            }
        }
    }
}

/// The parts between slashes that are not within a condition.
fn split(text: &str) -> Vec<&str> {
    let (mut is_inside, mut is_quoted) = (false, false);
    let is_border = |c: char| {
        match c {
            '\'' if is_inside => is_quoted = !is_quoted,
            '[' if !is_quoted => is_inside = true,
            ']' if !is_quoted => is_inside = false,
            _ => {}
        }
        c == '/' && !is_inside
    };
    text.split(is_border).collect()
}

fn local_name<'n>(name: &'n str, part: &str) -> Result<&'n str, String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name == "." || !name.chars().all(is_name) {
        return Err(format!("`{part}` is no step of a path: local names joined by `/`"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_it_is_written() {
        for text in ["a/b.c/@d", ".", "@x", "a[b/c='1/2']/d", "a[@b=']']", ".[art='1']/x"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["a//b", "@a/b", "a[b]", "a[b=1]", "a[b='1'", "a[b[c='1']='2']", "a b", "a['"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_condition_chooses_among_elements_of_one_name() {
        let mut tree = Tree::default();
        let root = tree.push(None, "", "antrag", "", 0);
        for (channel, key) in [("01", "a@example.org"), ("02", "030 1"), ("02", "030 2")] {
            let node = tree.push(Some(root), "", "erreichbarkeit", "", 0);
            let kanal = tree.push(Some(node), "", "kanal", "", 0);
            let code = tree.push(Some(kanal), "", "code", "", 0);
            tree.push_text(code, channel);
            let kennung = tree.push(Some(node), "", "kennung", "", 0);
            tree.push_text(kennung, key);
        }
        let path = Path::parse("erreichbarkeit[kanal/code='02']/kennung").unwrap();
        assert_eq!(path.value(&tree, root), Some("030 1"));
        let values: Vec<_> = path.nodes(&tree, root).iter().map(|node| tree.text(*node)).collect();
        assert_eq!(values, ["030 1", "030 2"]);
        let path = Path::parse(".[erreichbarkeit/kanal/code='09']/erreichbarkeit").unwrap();
        assert_eq!(path.node(&tree, root), None);
    }
}
