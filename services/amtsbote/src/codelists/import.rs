//! `amtsbote codes import`: genericode files into the folder of standards, all or none of them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use standards::{
    codelist::{self, CodeList},
    import::ListInfo,
};

use crate::{
    cli::{CodesImport, Language},
    codes,
    exit::{Exit, Stop},
    output::Output,
    standard::{self, import, sources},
};

/// Where code lists lie in a folder of standards.
const FOLDER: &str = "codelists";

/// What becomes of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Installed,
    Replaced,
    /// It is there already and says the same.
    Kept,
}

/// One list on its way.
struct Arrival {
    info: ListInfo,
    bytes: Vec<u8>,
    place: PathBuf,
    fate: Fate,
}

/// Runs the command.
pub(super) fn import(
    args: &CodesImport,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let config = import::configuration(&args.into)?;
    let (into, mut paths) = import::folders(&args.into, config.as_ref())?;
    paths.retain(|path| path.is_dir());
    let installed = codelist::installed(&paths).map_err(|error| standard::faulty(&error))?;
    let known: BTreeMap<_, _> =
        installed.iter().map(|info| ((info.uri.as_str(), info.version.as_str()), info)).collect();
    let mut arrivals: Vec<Arrival> = Vec::new();
    for path in &args.files {
        let lists = sources::package(path)?.code_lists().map_err(sources::stop)?;
        if lists.is_empty() {
            let what = format!("`{}` holds no code list", path.display());
            return Err(Stop::new(Exit::Refused, standards::codes::IMPORT_UNREADABLE, what));
        }
        for (info, bytes) in lists {
            let place = into.join(FOLDER).join(codelist::file_name(&info.uri, &info.version));
            let before = known.get(&(info.uri.as_str(), info.version.as_str()));
            let fate = match before {
                None => Fate::Installed,
                Some(before) => {
                    fate(&info, &bytes, Path::new(&before.source), &place, args.replace)?
                }
            };
            arrivals.push(Arrival { info, bytes, place, fate });
        }
    }
    agree(&arrivals)?;
    for arrival in arrivals.iter().filter(|arrival| arrival.fate != Fate::Kept) {
        write(&arrival.place, &arrival.bytes).map_err(|error| {
            let what = format!("write `{}`: {error}", arrival.place.display());
            Stop::usage(codes::INSTALL_FAILED, what)
        })?;
    }
    arrivals.iter().for_each(|arrival| tell(arrival, language, output));
    Ok(Exit::Done)
}

/// What becomes of a list whose version is there already, in `before`.
fn fate(
    info: &ListInfo,
    bytes: &[u8],
    before: &Path,
    place: &Path,
    replaces: bool,
) -> Result<Fate, Stop> {
    let is_same = fs::read(before).is_ok_and(|there| says_the_same(&there, bytes));
    if is_same {
        return Ok(Fate::Kept);
    }
    if replaces && before == place {
        return Ok(Fate::Replaced);
    }
    let (uri, version) = (&info.uri, &info.version);
    let what = format!(
        "version {version} of `{uri}` is installed in `{}` and says something else",
        before.display()
    );
    let way_out = match before == place {
        true => "`--replace` puts the new one in its place",
        false => "one version of a list has one meaning: mend the other place first",
    };
    let stop = Stop::new(Exit::Refused, codes::STANDARD_INSTALLED, what);
    Err(stop.with_details(vec![way_out.to_owned()]))
}

/// Lists that come twice in one command must not contradict each other.
fn agree(arrivals: &[Arrival]) -> Result<(), Stop> {
    for (number, one) in arrivals.iter().enumerate() {
        let earlier = arrivals.iter().take(number).find(|other| other.place == one.place);
        if earlier.is_some_and(|other| !says_the_same(&other.bytes, &one.bytes)) {
            let (uri, version) = (&one.info.uri, &one.info.version);
            let what = format!("version {version} of `{uri}` comes twice and differs");
            return Err(Stop::new(Exit::Refused, standards::codes::IMPORT_UNCLEAR, what));
        }
    }
    Ok(())
}

fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    let read = |bytes: &[u8]| -> Option<CodeList> {
        codelist::genericode::read(std::str::from_utf8(bytes).ok()?).ok()
    };
    let is_same =
        |(one, other): (CodeList, CodeList)| codelist::difference(&one, &other).is_empty();
    one == other || read(one).zip(read(other)).is_some_and(is_same)
}

/// Writes beside, syncs, and renames.
fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A name that no loader looks for.
    let beside = place.with_extension(format!("xml-{}", std::process::id()));
    let mut file = File::create(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&beside, place)) {
        drop(fs::remove_file(&beside));
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn tell(arrival: &Arrival, language: Language, output: &Output) {
    let ListInfo { uri, version, codes } = &arrival.info;
    if output.is_json {
        let fate = match arrival.fate {
            Fate::Installed => "installed",
            Fate::Replaced => "replaced",
            Fate::Kept => "kept",
        };
        output.json(&json!({
            "uri": uri,
            "version": version,
            "codes": codes,
            "fate": fate,
            "file": arrival.place.display().to_string(),
        }));
        return;
    }
    let fate = match arrival.fate {
        Fate::Installed => language.of("installiert", "installed"),
        Fate::Replaced => language.of("ersetzt", "replaced"),
        Fate::Kept => language.of("schon da", "there already"),
    };
    output.line(format_args!("{fate}: {uri} {version}, {codes} {}", language.of("Codes", "codes")));
}
