//! Going through what lies below a prefix, a page at a time.

use super::{BlobEntry, BlobError, BlobKey, Blobs};

/// As many as an S3 store gives at once.
const PAGE: usize = 1_000;

/// Pages of blobs or of partials, in the order of their keys. What is written or deleted meanwhile may or may not be seen.
#[derive(Debug)]
pub struct Pages<'a> {
    blobs: &'a Blobs,
    prefix: &'a str,
    are_partials: bool,
    after: Option<BlobKey>,
}

impl Pages<'_> {
    /// The next page, which is not empty; `None` behind the last.
    ///
    /// # Errors
    /// The store fails. The next call asks for the same page again.
    pub async fn next(&mut self) -> Result<Option<Vec<BlobEntry>>, BlobError> {
        let (prefix, after) = (self.prefix, self.after.as_ref());
        let page = if self.are_partials {
            self.blobs.list_partials(prefix, after, PAGE).await?
        } else {
            self.blobs.list(prefix, after, PAGE).await?
        };
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.key.clone());
        Ok(Some(page))
    }
}

impl Blobs {
    /// The blobs below `prefix`; all, if it is empty.
    #[must_use]
    pub fn pages<'a>(&'a self, prefix: &'a str) -> Pages<'a> {
        Pages {
            blobs: self,
            prefix,
            are_partials: false,
            after: None,
        }
    }

    /// The partials below `prefix`.
    #[must_use]
    pub fn partial_pages<'a>(&'a self, prefix: &'a str) -> Pages<'a> {
        Pages {
            are_partials: true,
            ..self.pages(prefix)
        }
    }
}
