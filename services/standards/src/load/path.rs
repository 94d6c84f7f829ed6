//! The paths of dialects and mappings: local names below the root, perhaps with a condition, perhaps
//! an attribute at the end.

use crate::tree::{Node, Tree};

/// `step/step[sub/step='value']/@attribute`; the empty path is the node itself, `**` is it and
/// everything below it, `..` the node around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
    attribute: Option<Box<str>>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Local name of a child; `.` is the node itself, which only a condition makes useful, `**` any
    /// depth, `..` up.
    pub(crate) name: Box<str>,
    /// What must hold of it.
    pub(crate) condition: Option<Box<Condition>>,
}

/// A place below a step and the value it must have: a discriminator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) path: Path,
    pub(crate) value: Box<str>,
}

/// The step to a node and everything below it.
const ANY_DEPTH: &str = "**";
/// The step to the node around it.
const UP: &str = "..";

impl Path {
    /// Reads `text`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut path = Self { steps: Vec::new(), attribute: None };
        for part in split(text) {
            if path.attribute.is_some() {
                return Err(format!("nothing comes after an attribute in `{text}`"));
            }
            if part == "." {
                continue;
            }
            match part.strip_prefix('@') {
                Some(name) => path.attribute = Some(local_name(name, part)?.into()),
                None => path.steps.push(Step::parse(part)?),
            }
        }
        Ok(path)
    }

    /// The attribute called `name` of the node itself.
    pub(crate) fn attribute_of_root(name: &str) -> Self {
        Self { steps: Vec::new(), attribute: Some(name.into()) }
    }

    /// The value it leads to from `node`: trimmed, not empty.
    pub(crate) fn value<'t>(&self, tree: &'t Tree<'_>, node: Node) -> Option<&'t str> {
        self.value_at(tree, self.node(tree, node)?)
    }

    /// Every value it leads to from `node`, in the document's order.
    pub(crate) fn values<'t>(&self, tree: &'t Tree<'_>, node: Node) -> Vec<&'t str> {
        let nodes = self.nodes(tree, node).into_iter();
        nodes.filter_map(|found| self.value_at(tree, found)).collect()
    }

    fn value_at<'t>(&self, tree: &'t Tree<'_>, found: Node) -> Option<&'t str> {
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
        self.steps.iter().try_fold(node, |node, step| {
            if &*step.name == "." {
                return step.holds(tree, node).then_some(node);
            }
            match step.condition {
                None => tree.child(node, &step.name),
                Some(_) => tree.children(node).find(|child| step.takes(tree, *child)),
            }
        })
    }

    /// Every node it leads to from `node`, in the document's order.
    pub(crate) fn nodes(&self, tree: &Tree<'_>, node: Node) -> Vec<Node> {
        let mut found = vec![node];
        for step in &self.steps {
            if &*step.name == ANY_DEPTH {
                found = found.iter().flat_map(|node| tree.below(*node)).collect();
                continue;
            }
            if &*step.name == UP {
                found = found.iter().filter_map(|node| tree.parent(*node)).collect();
                continue;
            }
            if &*step.name == "." {
                found.retain(|node| step.holds(tree, *node));
                continue;
            }
            let children = |node: &Node| {
                let is_step = |child: &Node| step.takes(tree, *child);
                tree.children(*node).filter(is_step).collect::<Vec<_>>()
            };
            found = found.iter().flat_map(children).collect();
        }
        if self.is_one_way() {
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// Whether it leads to any depth or up: it can be read, and not written.
    pub(crate) fn is_one_way(&self) -> bool {
        self.steps.iter().any(|step| [ANY_DEPTH, UP].contains(&&*step.name))
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
            write!(f, "{separator}{}", step.name)?;
            if let Some(condition) = &step.condition {
                write!(f, "[{}='{}']", condition.path, condition.value)?;
            }
            separator = "/";
        }
        match &self.attribute {
            Some(attribute) => write!(f, "{separator}@{attribute}"),
            None if self.steps.is_empty() => f.write_str("."),
            None => Ok(()),
        }
    }
}

impl Step {
    fn parse(part: &str) -> Result<Self, String> {
        if [ANY_DEPTH, UP].contains(&part) {
            return Ok(Self { name: part.into(), condition: None });
        }
        let Some((name, rest)) = part.split_once('[') else {
            return Ok(Self { name: local_name(part, part)?.into(), condition: None });
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
        Ok(Self { name: name.into(), condition: Some(Box::new(condition)) })
    }

    /// Whether `node`, a child, is what this step leads to.
    fn takes(&self, tree: &Tree<'_>, node: Node) -> bool {
        tree.local_name(node) == &*self.name && self.holds(tree, node)
    }

    fn holds(&self, tree: &Tree<'_>, node: Node) -> bool {
        let is = |c: &Condition| c.path.value(tree, node) == Some(&*c.value);
        self.condition.as_deref().is_none_or(is)
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
        assert_eq!(path.values(&tree, root), ["030 1", "030 2"]);
        let path = Path::parse(".[erreichbarkeit/kanal/code='09']/erreichbarkeit").unwrap();
        assert_eq!(path.node(&tree, root), None);
    }
}
