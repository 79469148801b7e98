//! The DASH manifest (ISO/IEC 23009-1, live profile) over CMAF segments.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::presentation::{INIT_SEGMENT, Presentation, Segment, Track, TrackKind};

/// How often a player asks again while encoding goes on.
const UPDATE_PERIOD: &str = "PT2S";

/// How far back a growing presentation is dated if its length is unknown: further than any source lasts.
const UNKNOWN_DURATION_MS: i64 = 24 * 60 * 60 * 1000;

type Xml = Writer<Vec<u8>>;

/// The manifest as it stands at `now_unix_ms`. Give it [`Presentation::playable`].
pub fn manifest(presentation: &Presentation, now_unix_ms: i64) -> String {
    written(None, presentation, now_unix_ms)
}

/// The same with its segments below the URL `folder`, as `{folder}/{track id}/{file}`.
pub fn manifest_in(folder: &str, presentation: &Presentation, now_unix_ms: i64) -> String {
    written(Some(folder), presentation, now_unix_ms)
}

fn written(folder: Option<&str>, presentation: &Presentation, now_unix_ms: i64) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    match write_manifest(&mut xml, folder, presentation, now_unix_ms) {
        Ok(()) => String::from_utf8_lossy(&xml.into_inner()).into_owned() + "\n",
        Err(error) => unreachable!("writing to memory cannot fail: {error}"),
    }
}

fn write_manifest(
    xml: &mut Xml,
    folder: Option<&str>,
    presentation: &Presentation,
    now_unix_ms: i64,
) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut attributes = vec![
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011".to_owned()),
        (
            "profiles",
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019".to_owned(),
        ),
        (
            "minBufferTime",
            duration(u64::from(presentation.segment_ms)),
        ),
    ];
    if presentation.complete {
        attributes.push(("type", "static".to_owned()));
        attributes.push((
            "mediaPresentationDuration",
            duration(presentation.duration_ms()),
        ));
    } else {
        attributes.extend(growing(presentation, now_unix_ms));
    }
    xml.create_element("MPD")
        .with_attributes(borrowed(&attributes))
        .write_inner_content(|xml| {
            if let Some(folder) = folder {
                xml.create_element("BaseURL")
                    .write_text_content(BytesText::new(&format!("{folder}/")))?;
            }
            xml.create_element("Period")
                .with_attributes([("id", "0"), ("start", "PT0S")])
                .write_inner_content(|xml| write_period(xml, presentation))?;
            Ok(())
        })?;
    Ok(())
}

/// A presentation that grows is "dynamic", dated back so far that all of it counts as broadcast already. The expected duration makes it
/// a recording in progress, which players start from the beginning and let people seek in.
fn growing(presentation: &Presentation, now_unix_ms: i64) -> Vec<(&'static str, String)> {
    let expected_ms = presentation.expected_duration_ms;
    let back_ms = expected_ms
        .and_then(|ms| i64::try_from(ms).ok())
        .unwrap_or(UNKNOWN_DURATION_MS);
    let mut attributes = vec![
        ("type", "dynamic".to_owned()),
        (
            "availabilityStartTime",
            date_time(presentation.started_unix_ms.saturating_sub(back_ms)),
        ),
        ("publishTime", date_time(now_unix_ms)),
        ("minimumUpdatePeriod", UPDATE_PERIOD.to_owned()),
    ];
    if let Some(expected_ms) = expected_ms {
        let duration_ms = expected_ms.max(presentation.duration_ms());
        attributes.push(("mediaPresentationDuration", duration(duration_ms)));
    }
    attributes
}

fn write_period(xml: &mut Xml, presentation: &Presentation) -> io::Result<()> {
    let rungs: Vec<&Track> = presentation.video().collect();
    let mut set = 0;
    // Rungs share their timeline; only a set that is complete but damaged would not, and then each stands alone.
    let mut rest = &rungs[..];
    while let Some(first) = rest.first() {
        let same = rest
            .iter()
            .take_while(|track| same_timeline(track, first))
            .count();
        write_set(xml, presentation, &rest[..same], set)?;
        rest = &rest[same..];
        set += 1;
    }
    for track in presentation.audio() {
        write_set(xml, presentation, &[track], set)?;
        set += 1;
    }
    Ok(())
}

