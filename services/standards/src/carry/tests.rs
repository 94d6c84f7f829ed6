//! Plans of a few lines, and what they write of a small document.

use prost::Message as _;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, Value};
use wire::canonical::{Application, Payment, party};

use super::Plan;
use crate::{
    load::{
        mapping::{Items, Rule, Source},
        path::Path,
    },
    tree::Tree,
};

fn application() -> MessageDescriptor {
    let pool = DescriptorPool::decode(wire::DESCRIPTORS).unwrap();
    pool.get_message_by_name("amtsbote.canonical.v1.Application").unwrap()
}

fn target(names: &str) -> Vec<FieldDescriptor> {
    let mut message = Some(application());
    let field = |name: &str| {
        let field = message.take().unwrap().get_field_by_name(name).unwrap();
        if let Kind::Message(inner) = field.kind() {
            message = Some(inner);
        }
        field
    };
    names.split('.').map(field).collect()
}

fn line(names: &str, path: &str) -> Rule {
    let source = Source::Text(vec![Path::parse(path).unwrap()]);
    Rule { target: target(names), source }
}

/// A document with these leaves below its root.
fn document<'d>(leaves: &[(&str, &str)]) -> Tree<'d> {
    let mut tree = Tree::default();
    let root = tree.push(None, "", "antrag", "", 0);
    for (name, text) in leaves {
        let leaf = tree.push(Some(root), "", name, "", 0);
        tree.push_text(leaf, text);
    }
    tree
}

fn carried(rules: &[Rule], leaves: &[(&str, &str)]) -> Application {
    let plan = Plan::new(rules.iter(), &[Path::parse("allgemein").unwrap()], &application());
    let mut bytes = Vec::new();
    plan.carry(&document(leaves), &mut bytes).unwrap();
    let read = Application::decode(&*bytes).unwrap();
    assert_eq!(read.encode_to_vec(), bytes, "as the encoder of the message writes it");
    read
}

#[test]
fn the_last_line_with_a_value_counts() {
    let rules = [line("payment.reference", "a"), line("payment.reference", "b")];
    let reference = |leaves| carried(&rules, leaves).payment.map(|payment| payment.reference);
    assert_eq!(reference(&[("a", "1"), ("b", "2")]).as_deref(), Some("2"));
    assert_eq!(reference(&[("a", "1")]).as_deref(), Some("1"));
    assert_eq!(reference(&[("a", " ")]), None);
}

#[test]
fn of_a_group_the_field_counts_that_the_last_line_has_a_value_for() {
    let rules = [
        line("applicant.natural_person.family_name", "familie"),
        line("applicant.organisation.name", "firma"),
        line("applicant.natural_person.given_names", "vorname"),
        line("applicant.contact.email", "post"),
    ];
    let all = [("familie", "Żur"), ("firma", "A"), ("vorname", "Ä"), ("post", "a@example.org")];
    let kind = |leaves: &[(&str, &str)]| {
        let applicant = carried(&rules, leaves).applicant.unwrap();
        assert_eq!(applicant.contact.unwrap().email, "a@example.org");
        applicant.kind
    };
    let Some(party::Kind::NaturalPerson(person)) = kind(&all) else { panic!("a person") };
    assert_eq!((&*person.family_name, &*person.given_names), ("Żur", "Ä"));
    let Some(party::Kind::Organisation(firm)) = kind(&[all[0], all[1], all[3]]) else {
        panic!("a firm")
    };
    assert_eq!(firm.name, "A");
}

#[test]
fn a_value_that_is_nothing_on_the_wire_is_a_value() {
    let rules = [line("payment.amount_cents", "betrag")];
    assert_eq!(carried(&rules, &[("betrag", "0")]).payment, Some(Payment::default()));
    assert_eq!(carried(&rules, &[]).payment, None);
    let constant = Source::Constant(Value::String(String::new()));
    let rules = [Rule { source: constant, ..line("payment.reference", "a") }];
    assert_eq!(carried(&rules, &[]).payment, Some(Payment::default()));
}

#[test]
fn items_and_generic_fields_keep_the_documents_order() {
    let names = [line("attachments.name", ".")];
    let each = vec![Path::parse("anlage").unwrap()];
    let inner = names.map(|rule| Rule { target: rule.target[1..].to_vec(), ..rule });
    let rules = [Rule {
        target: target("attachments"),
        source: Source::Repeat(each, Items::Messages(inner.into())),
    }];
    let long = "x".repeat(300);
    let leaves = [("anlage", "1"), ("allgemein", "a"), ("anlage", &*long), ("allgemein", "b")];
    let read = carried(&rules, &leaves);
    let names: Vec<_> = read.attachments.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["1", &*long]);
    let fields: Vec<_> = read.fields.iter().map(|it| (&*it.name, &*it.value)).collect();
    assert_eq!(fields, [("allgemein[1]", "a"), ("allgemein[2]", "b")]);
}

#[test]
fn what_cannot_be_carried_over_is_told_with_its_field() {
    let rules = [line("payment.amount_cents", "betrag")];
    let plan = Plan::new(rules.iter(), &[], &application());
    let faults = plan.carry(&document(&[("betrag", "viel")]), &mut Vec::new()).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].target.as_str(), faults[0].node.index()), ("payment.amount_cents", 1));
}
