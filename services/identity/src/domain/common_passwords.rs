//! The passwords that are tried first.

/// The most used ones of eight characters or more in published breaches (shorter ones are refused by length), lower case.
const COMMON: [&str; 104] = [
    "00000000",
    "0123456789",
    "0987654321",
    "10203040",
    "11111111",
    "1111111111",
    "11223344",
    "1122334455",
    "12121212",
    "123123123",
    "1234567890",
    "123456789",
    "123456789a",
    "12345678",
    "12345678910",
    "123456abc",
    "1234qwer",
    "123qweasd",
    "12341234",
    "13131313",
    "147258369",
    "19871987",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "1qazxsw2",
    "20202020",
    "22222222",
    "33333333",
    "55555555",
    "66666666",
    "76543210",
    "77777777",
    "87654321",
    "88888888",
    "98765432",
    "987654321",
    "9876543210",
    "99999999",
    "a1234567",
    "a12345678",
    "a123456789",
    "aa123456",
    "aaaaaaaa",
    "abc12345",
    "abcd1234",
    "abcdefgh",
    "adminadmin",
    "administrator",
    "admin123",
    "admin1234",
    "alexander",
    "asdasdasd",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "basketball",
    "butterfly",
    "changeme",
    "charlie1",
    "chocolate",
    "computer",
    "creative",
    "dragon123",
    "elizabeth",
    "football",
    "football1",
    "iloveyou",
    "iloveyou1",
    "internet",
    "jennifer",
    "jordan23",
    "letmein1",
    "liverpool",
    "michael1",
    "michelle",
    "midnight",
    "monkey123",
    "p@ssw0rd",
    "pa55word",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "password1234",
    "princess",
    "princess1",
    "q1w2e3r4",
    "qazwsxedc",
    "qwer1234",
    "qwerasdf",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "starwars",
    "sunshine",
    "superman",
    "trustno1",
    "welcome1",
    "zxcvbnm1",
];

/// Whether a password, in lower case, is on the list or one character over and over.
#[must_use]
pub fn is_common(folded: &str) -> bool {
    let mut characters = folded.chars();
    let first = characters.next();
    COMMON.contains(&folded) || characters.all(|c| Some(c) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_lower_case_long_enough_and_without_repeats() {
        let mut seen = std::collections::HashSet::new();
        for password in COMMON {
            assert_eq!(password, password.to_lowercase());
            assert!(
                password.len() >= 8,
                "{password} is refused by its length already"
            );
            assert!(seen.insert(password), "{password} stands twice");
        }
    }

    #[test]
    fn one_character_repeated_is_common() {
        assert!(is_common("zzzzzzzzzz"));
        assert!(is_common("trustno1"));
        assert!(!is_common("kettle-9"));
    }
}
