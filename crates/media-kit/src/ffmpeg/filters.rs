//! Filter chains: from decoded pictures to pictures on the grid, in the right size, turned and in plain colours.

use super::input::{clock_zero_us, seconds};
use crate::plan::VideoInput;

/// Puts the source's pictures on the grid, starting exactly at `first_frame`: gaps repeat the picture before, surplus pictures go, and the
/// last one is held if other tracks go on. At most `frame_count` leave.
pub(super) fn onto_grid(input: &VideoInput, first_frame: u64, frame_count: u64) -> Vec<String> {
    let rate = input.grid.rate;
    let shift_us = clock_zero_us(input.container, input.clock_start_us) + input.picture_shift_us;
    let mut chain = deinterlace(input);
    if shift_us != 0 {
        chain.push(format!("setpts=round(PTS-({})/TB)", seconds(shift_us)));
    }
    let start = first_frame as f64 / rate.as_f64();
    let onto_grid = format!("fps=fps={rate}:round=near");
    if input.hold_last_picture_ms > 0 {
        let hold = seconds(
            i64::try_from(input.hold_last_picture_ms)
                .unwrap_or(0)
                .saturating_mul(1000),
        );
        // A chunk may lie wholly behind the last picture: it is held before anything is cut off, and counted at an even pace.
        chain.push(onto_grid.clone());
        chain.push(format!("tpad=stop_mode=clone:stop_duration={hold}"));
    }
    chain.push(format!("{onto_grid}:start_time={start:.9}"));
    chain.push(format!("trim=end_frame={frame_count}"));
    chain.push("setpts=N".to_owned());
    chain
}

/// Only for sources that say they are interlaced; one picture in, one picture out.
pub(super) fn deinterlace(input: &VideoInput) -> Vec<String> {
    if input.interlaced {
        vec!["yadif=mode=send_frame".to_owned()]
    } else {
        Vec::new()
    }
}

/// Scales decoded pictures to a displayed size, turns them upright and brings them to 8-bit BT.709 in video range.
pub(super) fn to_size(
    input: &VideoInput,
    width: u32,
    height: u32,
    tone_mapping: bool,
) -> Vec<String> {
    let rotation_degrees = input.rotation_degrees;
    let (width, height) = if rotation_degrees % 180 == 90 {
        (height, width)
    } else {
        (width, height)
    };
    let map_tones = tone_mapping && input.colour.is_hdr();
    let mut chain = Vec::new();
    if map_tones {
        // Shrink first: tones are mapped in 32-bit floating point.
        chain.push(format!("scale={width}:{height}:flags=bicubic"));
        chain.push("setsar=1".to_owned());
        chain.extend(hdr_to_sdr(input));
    } else {
        let matrix_in = match &input.colour.matrix {
            Some(_) => "auto",
            // What players assume when a file does not say.
            None if input.coded_height >= 720 => "bt709",
            None => "bt601",
        };
        chain.push(format!(
            "scale={width}:{height}:flags=bicubic:in_color_matrix={matrix_in}:out_color_matrix=bt709:out_range=tv"
        ));
        chain.push("setsar=1".to_owned());
        chain.push("format=yuv420p".to_owned());
    }
    if rotation_degrees != 0 {
        chain.extend(turn(rotation_degrees));
        // Else newer versions tell the JPEG to turn once more.
        chain.push("sidedata=mode=delete:type=DISPLAYMATRIX".to_owned());
    }
    chain.push(
        "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709".to_owned(),
    );
    chain
}

/// Scales a picture that [`to_size`] made to a smaller rung.
pub(super) fn to_smaller(width: u32, height: u32) -> String {
    format!("scale={width}:{height}:flags=bicubic,setsar=1")
}

fn hdr_to_sdr(input: &VideoInput) -> Vec<String> {
    let transfer = match input.colour.transfer.as_deref() {
        Some("arib-std-b67") => "arib-std-b67",
        _ => "smpte2084",
    };
    vec![
        format!("zscale=tin={transfer}:min=bt2020nc:pin=bt2020:t=linear:npl=100"),
        "format=gbrpf32le".to_owned(),
        "zscale=p=bt709".to_owned(),
        "tonemap=tonemap=hable:desat=0".to_owned(),
        "zscale=t=bt709:m=bt709:r=limited".to_owned(),
        "format=yuv420p".to_owned(),
    ]
}

fn turn(rotation_degrees: u32) -> Vec<String> {
    match rotation_degrees {
        90 => vec!["transpose=clock".to_owned()],
        180 => vec!["hflip".to_owned(), "vflip".to_owned()],
        270 => vec!["transpose=cclock".to_owned()],
        _ => Vec::new(),
    }
}
