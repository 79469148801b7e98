//! Which tokens are let in.

use amphi_chassis::Role;
use amphi_chassis::testing::eventually;
use amphi_contracts::VideoId;
use amphi_contracts::proto::playback::v1::CreateGrantsRequest;
use http::{Request, StatusCode};

use crate::world::World;

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let token = session.hls_path.split('/').nth(2).unwrap();
    let flipped = |place: usize| {
        let mut text = token.as_bytes().to_vec();
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let cases = [
        ("as given", token.to_owned(), StatusCode::OK),
        ("another version", flipped(0), StatusCode::FORBIDDEN),
        ("another video", flipped(10), StatusCode::FORBIDDEN),
        ("another session", flipped(40), StatusCode::FORBIDDEN),
        ("another expiry", flipped(50), StatusCode::FORBIDDEN),
        ("another proof", flipped(70), StatusCode::FORBIDDEN),
        ("cut", token[..70].to_owned(), StatusCode::FORBIDDEN),
        ("longer", format!("{token}A"), StatusCode::FORBIDDEN),
        ("a word", "admin".to_owned(), StatusCode::FORBIDDEN),
    ];
    for (what, token, status) in cases {
        let answer = world.get(&format!("/play/{token}/master.m3u8")).await;
        assert_eq!(answer.status, status, "{what}");
        if status == StatusCode::FORBIDDEN {
            assert_eq!(answer.code(), "playback_token_invalid", "{what}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{what}");
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_as_such() {
    let world = World::with_settings(&[("session_lifetime_s", 1), ("grant_reuse_s", 0)]).await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let code = eventually("the session to expire", || async {
        let answer = world.get(&session.hls_path).await;
        (answer.status == StatusCode::FORBIDDEN).then(|| answer.code())
    })
    .await;
    assert_eq!(code, "playback_token_expired");
}

#[tokio::test]
async fn a_token_opens_its_own_video_alone() {
    let world = World::new().await;
    let other = VideoId::generate();
    let request = CreateGrantsRequest {
        video_ids: vec![world.video_id.to_string(), other.to_string()],
    };
    let gateway = world.process.service(Role::Gateway);
    let grants = gateway
        .playback()
        .create_grants(request)
        .await
        .unwrap()
        .into_inner();
    for (grant, status) in grants
        .grants
        .iter()
        .zip([StatusCode::OK, StatusCode::NOT_FOUND])
    {
        let path = grant.hls_path.replace("master.m3u8", "v360/0.m4s");
        assert_eq!(world.get(&path).await.status, status, "{}", grant.video_id);
    }
}

#[tokio::test]
async fn paths_outside_of_a_manifest_are_not_found() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    for rest in [
        "v360/99.m4s",
        "v361/0.m4s",
        "v360/0.mp4",
        "v360/00.m4s",
        "v360/source.mp4",
        "v360/../a0/0.m4s",
        "%2e%2e/%2e%2e/secret",
        "v360",
    ] {
        let answer = world
            .get(&session.hls_path.replace("master.m3u8", rest))
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{rest}");
        assert_eq!(answer.code(), "media_not_found", "{rest}");
    }
}

#[tokio::test]
async fn players_on_other_origins_may_fetch_and_measure() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let preflight = world
        .send(
            Request::options(&session.hls_path)
                .header("origin", "https://player.example")
                .header("access-control-request-method", "GET")
                .header("access-control-request-headers", "range, traceparent"),
        )
        .await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    let allowed = preflight
        .header("access-control-allow-headers")
        .to_lowercase();
    assert!(
        allowed.contains("range") && allowed.contains("traceparent"),
        "{allowed}"
    );

    let answer = world.get(&session.hls_path).await;
    assert_eq!(answer.header("timing-allow-origin"), "*");
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        "cross-origin"
    );
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("Server-Timing"), "{exposed}");

    let refused = world.send(Request::post(&session.hls_path)).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
}
