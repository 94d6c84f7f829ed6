//! Documents made from tables: every element, attribute, value and facet of a schema is reached.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use super::{
    chance::Chance,
    coverage::{Coverage, Item},
    values::{self, Facet},
    writer::{Style, Writer},
};
use crate::{
    names::NONE,
    tables::{Content, Element, FOREIGN, INSTANCE, NO_NAMESPACE, Preset, Role, Tables, Transition},
};

/// Elements within each other.
const DEPTH_MAX: usize = 60;

pub(super) struct Generator<'t> {
    tables: &'t Tables,
    pub(super) coverage: Coverage,
    /// Elements that a state needs to be brought to its end.
    cost: Vec<u32>,
    /// Steps from a state to something not reached yet.
    need: Vec<u32>,
    /// The same from each element as it is, and whether there is something new of itself.
    form_need: Vec<u32>,
    has_open: Vec<bool>,
    /// Of each element, what it can be, and what there is to reach of it.
    forms: Vec<Vec<u32>>,
    items: Vec<Vec<Item>>,
    facets: RefCell<HashMap<u32, Vec<Facet>>>,
    /// The states of each content model, by the one it begins with.
    models: Vec<(u32, BTreeSet<u32>)>,
    /// Elements of one document, before it is brought to an end.
    elements_max: usize,
}

/// One document in the making.
struct Draft<'c> {
    writer: Writer,
    chance: &'c mut Chance,
    elements: usize,
    reached: Vec<Item>,
}

impl<'t> Generator<'t> {
    pub(super) fn new(tables: &'t Tables) -> Self {
        let count = tables.states.len();
        let mut generator = Self {
            tables,
            coverage: Coverage::default(),
            cost: vec![NONE; count],
            need: vec![NONE; count],
            form_need: vec![NONE; tables.elements.len()],
            has_open: vec![false; tables.elements.len()],
            forms: Vec::new(),
            items: Vec::new(),
            facets: RefCell::default(),
            models: Vec::new(),
            elements_max: 0,
        };
        let elements = 0..u32::try_from(tables.elements.len()).unwrap();
        generator.forms = elements.clone().map(|element| generator.find_forms(element)).collect();
        generator.items = elements.map(|element| generator.find_items(element)).collect();
        let begins: BTreeSet<u32> = std::iter::once(tables.root)
            .chain(tables.elements.iter().map(|row| row.begin))
            .filter(|begin| *begin != NONE)
            .collect();
        generator.models =
            begins.into_iter().map(|begin| (begin, generator.states(begin))).collect();
        generator.find_costs();
        generator.coverage.all = generator.everything();
        generator
    }

