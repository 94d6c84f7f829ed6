//! Puts the folder of a standard into its place: written beside it, synced, loaded as the gateway would,
//! and only then moved in. Whatever interrupts it, the place holds all of the old or all of the new.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use crate::{
    codes,
    exit::{Exit, Stop},
};

/// Begins the names of folders that an import makes beside the standards.
const BESIDE: &str = ".amtsbote-import-";
/// Ends the name of the folder that an old version is moved to.
const OLD: &str = "old";

/// A folder of standards, and the place of one in it.
#[derive(Debug)]
pub(crate) struct Place {
    into: PathBuf,
    id: String,
    version: String,
}

impl Place {
    /// The place of `id`, `version` in `into`; it must be free unless `replaces`.
    pub(crate) fn new(into: &Path, id: &str, version: &str, replaces: bool) -> Result<Self, Stop> {
        let place = Self { into: into.to_owned(), id: id.to_owned(), version: version.to_owned() };
        place.restore()?;
        place.sweep();
        if place.folder().exists() && !replaces {
            let what = format!("`{}` is installed already", place.folder().display());
            let way_out = "`--replace` puts the new one in its place, `--as` gives it another name"
                .to_owned();
            return Err(Stop::new(Exit::Refused, codes::STANDARD_INSTALLED, what)
                .with_details(vec![way_out]));
        }
        Ok(place)
    }

    /// Where the standard is to lie.
    pub(crate) fn folder(&self) -> PathBuf {
        self.into.join(&self.id).join(&self.version)
    }

    /// Writes `files` beside, has `check` look at the folder they are in, and moves them in.
    pub(crate) fn install(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        check: impl FnOnce(&Path) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let beside = self.beside();
        let written = self.write(&beside, files);
        let checked = written.and_then(|()| check(&beside));
        let moved = checked.and_then(|()| self.move_in(&beside));
        // What is left of an attempt is in nobody's way: no standard is looked for there.
        drop(fs::remove_dir_all(&beside));
        moved
    }

    fn beside(&self) -> PathBuf {
        self.into.join(format!("{BESIDE}{}", std::process::id()))
    }

    fn old(&self) -> PathBuf {
        self.into.join(format!("{BESIDE}{}-{}-{OLD}", self.id, self.version))
    }

