//! Identity constraints.

use super::Compiler;
use crate::{
    model,
    names::Key,
    tables::{Constraint, ConstraintKind, Path, Step},
};

impl Compiler<'_> {
    pub(super) fn constraint(&mut self, constraint: &model::Constraint) -> Constraint {
        let (kind, of) = match constraint.kind {
            model::ConstraintKind::Key => (ConstraintKind::Key, 0),
            model::ConstraintKind::Unique => (ConstraintKind::Unique, 0),
            model::ConstraintKind::Reference(of) => (ConstraintKind::Reference, of),
        };
        let mut paths = |paths: &[model::Path]| -> Vec<Path> {
            paths.iter().map(|path| self.path(path)).collect()
        };
        Constraint {
            kind,
            of,
            selector: paths(&constraint.selector),
            fields: constraint.fields.iter().map(|field| paths(field)).collect(),
        }
    }

    fn path(&mut self, path: &model::Path) -> Path {
        Path {
            is_anywhere: path.is_anywhere,
            steps: path.steps.iter().map(|step| self.step(step)).collect(),
            attribute: path.attribute.as_ref().map(|step| self.step(step)),
        }
    }

    fn step(&mut self, step: &model::Step) -> Step {
        match step {
            model::Step::Any => Step { namespace: None, name: None },
            model::Step::AnyOf(namespace) => {
                Step { namespace: Some(self.namespace(namespace)), name: None }
            }
            model::Step::Name(name) => Step {
                namespace: Some(self.namespace(&name.namespace)),
                name: Some((
                    self.interner.intern(name.local.as_bytes()),
                    Key::of(name.local.as_bytes()),
                )),
            },
        }
    }
}
