//! Byte ranges and conditions: RFC 9110 §13 and §14, as pure functions over header values.

use http::{HeaderMap, HeaderName, Method, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// What a representation says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// Strong entity tag with its quotes, for example `"v3"`.
    pub etag: Option<String>,
    /// Second precision, as in `Last-Modified`.
    pub modified: Option<Timestamp>,
}

/// What a GET or HEAD is to be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// 200 with everything.
    Whole,
    /// 206 with the bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416: no byte of the range is there.
    Unsatisfiable,
}

/// Decides by the request's headers what of a representation of `size` bytes is sent: preconditions in the order of
/// RFC 9110 §13.2.2, then the range.
///
/// A range that is malformed, of another unit, or of several parts is ignored, as §14.2 allows: the whole is sent. Only
/// GET has ranges.
#[must_use]
pub fn select(
    method: &Method,
    headers: &HeaderMap,
    size: u64,
    validators: &Validators,
) -> Selection {
    if let Some(refused) = failed_precondition(headers, validators) {
        return refused;
    }
    if *method != Method::GET {
        return Selection::Whole;
    }
    let Some(range) = single(headers, &header::RANGE) else {
        return Selection::Whole;
    };
    if !if_range_holds(headers, validators) {
        return Selection::Whole;
    }
    match parse(range) {
        Some(spec) => spec.over(size),
        None => Selection::Whole,
    }
}

fn failed_precondition(headers: &HeaderMap, validators: &Validators) -> Option<Selection> {
    if let Some(wanted) = single(headers, &header::IF_MATCH) {
        if !matches_strongly(wanted, validators.etag.as_deref()) {
            return Some(Selection::PreconditionFailed);
        }
    } else if let (Some(since), Some(modified)) = (
        date(headers, &header::IF_UNMODIFIED_SINCE),
        validators.modified,
    ) && modified > since
    {
        return Some(Selection::PreconditionFailed);
    }
    if let Some(known) = single(headers, &header::IF_NONE_MATCH) {
        return matches_weakly(known, validators.etag.as_deref()).then_some(Selection::NotModified);
    }
    let since = date(headers, &header::IF_MODIFIED_SINCE)?;
    (validators.modified? <= since).then_some(Selection::NotModified)
}

/// §13.1.5: a range is for the representation the client has a part of already, by strong tag or exact date.
fn if_range_holds(headers: &HeaderMap, validators: &Validators) -> bool {
    let Some(wanted) = single(headers, &header::IF_RANGE) else {
        return !headers.contains_key(header::IF_RANGE);
    };
    if wanted.starts_with('"') {
        return validators.etag.as_deref() == Some(wanted);
    }
    parse_date(wanted).is_some_and(|date| validators.modified == Some(date))
}

fn matches_strongly(list: &str, etag: Option<&str>) -> bool {
    match etag {
        Some(etag) => list.trim() == "*" || tags(list).any(|tag| tag == etag),
        None => list.trim() == "*",
    }
}

fn matches_weakly(list: &str, etag: Option<&str>) -> bool {
    let Some(etag) = etag else {
        return list.trim() == "*";
    };
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    list.trim() == "*" || tags(list).any(|tag| opaque(tag) == opaque(etag))
}

/// Entity tags hold no comma in practice, though the grammar admits it; a tag with one never matches, which is safe.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    single(headers, name).and_then(parse_date)
}

/// IMF-fixdate (§5.6.7); the obsolete forms are not taken.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix(" GMT")?;
    rfc2822::parse(&format!("{text} +0000"))
        .ok()
        .map(|zoned| zoned.timestamp())
}

/// `Last-Modified` and its like.
#[must_use]
pub fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSpec {
    From(u64),
    FromTo(u64, u64),
    Suffix(u64),
}

impl RangeSpec {
    fn over(self, size: u64) -> Selection {
        let (first, last) = match self {
            Self::From(first) => (first, u64::MAX),
            Self::FromTo(first, last) => (first, last),
            Self::Suffix(0) => return Selection::Unsatisfiable,
            // §14.1.2: the last bytes of nothing are nothing, which no Content-Range can say.
            Self::Suffix(_) if size == 0 => return Selection::Whole,
            Self::Suffix(length) => (size.saturating_sub(length), u64::MAX),
        };
        if first >= size {
            return Selection::Unsatisfiable;
        }
        Selection::Part {
            first,
            last: last.min(size - 1),
        }
    }
}

/// One range of bytes; `None` for what §14.2 lets a server ignore.
fn parse(value: &str) -> Option<RangeSpec> {
    let (unit, set) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    match (first, last) {
        ("", length) => number(length).map(RangeSpec::Suffix),
        (first, "") => number(first).map(RangeSpec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::FromTo(first, last))
        }
    }
}

