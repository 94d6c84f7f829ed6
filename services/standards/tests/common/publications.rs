//! Published schemas and our own, installed as made-up standards, and the documents of them.

use std::path::{Path, PathBuf};

use standards::{Options, Proofs, Standards};

use super::{Folder, installed, made_up, schemas};

const XWASSER: &str = "https://gitlab.opencode.de/akdb/xoev/xwasser/-/raw/main/V1_0_0";

/// Schemas below the folder of published data: id, place, namespace and roots they are for.
pub(crate) const SCHEMAS: [(&str, &str, &str, &[&str]); 4] = [
    ("cases", "xsd-cases/main.xsd", "urn:m", &["nachricht"]),
    (
        "xwasser",
        "xwasser-1.0.0/xsd/xwasser.xsd",
        XWASSER,
        &["administration.quittung.0020", "vorgang.transportieren.2010"],
    ),
    (
        "xdomea2",
        "xdomea/2.3.0/xsd/xdomea-Nachrichten-AussonderungDurchfuehren.xsd",
        "urn:xoev-de:xdomea:schema:2.3.0",
        XDOMEA,
    ),
    ("xdomea3", "xdomea/3.0.0/xsd/xdomea.xsd", "urn:xoev-de:xdomea:schema:3.0.0", XDOMEA),
];

const XDOMEA: &[&str] = &[
    "Aussonderung.Anbieteverzeichnis.0501",
    "Aussonderung.Bewertungsverzeichnis.0502",
    "Aussonderung.Aussonderung.0503",
    "Aussonderung.AnbietungEmpfangBestaetigen.0504",
];

/// What is installed, and where.
pub(crate) struct Shelf {
    pub(crate) standards: Standards,
    pub(crate) folders: Vec<Folder>,
}

impl Shelf {
    /// The built-in standards, the schema of `xsd_cases/faults.xsd`, and those published in `data`.
    pub(crate) fn of(data: Option<&Path>, workers: usize) -> Self {
        Self::with(data, Options { workers, ..Options::default() })
    }

    /// The same, where so many of a million documents that are proven go the validator's way too.
    pub(crate) fn checked_twice(data: Option<&Path>, workers: usize, cross_check_ppm: u32) -> Self {
        Self::with(data, Options { workers, cross_check_ppm, ..Options::default() })
    }

    fn with(data: Option<&Path>, options: Options) -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xsd_cases");
        let mut folders = vec![install(&own, "faults", "data/faults.xsd", "urn:faults", &["r"])];
        if let Some(data) = data {
            for (id, schema, namespace, names) in SCHEMAS {
                folders.push(install(data, id, &format!("data/{schema}"), namespace, names));
            }
        }
        let paths = folders.iter().map(|folder| folder.0.clone()).collect();
        let options = Options { paths, ..options };
        let standards = Standards::load(options).unwrap_or_else(|error| panic!("{error}"));
        Self { standards, folders }
    }

    /// How many documents were proven, and about how many of them the two ways disagreed.
    pub(crate) fn proven(&self) -> (u64, u64) {
        let proofs = self.standards.proofs(|_, _| true);
        let sum = |of: fn(&Proofs) -> u64| proofs.iter().map(of).sum();
        (sum(|standard| standard.proven), sum(|standard| standard.disagreements))
    }
}

/// Installs the schema at `entry`, where `data` is a link to the folder of that name.
pub(crate) fn install(
    data: &Path,
    id: &str,
    entry: &str,
    namespace: &str,
    names: &[&str],
) -> Folder {
    let catalog = data.join("catalog.xml").exists().then_some("data/catalog.xml");
    let files = made_up((id, "1"), namespace, (entry, catalog), names);
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, &**text)).collect();
    installed(data, id, "1", &files)
}

/// The files of a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All examples below the repository's `schemas/`, valid and not.
pub(crate) fn examples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for version in
        files(&schemas()).iter().filter(|path| path.is_dir()).flat_map(|path| files(path))
    {
        for kind in ["valid", "invalid"] {
            let folder = version.join("examples").join(kind);
            if folder.is_dir() {
                found.extend(files(&folder));
            }
        }
    }
    found.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.ends_with(".canonical.json") && (name.ends_with(".xml") || name.ends_with(".json"))
    });
    found
}

/// All published samples.
pub(crate) fn samples(data: &Path) -> Vec<PathBuf> {
    let folders = [
        "xsd-cases/cases",
        "xwasser-1.0.0/samples",
        "xdomea/2.3.0/samples",
        "xdomea/3.0.0/samples",
    ];
    folders.iter().flat_map(|folder| files(&data.join(folder))).collect()
}
