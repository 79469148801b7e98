//! Bad input: a clear refusal or a failed video, nothing leaked, nothing left behind.

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::harness::{Actor, Ground, Platform, clips, eventually};

/// Uploads `bytes` under a video's name and waits for the verdict; returns the reason.
async fn verdict(actor: &Actor, bytes: &[u8]) -> String {
    let metadata = [("filename", "holiday.mp4"), ("visibility", "public")];
    let created = actor
        .create_upload(bytes.len() as u64, &metadata)
        .await
        .expect(201);
    let location = created.header("location").to_owned();
    let id = created.header("amphi-video-id").to_owned();
    if !bytes.is_empty() {
        // What is seen through at once may be refused with the bytes still coming.
        let answer = actor.patch_upload(&location, 0, bytes).await;
        assert!(
            matches!(answer.status.as_u16(), 204 | 409 | 422),
            "{}",
            answer.text()
        );
    }
    let video = actor.wait_for(&id, &["failed"]).await;
    video["state_reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn files_that_are_no_video_fail_with_a_reason_and_leave_nothing() {
    let platform = Platform::simple();
    let ann = platform.creator().await;
    let secret = platform.data.path().join("secret.mp4");
    std::fs::write(&secret, clips::small()).unwrap();
    let secret = secret.to_str().unwrap();
    let cases = [
        (
            "a text file",
            "Dear diary,\ntoday nothing happened.\n".repeat(100),
        ),
        (
            "an HLS playlist",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{secret}\n#EXT-X-ENDLIST\n"),
        ),
        (
            "a DASH manifest",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT6S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\">\
                 <Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\">\
                 <BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "an ffconcat script",
            format!("ffconcat version 1.0\nfile {secret}\n"),
        ),
        ("a file of zeros", "\0".repeat(4096)),
        ("an empty file", String::new()),
    ];
    for (what, content) in cases {
        let reason = verdict(&ann, content.as_bytes()).await;
        assert!(reason.ends_with('.'), "{what}: {reason}");
        assert!(
            !reason.contains(platform.data.path().to_str().unwrap()),
            "{what} leaks a path: {reason}"
        );
        assert!(
            !reason.contains("Invalid data"),
            "{what}: not for people: {reason}"
        );
    }
    eventually("the blobs to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_few_bytes_that_decode_to_a_flood_are_stopped() {
    let platform = Platform::start_with(
        Ground::one_process(),
        &[("MEDIA__LIMITS__DURATION_MS_MAX", "600000")],
    );
    let ann = platform.creator().await;
    // Two frames with an hour between them, and 30,000 frames a second by declaration.
    let gap = clips::clip(
        "gap.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "color=size=64x64:rate=2:duration=1",
            "-vf",
            "setpts='if(eq(N,0),0,86400/TB)'",
            "-fps_mode",
            "vfr",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
        ],
    );
    let bytes = std::fs::read(gap).unwrap();
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let reason = verdict(&ann, &bytes).await;
    assert!(reason.len() > 20, "{reason}");
    eventually("the blobs to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn strange_names_reach_no_path_and_no_header() {
    let platform = Platform::simple();
    let ann = platform.creator().await;
    let outside = platform.data.path().parent().unwrap().join("amphi-escaped");
    let names = [
        "../../amphi-escaped",
        "\"quoted\" 'name'; rm -rf /.mp4",
        "line\nbreak\r\nSet-Cookie: a=b.mp4",
        "\u{202e}4pm.exe",
        "제목 없는 영상.mp4",
        "",
    ];
    for name in names {
        let created = ann
            .create_upload(1000, &[("filename", name)])
            .await
            .expect(201);
        assert!(created.headers.get("set-cookie").is_none());
        let video = ann.video(created.header("amphi-video-id")).await;
        let title = video["title"].as_str().unwrap();
        assert!(!title.is_empty(), "{name:?} gives an empty title");
        assert!(
            !title
                .chars()
                .any(|it| it.is_control() || ('\u{202a}'..='\u{202e}').contains(&it)),
            "{title:?}"
        );
    }
    assert!(!outside.exists());
    let stray = platform
        .blobs()
        .into_iter()
        .find(|it| it.contains("escaped"));
    assert_eq!(stray, None);
}

#[tokio::test]
async fn uploads_that_break_the_rules_are_refused_in_words() {
    let limit = [("MEDIA__UPLOAD_BYTES_MAX", "1000000")];
    let platform = Platform::start_with(Ground::one_process(), &limit);
    let ann = platform.creator().await;
    let bob = platform.creator().await;

    let too_large = ann
        .create_upload(1_000_001, &[("filename", "a.mp4")])
        .await
        .expect(413);
    assert!(
        too_large.json()["detail"]
            .as_str()
            .unwrap()
            .contains("1000000")
            || too_large.json()["detail"].as_str().unwrap().contains("MB"),
        "{}",
        too_large.text()
    );
    platform
        .anonymous()
        .create_upload(10, &[("filename", "a.mp4")])
        .await
        .expect(401);

    let clip = clips::small();
    let created = ann
        .create_upload(clip.len().min(900_000) as u64, &[("filename", "a.mp4")])
        .await
        .expect(201);
    let location = created.header("location").to_owned();
    let id = created.header("amphi-video-id").to_owned();

    let wrong_offset = ann
        .patch_upload(&location, 5, &clip[..100])
        .await
        .expect(409);
    assert!(
        wrong_offset.json()["detail"]
            .as_str()
            .unwrap()
            .contains('0')
    );

    let mut headers = HeaderMap::new();
    headers.insert(
        "upload-checksum",
        HeaderValue::from_static("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    );
    ann.patch_upload_with(&location, 0, &clip[..100], headers)
        .await
        .expect(460);
    assert_eq!(
        ann.upload_head(&location)
            .await
            .expect(200)
            .header("upload-offset"),
        "0"
    );

    // Somebody else's upload is not there.
    assert_eq!(bob.upload_head(&location).await.status, 404);
    bob.patch_upload(&location, 0, &clip[..100])
        .await
        .expect(404);
    let terminate = bob
        .request(reqwest::Method::DELETE, &location)
        .header("tus-resumable", "1.0.0");
    bob.send(terminate).await.expect(404);
    // Nor can an upload be put into somebody else's video.
    let stolen = bob
        .create_upload(10, &[("filename", "a.mp4"), ("video_id", &id)])
        .await;
    assert!(
        matches!(stolen.status.as_u16(), 403 | 404 | 409),
        "{}",
        stolen.text()
    );

    // More than was announced.
    let small = ann
        .create_upload(10, &[("filename", "b.mp4")])
        .await
        .expect(201);
    let answer = ann
        .patch_upload(small.header("location"), 0, &clip[..100])
        .await;
    assert!(
        matches!(answer.status.as_u16(), 400 | 413),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn requests_that_make_no_sense_get_a_problem_not_a_crash() {
    let platform = Platform::simple();
    let ann = platform.creator().await;
    let cases = [
        ("GET", "/api/v1/videos/not-an-id", 400),
        ("GET", "/api/v1/videos?limit=-1", 400),
        ("GET", "/api/v1/videos?limit=100000", 400),
        ("GET", "/api/v1/videos?cursor=%00garbage", 400),
        ("GET", "/api/v1/nothing-here", 404),
        ("DELETE", "/api/v1/videos", 405),
        ("GET", "/play/AAAA/master.m3u8", 403),
        ("GET", "/images/..%2f..%2fcluster.secret/poster.jpg", 404),
    ];
    for (method, path, status) in cases {
        let request = ann.request(method.parse().unwrap(), path);
        let answer = ann.send(request).await;
        let expected = [status, if status == 400 { 422 } else { status }];
        assert!(
            expected.contains(&answer.status.as_u16()),
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(!answer.code().is_empty());
    }
    let too_much = json!({ "kind": "drama", "title": "x".repeat(2 << 20), "description": "" });
    let answer = ann.post("/api/v1/series", &too_much).await;
    assert_eq!(answer.status, 413);
    let request = ann
        .request(reqwest::Method::POST, "/api/v1/series")
        .header("content-type", "application/json")
        .body("{\"kind\": \"drama\", ");
    let answer = ann.send(request).await.expect(400);
    assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
}
