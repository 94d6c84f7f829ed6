//! `amtsbote codes`: code lists installed, looked at and compared; without any server.

mod import;

use std::path::Path;

use serde_json::json;
use standards::{
    CodeListInfo,
    codelist::{self, CodeList, Difference},
};

use crate::{
    cli::{Codes, Language, StandardPaths},
    codes,
    exit::{Exit, Stop},
    files,
    output::Output,
    standard,
};

/// Runs the command.
pub(crate) fn run(command: &Codes, language: Language, output: &Output) -> Result<Exit, Stop> {
    match command {
        Codes::Import(args) => import::import(args, language, output),
        Codes::List(paths) => list(paths, language, output),
        Codes::Show { uri, version, code, standards } => {
            show((uri, version), code.as_deref(), standards, output)
        }
        Codes::Diff { of, standards } => diff(of, standards, language, output),
    }
}

fn installed(paths: &StandardPaths) -> Result<Vec<CodeListInfo>, Stop> {
    let folders = standard::folders(paths)?;
    codelist::installed(&folders).map_err(|error| standard::faulty(&error))
}

fn open(info: &CodeListInfo) -> Result<CodeList, Stop> {
    codelist::open(info).map_err(|error| standard::faulty(&error))
}

fn list(paths: &StandardPaths, language: Language, output: &Output) -> Result<Exit, Stop> {
    for info in installed(paths)? {
        let count = open(&info)?.len();
        let CodeListInfo { uri, version, title, source } = &info;
        if output.is_json {
            output.json(&json!({
                "uri": uri, "version": version, "title": title, "codes": count, "source": source,
            }));
        } else {
            let codes = language.of("Codes", "codes");
            output.line(format_args!("{uri} {version}: {title}, {count} {codes} ({source})"));
        }
    }
    Ok(Exit::Done)
}

fn show(
    (uri, version): (&str, &str),
    code: Option<&str>,
    paths: &StandardPaths,
    output: &Output,
) -> Result<Exit, Stop> {
    let list = find(&installed(paths)?, uri, version)?;
    if let Some(code) = code
        && !list.contains(code)
    {
        let what = format!("no code `{code}` in version {version} of `{uri}`");
        return Err(Stop::new(Exit::Refused, codes::NOT_INSTALLED, what));
    }
    for (found, name) in list.iter().filter(|(found, _)| code.is_none_or(|code| code == *found)) {
        match output.is_json {
            true => output.json(&json!({ "code": found, "name": name })),
            false => output.line(format_args!("{found}  {name}")),
        }
    }
    Ok(Exit::Done)
}

fn find(installed: &[CodeListInfo], uri: &str, version: &str) -> Result<CodeList, Stop> {
    let of_uri = || installed.iter().filter(|info| info.uri == uri);
    if let Some(info) = of_uri().find(|info| info.version == version) {
        return open(info);
    }
    let versions: Vec<&str> = of_uri().map(|info| info.version.as_str()).collect();
    let what = match versions.as_slice() {
        [] => format!("no code list `{uri}`"),
        versions => format!("no version {version} of `{uri}`; there are: {}", versions.join(", ")),
    };
    Err(Stop::new(Exit::Refused, codes::NOT_INSTALLED, what))
}

fn diff(
    of: &[String],
    paths: &StandardPaths,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let (older, newer) = match of {
        [uri, older, newer] => {
            let installed = installed(paths)?;
            (find(&installed, uri, older)?, find(&installed, uri, newer)?)
        }
        [older, newer] => (file(Path::new(older))?, file(Path::new(newer))?),
        _ => return Err(Stop::usage(codes::NOT_INSTALLED, "two files, or a URI and two versions")),
    };
    let difference = codelist::difference(&older, &newer);
    match output.is_json {
        true => output.json(&as_json(&older, &newer, &difference)),
        false => tell(&older, &newer, &difference, language, output),
    }
    Ok(Exit::Done)
}

fn file(path: &Path) -> Result<CodeList, Stop> {
    let text = String::from_utf8(files::read(path)?).map_err(|error| error.to_string());
    let list =
        text.and_then(|text| codelist::genericode::read(&text).map_err(|fault| fault.to_string()));
    list.map_err(|why| {
        let what = format!("`{}`: {why}", path.display());
        Stop::new(Exit::Refused, standards::codes::IMPORT_UNCLEAR, what)
    })
}

fn as_json(older: &CodeList, newer: &CodeList, difference: &Difference) -> serde_json::Value {
    let codes = |codes: &[(String, String)]| -> Vec<_> {
        codes.iter().map(|(code, name)| json!({ "code": code, "name": name })).collect()
    };
    let renamed = difference.renamed.iter();
    let renamed = renamed.map(|r| json!({ "code": r.code, "from": r.from, "to": r.to }));
    json!({
        "older": { "uri": older.uri, "version": older.version },
        "newer": { "uri": newer.uri, "version": newer.version },
        "added": codes(&difference.added),
        "removed": codes(&difference.removed),
        "renamed": renamed.collect::<Vec<_>>(),
    })
}

fn tell(
    older: &CodeList,
    newer: &CodeList,
    difference: &Difference,
    language: Language,
    output: &Output,
) {
    let (from, to) = (&older.version, &newer.version);
    output.line(format_args!("{}: {from} → {to}", newer.uri));
    for (code, name) in &difference.added {
        output.line(format_args!("  + {code}  {name}"));
    }
    for (code, name) in &difference.removed {
        output.line(format_args!("  - {code}  {name}"));
    }
    for renamed in &difference.renamed {
        output.line(format_args!("  ~ {}  {} → {}", renamed.code, renamed.from, renamed.to));
    }
    let (added, removed) = (difference.added.len(), difference.removed.len());
    let renamed = difference.renamed.len();
    output.line(match language {
        Language::De => format!("{added} neu, {removed} entfallen, {renamed} umbenannt"),
        Language::En => format!("{added} added, {removed} removed, {renamed} renamed"),
    });
}
