//! What can be asked for below a token.

/// A thing below `/play/{token}/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `master.m3u8`
    HlsMaster,
    /// `manifest.mpd`
    DashManifest,
    /// `{rendition}/index.m3u8`
    HlsMedia { rendition: String },
    /// `{rendition}/init.mp4`
    Init { rendition: String },
    /// `{rendition}/{number}.m4s`
    Segment { rendition: String, number: u32 },
}

const RENDITION_CHARS_MAX: usize = 32;

impl Resource {
    /// The resource of a path below the token, if there is such a thing.
    ///
    /// Only the one spelling that manifests use is known: `007.m4s` is not `7.m4s`, so that a thing has one address.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "master.m3u8" => return Some(Self::HlsMaster),
            "manifest.mpd" => return Some(Self::DashManifest),
            _ => {}
        }
        let (rendition, file) = path.split_once('/')?;
        if !is_rendition(rendition) {
            return None;
        }
        let rendition = rendition.to_owned();
        match file {
            "index.m3u8" => return Some(Self::HlsMedia { rendition }),
            "init.mp4" => return Some(Self::Init { rendition }),
            _ => {}
        }
        let digits = file.strip_suffix(".m4s")?;
        let number: u32 = digits.parse().ok()?;
        (number.to_string() == digits).then_some(Self::Segment { rendition, number })
    }

    /// The name of the route, of bounded variety: for spans and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::HlsMaster => "hls master",
            Self::DashManifest => "dash manifest",
            Self::HlsMedia { .. } => "hls playlist",
            Self::Init { .. } => "init segment",
            Self::Segment { .. } => "segment",
        }
    }
}

fn is_rendition(text: &str) -> bool {
    (1..=RENDITION_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_manifests_are_known() {
        let rendition = || "v720".to_owned();
        let cases = [
            ("master.m3u8", Resource::HlsMaster),
            ("manifest.mpd", Resource::DashManifest),
            (
                "v720/index.m3u8",
                Resource::HlsMedia {
                    rendition: rendition(),
                },
            ),
            (
                "v720/init.mp4",
                Resource::Init {
                    rendition: rendition(),
                },
            ),
            (
                "v720/12.m4s",
                Resource::Segment {
                    rendition: rendition(),
                    number: 12,
                },
            ),
        ];
        for (path, expected) in cases {
            assert_eq!(Resource::parse(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn every_other_path_is_unknown() {
        let cases = [
            "",
            "master.m3u8/",
            "index.m3u8",
            "v720",
            "v720/",
            "v720/master.m3u8",
            "v720/007.m4s",
            "v720/+7.m4s",
            "v720/-1.m4s",
            "v720/4294967296.m4s",
            "v720/7.m4s/x",
            "v720/7.mp4",
            "../v720/7.m4s",
            "v720/../7.m4s",
            "v7.20/7.m4s",
            "v720%2f/7.m4s",
            "v720//7.m4s",
        ];
        for path in cases {
            assert_eq!(Resource::parse(path), None, "{path}");
        }
    }
}
