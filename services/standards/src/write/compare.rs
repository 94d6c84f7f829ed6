//! What a message that came back no longer says.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

/// The fields of `before` that `after` has not, or has otherwise. What `after` says beyond is no
/// loss: lists of codes that the schema prescribes, constants.
pub(super) fn lost(before: &DynamicMessage, after: &DynamicMessage) -> Vec<String> {
    let mut lost = Vec::new();
    messages(before, after, "", &mut lost);
    lost
}

fn messages(before: &DynamicMessage, after: &DynamicMessage, prefix: &str, lost: &mut Vec<String>) {
    for (field, value) in before.fields() {
        let name = format!("{prefix}{}", field.name());
        values(value, &after.get_field(&field), &name, lost);
    }
}

fn values(before: &Value, after: &Value, name: &str, lost: &mut Vec<String>) {
    match (before, after) {
        (Value::Message(before), Value::Message(after))
            if before.descriptor() == after.descriptor() =>
        {
            messages(before, after, &format!("{name}."), lost);
        }
        (Value::List(before), Value::List(after)) if before.len() == after.len() => {
            for (number, (before, after)) in before.iter().zip(after).enumerate() {
                values(before, after, &format!("{name}[{}]", number + 1), lost);
            }
        }
        _ if before == after => {}
        _ => lost.push(name.to_owned()),
    }
}
