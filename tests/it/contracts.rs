//! Snapshots of what others rely on. A change here is a change for them: additions alone, and on purpose.

use crate::harness::{Platform, amphi};

#[test]
fn the_openapi_document_is_as_agreed() {
    let output = amphi().arg("openapi").output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!("openapi", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_default_configuration_is_as_documented() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/default.toml");
    insta::assert_snapshot!(
        "default configuration",
        std::fs::read_to_string(root).unwrap()
    );
}

#[test]
fn the_protocol_files_are_as_agreed() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/amphi"));
    let mut services: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|it| it.file_name())
        .collect();
    services.sort();
    for service in services {
        let service = service.to_str().unwrap();
        let file = root.join(service).join(format!("v1/{service}.proto"));
        // The contract without its comments.
        let text = std::fs::read_to_string(file).unwrap();
        let contract: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty())
            .collect();
        insta::assert_snapshot!(format!("proto {service}"), contract.join("\n"));
    }
}

#[tokio::test]
async fn error_bodies_are_as_agreed() {
    let platform = Platform::simple();
    let nobody = platform.anonymous();
    let mut bodies = Vec::new();
    for path in [
        "/api/v1/me",
        "/api/v1/videos/0190a5d0-0000-7000-8000-000000000000",
        "/api/v1/nothing",
        "/play/x/master.m3u8",
    ] {
        let answer = nobody.get(path).await;
        let mut body = answer.json();
        for member in ["instance", "trace_id"] {
            assert!(body[member].is_string(), "{body}");
            body[member] = "…".into();
        }
        bodies.push(
            serde_json::json!({ "path": path, "status": answer.status.as_u16(), "body": body }),
        );
    }
    insta::assert_json_snapshot!("error bodies", bodies);
}

#[tokio::test]
async fn the_served_document_is_the_printed_one() {
    let platform = Platform::simple();
    let served = platform
        .anonymous()
        .get("/api/openapi.json")
        .await
        .expect(200)
        .json();
    let printed = amphi().arg("openapi").output().unwrap().stdout;
    let printed: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(served, printed);
    assert_eq!(served["openapi"].as_str().map(|it| &it[..3]), Some("3.1"));
    let page = platform.anonymous().get("/docs").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
}
