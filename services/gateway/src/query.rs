//! The query of a request, read parameter by parameter, so that a refusal can say which of them is wrong and what it takes.

use std::fmt::Display;
use std::str::FromStr;

use amphi_chassis::Problem;
use amphi_chassis::db::PAGE_LIMIT_MAX;
use axum::extract::FromRequestParts;
use http::request::Parts;

/// A longer value is not repeated to who sent it.
const SHOWN_CHARS_MAX: usize = 40;

/// The query of a request. What it does not know, what comes twice and what has no value of the right kind is refused with
/// `invalid_query`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// A query as a handler wants it.
pub trait FromQuery: Sized {
    /// Takes its parameters out; those left over are unknown.
    ///
    /// # Errors
    /// One has a value that it does not take.
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem>;
}

impl<T: FromQuery, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut parameters = Parameters::of(parts)?;
        let query = T::from_query(&mut parameters)?;
        parameters.refuse_the_rest()?;
        Ok(Self(query))
    }
}

/// The parameters that have not been taken yet.
#[derive(Debug)]
pub struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let given = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let axum::extract::Query(given) =
            given.map_err(|_| refusal("The query is not of the form `name=value&name=value`."))?;
        Ok(Self {
            given,
            known: Vec::new(),
        })
    }

    /// A parameter of any text.
    ///
    /// # Errors
    /// It is there more than once.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.known.push(name);
        let is_it = |(given, _): &(String, String)| given == name;
        let Some(at) = self.given.iter().position(is_it) else {
            return Ok(None);
        };
        let (_, value) = self.given.swap_remove(at);
        if self.given.iter().any(is_it) {
            return Err(refusal(format!("`{name}` is given more than once.")));
        }
        Ok(Some(value))
    }

    /// A parameter that is read with `FromStr`; `takes` says what it takes, as in "a whole number".
    ///
    /// # Errors
    /// It is there more than once, or cannot be read.
    pub fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        takes: impl Display,
    ) -> Result<Option<T>, Problem> {
        self.read(name, takes, |text| text.parse().ok())
    }

    /// A parameter that is one of a few words.
    ///
    /// # Errors
    /// It is there more than once, or is none of them.
    pub fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.read(name, all.join(" or "), |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value)
        })
    }

    /// `limit`: the length of a page.
    ///
    /// # Errors
    /// It is not from 1 to [`PAGE_LIMIT_MAX`].
    pub fn limit(&mut self) -> Result<Option<u32>, Problem> {
        let takes = format!("a whole number from 1 to {PAGE_LIMIT_MAX}");
        self.read("limit", takes, |text| {
            let limit: u32 = text.parse().ok()?;
            (1..=PAGE_LIMIT_MAX).contains(&limit).then_some(limit)
        })
    }

    /// `cursor`: where a page begins.
    ///
    /// # Errors
    /// It is there more than once. Whether it is one is for the service to say that gave it out.
    pub fn cursor(&mut self) -> Result<Option<String>, Problem> {
        self.text("cursor")
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        takes: impl Display,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        read(&text).map(Some).ok_or_else(|| {
            let shown = shown(&text);
            refusal(format!("`{name}` takes {takes}, not \"{shown}\"."))
        })
    }

    fn refuse_the_rest(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else {
            return Ok(());
        };
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        Err(refusal(format!(
            "There is no parameter `{}` here; there is {}.",
            shown(name),
            known.join(", ")
        )))
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn refusal(detail: impl Into<String>) -> Problem {
    Problem::invalid("invalid_query", detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Wanted {
        limit: Option<u32>,
        is_new: Option<bool>,
        colour: Option<char>,
        cursor: Option<String>,
    }

    impl FromQuery for Wanted {
        fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
            Ok(Self {
                limit: parameters.limit()?,
                is_new: parameters.parsed("new", "`true` or `false`")?,
                colour: parameters.one_of("colour", &[("red", 'r'), ("blue", 'b')])?,
                cursor: parameters.cursor()?,
            })
        }
    }

    async fn read(query: &str) -> Result<Wanted, String> {
        let request = Request::get(format!("/things?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let read = Query::<Wanted>::from_request_parts(&mut parts, &()).await;
        read.map(|Query(wanted)| wanted).map_err(|problem| {
            assert_eq!(problem.code, "invalid_query");
            problem.detail
        })
    }

    #[tokio::test]
    async fn what_is_right_is_read() {
        let wanted = read("colour=blue&limit=200&new=true&cursor=a%2Fb").await;
        let expected = Wanted {
            limit: Some(200),
            is_new: Some(true),
            colour: Some('b'),
            cursor: Some("a/b".to_owned()),
        };
        assert_eq!(wanted, Ok(expected));
        assert_eq!(read("").await.unwrap().limit, None);
    }

    #[tokio::test]
    async fn a_refusal_names_the_parameter_and_what_it_takes() {
        let long = format!("limit={}", "9".repeat(1000));
        let nines = "9".repeat(SHOWN_CHARS_MAX);
        let long_refusal = format!("`limit` takes a whole number from 1 to 200, not \"{nines}\".");
        for (query, detail) in [
            (
                "limit=0",
                "`limit` takes a whole number from 1 to 200, not \"0\".",
            ),
            (
                "limit=201",
                "`limit` takes a whole number from 1 to 200, not \"201\".",
            ),
            (
                "limit=many",
                "`limit` takes a whole number from 1 to 200, not \"many\".",
            ),
            (&long, &long_refusal),
            ("limit=1&limit=2", "`limit` is given more than once."),
            ("new=yes", "`new` takes `true` or `false`, not \"yes\"."),
            (
                "colour=green",
                "`colour` takes `red` or `blue`, not \"green\".",
            ),
            (
                "limt=5",
                "There is no parameter `limt` here; there is `limit`, `new`, `colour`, `cursor`.",
            ),
        ] {
            assert_eq!(read(query).await.unwrap_err(), detail, "{query}");
        }
    }
}
