//! Resumable uploads: tus 1.0 (<https://tus.io/protocols/resumable-upload>), core and creation.

use std::io::{Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use reqwest::{Body, Method, Response, StatusCode};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::{Client, ClientError, Patience, Result};

/// Bytes sent by one request. The sign-in is checked at its start, so that it need not outlive a whole upload.
const BYTES_PER_REQUEST: u64 = 64 << 20;
const READ_BYTES: usize = 256 << 10;
/// A connection over which nothing moves for so long is given up: its other end may be gone.
const STALLED_AFTER: Duration = Duration::from_secs(60);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// What to say about a file when its upload is created.
#[derive(Debug, Clone, Default)]
pub struct NewUpload<'a> {
    pub filename: &'a str,
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub visibility: Option<&'a str>,
    /// Fill this draft instead of making one.
    pub video_id: Option<&'a str>,
}

/// Where an upload is taken.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct UploadedVideo {
    pub upload_url: String,
    pub video_id: String,
}

/// How sending goes.
#[derive(Debug)]
pub enum Sending<'a> {
    /// So many bytes of the file are sent.
    At(u64),
    /// The platform is away; what was tried is tried again.
    Waiting(&'a ClientError),
}

impl Client {
    /// Creates an upload of `size_bytes`. However often the request has to be made, one upload comes of it.
    ///
    /// # Errors
    /// When the platform refuses it, or stays away for longer than `patience` allows.
    pub async fn create_upload(
        &self,
        size_bytes: u64,
        upload: &NewUpload<'_>,
        mut patience: Patience,
        mut tell: impl FnMut(&ClientError),
    ) -> Result<UploadedVideo> {
        let key = uuid::Uuid::now_v7().to_string();
        loop {
            let response = self.send(|| {
                Ok(self
                    .request(Method::POST, "/uploads")
                    .header("tus-resumable", "1.0.0")
                    .header("idempotency-key", &key)
                    .header("upload-length", size_bytes)
                    .header("upload-metadata", metadata(upload)))
            });
            match response.await {
                Ok(response) => {
                    return Ok(UploadedVideo {
                        upload_url: self.header(&response, "location")?,
                        video_id: self.header(&response, "amphi-video-id")?,
                    });
                }
                Err(error) => patience.pause_after(error, &mut tell).await?,
            }
        }
    }

    /// How many bytes of the upload are stored, or `None` when it is gone.
    ///
    /// # Errors
    /// When the platform refuses to say, or stays away for longer than `patience` allows.
    pub async fn upload_offset(
        &self,
        upload_url: &str,
        mut patience: Patience,
        mut tell: impl FnMut(&ClientError),
    ) -> Result<Option<u64>> {
        loop {
            match self.offset(upload_url).await {
                Err(error) => patience.pause_after(error, &mut tell).await?,
                outcome => return outcome,
            }
        }
    }

