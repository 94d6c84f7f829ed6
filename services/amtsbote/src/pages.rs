//! `amtsbote errors`: what a code means and what to do.

use crate::{
    cli::Errors,
    codes, embedded,
    exit::{Exit, Stop},
    output::Output,
};

/// Prints one page, or the titles of all.
pub(crate) fn run(args: &Errors, output: &Output) -> Result<Exit, Stop> {
    let Some(code) = &args.code else {
        for (code, page) in all() {
            match output.is_json {
                true => output.json(&serde_json::json!({ "code": code, "title": title(page) })),
                false => output.line(format_args!("{code}  {}", title(page))),
            }
        }
        return Ok(Exit::Done);
    };
    let code = code.to_ascii_uppercase();
    let Some((_, page)) = all().find(|(known, _)| *known == code) else {
        let what = format!("there is no page for `{code}`; `amtsbote errors` lists all");
        return Err(Stop::usage(codes::PAGE_UNKNOWN, what));
    };
    match output.is_json {
        true => {
            let value = serde_json::json!({ "code": code, "title": title(page), "page": page });
            output.json(&value);
        }
        false => output.line(page.trim_end()),
    }
    Ok(Exit::Done)
}

/// Codes and pages, in order.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    embedded::PAGES.iter().filter_map(|(file, bytes)| {
        let code = file.strip_suffix(".md").filter(|code| code.starts_with("AB-"))?;
        Some((code, std::str::from_utf8(bytes).ok()?))
    })
}

/// Of `# AB-nnnn: title`.
fn title(page: &str) -> &str {
    let first = page.lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}
