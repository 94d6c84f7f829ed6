//! Ordering that another document goes. What it says is for the dispatcher to judge.

use messaging::{Correction, EndpointName, Order, correction::CORRECTION_BYTES_MAX};
use wire::control::issue_command_request::EditOrder;

use super::{ControlServer, command::Answered};
use crate::answer;

impl ControlServer {
    pub(super) async fn edit(
        &self,
        endpoint: &EndpointName,
        of: EditOrder,
        reason: &str,
    ) -> Answered<Order> {
        let EditOrder { delivery, document } = of;
        if !(1..=CORRECTION_BYTES_MAX).contains(&document.len()) {
            return Err(answer::invalid("document", "1 byte to 256 KiB"));
        }
        if reason.trim().is_empty() {
            return Err(answer::invalid("reason", "another document needs one"));
        }
        let delivery = delivery
            .ok_or_else(|| answer::invalid("edit.delivery", "which delivery is not said"))?;
        let target = self.target(endpoint, delivery).await?;
        Ok(Order::Edit(Box::new(Correction::new(target, document))))
    }
}
