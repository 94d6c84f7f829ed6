//! The codes of configuration and start-up; each has a page in `docs/errors/`.

/// The configuration file cannot be read.
pub(crate) const FILE_UNREADABLE: &str = "AB-5001";
/// The configuration file is not TOML.
pub(crate) const NOT_TOML: &str = "AB-5002";
/// A key nobody reads.
pub(crate) const KEY_UNKNOWN: &str = "AB-5003";
/// A value that is not what its key takes.
pub(crate) const VALUE_WRONG: &str = "AB-5004";
/// A key that must be there.
pub(crate) const KEY_MISSING: &str = "AB-5005";
/// A backend URL this build does not support.
pub(crate) const BACKEND_UNSUPPORTED: &str = "AB-5006";
/// A secret's file that cannot be read or holds no secret.
pub(crate) const SECRET_MISSING: &str = "AB-5007";
/// Keys that contradict each other.
pub(crate) const KEYS_CONTRADICT: &str = "AB-5008";
/// A listener others can reach, without encryption and without saying so.
pub(crate) const PLAINTEXT_REFUSED: &str = "AB-5009";
/// An adapter refuses its settings.
pub(crate) const SETTINGS_REFUSED: &str = "AB-5010";
/// A variable of the environment that is not set.
pub(crate) const VARIABLE_MISSING: &str = "AB-5011";
/// A subset of roles on an embedded channel.
pub(crate) const ROLES_APART: &str = "AB-5012";
/// An address nobody can listen on, e.g. because another program does.
pub(crate) const ADDRESS_TAKEN: &str = "AB-5013";
/// A data directory that cannot be made or written.
pub(crate) const DATA_UNWRITABLE: &str = "AB-5014";
/// A role ended by itself.
pub(crate) const ROLE_ENDED: &str = "AB-5015";
/// Not everything ended within the time a shutdown may take.
pub(crate) const SHUTDOWN_LATE: &str = "AB-5016";
/// Logs or traces cannot be set up.
pub(crate) const TELEMETRY_REFUSED: &str = "AB-5017";
/// A route puts messages on a channel the dispatcher does not read.
pub(crate) const ROUTE_UNREAD: &str = "AB-5018";
/// A file given on the command line cannot be read.
pub(crate) const DOCUMENT_UNREADABLE: &str = "AB-5020";
/// The server cannot be reached, or did not answer.
pub(crate) const SERVER_UNREACHABLE: &str = "AB-5021";
/// The server's address is no URL this program can use.
pub(crate) const ADDRESS_WRONG: &str = "AB-5022";
/// Nothing is known of an id.
pub(crate) const ID_UNKNOWN: &str = "AB-5023";
/// There is no page for a code.
pub(crate) const PAGE_UNKNOWN: &str = "AB-5024";
/// What was submitted did not reach a final state in time.
pub(crate) const WAIT_ENDED: &str = "AB-5025";
/// The server's answer breaks the protocol.
pub(crate) const ANSWER_BROKEN: &str = "AB-5026";
/// An answer of a departmental system is of a standard, and not valid.
pub(crate) const REPLY_INVALID: &str = "AB-5028";
/// There was no time to read an answer of a departmental system.
pub(crate) const REPLY_UNREAD: &str = "AB-5029";
/// Nobody says in whose name, or to whom, an answer is written.
pub(crate) const PARTY_UNKNOWN: &str = "AB-5027";
/// Nothing of a message waits for a decision.
pub(crate) const NOTHING_TO_DECIDE: &str = "AB-5050";
/// More than one delivery is meant.
pub(crate) const DECISION_AMBIGUOUS: &str = "AB-5051";
/// A command was not answered in time.
pub(crate) const COMMAND_UNANSWERED: &str = "AB-5052";
/// What is ordered does not fit the deliveries it would be about.
pub(crate) const BULK_UNFIT: &str = "AB-5053";
/// A filter that fits more deliveries than one bulk holds.
pub(crate) const BULK_TOO_LARGE: &str = "AB-5054";
/// An edit without a reason, without a document, or with one that is too large.
pub(crate) const EDIT_UNFIT: &str = "AB-5055";
/// The demonstration did not end as expected.
pub(crate) const DEMO_UNEXPECTED: &str = "AB-5030";
/// A load on a system beyond this machine, without saying that it may be.
pub(crate) const LOAD_FORBIDDEN: &str = "AB-5040";
/// A load that cannot be made as it is asked for.
pub(crate) const LOAD_WRONG: &str = "AB-5041";
/// The first application of a load came to no good end.
pub(crate) const FIRST_UNDELIVERED: &str = "AB-5042";
/// A process that is to be measured is not there.
pub(crate) const PROCESS_UNSEEN: &str = "AB-5043";
/// A load after which something is missing, out of order, or unknown.
pub(crate) const RUN_UNCLEAN: &str = "AB-5044";
/// A key that a role apart from the others needs.
pub(crate) const ROLE_KEY_MISSING: &str = "AB-5060";
/// Claims that the other side would not find.
pub(crate) const CLAIMS_APART: &str = "AB-5061";
/// Gateway and console could not prove to each other who asks.
pub(crate) const STATUS_UNPROVEN: &str = "AB-5062";
/// A process that lives and cannot do its work.
pub(crate) const NOT_READY: &str = "AB-5063";
/// A backup or a restore of another kind of store than the configuration names.
pub(crate) const LEDGER_ELSEWHERE: &str = "AB-5080";
/// A channel that has one partition for good.
pub(crate) const PARTITIONS_FIXED: &str = "AB-5081";
/// Fewer partitions than there are.
pub(crate) const PARTITIONS_FEWER: &str = "AB-5082";
/// Something that lies by the former number of partitions is not admitted yet.
pub(crate) const SWITCH_UNREAD: &str = "AB-5083";
/// There is no folder to install a standard or code list into.
pub(crate) const NO_FOLDER: &str = "AB-5070";
/// A standard or code list that is there already.
pub(crate) const STANDARD_INSTALLED: &str = "AB-5071";
/// A folder that cannot be written or moved into its place.
pub(crate) const INSTALL_FAILED: &str = "AB-5072";
/// A standard or code list that is not there.
pub(crate) const NOT_INSTALLED: &str = "AB-5073";