/// Digits alone; more than fit are as good as the largest.
fn number(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SIZE: u64 = 1000;
    const MODIFIED: &str = "Sat, 21 Nov 2026 08:30:00 GMT";
    const EARLIER: &str = "Fri, 20 Nov 2026 08:30:00 GMT";

    fn check(headers: &[(&str, &str)], expected: Selection) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let validators = Validators {
            etag: Some("\"v1\"".to_owned()),
            modified: parse_date(MODIFIED),
        };
        assert!(validators.modified.is_some());
        let selection = select(&Method::GET, &map, SIZE, &validators);
        assert_eq!(selection, expected, "{headers:?}");
    }

    fn part(first: u64, last: u64) -> Selection {
        Selection::Part { first, last }
    }

    #[test]
    fn a_range_selects_what_of_it_is_there() {
        check(&[], Selection::Whole);
        check(&[("range", "bytes=0-99")], part(0, 99));
        check(&[("range", "BYTES=0-0")], part(0, 0));
        check(&[("range", "bytes=990-")], part(990, 999));
        check(&[("range", "bytes=500-99999")], part(500, 999));
        check(
            &[("range", "bytes=0-99999999999999999999999")],
            part(0, 999),
        );
        check(&[("range", "bytes=-100")], part(900, 999));
        check(&[("range", "bytes=-5000")], part(0, 999));
    }

    #[test]
    fn only_a_range_without_a_byte_is_unsatisfiable() {
        check(&[("range", "bytes=1000-")], Selection::Unsatisfiable);
        check(&[("range", "bytes=1000-2000")], Selection::Unsatisfiable);
        check(&[("range", "bytes=-0")], Selection::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_ignored() {
        for range in [
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,5-6",
            "items=0-1",
            "0-1",
            "bytes=1 - 2",
        ] {
            check(&[("range", range)], Selection::Whole);
        }
        check(
            &[("range", "bytes=0-1"), ("range", "bytes=2-3")],
            Selection::Whole,
        );
    }

    #[test]
    fn if_range_takes_a_strong_tag_or_the_exact_date() {
        let range = ("range", "bytes=0-9");
        check(&[range, ("if-range", "\"v1\"")], part(0, 9));
        check(&[range, ("if-range", "\"v2\"")], Selection::Whole);
        check(&[range, ("if-range", "W/\"v1\"")], Selection::Whole);
        check(&[range, ("if-range", MODIFIED)], part(0, 9));
        check(&[range, ("if-range", EARLIER)], Selection::Whole);
        check(&[range, ("if-range", "yesterday")], Selection::Whole);
    }

    #[test]
    fn conditions_are_weighed_in_the_order_of_the_standard() {
        check(&[("if-none-match", "\"v1\"")], Selection::NotModified);
        check(
            &[("if-none-match", "W/\"v1\", \"v0\"")],
            Selection::NotModified,
        );
        check(&[("if-none-match", "*")], Selection::NotModified);
        check(
            &[("if-none-match", "\"v0\""), ("if-modified-since", MODIFIED)],
            Selection::Whole,
        );
        check(&[("if-modified-since", MODIFIED)], Selection::NotModified);
        check(&[("if-modified-since", EARLIER)], Selection::Whole);
        check(&[("if-match", "\"v0\"")], Selection::PreconditionFailed);
        check(
            &[("if-match", "\"v1\""), ("if-none-match", "\"v1\"")],
            Selection::NotModified,
        );
        check(
            &[("if-unmodified-since", EARLIER)],
            Selection::PreconditionFailed,
        );
        check(
            &[("if-none-match", "\"v1\""), ("range", "bytes=0-9")],
            Selection::NotModified,
        );
    }

    #[test]
    fn an_empty_representation_has_no_part() {
        let validators = Validators {
            etag: None,
            modified: None,
        };
        for (range, expected) in [
            ("bytes=0-", Selection::Unsatisfiable),
            ("bytes=-5", Selection::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            let selection = select(&Method::GET, &headers, 0, &validators);
            assert_eq!(selection, expected, "{range}");
        }
    }

    #[test]
    fn only_get_has_ranges() {
        let validators = Validators {
            etag: None,
            modified: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-9".parse().unwrap());
        let selection = select(&Method::HEAD, &headers, SIZE, &validators);
        assert_eq!(selection, Selection::Whole);
    }

    #[test]
    fn a_date_is_written_as_it_is_read() {
        assert_eq!(http_date(parse_date(MODIFIED).unwrap()), MODIFIED);
    }
}
