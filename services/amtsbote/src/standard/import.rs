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
    check,
    cli::{Destination, Language, StandardImport},
    codes,
    config::Config,
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
    let config = configuration(&args.into)?;
    let (into, paths) = folders(&args.into, config.as_ref())?;
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
    place.install(&plan.files, |beside| load_beside(&plan, &place, beside, &paths))?;
    match output.is_json {
        true => output.json(&as_json(&plan, &place)),
        false => tell(&plan, &place, config.as_ref(), language, output),
    }
    Ok(Exit::Done)
}

/// The configuration that is named, if one is.
pub(crate) fn configuration(into: &Destination) -> Result<Option<Config>, Stop> {
    Ok(into.config.as_deref().map(|file| check::read(Some(file))).transpose()?)
}

/// The folder to install into, and all folders of standards.
pub(crate) fn folders(
    into: &Destination,
    config: Option<&Config>,
) -> Result<(PathBuf, Vec<PathBuf>), Stop> {
    let mut paths = config.map(|config| config.standards.paths.clone()).unwrap_or_default();
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
fn load_beside(plan: &Plan, place: &Place, beside: &Path, paths: &[PathBuf]) -> Result<(), Stop> {
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

fn tell(plan: &Plan, place: &Place, config: Option<&Config>, language: Language, output: &Output) {
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
    next(plan, place, config, language, output);
}

/// What an operator does next.
fn next(plan: &Plan, place: &Place, config: Option<&Config>, language: Language, output: &Output) {
    let of = |german, english| language.of(german, english);
    let folder = place.folder();
    output.line(of("nächste Schritte:", "next steps:"));
    let look_at = of("ansehen", "look at");
    output.line(format_args!("  {look_at}: {}", folder.join("standard.toml").display()));
    let into = folder.ancestors().nth(2).unwrap_or(&folder).display().to_string();
    let (check, document) = (of("prüfen", "check"), of("DOKUMENT", "DOCUMENT"));
    output.line(format_args!("  {check}: amtsbote standard check {document} --path {into}"));
    if config.is_none() {
        let paths =
            of("in der Konfiguration unter [standards]", "in the configuration, below [standards]");
        output.line(format_args!("  {paths}: paths = [{into:?}]"));
    }
    let domains: BTreeSet<&str> = plan.messages.iter().map(|[_, _, domain]| &**domain).collect();
    let is_routed = |domain: &&str| {
        let routes = config.into_iter().flat_map(|config| &config.routes);
        routes
            .into_iter()
            .any(|route| route.domain.as_ref().is_none_or(|of| of.as_str() == *domain))
    };
    let new: Vec<&str> = domains.into_iter().filter(|domain| !is_routed(domain)).collect();
    if new.is_empty() {
        output.line(of(
            "  ein laufendes Gateway übernimmt den Standard auf SIGHUP (kill -HUP)",
            "  a running gateway picks it up on SIGHUP (kill -HUP)",
        ));
        return;
    }
    output.line(of(
        "  eine Route; Routen liest ein Gateway beim Start:",
        "  a route; a gateway reads routes at its start:",
    ));
    for domain in new {
        output.line(format_args!("    [[route]]\n    domain = {domain:?}"));
    }
    output.line(of(
        "  gibt es sie schon, übernimmt ein laufendes Gateway den Standard auf SIGHUP (kill -HUP)",
        "  where there is one, a running gateway picks the standard up on SIGHUP (kill -HUP)",
    ));
}
