//! Reads a stream as a player does, and judges the media with ffprobe and ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Actor;

/// One rendition as fetched through its HLS playlist: the init segment followed by every media segment.
pub struct Fetched {
    pub name: String,
    pub is_video: bool,
    pub file: PathBuf,
    /// Declared in the playlist, seconds.
    pub segment_seconds: Vec<f64>,
    pub complete: bool,
    pub codecs: Option<String>,
}

/// Fetches every rendition that the multivariant playlist at `hls_url` names.
pub async fn fetch_hls(actor: &Actor, hls_url: &str, into: &Path) -> Vec<Fetched> {
    let master = actor.get(hls_url).await.expect(200);
    assert_eq!(
        master.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    let base = hls_url.rsplit_once('/').unwrap().0;
    let mut renditions = Vec::new();
    let text = master.text();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#EXT-X-MEDIA:") {
            if let Some(uri) = attribute(line, "URI") {
                renditions.push((uri, false, None));
            }
        } else if line.starts_with("#EXT-X-STREAM-INF:") {
            let uri = lines.next().unwrap().to_owned();
            let codecs = attribute(line, "CODECS");
            let is_video = line.contains("RESOLUTION=");
            renditions.push((uri, is_video, codecs));
        }
    }
    let mut fetched = Vec::new();
    for (uri, is_video, codecs) in renditions {
        if fetched.iter().any(|it: &Fetched| it.name == uri) {
            continue;
        }
        fetched.push(fetch_rendition(actor, base, &uri, is_video, codecs, into).await);
    }
    fetched
}

async fn fetch_rendition(
    actor: &Actor,
    base: &str,
    uri: &str,
    is_video: bool,
    codecs: Option<String>,
    into: &Path,
) -> Fetched {
    let playlist_url = format!("{base}/{uri}");
    let playlist = actor.get(&playlist_url).await.expect(200).text();
    let folder = playlist_url.rsplit_once('/').unwrap().0.to_owned();
    let file = into.join(format!("{}.mp4", uri.replace('/', "_")));
    let mut bytes = Vec::new();
    let mut segment_seconds = Vec::new();
    for line in playlist.lines() {
        if line.starts_with("#EXT-X-MAP:") {
            let map = attribute(line, "URI").unwrap();
            bytes.extend(actor.get(&format!("{folder}/{map}")).await.expect(200).body);
        } else if let Some(rest) = line.strip_prefix("#EXTINF:") {
            segment_seconds.push(rest.trim_end_matches(',').parse().unwrap());
        } else if !line.starts_with('#') && !line.is_empty() {
            bytes.extend(
                actor
                    .get(&format!("{folder}/{line}"))
                    .await
                    .expect(200)
                    .body,
            );
        }
    }
    std::fs::write(&file, bytes).unwrap();
    Fetched {
        name: uri.to_owned(),
        is_video,
        file,
        segment_seconds,
        complete: playlist.contains("#EXT-X-ENDLIST"),
        codecs,
    }
}

fn attribute(line: &str, name: &str) -> Option<String> {
    let start = line.find(&format!("{name}=\""))? + name.len() + 2;
    let rest = &line[start..];
    Some(rest[..rest.find('"')?].to_owned())
}

/// Decodes the whole file and fails on any complaint of the decoder.
#[track_caller]
pub fn assert_decodes_without_errors(file: &Path) {
    let output = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-nostdin",
            "-xerror",
            "-i",
        ])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.trim().is_empty(),
        "{}: {complaints}",
        file.display()
    );
}

/// What ffprobe says of the file.
pub fn probe(file: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_format",
            "-show_streams",
            "-count_packets",
            "-of",
            "json",
        ])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Time covered by the packets of the file's only stream, seconds.
pub fn duration_seconds(file: &Path) -> f64 {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "packet=pts_time,duration_time",
            "-of",
            "csv=p=0",
        ])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
    for line in text.lines() {
        let mut columns = line.split(',');
        let start: f64 = columns.next().unwrap().parse().unwrap();
        let length: f64 = columns.next().and_then(|it| it.parse().ok()).unwrap_or(0.0);
        first = first.min(start);
        last = last.max(start + length);
    }
    last - first
}

/// Judges a whole stream: every rung decodes, the rungs are cut at the same places, sound and picture are equally long.
pub fn assert_sound_media(renditions: &[Fetched]) {
    assert!(!renditions.is_empty());
    for rendition in renditions {
        assert!(rendition.complete, "{} has no end", rendition.name);
        if rendition.is_video {
            let codecs = rendition.codecs.as_deref().unwrap_or_default();
            assert!(codecs.contains("avc1."), "{}: {codecs}", rendition.name);
        }
        assert_decodes_without_errors(&rendition.file);
    }
    let videos: Vec<_> = renditions.iter().filter(|it| it.is_video).collect();
    for pair in videos.windows(2) {
        assert_eq!(
            pair[0].segment_seconds, pair[1].segment_seconds,
            "{} and {} are cut at different places",
            pair[0].name, pair[1].name
        );
    }
    let durations: Vec<f64> = renditions
        .iter()
        .map(|it| duration_seconds(&it.file))
        .collect();
    let longest = durations.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shortest = durations.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(
        longest - shortest <= 0.050,
        "durations differ: {durations:?}"
    );
}
