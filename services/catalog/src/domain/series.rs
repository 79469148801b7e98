use std::str::FromStr;

use amphi_contracts::{AccountId, EpisodeId, SeriesId};

use super::{Description, Error, Title, Video, Violation};

/// What sort of series it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesKind {
    Drama,
    /// Its episodes are shown as sessions.
    Course,
}

impl SeriesKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drama => "drama",
            Self::Course => "course",
        }
    }
}

impl FromStr for SeriesKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "drama" => Ok(Self::Drama),
            "course" => Ok(Self::Course),
            other => Err(Error::Corrupt(format!("`{other}` is not a kind of series"))),
        }
    }
}

/// A drama or a course, with the episodes the caller may see, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub id: SeriesId,
    pub owner_id: AccountId,
    pub kind: SeriesKind,
    pub title: String,
    pub description: String,
    pub created_at_us: i64,
    pub episodes: Vec<Episode>,
}

/// One episode of a drama, or one session of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    pub id: EpisodeId,
    pub number: u32,
    pub title: String,
    /// Without its description, which no list of episodes shows.
    pub video: Video,
}

/// What its owner says of a new series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeries {
    pub kind: SeriesKind,
    pub title: Title,
    pub description: Description,
}

const NUMBER_MAX: u32 = 100_000;

/// The number an episode is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpisodeNumber {
    /// One more than the highest.
    Next,
    This(u32),
}

impl EpisodeNumber {
    /// Zero asks for the next one.
    ///
    /// # Errors
    /// A violation at `/number`.
    pub fn requested(number: u32) -> Result<Self, Violation> {
        match number {
            0 => Ok(Self::Next),
            1..=NUMBER_MAX => Ok(Self::This(number)),
            _ => Err(too_high()),
        }
    }

    /// The number, given the highest one taken so far.
    ///
    /// # Errors
    /// A violation at `/number` when there is no next one.
    pub fn after(self, highest: Option<u32>) -> Result<u32, Violation> {
        match self {
            Self::This(number) => Ok(number),
            Self::Next => match highest.unwrap_or(0) {
                highest if highest < NUMBER_MAX => Ok(highest + 1),
                _ => Err(too_high()),
            },
        }
    }
}

fn too_high() -> Violation {
    let detail = format!("Episodes are numbered from 1 to {NUMBER_MAX}.");
    Violation::new("/number", "out_of_range", detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_read_back_and_unknown_ones_are_errors() {
        for kind in [SeriesKind::Drama, SeriesKind::Course] {
            assert_eq!(kind.as_str().parse::<SeriesKind>().unwrap(), kind);
        }
        assert!("opera".parse::<SeriesKind>().is_err());
    }

    #[test]
    fn a_number_is_the_one_asked_for_or_the_next() {
        for (requested, highest, number) in [
            (0, None, 1),
            (0, Some(12), 13),
            (7, None, 7),
            (7, Some(12), 7),
            (100_000, None, 100_000),
        ] {
            let wanted = EpisodeNumber::requested(requested).unwrap();
            assert_eq!(
                wanted.after(highest).unwrap(),
                number,
                "{requested} {highest:?}"
            );
        }
    }

    #[test]
    fn numbers_end() {
        assert_eq!(
            EpisodeNumber::requested(100_001).unwrap_err().pointer,
            "/number"
        );
        assert!(EpisodeNumber::Next.after(Some(100_000)).is_err());
    }
}