    /// Sends the file from where the server is, through lost connections, restarts of the platform and ends of tokens.
    ///
    /// # Errors
    /// When the file is refused, with the platform's reason; when there is no progress for longer than `patience` allows.
    pub async fn send_file(
        &self,
        upload: &UploadedVideo,
        file: &Path,
        mut patience: Patience,
        mut progress: impl FnMut(Sending<'_>),
    ) -> Result<()> {
        let size = std::fs::metadata(file)
            .map_err(|cause| unreadable(file, cause))?
            .len();
        let mut stored = 0;
        let mut taken_from = None;
        loop {
            let error = match self.offset(&upload.upload_url).await {
                Ok(Some(offset)) if offset >= size => return Ok(()),
                Ok(Some(offset)) if taken_from == Some(offset) => {
                    self.unexpected("it took bytes and does not have them")
                }
                Ok(Some(offset)) => {
                    if offset > stored {
                        patience.progressed();
                        stored = offset;
                    }
                    progress(Sending::At(offset));
                    match self
                        .patch(&upload.upload_url, file, offset, &mut progress)
                        .await
                    {
                        Ok(()) => {
                            taken_from = Some(offset);
                            continue;
                        }
                        Err(error) => error,
                    }
                }
                Ok(None) => ClientError::UploadGone,
                Err(error) => error,
            };
            // A refused file may show as no more than a connection that was closed, or as an upload that is gone.
            if let Ok(video) = self.video(&upload.video_id).await {
                video.unless_failed()?;
            }
            taken_from = None;
            let tell = |error: &_| progress(Sending::Waiting(error));
            patience.pause_after(error, tell).await?;
        }
    }

    async fn offset(&self, upload_url: &str) -> Result<Option<u64>> {
        let response = self.send(|| {
            Ok(self
                .request(Method::HEAD, upload_url)
                .header("tus-resumable", "1.0.0"))
        });
        match response.await {
            Ok(response) => {
                let offset = self.header(&response, "upload-offset")?;
                let offset = offset.parse();
                offset
                    .map(Some)
                    .map_err(|_| self.unexpected("an Upload-Offset that is no number"))
            }
            Err(ClientError::Refused(refusal))
                if matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::GONE) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends one piece, and tells of each step.
    async fn patch(
        &self,
        upload_url: &str,
        path: &Path,
        offset: u64,
        progress: &mut impl FnMut(Sending<'_>),
    ) -> Result<()> {
        let sent = Arc::new(AtomicU64::new(0));
        let sending = self.send(|| {
            sent.store(0, Ordering::Relaxed);
            let body = piece_from(path, offset, Arc::clone(&sent))?;
            Ok(self
                .request_without_end(Method::PATCH, upload_url)
                .header("tus-resumable", "1.0.0")
                .header("upload-offset", offset)
                .header("content-type", "application/offset+octet-stream")
                .body(body))
        });
        let mut sending = std::pin::pin!(sending);
        let (mut seen, mut moved_at) = (0, Instant::now());
        loop {
            tokio::select! {
                outcome = &mut sending => return outcome.map(drop),
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {}
            }
            let now = sent.load(Ordering::Relaxed);
            if now != seen {
                (seen, moved_at) = (now, Instant::now());
                progress(Sending::At(offset + now));
            } else if moved_at.elapsed() >= STALLED_AFTER {
                return Err(ClientError::Stalled {
                    base: self.base.clone(),
                    after: STALLED_AFTER,
                });
            }
        }
    }

    fn header(&self, response: &Response, name: &str) -> Result<String> {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .ok_or_else(|| self.unexpected(format!("it has no {name} header")))
    }
}

/// The next piece of the file; `sent` counts the bytes that the connection has taken.
fn piece_from(path: &Path, offset: u64, sent: Arc<AtomicU64>) -> Result<Body> {
    let failed = |cause| unreadable(path, cause);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let file = tokio::fs::File::from_std(file);
    let piece = ReaderStream::with_capacity(file.take(BYTES_PER_REQUEST), READ_BYTES);
    let counted = piece.inspect_ok(move |bytes| {
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    });
    Ok(Body::wrap_stream(counted))
}

fn unreadable(path: &Path, cause: std::io::Error) -> ClientError {
    ClientError::File {
        path: path.to_owned(),
        cause,
    }
}

/// `Upload-Metadata`: pairs of a key and a base64 value.
fn metadata(upload: &NewUpload<'_>) -> String {
    let pairs = [
        ("filename", Some(upload.filename)),
        ("title", upload.title),
        ("description", upload.description),
        ("visibility", upload.visibility),
        ("video_id", upload.video_id),
    ];
    let encoded: Vec<String> = pairs
        .into_iter()
        .filter_map(|(key, value)| value.map(|text| format!("{key} {}", STANDARD.encode(text))))
        .collect();
    encoded.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_encoded_so_that_any_name_is_safe() {
        let upload = NewUpload {
            filename: "a,b \"c\"\n.mp4",
            title: Some("제목"),
            ..NewUpload::default()
        };
        assert_eq!(
            metadata(&upload),
            "filename YSxiICJjIgoubXA0,title 7KCc66qp"
        );
    }
}
