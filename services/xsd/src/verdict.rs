//! What the acceptor says of a document.

use std::fmt;

/// What is known of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is valid: proven.
    Valid,
    /// Nothing is proven: a full validator must tell, and what is wrong if something is.
    DontKnow(Reason),
}

impl Verdict {
    /// Whether it is proven.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
}

/// What kind of reason it is, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The document most likely breaks a rule.
    Violation,
    /// The document has, or the schema is, something that is not known here.
    Unknown,
    /// The document is larger than what is looked at here.
    Limit,
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $reason:ident, $label:literal, $cause:ident;)+) => {
        /// Why nothing is proven: the first that was met.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])+ $reason),+
        }

        impl Reason {
            /// All there are, in order.
            pub const ALL: &[Self] = &[$(Self::$reason),+];

            /// A short name, for counters: lower case, with underscores.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$reason => $label),+
                }
            }

            /// What kind it is.
            #[must_use]
            pub fn cause(self) -> Cause {
                match self {
                    $(Self::$reason => Cause::$cause),+
                }
            }
        }
    };
}

reasons! {
    /// Markup that cannot be read.
    Syntax, "syntax", Violation;
    /// Characters that are no UTF-8, or that XML does not allow.
    Characters, "characters", Violation;
    /// The document ends too early.
    End, "end", Violation;
    /// An end tag of another name than its start tag.
    EndTag, "end_tag", Violation;
    /// A prefix that is not bound, or bound to what none may be bound to.
    Namespace, "namespace", Violation;
    /// An element that may not be here.
    Element, "element", Violation;
    /// Text where only elements, or nothing, may be.
    Text, "text", Violation;
    /// Something is missing at the end of an element.
    Incomplete, "incomplete", Violation;
    /// A value that is not of the element's type.
    Value, "value", Violation;
    /// An attribute that may not be here.
    Attribute, "attribute", Violation;
    /// A value that is not of the attribute's type.
    AttributeValue, "attribute_value", Violation;
    /// An attribute that must be there is not.
    AttributeMissing, "attribute_missing", Violation;
    /// An attribute is there twice.
    AttributeTwice, "attribute_twice", Violation;
    /// A value is fixed, and not this.
    Fixed, "fixed", Violation;
    /// `xsi:nil` where it may not be.
    Nil, "nil", Violation;
    /// A type or element that only stands for others.
    Abstract, "abstract", Violation;
    /// An `xsi:type` that is not known to be allowed here.
    TypeOverride, "type_override", Violation;
    /// An `xs:ID` is there twice.
    IdTwice, "id_twice", Violation;
    /// An `xs:IDREF` leads nowhere.
    ReferenceDangling, "reference_dangling", Violation;
    /// Two keys are the same, or one is missing.
    Key, "key", Violation;
    /// A reference to a key leads nowhere.
    KeyReference, "key_reference", Violation;
    /// A value of which validators may say different things.
    ValueUnsure, "value_unsure", Unknown;
    /// Of a key: a value whose equality is not known here.
    KeyUnsure, "key_unsure", Unknown;
    /// An encoding other than UTF-8, or another version of XML.
    Encoding, "encoding", Unknown;
    /// A document type declaration.
    Doctype, "doctype", Unknown;
    /// An entity other than the five of XML.
    Entity, "entity", Unknown;
    /// A construct of the schema that is not compiled.
    Construct, "construct", Unknown;
    /// Hints of schemas where they are not expected.
    SchemaLocation, "schema_location", Unknown;
    /// A default value where it is not known whether it fits.
    Default, "default", Unknown;
    /// More elements within each other than are looked at.
    Depth, "depth", Limit;
    /// A document, a name, or a number of attributes, ids or keys larger than what is looked at.
    Size, "size", Limit;
    /// The tables contradict themselves.
    Tables, "tables", Unknown;
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// `Err` ends the reading.
pub(crate) type Doubted<T> = Result<T, Reason>;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_label_of_its_own() {
        let labels: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        assert!(labels.iter().all(|l| l.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
