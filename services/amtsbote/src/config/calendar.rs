//! Reads `[endpoint.calendar]`: when a departmental system may be handed anything.

use std::{fmt::Display, str::FromStr};

use dispatcher::{Calendar, Weekly};
use jiff::tz::TimeZone;
use toml::Table;

use super::section::Section;
use crate::codes;

const ZONE: &str = "Europe/Berlin";
/// Windows or days in one list.
const ITEMS_MAX: usize = 100;

/// `None` only where faults were noted.
pub(super) fn read(section: Section<'_>) -> Option<Calendar> {
    let zone = if section.has("time_zone") {
        section.parsed("time_zone", |text| {
            let wrong = |_| format!("`{text}` is no time zone like `{ZONE}`");
            TimeZone::get(text).map_err(wrong)
        })
    } else {
        TimeZone::get(ZONE).ok()
    };
    let open: Option<Vec<Weekly>> = list(&section, "open");
    let state = section.parsed("holidays", |text| text.parse().map(Some));
    let has_fault = section.has("holidays") && state.is_none();
    let holidays = list(&section, "holidays_extra");
    let maintenance = list(&section, "maintenance");
    section.close();
    if has_fault {
        return None;
    }
    Some(Calendar {
        zone: zone?,
        open: open?,
        state: state.flatten(),
        holidays: holidays?,
        maintenance: maintenance?,
    })
}

/// What [`read`] reads.
pub(super) fn write(calendar: &Calendar) -> Table {
    let mut table = Table::new();
    let zone = calendar.zone.iana_name().unwrap_or(ZONE);
    table.insert("time_zone".to_owned(), zone.into());
    table.insert("open".to_owned(), texts(&calendar.open));
    if let Some(state) = calendar.state {
        table.insert("holidays".to_owned(), state.to_string().into());
    }
    table.insert("holidays_extra".to_owned(), texts(&calendar.holidays));
    table.insert("maintenance".to_owned(), texts(&calendar.maintenance));
    table
}

fn texts(items: &[impl Display]) -> toml::Value {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().into()
}

/// Empty where nothing was written; `None` where a fault was noted.
fn list<T: FromStr<Err = String>>(section: &Section<'_>, key: &'static str) -> Option<Vec<T>> {
    let Some(texts) = section.texts(key) else {
        return (!section.has(key)).then(Vec::new);
    };
    if ITEMS_MAX < texts.len() {
        section.fault(key, codes::VALUE_WRONG, format!("has more than {ITEMS_MAX} entries"));
        return None;
    }
    let mut items = Vec::with_capacity(texts.len());
    let mut has_fault = false;
    for text in &texts {
        match text.parse() {
            Ok(item) => items.push(item),
            Err(what) => {
                section.fault(key, codes::VALUE_WRONG, what);
                has_fault = true;
            }
        }
    }
    (!has_fault).then_some(items)
}
