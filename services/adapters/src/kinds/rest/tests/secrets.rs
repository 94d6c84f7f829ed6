//! Secrets come from files, are read again when those change, and are told to nobody else.

use std::fs;

use messaging::FailureKind;
use tempfile::TempDir;

use super::server::{Act, Server, answer};
use crate::testing::{attempt, build, claims, fault, message};

#[tokio::test]
async fn a_changed_secret_is_used_from_the_next_attempt_on() {
    let server = Server::doing(Act::Answer(answer("200 OK", "", ""))).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "eins\n").unwrap();
    let config = format!(
        "url = 'http://{}/'\ncontract = 'deduplicates'\nbearer_file = 'token'",
        server.address
    );
    let adapter = build("rest", &config, folder.path()).unwrap();
    let envelope = message("<a/>");
    let attempt = attempt(&envelope, &claims());
    adapter.deliver(&envelope, &attempt).await.unwrap();
    fs::write(&file, "zweiter").unwrap();
    adapter.deliver(&envelope, &attempt).await.unwrap();
    let tokens: Vec<String> =
        server.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer eins", "Bearer zweiter"]);
    assert!(!format!("{adapter:?}").contains("zweiter"));

    // A secret that is gone closes the endpoint; nobody is asked without it.
    fs::remove_file(&file).unwrap();
    let failure = adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-3013"));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_password_goes_out_as_basic() {
    let server = Server::doing(Act::Answer(answer("200 OK", "", ""))).await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("password"), "open sesame\r\n").unwrap();
    let config = format!(
        "url = 'http://{}/'\ncontract = 'deduplicates'\n\
         basic = {{ user = 'Aladdin', password_file = 'password' }}",
        server.address
    );
    let adapter = build("rest", &config, folder.path()).unwrap();
    let envelope = message("<a/>");
    adapter.deliver(&envelope, &attempt(&envelope, &claims())).await.unwrap();
    assert_eq!(server.seen()[0].headers["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[test]
fn a_secret_that_is_missing_is_named_with_its_key() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    fs::write(folder.path().join("two"), "geheim\nX-Evil: 1").unwrap();
    let check = |more: &str, expected: &[&str]| {
        let config = format!("url = 'https://x/'\ncontract = 'deduplicates'\n{more}");
        let fault = fault("rest", &config, folder.path());
        for word in expected {
            assert!(fault.contains(word), "{more}: {fault}");
        }
        assert!(!fault.contains("geheim"), "{fault}");
    };
    check("bearer_file = 'nirgends'", &["`bearer_file`", "nirgends"]);
    check("bearer_file = 'empty'", &["`bearer_file`", "is empty"]);
    check("bearer_file = 'two'", &["`bearer_file`", "header"]);
    check("basic = { user = 'u', password_file = 'nix' }", &["`basic.password_file`", "nix"]);
    check("ca_file = 'nirgends'", &["`ca_file`", "nirgends"]);
    check("ca_file = 'empty'", &["`ca_file`"]);
    check("client_cert_file = 'nirgends'\nclient_key_file = 'two'", &["`client_cert_file`"]);
    check("client_cert_file = 'two'\nclient_key_file = 'two'", &["`client_cert_file`"]);
    check("client_cert_file = 'two'", &["needs `client_key_file`"]);
    check("client_key_file = 'two'", &["needs `client_cert_file`"]);
}