fn same_timeline(a: &Track, b: &Track) -> bool {
    let times = |track: &Track| -> Vec<(u64, u64)> {
        track
            .segments
            .iter()
            .map(|segment| (segment.start_ticks, segment.duration_ticks))
            .collect()
    };
    a.timescale == b.timescale && times(a) == times(b)
}

fn write_set(
    xml: &mut Xml,
    presentation: &Presentation,
    tracks: &[&Track],
    set: u32,
) -> io::Result<()> {
    let Some(first) = tracks.first() else {
        return Ok(());
    };
    let mut attributes = vec![
        ("id", set.to_string()),
        ("segmentAlignment", "true".to_owned()),
        ("startWithSAP", "1".to_owned()),
    ];
    match &first.kind {
        TrackKind::Video { .. } => attributes.extend([
            ("contentType", "video".to_owned()),
            ("mimeType", "video/mp4".to_owned()),
        ]),
        TrackKind::Audio { language, .. } => attributes.extend([
            ("contentType", "audio".to_owned()),
            ("mimeType", "audio/mp4".to_owned()),
            ("lang", language.clone()),
        ]),
    }
    xml.create_element("AdaptationSet")
        .with_attributes(borrowed(&attributes))
        .write_inner_content(|xml| {
            if let TrackKind::Audio { name, default, .. } = &first.kind {
                let role = if *default { "main" } else { "alternate" };
                xml.create_element("Role")
                    .with_attributes([("schemeIdUri", "urn:mpeg:dash:role:2011"), ("value", role)])
                    .write_empty()?;
                xml.create_element("Label")
                    .write_text_content(BytesText::new(name))?;
            }
            write_template(xml, first)?;
            for track in tracks {
                write_representation(xml, presentation, track)?;
            }
            Ok(())
        })?;
    Ok(())
}

fn write_template(xml: &mut Xml, track: &Track) -> io::Result<()> {
    let timescale = track.timescale.to_string();
    let init = format!("$RepresentationID$/{INIT_SEGMENT}");
    xml.create_element("SegmentTemplate")
        .with_attributes([
            ("timescale", timescale.as_str()),
            ("initialization", init.as_str()),
            ("media", "$RepresentationID$/$Number$.m4s"),
            ("startNumber", "0"),
        ])
        .write_inner_content(|xml| {
            xml.create_element("SegmentTimeline")
                .write_inner_content(|xml| {
                    for run in runs(&track.segments) {
                        let (start, length) =
                            (run.start_ticks.to_string(), run.duration_ticks.to_string());
                        let element = xml
                            .create_element("S")
                            .with_attributes([("t", start.as_str()), ("d", length.as_str())]);
                        let repeats = run.repeats.to_string();
                        let element = match run.repeats {
                            0 => element,
                            _ => element.with_attribute(("r", repeats.as_str())),
                        };
                        element.write_empty()?;
                    }
                    Ok(())
                })?;
            Ok(())
        })?;
    Ok(())
}

fn write_representation(
    xml: &mut Xml,
    presentation: &Presentation,
    track: &Track,
) -> io::Result<()> {
    let peak_bps = track.peak_bps(presentation.complete, presentation.segment_ms);
    let mut attributes = vec![
        ("id", track.id.clone()),
        ("codecs", track.codec.clone()),
        ("bandwidth", peak_bps.to_string()),
    ];
    match &track.kind {
        TrackKind::Video {
            width,
            height,
            frame_rate,
        } => {
            attributes.extend([
                ("width", width.to_string()),
                ("height", height.to_string()),
                ("frameRate", frame_rate.to_string()),
                ("sar", "1:1".to_owned()),
            ]);
            xml.create_element("Representation")
                .with_attributes(borrowed(&attributes))
                .write_empty()?;
        }
        TrackKind::Audio {
            channels,
            sample_rate_hz,
            ..
        } => {
            attributes.push(("audioSamplingRate", sample_rate_hz.to_string()));
            let channels = channels.to_string();
            xml.create_element("Representation")
                .with_attributes(borrowed(&attributes))
                .write_inner_content(|xml| {
                    xml.create_element("AudioChannelConfiguration")
                        .with_attributes([
                            (
                                "schemeIdUri",
                                "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
                            ),
                            ("value", channels.as_str()),
                        ])
                        .write_empty()?;
                    Ok(())
                })?;
        }
    }
    Ok(())
}

