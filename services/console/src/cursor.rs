//! Where a watch resumes: the journal's epoch and a place in it, as opaque text.

use uuid::Uuid;

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Telling what is known: how things stood at sequence number `as_of`, told up to the
    /// application numbered `told`.
    Known { as_of: i64, told: i64 },
    /// Telling what happens: everything up to this sequence number was told.
    Follow { told: i64 },
}

/// As text.
pub(crate) fn write(epoch: Uuid, place: Place) -> String {
    match place {
        Place::Known { as_of, told } => format!("{}.k{as_of}.{told}", epoch.simple()),
        Place::Follow { told } => format!("{}.f{told}", epoch.simple()),
    }
}

/// Back from text; `None` if it is none of ours.
pub(crate) fn read(text: &str) -> Option<(Uuid, Place)> {
    let (epoch, rest) = text.split_once('.')?;
    let epoch = Uuid::parse_str(epoch).ok()?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| 0 <= *number);
    let place = match rest.split_at_checked(1)? {
        ("k", rest) => {
            let (as_of, told) = rest.split_once('.')?;
            Place::Known { as_of: number(as_of)?, told: number(told)? }
        }
        ("f", rest) => Place::Follow { told: number(rest)? },
        _ => return None,
    };
    Some((epoch, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_wrote() {
        let epoch = Uuid::from_u128(7);
        for place in [Place::Known { as_of: 9, told: 4 }, Place::Follow { told: 12 }] {
            assert_eq!(read(&write(epoch, place)), Some((epoch, place)));
        }
        for text in ["", "x", "x.f1", &format!("{epoch}.f-1"), &format!("{epoch}.g1")] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
