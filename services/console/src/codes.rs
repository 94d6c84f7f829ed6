//! The codes of this crate; each has a page in `docs/errors/`.

/// The request came without an authenticated sender.
pub(crate) const UNAUTHENTICATED: &str = "AB-1400";
/// The request does not say what it asks for.
pub(crate) const INVALID: &str = "AB-1401";
/// This sender has no such message or reply.
pub(crate) const NOT_FOUND: &str = "AB-1402";
/// It cannot be told now.
pub(crate) const NOT_CAUGHT_UP: &str = "AB-1403";
/// Too many streams are open.
pub(crate) const TOO_MANY_WATCHES: &str = "AB-1404";
/// A record nobody can read was skipped.
pub(crate) const UNDECODABLE: &str = "AB-1405";
/// The listener failed.
pub(crate) const LISTENER: &str = "AB-1406";
/// The projecting of channels has ended.
pub(crate) const PROJECTING_ENDED: &str = "AB-1407";
/// A channel is not projected any more.
pub(crate) const SET_ASIDE: &str = "AB-1408";
/// The process is shutting down.
pub(crate) const SHUTTING_DOWN: &str = "AB-1409";
/// Nobody has answered a command.
pub(crate) const UNANSWERED: &str = "AB-1410";
/// There is no such command.
pub(crate) const COMMAND_UNKNOWN: &str = "AB-1411";
/// The id of a command is given again to another one.
pub(crate) const COMMAND_REUSED: &str = "AB-1412";
/// Whoever asks for a portal's status has not proved to be a gateway.
pub(crate) const UNPROVEN: &str = "AB-1430";
/// A web page may have made a browser send it.
pub(crate) const FROM_A_PAGE: &str = "AB-1431";
/// Whoever looks or orders has not shown the operators' token.
pub(crate) const NO_OPERATOR: &str = "AB-1432";
/// Others can reach the console, and nothing tells operators from them.
pub(crate) const ORDERS_UNPROVEN: &str = "AB-1433";
