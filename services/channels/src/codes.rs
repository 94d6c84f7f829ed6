//! The codes of this crate; each has a page in `docs/errors/`.

/// Another process works on the data directory.
pub const DIRECTORY_IN_USE: &str = "AB-2001";
/// The data directory cannot be used.
pub const DIRECTORY_UNUSABLE: &str = "AB-2002";
/// A record is larger than any channel takes.
pub const RECORD_TOO_LARGE: &str = "AB-2003";
/// The channel was closed.
pub const CLOSED: &str = "AB-2004";
/// The disk is full.
pub const DISK_FULL: &str = "AB-2005";
/// The channel's file cannot be written or read now.
pub const FILE_UNAVAILABLE: &str = "AB-2006";
/// A route names one channel too many.
pub const TOO_MANY_CHANNELS: &str = "AB-2007";
/// The channel's file is something else.
pub const FILE_FOREIGN: &str = "AB-2010";
/// The channel's file was written by a newer version.
pub const FILE_NEWER: &str = "AB-2011";
/// The channel's file is damaged.
pub const FILE_DAMAGED: &str = "AB-2012";
/// A record is damaged.
pub const RECORD_DAMAGED: &str = "AB-2013";
/// Stored position and log contradict each other.
pub const POSITION_UNKNOWN: &str = "AB-2014";
/// A record cannot be decoded.
pub const UNDECODABLE: &str = "AB-2020";
/// Kafka does not answer, or has not acknowledged in time.
pub const KAFKA_UNAVAILABLE: &str = "AB-2101";
/// A topic has another number of partitions than configured.
pub const KAFKA_PARTITIONS: &str = "AB-2102";
/// A topic is missing, and making topics is forbidden.
pub const KAFKA_TOPIC_MISSING: &str = "AB-2103";
/// Kafka refuses for good.
pub const KAFKA_REFUSED: &str = "AB-2104";
/// The Kafka client refuses its settings.
pub const KAFKA_SETTINGS: &str = "AB-2105";
/// A Kafka broker does not accept who we say we are.
pub const KAFKA_CREDENTIALS: &str = "AB-2106";
/// No encrypted connection to a Kafka broker can be made.
pub const KAFKA_TLS: &str = "AB-2107";
/// Kafka shall be reached encrypted or by name, and this build cannot.
pub const KAFKA_INSECURE_BUILD: &str = "AB-2108";
/// A topic keeps its records otherwise than configured.
pub const KAFKA_TOPIC_DIFFERS: &str = "AB-2109";
/// This computer's clock and the broker's are far apart.
pub const KAFKA_CLOCK: &str = "AB-2110";
