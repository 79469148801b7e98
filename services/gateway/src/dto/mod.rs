//! What REST clients see. Each module maps the messages of one service into its own shapes, in one place.

pub mod about;
pub mod accounts;
pub mod observatory;
pub mod playback;
pub mod problem;
pub mod series;
pub mod streams;
pub mod videos;

use amphi_chassis::Problem;
use jiff::Timestamp;

/// Declares a page of a list under a name of its own, so that the document names it.
macro_rules! page {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            /// Give it as `cursor` for the next page; null on the last one.
            #[schema(required)]
            pub next_cursor: Option<String>,
        }

        impl $name {
            /// An empty cursor is none.
            pub fn new(items: Vec<$item>, next_cursor: String) -> Self {
                Self {
                    items,
                    next_cursor: (!next_cursor.is_empty()).then_some(next_cursor),
                }
            }
        }
    };
}
pub(crate) use page;

/// A time of the contracts, microseconds since the Unix epoch.
pub(crate) fn time(at_us: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(at_us).map_err(Problem::internal)
}

/// A value of a newer release than ours, or a broken one: an error, not a default.
pub(crate) fn unknown_value(what: &'static str, value: i32) -> Problem {
    Problem::internal(format!("unknown {what} {value}"))
}
