//! Every code of this crate; each has a page in `docs/errors/`. A code is never used again for
//! something else.

/// Nothing was sent.
pub const EMPTY: &str = "AB-4001";
/// The declared character encoding is not one we read.
pub const ENCODING_UNKNOWN: &str = "AB-4002";
/// The bytes are not of the encoding they are said to be.
pub const ENCODING_WRONG: &str = "AB-4003";
/// Not well-formed XML.
pub const NOT_WELL_FORMED: &str = "AB-4004";
/// A document type declaration.
pub const DOCTYPE: &str = "AB-4005";
/// An entity that XML does not define itself.
pub const ENTITY: &str = "AB-4006";
/// Nested too deeply.
pub const TOO_DEEP: &str = "AB-4007";
/// Too many or too large attributes, names or elements.
pub const TOO_LARGE: &str = "AB-4008";
/// Neither XML nor JSON.
pub const NEITHER_XML_NOR_JSON: &str = "AB-4009";
/// No installed standard knows such a document.
pub const UNKNOWN_STANDARD: &str = "AB-4020";
/// The standard is installed, this version is not.
pub const UNKNOWN_VERSION: &str = "AB-4021";
/// The standard is installed, and this type of message is not taken.
pub const UNKNOWN_MESSAGE_TYPE: &str = "AB-4022";
/// The version is not taken yet.
pub const NOT_YET_VALID: &str = "AB-4023";
/// The version is not taken any more.
pub const NO_LONGER_VALID: &str = "AB-4024";
/// The version will not be taken much longer.
pub const ENDS_SOON: &str = "AB-4025";
/// Not well-formed JSON.
pub const JSON_NOT_WELL_FORMED: &str = "AB-4030";
/// A JSON object names a key twice.
pub const JSON_DUPLICATE_KEY: &str = "AB-4031";
/// The JSON Schema does not allow it.
pub const JSON_SCHEMA: &str = "AB-4032";
/// An element is missing, or not expected here.
pub const XSD_STRUCTURE: &str = "AB-4100";
/// An attribute is missing, or not expected here.
pub const XSD_ATTRIBUTE: &str = "AB-4101";
/// A value is not of its type.
pub const XSD_VALUE: &str = "AB-4102";
/// An identifier is not unique, or points nowhere.
pub const XSD_IDENTITY: &str = "AB-4103";
/// Another rule of the XSD.
pub const XSD_OTHER: &str = "AB-4104";
/// The text is not in NFC.
pub const NOT_NFC: &str = "AB-4120";
/// The type code and the name of the root element contradict each other.
pub const TYPE_CODE: &str = "AB-4130";
/// The time of creation has no time zone or no milliseconds.
pub const CREATED_INEXACT: &str = "AB-4131";
/// The message refers to itself.
pub const REFERS_TO_ITSELF: &str = "AB-4132";
/// The reader is not named as `prefix:key`.
pub const AUTHORITY_FORM: &str = "AB-4133";
/// The message's id cannot be used as one.
pub const OWN_ID_FORM: &str = "AB-4134";
/// A value holds markup that was escaped twice.
pub const ESCAPED_TWICE: &str = "AB-4135";
/// The root's attribute `test` says that it is no test, and makes it one.
pub const TEST_DENIED: &str = "AB-4136";
/// A code that its list does not have.
pub const CODE_UNKNOWN: &str = "AB-4140";
/// The list is installed, this version of it is not.
pub const CODE_LIST_VERSION: &str = "AB-4141";
/// A code without list or version.
pub const CODE_LIST_UNNAMED: &str = "AB-4142";
/// A municipality's key that the official list does not have.
pub const MUNICIPALITY_UNKNOWN: &str = "AB-4143";
/// Two keys of one municipality contradict each other.
pub const MUNICIPALITY_KEYS_DIFFER: &str = "AB-4144";
/// A value cannot be carried over into the canonical message.
pub const MAPPING: &str = "AB-4200";
/// A canonical message has something the standard cannot carry, or lacks something it demands.
pub const NOT_CARRIED: &str = "AB-4300";
/// There is no such standard, message type or form to write, or nothing that could be written.
pub const NOTHING_TO_WRITE: &str = "AB-4301";
/// A standard cannot be loaded.
pub const LOAD: &str = "AB-4900";
/// All workers are busy and the queue is full.
pub const BUSY: &str = "AB-4901";
/// A fault of ours while checking one document.
pub const DEFECT: &str = "AB-9400";
/// A document was proven valid, and the validator refuses it: a fault of ours.
pub const JUDGES_DISAGREE: &str = "AB-9401";
/// What is to be installed is no package: neither archive nor schema, or a broken archive.
pub const IMPORT_UNREADABLE: &str = "AB-4700";
/// A package with names or links that lead out of it, or one name twice.
pub const IMPORT_UNSAFE: &str = "AB-4701";
/// A package beyond the bounds on what one may bring.
pub const IMPORT_TOO_LARGE: &str = "AB-4702";
/// Schemas refer to schemas that nobody brought.
pub const IMPORT_MISSING: &str = "AB-4703";
/// It cannot be told what of a package the messages are, or what it is to be called.
pub const IMPORT_UNCLEAR: &str = "AB-4704";
/// A schema, catalogue or code list of a package that is not well-formed.
pub const IMPORT_NOT_XML: &str = "AB-4705";
