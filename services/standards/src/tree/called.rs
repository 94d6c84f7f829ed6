//! What the parts of an XÖV code are called, whatever the standard.

use std::sync::LazyLock;

use xsd::LocalName;

/// The code itself.
pub(crate) static CODE: LazyLock<LocalName> = LazyLock::new(|| LocalName::new("code"));
/// What it means.
pub(crate) static NAME: LazyLock<LocalName> = LazyLock::new(|| LocalName::new("name"));
/// The list it is from.
pub(crate) static LIST: LazyLock<LocalName> = LazyLock::new(|| LocalName::new("listURI"));
/// The list's version.
pub(crate) static LIST_VERSION: LazyLock<LocalName> =
    LazyLock::new(|| LocalName::new("listVersionID"));
