//! Where the values of a message stand: lines lead along the same elements again and again, so all their
//! places are found on one walk.

use xsd::LocalName;

use crate::{
    load::path::Path,
    tree::{Node, Tree},
};

/// A path of a line, and its place if the walk finds it.
#[derive(Debug)]
pub(super) struct Route {
    place: Option<usize>,
    pub(super) path: Path,
}

/// All places below one node. The first is the node itself.
#[derive(Debug)]
pub(super) struct Routes {
    places: Vec<Place>,
}

/// A place, by the names of the elements that lead on from it.
#[derive(Debug, Default)]
struct Place {
    below: Vec<(LocalName, usize)>,
}

/// What a walk found: at each place the first element there is.
#[derive(Debug)]
pub(super) struct Found {
    from: Node,
    nodes: Vec<Option<Node>>,
}

impl Default for Routes {
    fn default() -> Self {
        Self { places: vec![Place::default()] }
    }
}

impl Routes {
    /// Adds a path. Those with conditions and those that do not only lead down are followed by themselves.
    pub(super) fn add(&mut self, path: &Path) -> Route {
        let place = path
            .is_plain()
            .then(|| path.steps().iter().fold(0, |at, step| self.place_below(at, &step.name)));
        Route { place, path: path.clone() }
    }

    fn place_below(&mut self, at: usize, name: &LocalName) -> usize {
        let new = self.places.len();
        let Some(place) = self.places.get_mut(at) else { return 0 };
        if let Some((_, known)) = place.below.iter().find(|(known, _)| known == name) {
            return *known;
        }
        place.below.push((name.clone(), new));
        self.places.push(Place::default());
        new
    }

    /// Finds the places below `from`.
    pub(super) fn find(&self, tree: &Tree<'_>, from: Node) -> Found {
        let mut found = Found { from, nodes: vec![None; self.places.len()] };
        self.walk(tree, (0, from), &mut found);
        found
    }

    fn walk(&self, tree: &Tree<'_>, (at, node): (usize, Node), found: &mut Found) {
        if let Some(place) = found.nodes.get_mut(at) {
            *place = Some(node);
        }
        let Some(below) = self.places.get(at).map(|place| place.below.as_slice()) else { return };
        if below.is_empty() {
            return;
        }
        for child in tree.children(node) {
            let next = below.iter().find(|(name, _)| tree.is_called(child, name));
            // The first of its name is the one that paths lead to.
            if let Some((_, next)) = next
                && found.nodes.get(*next).is_some_and(Option::is_none)
            {
                self.walk(tree, (*next, child), found);
            }
        }
    }
}

impl Found {
    /// The node that is the places' own.
    pub(super) fn from(&self) -> Node {
        self.from
    }

    /// The first node that `route` leads to.
    pub(super) fn node(&self, route: &Route, tree: &Tree<'_>) -> Option<Node> {
        match route.place {
            Some(place) => self.nodes.get(place).copied().flatten(),
            None => route.path.node(tree, self.from),
        }
    }

    /// The value there: trimmed, not empty.
    pub(super) fn value<'t>(&self, route: &Route, tree: &'t Tree<'_>) -> Option<&'t str> {
        route.path.value_at(tree, self.node(route, tree)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_what_each_path_leads_to() {
        let mut tree = Tree::default();
        let root = tree.push(None, "", "antrag", "", 0);
        // The first `halter` has no name: what it lacks is not looked for in the second.
        for (names, art) in [(&["ort"][..], "1"), (&["name", "ort", "ort"], "2")] {
            let holder = tree.push(Some(root), "", "halter", "", 0);
            tree.push_attribute(holder, "", "art", art);
            for name in names {
                let node = tree.push(Some(holder), "", name, "", 0);
                tree.push_text(node, art);
            }
        }
        let paths = [
            "halter",
            "halter/name",
            "halter/ort",
            "halter/@art",
            ".",
            "nichts/ort",
            "halter/..",
            "halter[name='2']/ort",
            "**",
        ];
        let paths = paths.map(|path| Path::parse(path).unwrap());
        let mut routes = Routes::default();
        let laid: Vec<Route> = paths.iter().map(|path| routes.add(path)).collect();
        assert_eq!(laid.iter().filter(|route| route.place.is_some()).count(), 6);
        for from in [root, tree.child(root, &LocalName::new("halter")).unwrap()] {
            let found = routes.find(&tree, from);
            for (route, path) in laid.iter().zip(&paths) {
                assert_eq!(found.node(route, &tree), path.node(&tree, from), "{path}");
                assert_eq!(found.value(route, &tree), path.value(&tree, from), "{path}");
            }
        }
    }
}
