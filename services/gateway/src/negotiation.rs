//! What a client would rather have: the web page or JSON; and which encodings it takes.

use http::{HeaderMap, header};

/// Whether the client prefers a web page to JSON. A browser's navigation does; curl's `*/*` does not.
#[must_use]
pub fn prefers_html(headers: &HeaderMap) -> bool {
    let html = quality(headers, &["text/html", "text/*", "*/*"]);
    let json = quality(headers, &["application/json", "application/*", "*/*"]);
    html > json
}

/// Whether the client takes a web page: it names one, or anything, or does not say.
#[must_use]
pub fn accepts_html(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ACCEPT) || quality(headers, &["text/html", "text/*", "*/*"]) > 0
}

/// The quality (0 to 1000) of the most specific range named, RFC 9110 §12.5.1. `ranges` go from specific to general.
fn quality(headers: &HeaderMap, ranges: &[&str]) -> u16 {
    let named = |wanted: &&str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|item| quality_of(item, wanted))
    };
    ranges.iter().find_map(named).unwrap_or(0)
}

/// The quality that one item of a list gives to `wanted`, if it names it.
pub(crate) fn quality_of(item: &str, wanted: &str) -> Option<u16> {
    let mut parts = item.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let quality = parts
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        })
        .map_or(Some(1000), thousandths);
    Some(quality.unwrap_or(0))
}

fn thousandths(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    // The range is checked, so the cast keeps the value.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..=1.0)
        .contains(&value)
        .then(|| (value * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderValue;

    fn accept(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn who_gets_the_page() {
        let cases = [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
                true,
            ),
            ("text/html", true),
            ("text/html;q=0.5, application/json", false),
            ("application/json, text/html", false),
            ("application/json", false),
            ("*/*", false),
            ("text/*", true),
            ("text/html;q=0, */*", false),
            ("application/json;q=0.1, text/html;q=0.2", true),
            ("TEXT/HTML ; Q=0.9", true),
            ("text/html;q=nonsense", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(prefers_html(&accept(text)), expected, "{text}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn who_takes_anything_takes_a_page_and_who_wants_json_does_not() {
        for taken in ["text/html,*/*;q=0.8", "*/*", "text/*"] {
            assert!(accepts_html(&accept(taken)), "{taken}");
        }
        assert!(accepts_html(&HeaderMap::new()));
        for other in ["application/json", "text/html;q=0, */*", "image/*"] {
            assert!(!accepts_html(&accept(other)), "{other}");
        }
    }
}