    fn transitions(&self, state: u32) -> impl Iterator<Item = &'t Transition> {
        let row = &self.tables.states[state as usize];
        let slots = &self.tables.transitions[row.first as usize..][..=row.mask as usize];
        slots.iter().filter(|slot| slot.element != NONE)
    }

    /// The states of a content model.
    fn states(&self, begin: u32) -> BTreeSet<u32> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![begin]);
        while let Some(state) = open.pop() {
            if seen.insert(state) {
                open.extend(self.transitions(state).map(|transition| transition.next));
            }
        }
        seen
    }

    /// What `element` can be here: itself, or what `xsi:type` makes of it.
    fn find_forms(&self, element: u32) -> Vec<u32> {
        let row = &self.tables.elements[element as usize];
        let others = self.tables.overrides.get(row.overrides as usize).into_iter().flatten();
        let all = std::iter::once(element).chain(others.map(|other| other.element));
        all.filter(|form| {
            let row = &self.tables.elements[*form as usize];
            let is_fixed_right = !row.preset.is_fixed()
                || values::is_valid(
                    self.tables,
                    row.simple,
                    self.tables.values[row.value as usize].as_bytes(),
                );
            !row.is_abstract && row.content != Content::Unknown && is_fixed_right
        })
        .collect()
    }

    fn forms(&self, element: u32) -> &[u32] {
        &self.forms[element as usize]
    }

    fn own_items(&self, element: u32) -> &[Item] {
        &self.items[element as usize]
    }

    fn facets(&self, simple: u32) -> Vec<Facet> {
        let known = self.facets.borrow().get(&simple).cloned();
        known.unwrap_or_else(|| {
            let facets = values::reachable(self.tables, simple);
            self.facets.borrow_mut().insert(simple, facets.clone());
            facets
        })
    }

    fn element_cost(&self, element: u32) -> u32 {
        let cost = |form: u32| {
            let row = &self.tables.elements[form as usize];
            match row.content {
                Content::Elements | Content::Mixed => self.cost[row.begin as usize],
                _ => 0,
            }
        };
        self.forms(element).iter().copied().map(cost).min().unwrap_or(NONE).saturating_add(1)
    }

    fn find_costs(&mut self) {
        loop {
            let mut is_changed = false;
            for state in 0..self.tables.states.len() {
                let row = self.tables.states[state];
                let way = |t: &Transition| {
                    self.element_cost(t.element).saturating_add(self.cost[t.next as usize])
                };
                let least = self.transitions(u32::try_from(state).unwrap()).map(way).min();
                let cost = if row.accepts { 0 } else { least.unwrap_or(NONE) };
                is_changed |= cost < self.cost[state];
                self.cost[state] = cost.min(self.cost[state]);
            }
            if !is_changed {
                return;
            }
        }
    }

    fn everything(&self) -> BTreeSet<Item> {
        let (mut all, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut content = vec![self.tables.root];
        loop {
            while let Some(begin) = content.pop() {
                for transition in self.states(begin).into_iter().flat_map(|s| self.transitions(s)) {
                    if self.element_cost(transition.element) != NONE {
                        all.insert(Item::Child(begin, transition.namespace, transition.name));
                        open.push(transition.element);
                    }
                }
            }
            let Some(element) = open.pop() else { return all };
            let row = self.tables.elements[element as usize];
            if !seen.insert(element) {
                continue;
            }
            for form in self.forms(element).iter().copied() {
                if form != element {
                    all.insert(Item::Override(element, form));
                    open.push(form);
                }
            }
            if row.is_abstract || row.content == Content::Unknown {
                continue;
            }
            all.extend(self.own_items(element));
            if matches!(row.content, Content::Elements | Content::Mixed) {
                content.push(row.begin);
            }
        }
    }

    /// What of an element is there without its children.
    fn find_items(&self, element: u32) -> Vec<Item> {
        let row = self.tables.elements[element as usize];
        let mut items = Vec::new();
        if row.is_nillable {
            items.push(Item::Nil(element));
        }
        let mut facets = |simple: u32| {
            let facets = self.facets(simple);
            items.extend(facets.into_iter().map(|facet| Item::Facet(simple, facet)));
        };
        if row.content == Content::Simple && !row.preset.is_fixed() {
            facets(row.simple);
        }
        for number in row.attributes..row.attributes + row.attributes_count {
            let attribute = self.tables.attributes[number as usize];
            if !attribute.preset.is_fixed() {
                facets(attribute.simple);
            }
        }
        let numbers = row.attributes..row.attributes + row.attributes_count;
        items.extend(numbers.map(Item::Attribute));
        items
    }

    fn is_open(&self, item: &Item) -> bool {
        self.coverage.all.contains(item) && !self.coverage.reached.contains(item)
    }

    fn element_need(&self, element: u32) -> u32 {
        let need = |form: &u32| self.need_as(element, *form);
        self.forms(element).iter().map(need).min().unwrap_or(NONE)
    }

    /// The same where it is a `form` of itself.
    fn need_as(&self, element: u32, form: u32) -> u32 {
        if form != element && self.is_open(&Item::Override(element, form)) {
            return 0;
        }
        self.form_need[form as usize]
    }

    fn find_form_needs(&mut self) {
        for form in 0..self.form_need.len() {
            let row = &self.tables.elements[form];
            let is_nested = matches!(row.content, Content::Elements | Content::Mixed);
            self.form_need[form] = match (self.has_open[form], is_nested) {
                (true, _) => 0,
                (false, true) => self.need[row.begin as usize],
                (false, false) => NONE,
            };
        }
    }

    /// How far it is from each state to something new.
    fn find_needs(&mut self) {
        self.need.fill(NONE);
        for element in 0..self.has_open.len() {
            let has_open = self.items[element].iter().any(|item| self.is_open(item));
            self.has_open[element] = has_open;
        }
        loop {
            let mut is_changed = false;
            self.find_form_needs();
            let models = self.models.iter();
            let states: Vec<(u32, u32)> =
                models.flat_map(|(b, all)| all.iter().map(|s| (*b, *s))).collect();
            for (begin, state) in states {
                let least = self.transitions(state).map(|t| self.way_need(begin, t)).min();
                let place = &mut self.need[state as usize];
                let need = least.unwrap_or(NONE);
                is_changed |= need < *place;
                *place = need.min(*place);
            }
            if !is_changed {
                return;
            }
        }
    }

    fn way_need(&self, begin: u32, way: &Transition) -> u32 {
        if self.element_cost(way.element) == NONE {
            return NONE;
        }
        if self.is_open(&Item::Child(begin, way.namespace, way.name)) {
            return 0;
        }
        let inside = self.element_need(way.element).saturating_add(1);
        inside.min(self.need[way.next as usize].saturating_add(1))
    }

    /// A document; reaches something new as long as there is something.
    pub(super) fn document(&mut self, chance: &mut Chance, style: Style) -> Vec<u8> {
        self.elements_max = *chance.one_of(&[15, 60, 300, 600]);
        self.find_needs();
        let writer = Writer::new(style, &self.tables.namespaces);
        let mut draft = Draft { writer, chance, elements: 0, reached: Vec::new() };
        let root = self.tables.root;
        let way = *self.choose(root, root, draft.chance, false).unwrap();
        draft.reached.push(Item::Child(root, way.namespace, way.name));
        self.element(&mut draft, &way, 0);
        let Draft { writer, chance, reached, .. } = draft;
        let document = writer.finish(chance);
        self.coverage.reached.extend(reached);
        document
    }

    /// Where to go on from `state`.
    fn choose(
        &self,
        begin: u32,
        state: u32,
        chance: &mut Chance,
        is_ending: bool,
    ) -> Option<&'t Transition> {
        let ways: Vec<&Transition> = self
            .transitions(state)
            .filter(|t| self.element_cost(t.element) != NONE && self.cost[t.next as usize] != NONE)
            .collect();
        let cost = |t: &Transition| {
            self.element_cost(t.element).saturating_add(self.cost[t.next as usize])
        };
        if is_ending {
            return ways.into_iter().min_by_key(|t| cost(t));
        }
        let need = |t: &Transition| self.way_need(begin, t);
        let least = ways.iter().map(|t| need(t)).min()?;
        if least == NONE || chance.is_one_in(20) {
            return (!ways.is_empty()).then(|| *chance.one_of(&ways));
        }
        let best: Vec<&Transition> = ways.into_iter().filter(|t| need(t) == least).collect();
        Some(*chance.one_of(&best))
    }

    fn element(&self, draft: &mut Draft<'_>, way: &Transition, depth: usize) {
        draft.elements += 1;
        let is_ending = draft.elements > self.elements_max || depth > DEPTH_MAX;
        let form = self.form_of(draft, way.element, is_ending);
        let row = self.tables.elements[form as usize];
        let name = text(self.tables, way.name, way.key.length());
        draft.writer.open(way.namespace, &name, draft.chance);
        if form != way.element {
            self.name_type(draft, way.element, form);
            draft.reached.push(Item::Override(way.element, form));
        }
        let is_nil = row.is_nillable
            && !row.preset.is_fixed()
            && (self.is_open(&Item::Nil(form)) || draft.chance.is_one_in(4));
        if is_nil {
            draft.writer.attribute(INSTANCE, "nil", b"true", draft.chance);
            draft.reached.push(Item::Nil(form));
        }
        self.attributes(draft, &row, is_ending);
        if is_nil {
            draft.writer.close(draft.chance);
            return;
        }
        match row.content {
            Content::Simple => {
                let value = match row.preset {
                    Preset::Fixed | Preset::UnsureFixed => {
                        self.tables.values[row.value as usize].clone().into_bytes()
                    }
                    _ => self.value(draft, row.simple),
                };
                let is_collapsed = values::may_be_padded(self.tables, row.simple);
                draft.writer.text(&value, is_collapsed, draft.chance);
            }
            Content::Elements | Content::Mixed => self.children(draft, &row, depth),
            Content::Empty | Content::Unknown => {}
        }
        draft.writer.close(draft.chance);
    }

    fn form_of(&self, draft: &mut Draft<'_>, element: u32, is_ending: bool) -> u32 {
        let forms = self.forms(element).to_vec();
        let cost = |form: &u32| {
            let row = &self.tables.elements[*form as usize];
            let is_nested = matches!(row.content, Content::Elements | Content::Mixed);
            if is_nested { self.cost[row.begin as usize] } else { 0 }
        };
        let forms: Vec<u32> = forms.into_iter().filter(|form| cost(form) != NONE).collect();
        if is_ending {
            return *forms.iter().min_by_key(|form| cost(form)).unwrap();
        }
        let need = |form: &u32| self.need_as(element, *form);
        let least = forms.iter().map(need).min().unwrap_or(NONE);
        if least != NONE && !draft.chance.is_one_in(20) {
            let best: Vec<u32> = forms.into_iter().filter(|form| need(form) == least).collect();
            return *draft.chance.one_of(&best);
        }
        if forms.contains(&element) && !draft.chance.is_one_in(6) {
            return element;
        }
        *draft.chance.one_of(&forms)
    }

    fn name_type(&self, draft: &mut Draft<'_>, element: u32, form: u32) {
        let row = &self.tables.elements[element as usize];
        let list = &self.tables.overrides[row.overrides as usize];
        let known = list.iter().find(|known| known.element == form).unwrap();
        let name = text(self.tables, known.name, known.key.length());
        let qualified = draft.writer.qualified(known.namespace, &name);
        draft.writer.attribute(INSTANCE, "type", qualified.as_bytes(), draft.chance);
    }

    fn attributes(&self, draft: &mut Draft<'_>, row: &Element, is_ending: bool) {
        for bit in 0..row.attributes_count {
            let number = row.attributes + bit;
            let attribute = self.tables.attributes[number as usize];
            let is_wanted =
                self.is_open(&Item::Attribute(number)) || (!is_ending && draft.chance.is_one_in(2));
            if row.required >> bit & 1 == 0 && !is_wanted {
                continue;
            }
            let value = match attribute.preset {
                Preset::Fixed | Preset::UnsureFixed => {
                    self.tables.values[attribute.value as usize].clone().into_bytes()
                }
                _ => self.value(draft, attribute.simple),
            };
            let name = text(self.tables, attribute.name, attribute.key.length());
            draft.writer.attribute(attribute.namespace, &name, &value, draft.chance);
            draft.reached.push(Item::Attribute(number));
        }
        // What a wildcard takes without looking.
        if row.any_attribute != NONE && draft.chance.is_one_in(3) {
            let wildcard = &self.tables.wildcards[row.any_attribute as usize];
            if wildcard.takes(FOREIGN) && wildcard.process != crate::model::Process::Strict {
                draft.writer.foreign_attribute();
            } else if wildcard.takes(NO_NAMESPACE) {
                draft.writer.attribute(NO_NAMESPACE, "unheardOf", b"x", draft.chance);
            }
        }
    }

    fn children(&self, draft: &mut Draft<'_>, row: &Element, depth: usize) {
        let mut state = row.begin;
        loop {
            let is_ending = draft.elements > self.elements_max || depth > DEPTH_MAX;
            let here = &self.tables.states[state as usize];
            let is_needless = self.need[state as usize] == NONE && draft.chance.is_one_in(2);
            let is_enough = draft.chance.is_one_in(if is_needless { 8 } else { 100 });
            if here.accepts && (is_ending || is_needless || is_enough) {
                return;
            }
            if row.content == Content::Mixed && draft.chance.is_one_in(2) {
                draft.writer.text("Text – mit <Zeichen> & mehr".as_bytes(), false, draft.chance);
            }
            if let Some(wildcard) = self.tables.wildcards_of(here).first()
                && !is_ending
                && draft.chance.is_one_in(3)
                && wildcard.process != crate::model::Process::Strict
                && wildcard.takes(FOREIGN)
                && self.cost[wildcard.next as usize] != NONE
            {
                draft.writer.foreign_element();
                state = wildcard.next;
                draft.elements += 1;
                continue;
            }
            let Some(way) = self.choose(row.begin, state, draft.chance, is_ending) else { return };
            draft.reached.push(Item::Child(row.begin, way.namespace, way.name));
            self.element(draft, way, depth + 1);
            state = way.next;
        }
    }

    fn value(&self, draft: &mut Draft<'_>, simple: u32) -> Vec<u8> {
        match self.tables.role(simple) {
            Role::Id => {
                draft.reached.push(Item::Facet(simple, Facet::Any));
                return draft.writer.id();
            }
            Role::Reference => {
                let facets = self.facets(simple);
                draft.reached.extend(facets.into_iter().map(|f| Item::Facet(simple, f)));
                return draft.writer.reference();
            }
            Role::None => {}
        }
        let known: Vec<Item> = self
            .facets(simple)
            .into_iter()
            .map(|facet| Item::Facet(simple, facet))
            .filter(|item| self.is_open(item) && !draft.reached.contains(item))
            .collect();
        for item in known {
            let Item::Facet(_, facet) = item else { continue };
            if let Some(value) = values::at(self.tables, simple, facet, draft.chance) {
                draft.reached.push(item);
                return value;
            }
        }
        values::any(self.tables, simple, draft.chance)
    }
}

fn text(tables: &Tables, offset: u32, length: u32) -> String {
    String::from_utf8(tables.names.get(offset, length as usize).unwrap().to_vec()).unwrap()
}
