#![allow(clippy::unwrap_used)]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Sources;
use crate::testing::{TestAuthority, TestTlsFiles};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn open(files: &TestTlsFiles) -> Result<Option<InternalTls>, ConfigError> {
    let sources = files
        .settings()
        .into_iter()
        .fold(Sources::default(), |sources, (key, value)| {
            sources.with_flag(key, value)
        });
    InternalTls::open(&Config::load(sources).unwrap())
}

fn refusal(files: &TestTlsFiles) -> String {
    open(files).unwrap_err().to_string()
}

#[test]
fn what_others_would_refuse_is_refused_by_its_owner() {
    let (ours, theirs) = (TestAuthority::new("ours"), TestAuthority::new("theirs"));
    let files = TestTlsFiles::any();
    let cases = [
        (
            theirs.certificate(),
            "not signed by an authority in internal_tls.ca",
        ),
        (
            ours.certificate_for("amphi.internal", SystemTime::now() - YEAR),
            "it expired at 20",
        ),
        (
            ours.certificate_for("amphi.internal", SystemTime::now() + YEAR),
            "is one of the clocks wrong?",
        ),
        (
            ours.certificate_for(
                "shop.example.org",
                SystemTime::now() + Duration::from_secs(60),
            ),
            "does not bear the name of internal_tls.name, amphi.internal; its names are: ",
        ),
    ];
    files.believe(&[&ours]);
    for (certificate, words) in cases {
        files.show(&certificate);
        let said = refusal(&files);
        assert!(said.contains(words), "{said}");
        assert!(said.contains("internal_tls.certificate"), "{said}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let files = TestTlsFiles::any();
    let other = TestAuthority::new("other").certificate();
    files.put("key.pem", &other.key);
    let said = refusal(&files);
    assert!(said.contains("is not that of the certificate"), "{said}");
    assert!(said.contains("internal_tls.key"), "{said}");
    files.put("key.pem", "hunter2");
    let said = refusal(&files);
    assert!(
        said.contains("key.pem holds no private key in PEM form"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    std::fs::remove_file(files.folder().join("ca.pem")).unwrap();
    let said = refusal(&files);
    assert!(said.contains("ca.pem cannot be read"), "{said}");
    assert!(said.contains("internal_tls.ca"), "{said}");
}

#[test]
fn the_end_of_the_certificate_is_known() {
    let authority = TestAuthority::new("ours");
    let until = SystemTime::now() + Duration::from_secs(1_000);
    let certificate = authority.certificate_for("amphi.internal", until);
    let files = TestTlsFiles::new(&[&authority], &certificate);
    let expires_at = open(&files).unwrap().unwrap().expires_at().unwrap();
    let off = until.duration_since(expires_at).unwrap_or_default();
    assert!(off < Duration::from_secs(2), "{off:?}");
}

#[test]
fn an_alert_is_found_in_whatever_it_is_wrapped_in() {
    let alert = || rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA);
    let wrapped = std::io::Error::other(std::io::Error::other(alert()));
    assert!(is_certificate_alert(&wrapped));
    let words = words_for(&wrapped).unwrap();
    assert!(words.contains("other side's internal_tls.ca"), "{words}");
    // All that HTTP/2 leaves of it.
    let text = std::io::Error::other(alert().to_string());
    assert!(is_certificate_alert(&text));
    assert_eq!(words_for(&text).unwrap(), words);
    let other = std::io::Error::other("connection reset");
    assert!(!is_certificate_alert(&other) && words_for(&other).is_none());
}

#[test]
fn files_that_stay_as_they_are_are_not_taken_anew() {
    let files = TestTlsFiles::any();
    let tls = open(&files).unwrap().unwrap();
    let known = tls.0.current.get();
    let again = |known: &Arc<Material>| {
        Material::load_if_changed(&tls.0.settings, known.digest).map(|it| it.is_some())
    };
    assert!(!again(&known).unwrap());
    let authority = TestAuthority::new("next");
    files.believe(&[&authority]);
    files.show(&authority.certificate());
    assert!(again(&known).unwrap());
}
