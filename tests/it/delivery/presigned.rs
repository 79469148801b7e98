//! Presigned addresses of a bucket.

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;

use super::{Stubborn, Watched, sdk};
use crate::harness::{Ground, Platform, eventually, stream};

const PRESIGNED: (&str, &str) = ("DELIVERY__KIND", "presigned");

fn sha256(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn with_another_end(address: &str) -> String {
    let last = if address.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &address[..address.len() - 1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_get_from_the_bucket_what_they_got_through_us() {
    let ground = Ground::one_process().with_s3();
    let mut platform = Platform::start(ground);
    let through = Watched::ready_on(&platform).await;
    let renditions = through.renditions().await;
    let mut bytes = Vec::new();
    for rendition in &renditions {
        for file in ["init.mp4", "0.m4s", "1.m4s"] {
            let rest = format!("{rendition}/{file}");
            let answer = through.ann.get(&through.url(&rest)).await.expect(200);
            bytes.push((rest, answer.body));
        }
    }

    platform.restart_with(&[PRESIGNED]);
    let ann = through.ann.at(platform.url());
    let presigned = Watched::again(ann, &through.id, &platform).await;
    let stubborn = Stubborn::new();
    let store = format!("http://{}/", platform.s3().address());
    for (rest, through) in bytes {
        let url = presigned.url(&rest);
        let address = stubborn.address_of(&url).await;
        assert!(address.starts_with(&store), "{address}");
        assert_eq!(stubborn.address_of(&url).await, address, "it changes");
        let answer = stubborn.get(&address).await;
        assert_eq!(answer.status(), 200, "{rest}");
        assert_eq!(answer.bytes().await.unwrap(), through, "{rest}");
    }

    // Who follows redirects, as players do, notices nothing.
    let folder = tempfile::tempdir().unwrap();
    let hls = presigned.url("master.m3u8");
    let fetched = stream::fetch_hls(&presigned.ann, &hls, folder.path()).await;
    stream::assert_sound_media(&fetched);
    let segment = presigned.url(&format!("{}/0.m4s", renditions[0]));
    let part = presigned.ann.request(Method::GET, &segment);
    let part = presigned.ann.send(part.header("range", "bytes=4-7")).await;
    assert_eq!(part.expect(206).body, b"styp".as_slice());
    let head = presigned.ann.request(Method::HEAD, &segment);
    let head = presigned.ann.send(head).await.expect(200);
    assert_eq!(head.header("content-type").split('/').nth(1), Some("mp4"));
    let page = presigned.ann.get("/").await.expect(200);
    let origin = store.trim_end_matches('/');
    let policy = page.header("content-security-policy").to_owned();
    assert!(
        policy.contains(&format!("connect-src 'self' {origin};")),
        "{policy}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aws_sdk_reads_an_address_and_is_refused_a_tampered_or_expired_one() {
    let ground = Ground::one_process().with_s3();
    let settings = [PRESIGNED, ("DELIVERY__ADDRESS_LIFETIME_S", "10")];
    let platform = Platform::start_with(ground, &settings);
    let watched = Watched::ready_on(&platform).await;
    let rendition = watched.renditions().await.remove(0);
    let url = watched.url(&format!("{rendition}/0.m4s"));
    // Its first start may take longer than an address lasts.
    sdk(&["fetch", &watched.url("master.m3u8")]);
    let address = Stubborn::new().address_of(&url).await;

    let read = sdk(&["fetch", &address]);
    assert_eq!(read["status"], 200, "{read}");
    let (endpoint, key) = (
        format!("http://{}", platform.s3().address()),
        format!("it/blobs/{}/{rendition}/0.m4s", watched.folder),
    );
    let by_its_own_means = sdk(&["get", &endpoint, platform.s3().bucket(), &key]);
    assert_eq!(read["sha256"], by_its_own_means["sha256"]);
    let file = std::fs::read(platform.s3().file(&key)).unwrap();
    assert_eq!(read["sha256"], sha256(&file));
    // What it would give out itself leads to the same object.
    let its_own = sdk(&["presign", &endpoint, platform.s3().bucket(), &key]);
    let place = |url: &str| url.split('?').next().unwrap().to_owned();
    assert_eq!(place(its_own["url"].as_str().unwrap()), place(&address));

    for tampered in [
        with_another_end(&address),
        address.replace("/0.m4s", "/1.m4s"),
        address.replace("X-Amz-Expires=10", "X-Amz-Expires=604800"),
        address.replace("mp4&", "html&"),
        place(&address),
    ] {
        assert_ne!(tampered, address);
        let refused = sdk(&["fetch", &tampered]);
        assert_eq!(refused["status"], 403, "{tampered}: {refused}");
    }
    eventually("the address to expire", || async {
        (sdk(&["fetch", &address])["status"] == 403).then_some(())
    })
    .await;
    let fresh = Stubborn::new().address_of(&url).await;
    assert_ne!(fresh, address);
    assert_eq!(sdk(&["fetch", &fresh])["status"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_ended_gets_no_further_address() {
    let platform = Platform::start_with(Ground::roles_apart().with_s3(), &[PRESIGNED]);
    let watched = Watched::ready_on(&platform).await;
    let rendition = watched.renditions().await.remove(0);
    let url = watched.url(&format!("{rendition}/0.m4s"));
    let stubborn = Stubborn::new();
    stubborn.address_of(&url).await;
    watched.end().await;
    let refused = watched.ann.get(&url).await.expect(403);
    assert_eq!(refused.code(), "playback_session_revoked");
    let refused = stubborn.get(&url).await;
    assert!(!refused.headers().contains_key("location"));

    let tampered = url.replacen("/play/", "/play/A", 1);
    assert_eq!(stubborn.get(&tampered).await.status(), 403);
}
