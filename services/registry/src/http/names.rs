//! Names of elements. Keys of metadata may be anything, names of elements may not: what is not allowed is written as XStream's
//! `XmlFriendlyNameCoder` writes it, with which Eureka is made: `_` as `__`, `$` as `_-`, all else as `_.` and the four hexadecimal
//! digits of its UTF-16 units.

const UNDERSCORE: u16 = b'_' as u16;

pub(super) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (place, unit) in name.encode_utf16().enumerate() {
        let character = u8::try_from(unit).map_or('\u{fffd}', char::from);
        let may_follow = character.is_ascii_digit() || matches!(character, '.' | '-');
        match character {
            '_' => encoded.push_str("__"),
            '$' => encoded.push_str("_-"),
            _ if character.is_ascii_alphabetic() || (place > 0 && may_follow) => {
                encoded.push(character);
            }
            _ => encoded.push_str(&format!("_.{unit:04x}")),
        }
    }
    encoded
}

/// A `_` that begins none of these stands for itself: not every client is made with XStream.
pub(super) fn decode(name: &str) -> String {
    let units: Vec<u16> = name.encode_utf16().collect();
    let mut decoded = Vec::with_capacity(units.len());
    let mut rest = units.as_slice();
    while let Some((unit, after)) = rest.split_first() {
        let (unit, after) = match (*unit == UNDERSCORE).then(|| escaped(after)).flatten() {
            Some(meant) => meant,
            None => (*unit, after),
        };
        decoded.push(unit);
        rest = after;
    }
    String::from_utf16_lossy(&decoded)
}

/// What stands after a `_` that is not for itself, and the rest.
fn escaped(after: &[u16]) -> Option<(u16, &[u16])> {
    let (kind, rest) = after.split_first()?;
    match char::from(u8::try_from(*kind).ok()?) {
        '_' => Some((UNDERSCORE, rest)),
        '-' => Some((u16::from(b'$'), rest)),
        '.' => {
            let (digits, rest) = rest.split_at_checked(4)?;
            let digit = |unit: &u16| char::from(u8::try_from(*unit).ok()?).to_digit(16);
            let value = digits
                .iter()
                .try_fold(0, |value, unit| Some(value * 16 + digit(unit)?))?;
            Some((u16::try_from(value).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_as_xstream_writes_them() {
        for (name, written) in [
            ("versions_delta", "versions__delta"),
            ("management.port", "management.port"),
            ("a$b", "a_-b"),
            ("a b", "a_.0020b"),
            ("@class", "_.0040class"),
            ("1", "_.0031"),
            ("é", "_.00e9"),
            ("😀", "_.d83d_.de00"),
            ("_.0041", "__.0041"),
        ] {
            assert_eq!(encode(name), written);
            assert_eq!(decode(written), name);
        }
    }

    #[test]
    fn an_underscore_of_who_does_not_know_xstream_stands_for_itself() {
        for name in ["a_b", "_", "a_.", "a_.12", "a_.12g4"] {
            assert_eq!(decode(name), name);
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_again(name in any::<String>()) {
            prop_assert_eq!(decode(&encode(&name)), name);
        }

        #[test]
        fn what_was_encoded_is_a_name_of_an_element(name in ".+") {
            let encoded = encode(&name);
            let first = encoded.chars().next();
            prop_assert!(first.is_some_and(|it| it.is_ascii_alphabetic() || it == '_'));
            let is_allowed = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
            prop_assert!(encoded.chars().all(is_allowed));
        }
    }
}
