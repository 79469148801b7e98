//! Keys and addresses, with keys that openssl makes and signatures that it checks.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::Duration;

use amphi_chassis::blob::S3Presigner;
use amphi_chassis::config::{Config, Sources};
use amphi_chassis::delivery::{CloudFront, Delivery, SigningKey, foreign_origin};
use amphi_chassis::testing::TestS3;

/// What openssl writes to standard output.
fn openssl(args: &str) -> String {
    let mut command = Command::new("openssl");
    let output = command
        .args(args.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn keys_are_taken_in_every_form_that_openssl_writes_them_in() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = folder.path().join("rsa.pem");
    std::fs::write(
        &rsa,
        openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
    )
    .unwrap();
    for text in [
        openssl(&format!("pkey -in {}", rsa.display())),
        openssl(&format!("rsa -traditional -in {}", rsa.display())),
        openssl("ecparam -name prime256v1 -genkey"),
        openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
    ] {
        assert!(SigningKey::from_pem(&text).is_ok(), "{text}");
    }
}

#[test]
fn keys_that_cloudfront_does_not_take_are_refused_without_showing_them() {
    for text in [
        String::new(),
        "hunter2".to_owned(),
        openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072"),
        openssl("ecparam -name secp384r1 -genkey -noout"),
        openssl("genpkey -algorithm ED25519"),
        openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x"),
    ] {
        let error = SigningKey::from_pem(&text).unwrap_err().to_string();
        assert!(error.contains("RSA of 2048 bits"), "{error}");
        assert!(!error.contains("hunter2"));
    }
}

#[test]
fn a_signed_url_ends_with_what_cloudfront_reads() {
    let key = openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    let cloudfront = CloudFront::new("K1", SigningKey::from_pem(&key).unwrap());
    let url = cloudfront
        .signed_url("https://cdn.example.org/a?b=c", 7)
        .unwrap();
    let (base, signature) = url.split_once("&Signature=").unwrap();
    assert_eq!(base, "https://cdn.example.org/a?b=c&Expires=7");
    let (signature, rest) = signature.split_once('&').unwrap();
    assert_eq!(rest, "Key-Pair-Id=K1&Hash-Algorithm=SHA256");
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_~".contains(it);
    assert!(signature.chars().all(is_plain), "{signature}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_presigned_address_is_of_the_store_as_players_reach_it() {
    let s3 = TestS3::start();
    let mut settings = s3.settings();
    settings.endpoint = Some("http://10.9.8.7:1".to_owned());
    let outside = format!("http://{}", s3.address());
    let presigner = S3Presigner::new(&settings, Some(&outside)).unwrap();
    let blobs = crate::blobs::bucket(&s3.settings()).await;
    blobs.put_bytes("a/0.m4s", "bytes".into()).await.unwrap();
    let key = "a/0.m4s".parse().unwrap();
    let address = presigner
        .address(&key, "video/mp4", Duration::from_secs(60))
        .await
        .unwrap();
    let answer = reqwest::get(&address).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "bytes");
    let refused = reqwest::get(address.replace("X-Amz-Expires=60", "X-Amz-Expires=61"));
    assert_eq!(refused.await.unwrap().status(), 403);
}

#[test]
fn pages_are_told_the_one_origin_that_segments_come_from() {
    let origin = |settings: &[(&str, &str)]| {
        let sources = settings
            .iter()
            .fold(Sources::default(), |sources, (key, value)| {
                sources.with_flag(key, *value)
            });
        foreign_origin(&Config::load(sources).unwrap())
    };
    assert_eq!(origin(&[]), None);
    let presigned = [
        ("delivery.kind", "presigned"),
        ("blobs.kind", "s3"),
        ("blobs.s3.bucket", "media"),
        ("blobs.s3.region", "eu-central-1"),
    ];
    let of_aws = origin(&presigned).unwrap();
    assert_eq!(of_aws, "https://s3.eu-central-1.amazonaws.com");
    let own = [
        &presigned[..],
        &[
            ("blobs.s3.path_style", "false"),
            ("delivery.presigned.endpoint", "https://store.example.org"),
        ],
    ]
    .concat();
    assert_eq!(origin(&own).unwrap(), "https://media.store.example.org");
}

#[tokio::test]
async fn what_goes_through_us_has_no_address() {
    let config = Config::load(Sources::default()).unwrap();
    let delivery = Delivery::configured(&config).unwrap();
    assert_eq!(delivery.address("a", "video/mp4").await.unwrap(), None);
    assert_eq!(delivery.folder("a"), None);
    assert!(delivery.cookies("a", 7).unwrap().is_empty());
}
