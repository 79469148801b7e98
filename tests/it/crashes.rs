//! The process is killed at random moments; nothing is lost and nothing happens twice.

use std::time::Duration;

use crate::harness::{Actor, Platform, clips, eventually, stream};

/// How often the process is killed in one test.
const KILLS: usize = 20;
const CHUNK: usize = 96 * 1024;

/// A small generator of one's own: the seed is printed, so a failure can be repeated.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = std::env::var("AMPHI_TEST_SEED").map_or_else(
            |_| uuid::Uuid::new_v4().as_u64_pair().0 | 1,
            |text| text.parse().unwrap(),
        );
        eprintln!("AMPHI_TEST_SEED={seed}");
        Self(seed)
    }

    /// xorshift64: uniform enough to pick moments.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Sends what is missing, piece by piece, until it is all there or the connection breaks.
async fn send_the_rest(actor: &Actor, location: &str, bytes: &[u8]) -> bool {
    let head = actor
        .request(reqwest::Method::HEAD, location)
        .header("tus-resumable", "1.0.0");
    let Ok(answer) = actor.try_send(head).await else {
        return false;
    };
    if answer.status != 200 {
        return false;
    }
    let mut offset: usize = answer.header("upload-offset").parse().unwrap();
    while offset < bytes.len() {
        let end = (offset + CHUNK).min(bytes.len());
        let request = actor
            .request(reqwest::Method::PATCH, location)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes[offset..end].to_vec());
        match actor.try_send(request).await {
            Ok(answer) if answer.status == 204 => offset = end,
            _ => return false,
        }
    }
    true
}

/// The path of an upload, whatever address the platform had when it was created.
fn path_of(location: &str) -> String {
    let start = location.find("/uploads/").unwrap();
    location[start..].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_and_double_nothing() {
    let mut random = Random::seeded();
    let settings = vec![
        // A dead encoder's task is taken up soon.
        ("AMPHI_MEDIA__LEASE_MS".to_owned(), "3000".to_owned()),
    ];
    let short: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (key.trim_start_matches("AMPHI_"), value.as_str()))
        .collect();
    let mut platform = Platform::start_with(crate::harness::Ground::one_process(), &short);
    let mut ann = platform.creator().await;
    let clip = clips::long();
    let created = ann
        .create_upload(
            clip.len() as u64,
            &[("filename", "long.mp4"), ("visibility", "public")],
        )
        .await
        .expect(201);
    let location = path_of(created.header("location"));
    let id = created.header("amphi-video-id").to_owned();

    for kill in 0..KILLS {
        let moment = Duration::from_millis(random.below(1_500));
        let (sender, target, bytes) = (ann.clone(), location.clone(), clip.clone());
        let sending = tokio::spawn(async move { send_the_rest(&sender, &target, &bytes).await });
        tokio::time::sleep(moment).await;
        platform.kill_and_restart(&settings);
        sending.abort();
        ann = ann.at(platform.url());
        let state = ann.video(&id).await["state"].as_str().unwrap().to_owned();
        assert_ne!(state, "failed", "after kill {kill}");
    }
    eventually("the upload to be complete", || async {
        if send_the_rest(&ann, &location, &clip).await {
            return Some(());
        }
        // A complete upload may be gone.
        let state = ann.video(&id).await["state"].as_str().unwrap().to_owned();
        (state != "uploading").then_some(())
    })
    .await;
    let video = ann.wait_for(&id, &["ready"]).await;

    let session = ann.play(&id).await;
    let folder = tempfile::tempdir().unwrap();
    let renditions =
        stream::fetch_hls(&ann, session["hls_url"].as_str().unwrap(), folder.path()).await;
    stream::assert_sound_media(&renditions);
    let seconds: f64 = renditions[0].segment_seconds.iter().sum();
    assert!((63.9..=64.2).contains(&seconds), "{seconds} s of 64");

    // Every blob belongs to something that is served; nothing half-written stays.
    let expected = expected_blobs(&video);
    eventually("stray files to go", || async {
        let stray: Vec<String> = platform
            .blobs()
            .into_iter()
            .filter(|it| it.contains(".tmp") || it.contains("partial"))
            .collect();
        stray.is_empty().then_some(())
    })
    .await;
    let segments = platform
        .blobs()
        .iter()
        .filter(|it| it.ends_with(".m4s"))
        .count();
    assert_eq!(segments, expected);
    let work = platform.data.path().join("encoder/tasks");
    let left = std::fs::read_dir(&work).map_or(0, |entries| entries.flatten().count());
    assert_eq!(left, 0, "work folders left in {}", work.display());

    // Deleting shows that nothing hides under another name.
    ann.delete(&format!("/api/v1/videos/{id}"))
        .await
        .expect(204);
    eventually("all blobs to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
}

fn expected_blobs(video: &serde_json::Value) -> usize {
    video["renditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| usize::try_from(it["segments_done"].as_u64().unwrap()).unwrap())
        .sum()
}