/// Consecutive segments of equal length.
struct TimelineRun {
    start_ticks: u64,
    duration_ticks: u64,
    repeats: u64,
}

fn runs(segments: &[Segment]) -> Vec<TimelineRun> {
    let mut runs: Vec<TimelineRun> = Vec::new();
    for segment in segments {
        match runs.last_mut() {
            Some(run)
                if run.duration_ticks == segment.duration_ticks
                    && run.start_ticks + (run.repeats + 1) * run.duration_ticks
                        == segment.start_ticks =>
            {
                run.repeats += 1;
            }
            _ => runs.push(TimelineRun {
                start_ticks: segment.start_ticks,
                duration_ticks: segment.duration_ticks,
                repeats: 0,
            }),
        }
    }
    runs
}

fn borrowed<'a>(
    attributes: &'a [(&'static str, String)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
}

fn duration(ms: u64) -> String {
    format!("PT{}.{:03}S", ms / 1000, ms % 1000)
}

/// RFC 3339 in UTC. Days to civil date as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn date_time(unix_ms: i64) -> String {
    let (days, ms_of_day) = (
        unix_ms.div_euclid(86_400_000),
        unix_ms.rem_euclid(86_400_000),
    );
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, ms) = (ms_of_day / 1000, ms_of_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use quick_xml::Reader;

    use super::*;
    use crate::presentation::tests::{audio, presentation, video};

    fn film(complete: bool) -> Presentation {
        let tracks = vec![
            video("v360", 640, 360, 5),
            video("v720", 1280, 720, 5),
            audio("a0", "ko", "한국어", true, 5),
            audio("a1", "und", "A < B & \"C\"", false, 5),
        ];
        presentation(complete, tracks).playable().unwrap()
    }

    const NOW_MS: i64 = 1_767_225_660_500;

    #[test]
    fn a_complete_presentation_is_static() {
        insta::assert_snapshot!(manifest(&film(true), NOW_MS));
    }

    #[test]
    fn a_growing_presentation_is_a_recording_in_progress() {
        let text = manifest(&film(false), NOW_MS);
        let head = text.lines().nth(1).unwrap();
        insta::assert_snapshot!(head);
    }

    #[test]
    fn the_timeline_expands_to_the_segments_again() {
        let film = film(true);
        let text = manifest(&film, NOW_MS);
        let mut reader = Reader::from_str(&text);
        let mut timelines: Vec<Vec<(u64, u64)>> = Vec::new();
        let mut labels = Vec::new();
        let mut in_label = false;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) if start.name().as_ref() == "SegmentTimeline" => {
                    timelines.push(Vec::new())
                }
                Event::Start(start) if start.name().as_ref() == "Label" => {
                    in_label = true;
                    labels.push(String::new());
                }
                Event::End(end) if end.name().as_ref() == "Label" => in_label = false,
                Event::Text(text) if in_label => labels.last_mut().unwrap().push_str(&text),
                Event::Empty(empty) if empty.name().as_ref() == "S" => {
                    let number = |name: &str| -> Option<u64> {
                        let attribute = empty.try_get_attribute(name).unwrap()?;
                        Some(attribute.value.parse().unwrap())
                    };
                    let (start, length) = (number("t").unwrap(), number("d").unwrap());
                    for repeat in 0..=number("r").unwrap_or(0) {
                        timelines
                            .last_mut()
                            .unwrap()
                            .push((start + repeat * length, length));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let of = |track: &Track| -> Vec<(u64, u64)> {
            track
                .segments
                .iter()
                .map(|segment| (segment.start_ticks, segment.duration_ticks))
                .collect()
        };
        assert_eq!(
            timelines,
            [
                of(&film.tracks[0]),
                of(&film.tracks[2]),
                of(&film.tracks[3])
            ]
        );
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0], "한국어");
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ];
        for (unix_ms, expected) in cases {
            assert_eq!(date_time(unix_ms), expected);
        }
    }
}
