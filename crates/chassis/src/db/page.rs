//! Keyset pagination: a page continues after the last row seen, so that rows added meanwhile shift nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef};
use sea_orm::{Condition, Value};
use uuid::Uuid;

use crate::Problem;

pub const PAGE_LIMIT_DEFAULT: u32 = 50;
pub const PAGE_LIMIT_MAX: u32 = 200;

const ENCODED_BYTES: usize = 24;

/// Where a page ended: the sort time and the id of its last row. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub time_us: i64,
    pub id: Uuid,
}

impl Cursor {
    /// 32 characters that are safe in a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = [0_u8; ENCODED_BYTES];
        bytes[..8].copy_from_slice(&self.time_us.to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote; anything else is refused with `invalid_cursor`.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let bytes: Option<[u8; ENCODED_BYTES]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let Some(bytes) = bytes else {
            return Err(Problem::invalid(
                "invalid_cursor",
                "The cursor is not one that this list gave out. Leave it away to begin with the first page.",
            ));
        };
        let (time, id) = bytes.split_at(8);
        let mut time_us = [0_u8; 8];
        time_us.copy_from_slice(time);
        let mut uuid = [0_u8; 16];
        uuid.copy_from_slice(id);
        Ok(Self {
            time_us: i64::from_be_bytes(time_us),
            id: Uuid::from_bytes(uuid),
        })
    }

    /// As [`Cursor::decode`], where an empty text is the first page.
    pub fn decode_optional(text: &str) -> Result<Option<Self>, Problem> {
        if text.is_empty() {
            return Ok(None);
        }
        Self::decode(text).map(Some)
    }
}

/// How many rows a page holds: 0 asks for the default of 50, more than 200 is refused with `invalid_limit`.
pub fn page_limit(requested: u32) -> Result<u32, Problem> {
    match requested {
        0 => Ok(PAGE_LIMIT_DEFAULT),
        1..=PAGE_LIMIT_MAX => Ok(requested),
        _ => Err(Problem::invalid(
            "invalid_limit",
            format!("A page holds at most {PAGE_LIMIT_MAX} items; {requested} were asked for."),
        )),
    }
}

/// The rows after `cursor` in a list that is sorted by time and then id, both descending.
///
/// Written so that each engine takes the time column as the range of an index over both.
pub fn older_than<T, I>(time_column: T, id_column: I, cursor: &Cursor) -> Condition
where
    T: IntoColumnRef + Clone,
    I: IntoColumnRef,
{
    let time = || Value::from(cursor.time_us);
    Condition::all()
        .add(Expr::col(time_column.clone()).lte(time()))
        .add(
            Condition::any()
                .add(Expr::col(time_column).lt(time()))
                .add(Expr::col(id_column).lt(Value::from(cursor.id))),
        )
}

/// One page of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_cursor: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows out of a query that asked for one more.
    #[must_use]
    pub fn from_rows(mut rows: Vec<T>, limit: u32, cursor_of: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more {
            rows.last().map(cursor_of)
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// The same page with its items turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(turn).collect(),
            next_cursor: self.next_cursor,
        }
    }

    /// The cursor as clients get it; empty on the last page.
    #[must_use]
    pub fn next_cursor_text(&self) -> String {
        self.next_cursor
            .map(|cursor| cursor.encode())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(time_us: i64, id: u128) {
            let cursor = Cursor { time_us, id: Uuid::from_u128(id) };
            prop_assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }

        #[test]
        fn text_that_is_no_cursor_is_refused(text in "\\PC{0,64}") {
            if let Ok(cursor) = Cursor::decode(&text) {
                prop_assert_eq!(cursor.encode(), text);
            }
        }
    }

    #[test]
    fn a_limit_is_default_taken_or_refused() {
        assert_eq!(page_limit(0).unwrap(), 50);
        assert_eq!(page_limit(200).unwrap(), 200);
        assert_eq!(page_limit(201).unwrap_err().code, "invalid_limit");
    }

    #[test]
    fn only_a_page_with_a_row_left_over_has_a_next_one() {
        let cursor_of = |row: &i64| Cursor {
            time_us: *row,
            id: Uuid::nil(),
        };
        let full = Page::from_rows(vec![5, 4, 3], 2, cursor_of);
        assert_eq!(full.items, [5, 4]);
        assert_eq!(full.next_cursor.unwrap().time_us, 4);
        assert_eq!(Page::from_rows(vec![5, 4], 2, cursor_of).next_cursor, None);
    }
}