    fn write(&self, beside: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Stop> {
        let folder = beside.join(&self.id).join(&self.version);
        let write = || -> io::Result<()> {
            drop(fs::remove_dir_all(beside));
            fs::create_dir_all(&folder)?;
            let mut parents = std::collections::BTreeSet::from([folder.clone()]);
            for (path, content) in files {
                // Checked where packages are read; here it would cost somebody's files.
                let is_below = |part| matches!(part, Component::Normal(_));
                if !Path::new(path).components().all(is_below) {
                    return Err(io::Error::other(format!("`{path}` leads out of the folder")));
                }
                let path = folder.join(path);
                for parent in
                    path.ancestors().skip(1).take_while(|parent| parent.starts_with(&folder))
                {
                    parents.insert(parent.to_owned());
                }
                fs::create_dir_all(path.parent().unwrap_or(&folder))?;
                let mut file = File::create(&path)?;
                file.write_all(content)?;
                file.sync_all()?;
            }
            parents.iter().try_for_each(|parent| sync(parent))
        };
        write().map_err(|error| self.failed("write", beside, &error))
    }

    fn move_in(&self, beside: &Path) -> Result<(), Stop> {
        let (new, place, old) =
            (beside.join(&self.id).join(&self.version), self.folder(), self.old());
        let parent = self.into.join(&self.id);
        let move_in = || -> io::Result<()> {
            fs::create_dir_all(&parent)?;
            let has_old = place.exists();
            if has_old {
                fs::rename(&place, &old)?;
            }
            // Killed here, the next import puts the old one back.
            if let Err(error) = fs::rename(&new, &place) {
                if has_old {
                    fs::rename(&old, &place)?;
                }
                return Err(error);
            }
            sync(&parent)?;
            sync(&self.into)?;
            if has_old {
                fs::remove_dir_all(&old)?;
            }
            Ok(())
        };
        move_in().map_err(|error| self.failed("move into", &place, &error))
    }

    /// Removes what imports left behind that were killed while they wrote.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.into).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix(BESIDE).and_then(|rest| rest.parse::<u32>().ok());
            let is_gone = |process: u32| !Path::new("/proc").join(process.to_string()).exists();
            if process.is_some_and(is_gone) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// Puts back what an import had moved away when it was killed.
    fn restore(&self) -> Result<(), Stop> {
        let (old, place) = (self.old(), self.folder());
        if !old.exists() {
            return Ok(());
        }
        let restored = match place.exists() {
            true => fs::remove_dir_all(&old),
            false => fs::rename(&old, &place),
        };
        restored.map_err(|error| self.failed("put back", &place, &error))
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error) -> Stop {
        let what = format!("{what} `{}`: {error}; nothing was installed", path.display());
        Stop::usage(codes::INSTALL_FAILED, what)
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Temporary(PathBuf);

    impl Temporary {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path =
                std::env::temp_dir().join(format!("install-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([("xsd/deep/a.xsd".to_owned(), text.as_bytes().to_vec())])
    }

    fn content(folder: &Temporary) -> Option<String> {
        fs::read_to_string(folder.0.join("x/1/xsd/deep/a.xsd")).ok()
    }

    fn names(folder: &Temporary) -> Vec<String> {
        let names = fs::read_dir(&folder.0).unwrap();
        let mut names: Vec<String> =
            names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_does_not_pass_the_check_leaves_nothing() {
        let folder = Temporary::new();
        let place = Place::new(&folder.0, "x", "1", false).unwrap();
        let refused = place.install(&files("new"), |beside| {
            assert!(beside.join("x/1/xsd/deep/a.xsd").is_file());
            Err(Stop::usage("AB-4900", "no"))
        });
        assert_eq!(refused.unwrap_err().code, "AB-4900");
        assert_eq!(names(&folder), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_written_outside_of_the_folder() {
        let folder = Temporary::new();
        for path in ["../a.xsd", "/tmp/a.xsd", "xsd/../../../../a.xsd"] {
            let files = BTreeMap::from([(path.to_owned(), Vec::new())]);
            let place = Place::new(&folder.0, "x", "1", false).unwrap();
            assert_eq!(place.install(&files, |_| Ok(())).unwrap_err().code, "AB-5072", "{path}");
            assert_eq!(names(&folder), Vec::<String>::new());
        }
    }

    #[test]
    fn an_old_version_stays_until_the_new_one_is_sound() {
        let folder = Temporary::new();
        Place::new(&folder.0, "x", "1", false).unwrap().install(&files("old"), |_| Ok(())).unwrap();
        assert_eq!(Place::new(&folder.0, "x", "1", false).unwrap_err().code, "AB-5071");
        let place = Place::new(&folder.0, "x", "1", true).unwrap();
        place.install(&files("bad"), |_| Err(Stop::usage("AB-4900", "no"))).unwrap_err();
        assert_eq!(content(&folder).as_deref(), Some("old"));
        place.install(&files("new"), |_| Ok(())).unwrap();
        assert_eq!(
            (content(&folder).as_deref(), names(&folder)),
            (Some("new"), vec!["x".to_owned()])
        );
    }

    #[test]
    fn what_a_killed_import_left_is_swept_and_what_one_writes_now_is_not() {
        let folder = Temporary::new();
        let (gone, own) =
            (format!("{BESIDE}{}", u32::MAX), format!("{BESIDE}{}", std::process::id()));
        for name in [&gone, &own] {
            fs::create_dir_all(folder.0.join(name).join("x/1")).unwrap();
        }
        drop(Place::new(&folder.0, "x", "1", false).unwrap());
        assert_eq!(names(&folder), [own]);
    }

    #[test]
    fn an_import_that_was_killed_between_two_moves_is_put_right_by_the_next() {
        let folder = Temporary::new();
        let place = Place::new(&folder.0, "x", "1", false).unwrap();
        place.install(&files("old"), |_| Ok(())).unwrap();
        fs::rename(place.folder(), place.old()).unwrap();
        assert_eq!(Place::new(&folder.0, "x", "1", false).unwrap_err().code, "AB-5071");
        assert_eq!(content(&folder).as_deref(), Some("old"));
    }
}
