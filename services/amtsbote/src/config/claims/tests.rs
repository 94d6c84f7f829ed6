//! Which URLs of claims are taken, and what the refused ones are told.

use super::*;

fn with_environment(name: &str) -> Option<String> {
    match name {
        ID_VARIABLE => Some("AKID".to_owned()),
        SECRET_VARIABLE => Some("geheim".to_owned()),
        _ => None,
    }
}

fn read_bucket(url: &str) -> Result<Bucket, Wrong> {
    bucket(url, Path::new("/etc/amtsbote"), &with_environment)
}

#[test]
fn a_bucket_says_all_there_is_to_know_but_its_key() {
    let url = "s3://claims.test/county/a?endpoint=https://s3.example:9000/&region=de-1";
    let read = read_bucket(url).unwrap();
    let settings = &read.settings;
    assert_eq!((settings.bucket.as_str(), settings.prefix.as_str()), ("claims.test", "county/a"));
    assert_eq!(settings.endpoint.as_deref(), Some("https://s3.example:9000"));
    assert_eq!((settings.region.as_str(), settings.allows_plaintext), ("de-1", false));
    assert_eq!(settings.credentials.access_key_id, "AKID");
    let told = format!("{read} {read:?}");
    assert!(!told.contains("geheim") && !told.contains("AKID"), "{told}");
    assert_eq!(read_bucket(&read.to_string()), Ok(read));
}

#[test]
fn a_key_can_lie_in_files() {
    let dir = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("a & b"), "AKID-2\n").unwrap();
    fs::write(dir.join("secret"), " geheim2\n").unwrap();
    let files = "access_key_id_file=a%20%26%20b&secret_access_key_file=secret";
    let url = format!("s3://claims?region=eu-1&{files}");
    let read = bucket(&url, &dir, &|_| None).unwrap();
    assert_eq!(read.settings.credentials.access_key_id, "AKID-2");
    assert_eq!(read.settings.credentials.secret_access_key, "geheim2");
    // Printed with whole paths, it reads back to the same from anywhere.
    assert_eq!(bucket(&read.to_string(), Path::new("/"), &|_| None), Ok(read));
    for (wrong, code) in [
        ("s3://claims?region=eu-1", codes::SECRET_MISSING),
        ("s3://claims?region=eu-1&access_key_id_file=secret", codes::KEYS_CONTRADICT),
        (
            "s3://claims?region=eu-1&access_key_id_file=no&secret_access_key_file=secret",
            codes::SECRET_MISSING,
        ),
        ("s3://claims?region=eu-1&ca_file=no", codes::VALUE_WRONG),
    ] {
        assert_eq!(bucket(wrong, &dir, &|_| None).unwrap_err().0, code, "{wrong}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn plaintext_to_others_is_refused_unless_it_is_meant() {
    let code = |url: &str| read_bucket(url).err().map(|(code, _)| code);
    for host in ["127.0.0.1:9000", "[::1]:9000", "localhost:9000"] {
        assert_eq!(code(&format!("s3://claims?endpoint=http://{host}")), None, "{host}");
    }
    let elsewhere = "s3://claims?endpoint=http://s3.example";
    assert_eq!(code(elsewhere), Some(codes::PLAINTEXT_REFUSED));
    assert_eq!(code(&format!("{elsewhere}&allow_plaintext=false")), Some(codes::PLAINTEXT_REFUSED));
    assert_eq!(code(&format!("{elsewhere}&allow_plaintext=true")), None);
}

#[test]
fn what_makes_no_sense_is_refused_and_not_repeated() {
    for url in [
        "s3:",
        "s3:claims",
        "s3://",
        "s3://claims",
        "s3://GEHEIM?region=eu-1",
        "s3://cl?region=eu-1",
        "s3://geheim@claims?region=eu-1",
        "s3://a:geheim@claims?region=eu-1",
        "s3://claims:9000?region=eu-1",
        "s3://claims/geheim%2fa?region=eu-1",
        "s3://claims/a//b?region=eu-1",
        "s3://claims?region=GEHEIM",
        "s3://claims?geheim=1",
        "s3://claims?endpoint=geheim",
        "s3://claims?endpoint=https://a:geheim@s3.example",
        "s3://claims?endpoint=https://s3.example/geheim",
        "s3://claims?region=eu-1&allow_plaintext=geheim",
        "s3://claims?region=eu-1#geheim",
    ] {
        let (code, what) = read_bucket(url).unwrap_err();
        assert_eq!(code, codes::BACKEND_UNSUPPORTED, "{url}");
        assert!(!what.to_lowercase().contains("geheim"), "{url}: {what}");
    }
}

#[test]
fn a_shared_directory_is_named_from_the_root_on() {
    assert_eq!(directory("file:///mnt/a%20b").unwrap(), Path::new("/mnt/a b"));
    let shared = ClaimsBackend::Shared("/mnt/a b".into());
    assert_eq!(shared.to_string(), "file:///mnt/a%20b");
    for url in ["file:", "file:/mnt/a", "file:mnt", "file://mnt/a", "file:///", "file:///a?b=1"] {
        assert_eq!(directory(url).unwrap_err().0, codes::BACKEND_UNSUPPORTED, "{url}");
    }
}
