//! `amtsbote standard import`: a package becomes an installed standard, or every reason why not is told.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::json;
use standards::{
    Options,
    import::{self, Plan, Request},
};

use super::{install::Place, load, sources};
use crate::{
    check as configuration,
    cli::{Destination, Language, StandardImport},
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// Message types that are listed for people.
const MESSAGES_SHOWN: usize = 200;

/// Runs the command.
pub(super) fn import(
    args: &StandardImport,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let (into, paths) = folders(&args.into)?;
    let replaced = args.name.as_ref().map(|(id, version)| into.join(id).join(version));
    let mut installed = Vec::new();
    for path in &paths {
        installed.extend(sources::installed(path, replaced.as_deref())?);
    }
    let with = args.with.iter().map(|path| sources::package(path)).collect::<Result<_, Stop>>()?;
    let request = Request {
        package: sources::package(&args.package)?,
        catalogue: args.catalog.as_deref().map(sources::catalogue).transpose()?,
        with,
        installed,
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        dialect: args.dialect.clone(),
        paths: paths.clone(),
    };
    let plan = import::plan(request).map_err(sources::stop)?;
    let place = Place::new(&into, &plan.id, &plan.version, args.replace)?;
    place.install(&plan.files, |beside| check(&plan, &place, beside, &paths))?;
    let is_configured = args.into.config.is_some();
    match output.is_json {
        true => output.json(&as_json(&plan, &place)),
        false => tell(&plan, &place, is_configured, language, output),
    }
    Ok(Exit::Done)
}

/// The folder to install into, and all folders of standards.
pub(crate) fn folders(into: &Destination) -> Result<(PathBuf, Vec<PathBuf>), Stop> {
    let mut paths = match &into.config {
        Some(file) => configuration::read(Some(file))?.standards.paths,
        None => Vec::new(),
    };
    let Some(folder) = into.into.clone().or_else(|| paths.first().cloned()) else {
        let what = match into.config {
            Some(_) => "the configuration names no folder of standards",
            None => "no folder of standards is named",
        };
        let ways_out = vec![
            "`--into DIR` names one".to_owned(),
            "`--config FILE` takes the first of its `[standards] paths`".to_owned(),
        ];
        return Err(Stop::usage(codes::NO_FOLDER, what).with_details(ways_out));
    };
    if !paths.contains(&folder) {
        paths.push(folder.clone());
    }
    Ok((folder, paths))
}

/// Loads what was written beside its place together with everything else there is, as a gateway would.
fn check(plan: &Plan, place: &Place, beside: &Path, paths: &[PathBuf]) -> Result<(), Stop> {
    let folder = beside.join(&plan.id).join(&plan.version);
    let checked = if plan.namespace.is_some() {
        let mut paths: Vec<PathBuf> = paths.iter().filter(|path| path.is_dir()).cloned().collect();
        paths.push(beside.to_owned());
        let except = vec![place.folder()];
        load(Options { paths, except, workers: 1, ..Options::default() }).map(drop)
    } else {
        let catalogue = Some(folder.join("catalog.xml")).filter(|file| file.is_file());
        let catalogue = catalogue.map(|file| file.display().to_string());
        let entry = folder.join(&plan.entry).display().to_string();
        import::compile(&entry, catalogue.as_deref()).map_err(|error| {
            let details = error.faults.iter().map(ToString::to_string).collect();
            Stop::usage(error.code(), "the schemas do not compile").with_details(details)
        })
    };
    checked.map_err(|stop| {
        // The files are named as they would lie, and then they lie nowhere.
        let (written, meant) = (folder.display().to_string(), place.folder().display().to_string());
        let details = stop.details.iter().map(|detail| detail.replace(&written, &meant)).collect();
        let what = format!("{}; nothing was installed", stop.what);
        Stop::new(Exit::Refused, &stop.code, what).with_details(details)
    })
}

fn as_json(plan: &Plan, place: &Place) -> serde_json::Value {
    let messages = plan
        .messages
        .iter()
        .map(|[name, title, domain]| json!({ "name": name, "title": title, "domain": domain }));
    let lists = plan.code_lists.iter();
    let lists = lists.map(|l| json!({ "uri": l.uri, "version": l.version, "codes": l.codes }));
    let resolved = plan.resolved.iter().map(|(url, from)| json!({ "location": url, "from": from }));
    json!({
        "id": plan.id,
        "version": plan.version,
        "title": plan.title,
        "folder": place.folder().display().to_string(),
        "namespace": plan.namespace,
        "dialect": plan.dialect,
        "entry": plan.entry,
        "is_known": plan.is_known,
        "message_types": messages.collect::<Vec<_>>(),
        "code_lists": lists.collect::<Vec<_>>(),
        "from_elsewhere": resolved.collect::<Vec<_>>(),
        "guessed": plan.guessed,
        "other_namespaces": plan.others,
        "left_out": plan.left_out,
    })
}

fn tell(plan: &Plan, place: &Place, is_configured: bool, language: Language, output: &Output) {
    let of = |german, english| language.of(german, english);
    let (id, version, folder) = (&plan.id, &plan.version, place.folder());
    let installed = of("installiert", "installed");
    output.line(format_args!("{installed}: {id} {version} ({}) {}", plan.title, folder.display()));
    let Some(namespace) = &plan.namespace else {
        output.line(of(
            "  Bausteine ohne Nachrichten: spätere Importe finden ihre Schemata hier",
            "  building blocks without messages: later imports find their schemas here",
        ));
        return;
    };
    output.line(format_args!("  {}: {namespace}", of("Namensraum", "namespace")));
    output.line(format_args!("  {}: {}", of("Kopf", "header"), plan.dialect));
    let count = plan.messages.len();
    output.line(format_args!("  {}: {count}", of("Nachrichtentypen", "message types")));
    for [name, title, _] in plan.messages.iter().take(MESSAGES_SHOWN) {
        output.line(format_args!("    {name}: {title}"));
    }
    if MESSAGES_SHOWN < count {
        output.line(format_args!("    … {} {}", count - MESSAGES_SHOWN, of("weitere", "more")));
    }
    output.line(format_args!("  {}: {}", of("Codelisten", "code lists"), plan.code_lists.len()));
    for list in &plan.code_lists {
        let codes = of("Codes", "codes");
        output.line(format_args!("    {} {} ({} {codes})", list.uri, list.version, list.codes));
    }
    for (location, from) in &plan.resolved {
        output.line(format_args!("  {location} {} {from}", of("aus", "from")));
    }
    if plan.is_known {
        output.line(of(
            "  Nachrichten und Zuordnung sind die von Amtsbote für diesen Standard",
            "  messages and mapping are Amtsbote's own for this standard",
        ));
    } else if !plan.guessed.is_empty() {
        let guessed =
            of("aus den Schemata erschlossen, bitte prüfen", "told from the schemas, please check");
        output.line(format_args!("  {guessed}: {}", plan.guessed.join(", ")));
    }
    for other in &plan.others {
        let more = of("weitere Nachrichten, nicht installiert", "further messages, not installed");
        output.line(format_args!("  {more}: --namespace {other}"));
    }
    let left_out = of("nicht gebrauchte Dateien", "files not needed");
    output.line(format_args!("  {left_out}: {}", plan.left_out));
    next(plan, place, is_configured, language, output);
}

/// What an operator does next.
fn next(plan: &Plan, place: &Place, is_configured: bool, language: Language, output: &Output) {
    let of = |german, english| language.of(german, english);
    let folder = place.folder();
    output.line(of("nächste Schritte:", "next steps:"));
    output.line(format_args!(
        "  {}: {}",
        of("ansehen", "look at"),
        folder.join("standard.toml").display()
    ));
    let into = folder.ancestors().nth(2).unwrap_or(&folder).display().to_string();
    let document = of("DOKUMENT", "DOCUMENT");
    output.line(format_args!(
        "  {}: amtsbote standard check {document} --path {into}",
        of("prüfen", "check")
    ));
    if !is_configured {
        let paths =
            of("in der Konfiguration unter [standards]", "in the configuration, below [standards]");
        output.line(format_args!("  {paths}: paths = [{into:?}]"));
    }
    output.line(of(
        "  in der Konfiguration, wenn sie Routen nennt:",
        "  in the configuration, where it has routes:",
    ));
    let domains: BTreeSet<&str> = plan.messages.iter().map(|[_, _, domain]| &**domain).collect();
    for domain in domains {
        output.line(format_args!("    [[route]]\n    domain = {domain:?}"));
    }
    output.line(of(
        "  ein laufendes Gateway übernimmt den Standard auf SIGHUP, sonst beim nächsten Start",
        "  a running gateway picks it up on SIGHUP, otherwise at its next start",
    ));
}
