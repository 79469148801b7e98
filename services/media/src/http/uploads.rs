//! `/uploads`: tus 1.0 with the extensions creation, creation-defer-length, creation-with-upload, termination, expiration
//! and checksum. Creating needs the role of a creator; an upload is its owner's alone, to others it does not exist.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::blob::BlobError;
use amphi_contracts::UploadId;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::receive::Receiving;
use super::{create, tus};
use crate::domain::Error;
use crate::domain::upload::{Upload, UploadState, durable_offset};
use crate::media::Media;

const CANCELLED: &str = "The upload was cancelled.";

/// `/uploads`: what the server can do, and creation.
pub async fn collection(
    State(media): State<Media>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answered = match tus::effective_method(&method, &headers) {
        Method::OPTIONS => return tus::abilities(&media.settings),
        Method::POST => create::create(&media, &caller, &headers, body).await,
        _ => return not_allowed(&method, "OPTIONS, POST"),
    };
    answered.unwrap_or_else(tus::refusal)
}

/// `/uploads/{id}`: one upload.
pub async fn one(
    State(media): State<Media>,
    Path(id): Path<String>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answered = match tus::effective_method(&method, &headers) {
        Method::OPTIONS => return tus::abilities(&media.settings),
        Method::HEAD => head(&media, &caller, &id, &headers).await,
        Method::PATCH => patch(&media, &caller, &id, &headers, body).await,
        Method::DELETE => terminate(&media, &caller, &id, &headers).await,
        _ => return not_allowed(&method, "OPTIONS, HEAD, PATCH, DELETE"),
    };
    answered.unwrap_or_else(tus::refusal)
}

fn not_allowed(method: &Method, allowed: &'static str) -> Response {
    let problem = Problem::method_not_allowed(
        "method_not_allowed",
        format!("{method:.20} is not possible here; Allow says what is."),
    );
    let mut response = tus::refusal(problem.into());
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

async fn head(
    media: &Media,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    tus::check_version(headers)?;
    let mut upload = owned(media, caller, id).await?;
    if upload.state == UploadState::Open {
        check_not_expired(&upload)?;
        let present = present_bytes(media, &upload).await?;
        upload.received = durable_offset(upload.received, present);
    }
    let mut response = StatusCode::OK.into_response();
    let fields = response.headers_mut();
    tus::describe(&upload, fields);
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn patch(
    media: &Media,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    tus::check_version(headers)?;
    let id = owned(media, caller, id).await?.id;
    if !tus::has_upload_body(headers) {
        let detail = format!(
            "The bytes of an upload come as `{}`.",
            tus::PATCH_CONTENT_TYPE
        );
        return Err(Problem::unsupported("unsupported_media_type", detail).into());
    }
    let head = tus::patch_head(headers)?;
    let checksum = tus::checksum(headers)?;
    let lock = media
        .locks
        .lock_unless_busy(id)
        .await
        .ok_or(Error::UploadLocked)?;
    // Read again: who had the lock before may have added to it.
    let upload = owned(media, caller, &id.to_string()).await?;
    let receiving = Receiving::begin(media, upload, head, checksum, lock).await?;
    let upload = receiving.take(body).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let fields = response.headers_mut();
    fields.insert(tus::UPLOAD_OFFSET, HeaderValue::from(upload.received));
    tus::tell_expiry(&upload, fields);
    Ok(response)
}

async fn terminate(
    media: &Media,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    tus::check_version(headers)?;
    let id = owned(media, caller, id).await?.id;
    let _lock = media
        .locks
        .lock_by_force(id)
        .await
        .ok_or(Error::UploadLocked)?;
    let upload = owned(media, caller, &id.to_string()).await?;
    if upload.state == UploadState::Complete {
        return Err(Error::UploadFinished);
    }
    // Bytes before row: what is left by a crash between the two is found again when the upload expires.
    let partial = media
        .blobs
        .partial(&upload.source_key())
        .map_err(Problem::from)?;
    partial.delete().await.map_err(Problem::from)?;
    media.store.remove_upload(id, CANCELLED).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The upload, if it is the caller's. An unreadable id is an upload that does not exist.
pub async fn owned(media: &Media, caller: &Caller, id: &str) -> Result<Upload, Error> {
    let account = caller.account()?.account_id;
    let id: UploadId = id.parse().map_err(|_| Error::UploadNotFound)?;
    let upload = media.store.upload(id).await?.ok_or(Error::UploadNotFound)?;
    if upload.owner_id == account || caller.is_admin() {
        Ok(upload)
    } else {
        Err(Error::UploadNotFound)
    }
}

fn check_not_expired(upload: &Upload) -> Result<(), Error> {
    if upload.expires_at_us <= amphi_chassis::db::now_us() {
        return Err(Error::UploadExpired);
    }
    Ok(())
}

/// How many bytes of an open upload are durably in the blob store; none when it was never begun there.
pub async fn present_bytes(media: &Media, upload: &Upload) -> Result<u64, Error> {
    let partial = media
        .blobs
        .partial(&upload.source_key())
        .map_err(Problem::from)?;
    match partial.length().await {
        Ok(length) => Ok(length),
        Err(BlobError::NotFound { .. }) => Ok(0),
        Err(error) => Err(Problem::from(error).into()),
    }
}
