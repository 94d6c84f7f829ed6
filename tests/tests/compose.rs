//! What can be said of `docker-compose.yml` without a container engine: that its parts fit together,
//! and that each role accepts its file in the environment it is given.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use tests::{configuration::ROLES, process, source};
use yaml_rust2::{Yaml, YamlLoader};

const FOLDER: &str = "/var/lib/amtsbote";

fn compose() -> Yaml {
    let text = source::read("docker-compose.yml");
    YamlLoader::load_from_str(&text).expect("YAML").remove(0)
}

/// A service's own key, or that of what it is merged with.
fn key<'y>(service: &'y Yaml, key: &str) -> &'y Yaml {
    match &service[key] {
        Yaml::BadValue => &service["<<"][key],
        own => own,
    }
}

fn texts(list: &Yaml) -> Vec<&str> {
    list.as_vec().into_iter().flatten().filter_map(Yaml::as_str).collect()
}

fn pairs(table: &Yaml) -> BTreeMap<&str, &str> {
    let pairs = table.as_hash().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?))).collect()
}

fn names(table: &Yaml) -> BTreeSet<&str> {
    table.as_hash().into_iter().flatten().filter_map(|(name, _)| name.as_str()).collect()
}

/// Names of `${NAME}` and `${NAME:-otherwise}`, and whether there is an otherwise.
fn variables(text: &str) -> BTreeMap<&str, bool> {
    let inside = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    inside
        .map(|inside| inside.split_once(":-").map_or((inside, false), |(name, _)| (name, true)))
        .collect()
}

#[test]
fn every_file_volume_and_service_that_is_named_is_there() {
    let compose = compose();
    let services = names(&compose["services"]);
    assert_eq!(services, ["console", "dispatcher", "gateway", "init", "kafka"].into());
    let mut mounted = BTreeSet::new();
    for name in &services {
        let service = &compose["services"][*name];
        for volume in texts(key(service, "volumes")) {
            let from = volume.split(':').next().unwrap_or_default();
            match from.strip_prefix("./") {
                Some(path) => assert!(source::root().join(path).is_file(), "{name}: {path}"),
                None => drop(mounted.insert(from)),
            }
        }
        for needed in names(key(service, "depends_on")) {
            assert!(services.contains(needed), "{name} depends on {needed}");
        }
        // There is no login yet: nothing is published to others.
        for port in texts(key(service, "ports")) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        if *name != "kafka" {
            assert_eq!(key(service, "image").as_str(), Some("amtsbote"), "one image for all");
        }
    }
    assert_eq!(mounted, names(&compose["volumes"]), "volumes");
    assert_eq!(compose["services"]["kafka"]["image"].as_str(), Some("apache/kafka:4.3.1"));
    let build = &compose["services"]["init"]["build"];
    let dockerfile = build["dockerfile"].as_str().expect("a path");
    assert!(source::root().join(dockerfile).is_file(), "{dockerfile}");
}

#[test]
fn every_role_has_the_variables_its_file_asks_for_and_no_others() {
    let compose = compose();
    for role in ROLES {
        let text = source::read(&format!("deploy/{role}.toml"));
        let asked = variables(&text);
        let given = pairs(&compose["services"][role]["environment"]);
        for (name, has_otherwise) in &asked {
            assert!(*has_otherwise || given.contains_key(name), "{role} lacks {name}");
        }
        for name in given.keys() {
            assert!(asked.contains_key(name), "{role} is given {name} for nothing");
        }
    }
}

#[test]
fn every_role_accepts_its_file_and_is_asked_for_its_health_where_it_tells_it() {
    let compose = compose();
    let folder = std::env::temp_dir().join(format!("amtsbote-test-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(folder.join("secrets")).expect("a folder for temporary files");
    for secret in ["landesportal", "status"] {
        let file = folder.join(format!("secrets/{secret}.token"));
        fs::write(file, "a-token-of-some-length").expect("a file in a folder of ours");
    }
    for role in ROLES {
        let service = &compose["services"][role];
        let command = texts(&service["command"]);
        let file = format!("/etc/amtsbote/{role}.toml");
        assert_eq!(command, ["run", role, "--config", &file]);
        let mount = format!("./deploy/{role}.toml:{file}:ro");
        assert!(texts(&service["volumes"]).contains(&mount.as_str()), "{role}: {mount}");
        let environment = pairs(&service["environment"]);
        let here = folder.display().to_string();
        let variables =
            environment.iter().map(|(name, value)| (name, value.replace(FOLDER, &here)));
        let checked = Command::new(process::binary())
            .args(["check", "--role", role])
            .arg(source::root().join(format!("deploy/{role}.toml")))
            .envs(variables)
            .output()
            .expect("the program can be started");
        let said = String::from_utf8_lossy(&checked.stdout);
        let warned = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{role}: {said}{warned}");
        assert_eq!(warned, "", "{role}: nothing doubtful is shipped");

        let health = texts(&service["healthcheck"]["test"]);
        let [how, program, what, url] = health.as_slice() else { panic!("{role}: {health:?}") };
        assert_eq!([*how, *program, *what], ["CMD", "amtsbote", "health"]);
        let port = url.rsplit(':').next().expect("a port");
        let listens = if role == "console" { "_LISTEN" } else { "_OPERATIONS" };
        let told = environment.iter().find(|(name, _)| name.ends_with(listens));
        let (_, told) = told.unwrap_or_else(|| panic!("{role} listens"));
        assert_eq!(*told, format!("0.0.0.0:{port}"), "{role}");
    }
    fs::remove_dir_all(folder).expect("a folder of ours");
}

#[test]
fn the_image_runs_as_nobody_who_may_do_much() {
    let text = source::read("deploy/Dockerfile");
    let last = text.rsplit("\nFROM ").next().expect("stages");
    assert!(last.starts_with("debian:") && last.contains("\nUSER amtsbote\n"), "{last}");
    assert!(last.contains("ENTRYPOINT [\"amtsbote\"]"), "health is asked by the same program");
    // What a volume is mounted on belongs to that user.
    for role in ROLES {
        let compose = compose();
        for volume in texts(&compose["services"][role]["volumes"]) {
            let Some((_, place)) = volume.split_once(&format!(":{FOLDER}/")) else { continue };
            let place = place.split(':').next().expect("a folder");
            let made = last.split("for folder in ").nth(1).and_then(|rest| rest.split(';').next());
            assert!(made.expect("a list").split(' ').any(|it| it == place), "{role}: {place}");
        }
    }
}
