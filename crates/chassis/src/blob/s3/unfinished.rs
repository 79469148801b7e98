//! Uploads in parts that were begun and neither completed nor aborted. The library knows no request for them, but signs any.

use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};

use super::errors::told;
use super::remains::at;
use super::{Area, S3Blobs};
use crate::blob::BlobError;

const ADDRESS_LIFETIME: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Of up to a thousand uploads each; a bucket with more of them is tidied by the next run.
const PAGES_MAX: usize = 100;

/// One upload in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// The whole name of the object that it would have become.
    pub object: String,
    pub id: String,
    pub initiated: SystemTime,
}

impl S3Blobs {
    /// Those below our prefix, and whether these are all; `None` if the store cannot be asked for them.
    pub(super) async fn unfinished_uploads(
        &self,
    ) -> Result<Option<(Vec<Unfinished>, bool)>, BlobError> {
        let mut found = Vec::new();
        let mut marker: Option<(String, String)> = None;
        for _ in 0..PAGES_MAX {
            let mut query = vec![
                ("uploads".to_owned(), String::new()),
                ("prefix".to_owned(), self.folder(Area::Blobs)),
            ];
            if let Some((object, id)) = marker.take() {
                query.push(("key-marker".to_owned(), object));
                query.push(("upload-id-marker".to_owned(), id));
            }
            let (status, text) = self.ask(Method::GET, &Path::default(), query).await?;
            if matches!(
                status,
                // The right to list them is one of its own.
                StatusCode::NOT_IMPLEMENTED
                    | StatusCode::METHOD_NOT_ALLOWED
                    | StatusCode::FORBIDDEN
            ) {
                return Ok(None);
            }
            if !status.is_success() {
                return Err(refused("listing unfinished uploads of", "", status, &text));
            }
            found.extend(blocks(&text, "Upload").filter_map(upload));
            let next = |name| blocks(&text, name).next().map(str::to_owned);
            let is_truncated = next("IsTruncated").as_deref() == Some("true");
            marker = next("NextKeyMarker").zip(next("NextUploadIdMarker"));
            if !is_truncated || marker.is_none() {
                return Ok(Some((found, true)));
            }
        }
        Ok(Some((found, false)))
    }

    pub(super) async fn abort_upload(&self, upload: &Unfinished) -> Result<(), BlobError> {
        let query = vec![("uploadId".to_owned(), upload.id.clone())];
        let path = Path::from(upload.object.as_str());
        let (status, text) = self.ask(Method::DELETE, &path, query).await?;
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(refused("aborting", &upload.object, status, &text))
    }

    async fn ask(
        &self,
        method: Method,
        path: &Path,
        query: Vec<(String, String)>,
    ) -> Result<(StatusCode, String), BlobError> {
        let options = SignedUrlOptions::new().with_query(query);
        let signing =
            self.store()
                .signed_url_opts(method.clone(), path, ADDRESS_LIFETIME, &options);
        let url = signing.await;
        let url = url.map_err(|error| told("signing a request for", path.as_ref(), error))?;
        let away = |error: reqwest::Error| BlobError::Away {
            operation: "looking for unfinished uploads of",
            key: path.to_string(),
            // The address bears a signature.
            reason: error.without_url().to_string(),
        };
        let client = reqwest::Client::builder().timeout(TIMEOUT).build();
        let response = client.map_err(away)?.request(method, url).send().await;
        let response = response.map_err(away)?;
        let status = response.status();
        Ok((status, response.text().await.map_err(away)?))
    }
}

fn refused(operation: &'static str, object: &str, status: StatusCode, text: &str) -> BlobError {
    let code = blocks(text, "Code").next().unwrap_or("no code");
    BlobError::Away {
        operation,
        key: object.to_owned(),
        reason: format!(
            "the store answers {status} ({code}); allow s3:ListBucketMultipartUploads on the bucket and s3:AbortMultipartUpload below the prefix"
        ),
    }
}

fn upload(block: &str) -> Option<Unfinished> {
    let value = |name| blocks(block, name).next();
    let initiated: jiff::Timestamp = value("Initiated")?.parse().ok()?;
    Some(Unfinished {
        // Names of ours have nothing that XML would escape.
        object: value("Key")?.to_owned(),
        id: value("UploadId")?.to_owned(),
        initiated: at(initiated.as_second()),
    })
}

/// What stands between each `<name>` and its `</name>`. The answer has no attributes and does not nest these elements.
fn blocks<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open.as_str())?;
        let (block, next) = after.split_once(close.as_str())?;
        rest = next;
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn uploads_are_read_from_an_answer_as_aws_documents_it() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Bucket>bucket</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><IsTruncated>false</IsTruncated>\
            <Upload><Key>p/blobs/a</Key><UploadId>one</UploadId><Initiator><ID>x</ID></Initiator>\
            <Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>\
            <Upload><Key>p/blobs/b</Key><UploadId>two</UploadId><Initiated>2010-11-10T20:48:34.000Z</Initiated></Upload>\
            </ListMultipartUploadsResult>";
        let uploads: Vec<Unfinished> = blocks(text, "Upload").filter_map(upload).collect();
        assert_eq!(uploads.len(), 2);
        assert_eq!(
            uploads[0],
            Unfinished {
                object: "p/blobs/a".to_owned(),
                id: "one".to_owned(),
                initiated: at(1_289_422_113),
            }
        );
        assert_eq!(blocks(text, "IsTruncated").next(), Some("false"));
    }
}
