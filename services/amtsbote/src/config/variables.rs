//! Variables of the environment within texts: `${NAME}` and `${NAME:-otherwise}`.

/// `text` with every variable replaced. `$$` is a dollar sign; what a variable holds is not
/// searched again.
///
/// # Errors
/// Names the variable that is not set, or the place that cannot be read.
pub(super) fn replace(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        replaced.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            replaced.push('$');
            rest = after;
        } else if let Some((inside, after)) =
            after.strip_prefix('{').and_then(|inside| inside.split_once('}'))
        {
            replaced.push_str(&look_up(inside, &variable)?);
            rest = after;
        } else {
            return Err("`$` stands alone; write `${NAME}`, or `$$` for a dollar sign".to_owned());
        }
    }
    replaced.push_str(rest);
    Ok(replaced)
}

fn look_up(inside: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, otherwise) = match inside.split_once(":-") {
        Some((name, otherwise)) => (name, Some(otherwise)),
        None => (inside, None),
    };
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        return Err(format!("`${{{inside}}}` names no variable"));
    }
    // As a shell reads `:-`: an empty variable counts as not set.
    let set = variable(name).filter(|value| otherwise.is_none() || !value.is_empty());
    set.or_else(|| otherwise.map(str::to_owned))
        .ok_or_else(|| format!("the environment has no variable `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once_and_missing_ones_named() {
        let variable = |name: &str| match name {
            "HOST" => Some("127.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("${HOST}:7001", Ok("127.0.0.1:7001")),
            ("${HOST}:${PORT:-7001}", Ok("127.0.0.1:7001")),
            ("${EMPTY:-x}", Ok("x")),
            ("${EMPTY}", Ok("")),
            ("${NESTED}", Ok("${HOST}")),
            ("5 $$", Ok("5 $")),
            ("${PORT}", Err("the environment has no variable `PORT`")),
            ("${}", Err("`${}` names no variable")),
            ("${a b}", Err("`${a b}` names no variable")),
            ("$HOST", Err("`$` stands alone; write `${NAME}`, or `$$` for a dollar sign")),
            ("${HOST", Err("`$` stands alone; write `${NAME}`, or `$$` for a dollar sign")),
        ] {
            let replaced = replace(text, variable);
            assert_eq!(replaced, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
