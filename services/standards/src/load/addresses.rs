//! Where documents name municipalities: laid out once, as most lines of a mapping have nothing to do with it.

use prost_reflect::FieldDescriptor;

use crate::load::{
    mapping::{Items, Rule, Source},
    path::Path,
};

/// Canonical fields that hold a key.
const AGS: &str = "municipality_key";
const ARS: &str = "regional_key";

/// The keys that documents of one message type have, from one node on.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) here: Vec<Address>,
    /// Those of each item of a list.
    pub(crate) within: Vec<(Vec<Path>, Addresses)>,
}

/// Both keys of one address. Each of several lines may say one; the last that says something counts.
#[derive(Debug, Default)]
pub(crate) struct Address {
    /// The canonical message that holds them.
    target: Vec<FieldDescriptor>,
    pub(crate) ags: Vec<Vec<Path>>,
    pub(crate) ars: Vec<Vec<Path>>,
}

impl Addresses {
    /// Those that `rules` read.
    pub(crate) fn new<'r>(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut addresses = Self::default();
        for rule in rules {
            match &rule.source {
                Source::Repeat(each, Items::Messages(rules)) => {
                    let within = Self::new(rules.iter());
                    if !within.is_empty() {
                        addresses.within.push((each.clone(), within));
                    }
                }
                Source::Text(paths) => addresses.add(&rule.target, paths),
                _ => {}
            }
        }
        addresses
    }

    fn add(&mut self, target: &[FieldDescriptor], paths: &[Path]) {
        let Some((last, target)) = target.split_last() else { return };
        if last.name() != AGS && last.name() != ARS {
            return;
        }
        let at = self.here.iter().position(|address| address.target == target);
        let at = at.unwrap_or_else(|| {
            self.here.push(Address { target: target.to_vec(), ..Address::default() });
            self.here.len() - 1
        });
        if let Some(address) = self.here.get_mut(at) {
            let keys = if last.name() == AGS { &mut address.ags } else { &mut address.ars };
            keys.push(paths.to_vec());
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.within.is_empty()
    }
}
