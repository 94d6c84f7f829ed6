//! What was delivered, as a table: procedures down, counties across.

use std::collections::BTreeMap;

use super::summary::Delivered;
use crate::cli::Language;

/// The counties, as their endpoints' names begin.
const COUNTIES: [(&str, &str); 4] = [
    ("nordsachsen", "Nordsachsen"),
    ("goerlitz", "Görlitz"),
    ("harz", "Harz"),
    ("spree-neisse", "Spree-Neiße"),
];

/// The procedures, as their endpoints' names end; German, English.
const PROCEDURES: [(&str, &str, &str); 5] = [
    ("kfz", "Kfz-Zulassung", "vehicle registration"),
    ("fuehrerschein", "Führerschein", "driving licence"),
    ("meldebescheinigung", "Meldebescheinigung", "certificate of residence"),
    ("gewerbe", "Gewerbe", "business"),
    ("eakte", "E-Akte", "records"),
];

/// Who gets some messages besides, with their endpoints; German, English.
const OTHERS: [(&str, &str, &str); 2] = [
    ("zoll-kfz", "Hauptzollamt (Kfz-Steuer)", "customs office (vehicle tax)"),
    ("weitere-gewerbe", "Finanzamt, Kammer, Stellen", "tax office, chamber, others"),
];

/// Widest name of a procedure.
const NAME_WIDTH: usize = 24;
/// Widest name of a county, and a blank.
const COUNTY_WIDTH: usize = 12;

/// One line per procedure that anything was delivered of, and per further receiver.
pub(super) fn lines(delivered: &BTreeMap<String, Delivered>, language: Language) -> Vec<String> {
    let mut head = format!("  {:NAME_WIDTH$}", "");
    for (_, county) in COUNTIES {
        head.push_str(&format!("{county:>COUNTY_WIDTH$}"));
    }
    let mut lines = vec![head];
    for (procedure, german, english) in PROCEDURES {
        let count = |county: &str| {
            let endpoint = delivered.get(&format!("{county}-{procedure}"));
            endpoint.map_or(0, |delivered| delivered.applications)
        };
        if COUNTIES.iter().all(|(county, _)| count(county) == 0) {
            continue;
        }
        let mut line = format!("  {:NAME_WIDTH$}", language.of(german, english));
        for (county, _) in COUNTIES {
            line.push_str(&format!("{:>COUNTY_WIDTH$}", count(county)));
        }
        lines.push(line);
    }
    for (endpoint, german, english) in OTHERS {
        let count = delivered.get(endpoint).map_or(0, |delivered| delivered.applications);
        if count != 0 {
            let besides = language.of("außerdem an", "besides to");
            lines.push(format!("  {besides} {}: {count}", language.of(german, english)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_under_their_counties() {
        let of = |endpoint: &str, applications| {
            (endpoint.to_owned(), Delivered { applications, repeats: 0 })
        };
        let delivered = BTreeMap::from([of("spree-neisse-kfz", 7), of("goerlitz-eakte", 12)]);
        let lines = lines(&delivered, Language::De);
        assert_eq!(lines.len(), 3, "{lines:?}");
        let ends = |line: &str, word: &str| {
            let (before, _) = line.split_once(word)?;
            Some(before.chars().count() + word.chars().count())
        };
        assert_eq!(ends(&lines[0], "Spree-Neiße"), ends(&lines[1], "7"));
        assert_eq!(ends(&lines[0], "Görlitz"), ends(&lines[2], "12"));
    }
}
