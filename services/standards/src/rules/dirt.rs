//! What real senders do although the schema lets it pass: told, not refused.

use crate::{
    codes,
    report::{Entry, Report},
    tree::{Node, Tree},
};

/// What is left of markup that was escaped twice.
const LEFTOVERS: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&#"];

/// Checks every text.
pub(super) fn check(
    tree: &Tree<'_>,
    place: &dyn Fn(Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    if !tree.has_ampersand() {
        return;
    }
    for node in (0..).map_while(|index| tree.node(index)) {
        let text = tree.text(node);
        if text.contains('&') && LEFTOVERS.iter().any(|leftover| text.contains(leftover)) {
            let (path, at) = place(node);
            report.push(escaped_twice().at(path, at));
        }
    }
}

fn escaped_twice() -> Entry<'static> {
    Entry::warning(
        codes::ESCAPED_TWICE,
        "Der Text enthält Zeichenverweise wie „&amp;“ im Klartext; vermutlich wurde er zweimal maskiert.",
        "The text holds references like `&amp;` literally; it was probably escaped twice.",
    )
}
