//! What registers are tried with.

use messaging::{
    BulkState, Command, CommandId, EndpointName, ItemResult, OperatorName, Order, Timestamp,
};
use uuid::Uuid;

use crate::register::{Answer, Answered, BulkItem, BulkTold, ItemTold, Told};

pub(crate) fn endpoint() -> EndpointName {
    EndpointName::new("nordsachsen-kfz").expect("a name")
}

pub(crate) fn id(command: u128) -> CommandId {
    CommandId(Uuid::from_u128(command))
}

pub(crate) fn command(command: u128) -> Told {
    Told::Issued(Box::new(Command {
        id: id(command),
        at: Timestamp(5),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: endpoint(),
        order: Order::Pause,
        reason: Some("Wartung".to_owned()),
    }))
}

pub(crate) fn answered(command: u128, is_accepted: bool) -> Told {
    let code = (!is_accepted).then(|| "AB-3222".to_owned());
    let answer = Answer { at: Timestamp(9), is_accepted, code, cause: None };
    Told::Answered(Answered { command: id(command), endpoint: endpoint(), answer })
}

/// Of command 1.
pub(crate) fn bulk(at: i64, state: BulkState) -> Told {
    Told::Bulk(BulkTold { command: id(1), total: 3, state, at: Timestamp(at) })
}

/// Of command 1.
pub(crate) fn item(item: u32, result: ItemResult, code: Option<&str>) -> Told {
    let message_id = Uuid::from_u128(100 + u128::from(item));
    let code = code.map(str::to_owned);
    let item = BulkItem { item, message_id, result, code, at: Timestamp(9) };
    Told::Item(ItemTold { command: id(1), item })
}
