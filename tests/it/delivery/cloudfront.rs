//! Signed URLs and cookies for a CDN, which an edge checks.

use super::edge::{Edge, KEY_PAIR_ID};
use super::{Stubborn, Watched, sdk};
use crate::harness::{Ground, Platform, eventually, stream};

fn start(edge: &mut Edge, further: &[(&'static str, &str)]) -> Platform {
    let settings = edge.settings();
    let mut settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    settings.extend(further);
    let platform = Platform::start_with(Ground::one_process(), &settings);
    edge.serve(&platform.data.path().join("blobs"));
    platform
}

fn parameter(url: &str, name: &str) -> String {
    let (_, rest) = url.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap().to_owned()
}

async fn status(url: &str) -> u16 {
    Stubborn::new().get(url).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_urls_are_those_that_the_aws_sdk_makes_and_an_edge_serves_them_alone() {
    let mut edge = Edge::with_rsa().await;
    let platform = start(&mut edge, &[("DELIVERY__ADDRESS_LIFETIME_S", "10")]);
    let watched = Watched::ready_on(&platform).await;
    let rendition = watched.renditions().await.remove(0);
    let url = watched.url(&format!("{rendition}/0.m4s"));
    // Its first start may take longer than an address lasts.
    sdk(&["fetch", &watched.url("master.m3u8")]);
    let address = Stubborn::new().address_of(&url).await;

    let key = format!("{}/{rendition}/0.m4s", watched.folder);
    let base = format!("{}/{key}", edge.url);
    let private_key = edge.private_key();
    let made = sdk(&[
        "cloudfront",
        private_key.to_str().unwrap(),
        KEY_PAIR_ID,
        &base,
        &parameter(&address, "Expires"),
    ]);
    // RSA signs the same the same. That the hash is SHA-256 is said at the end, as the other SDKs do.
    let made = format!("{}&Hash-Algorithm=SHA256", made["url"].as_str().unwrap());
    assert_eq!(address, made);

    let segment = Stubborn::new().get(&address).await;
    assert_eq!(segment.status(), 200);
    let blob = std::fs::read(platform.blob_file(&key)).unwrap();
    assert_eq!(segment.bytes().await.unwrap(), blob);
    let folder = tempfile::tempdir().unwrap();
    let hls = watched.url("master.m3u8");
    let fetched = stream::fetch_hls(&watched.ann, &hls, folder.path()).await;
    stream::assert_sound_media(&fetched);

    let later = parameter(&address, "Expires").parse::<u64>().unwrap() + 3600;
    for refused in [
        base.clone(),
        address.replace("/0.m4s", "/1.m4s"),
        address.replace(
            &format!("Expires={}", parameter(&address, "Expires")),
            &format!("Expires={later}"),
        ),
        address.replace("Signature=", "Signature=A"),
        address.replace(KEY_PAIR_ID, "K0000000000000"),
    ] {
        assert_ne!(refused, address);
        assert_eq!(status(&refused).await, 403, "{refused}");
    }
    eventually("the address to expire", || async {
        (status(&address).await == 403).then_some(())
    })
    .await;
    assert_eq!(status(&Stubborn::new().address_of(&url).await).await, 200);

    watched.end().await;
    assert_eq!(status(&url).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_cookies_the_manifests_lead_to_the_edge_and_open_one_video_of_it() {
    let mut edge = Edge::with_ecdsa().await;
    let platform = start(
        &mut edge,
        &[("DELIVERY__CLOUDFRONT__COOKIE_DOMAIN", "127.0.0.1")],
    );
    let watched = Watched::ready_on(&platform).await;
    let rendition = watched.renditions().await.remove(0);
    let folder = format!("{}/{}", edge.url, watched.folder);

    let dash = watched
        .ann
        .get(&watched.url("manifest.mpd"))
        .await
        .expect(200);
    let base = format!("<BaseURL>{folder}/</BaseURL>");
    assert!(dash.text().contains(&base), "{}", dash.text());
    let playlist = watched.url(&format!("{rendition}/index.m3u8"));
    let playlist = watched.ann.get(&playlist).await.expect(200);
    let text = playlist.text();
    let init = format!("{folder}/{rendition}/init.mp4");
    assert!(text.contains(&format!("URI=\"{init}\"")), "{text}");
    let segment = text
        .lines()
        .find(|line| line.ends_with(".m4s"))
        .unwrap()
        .to_owned();
    assert_eq!(segment, format!("{folder}/{rendition}/0.m4s"));

    let mut cookies = Vec::new();
    for cookie in playlist.headers.get_all("set-cookie") {
        let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
        let path = format!("Path=/{}/;", watched.folder);
        for part in ["Domain=127.0.0.1;", path.as_str(), "HttpOnly"] {
            assert!(attributes.contains(part), "{attributes}");
        }
        cookies.push(pair.to_owned());
    }
    assert_eq!(cookies.len(), 4);
    let cookies = cookies.join("; ");
    let stubborn = Stubborn::new();
    let fetch = async |url: &str, cookies: &str| {
        let request = stubborn.0.get(url).header("cookie", cookies);
        request.send().await.unwrap().status().as_u16()
    };
    for url in [&init, &segment] {
        assert_eq!(fetch(url, &cookies).await, 200, "{url}");
    }
    assert_eq!(status(&segment).await, 403);
    let of_another_policy = cookies.replace("CloudFront-Policy=", "CloudFront-Policy=AAAA");
    assert_eq!(fetch(&segment, &of_another_policy).await, 403);

    let other = platform.creator().await;
    let other_id = other
        .upload("Another", &crate::harness::clips::small())
        .await;
    other.wait_for(&other_id, &["ready"]).await;
    let elsewhere = segment.replace(&watched.folder, &platform.media_folder(&other_id));
    assert_eq!(fetch(&elsewhere, &cookies).await, 403);
}
