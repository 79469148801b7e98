//! Creation of an upload: the draft in the catalog, the row, and perhaps the first bytes.

use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::db::{micros, now_us};
use amphi_chassis::{Problem, telemetry};
use amphi_contracts::proto::catalog::v1 as catalog;
use amphi_contracts::{AccountId, UploadId, VideoId};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use uuid::Uuid;

use super::receive::Receiving;
use super::tus;
use crate::disk;
use crate::domain::checksum::Checksum;
use crate::domain::metadata::UploadMetadata;
use crate::domain::upload::{PatchHead, Upload, UploadState};
use crate::domain::{Error, images};
use crate::media::Media;
use crate::store::{Arrival, NewUpload};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 200;

/// Answers a POST to `/uploads`.
pub async fn create(
    media: &Media,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    tus::check_version(headers)?;
    let account = caller.at_least(AccountRole::Creator)?.account_id;
    let length = tus::creation_length(headers, media.settings.upload_bytes_max)?;
    let metadata_header = tus::text(headers, &tus::UPLOAD_METADATA)?.unwrap_or("");
    let metadata = UploadMetadata::parse(metadata_header)?;
    let checksum = tus::checksum(headers)?;
    check_room(media, length).await?;

    let idempotency_key = idempotency_key(headers)?;
    let video = draft(media, caller, account, &metadata, idempotency_key).await?;
    let wanted = Wanted {
        length,
        metadata: metadata_header,
    };
    let upload = open_once(media, &video, &wanted, idempotency_key).await?;

    let has_body = tus::has_upload_body(headers);
    let upload = if has_body && upload.state == UploadState::Open {
        let id = upload.id;
        match take_first_bytes(media, id, length, checksum, body).await {
            Err(Error::Problem(problem)) if problem.kind.is_away() => {
                tracing::warn!(upload_id = %id, error = %problem, "the first bytes could not be taken; the client goes on from there");
                media.store.upload(id).await?.ok_or(Error::UploadNotFound)?
            }
            taken => taken?,
        }
    } else {
        upload
    };
    Ok(created(media, &upload, has_body))
}

/// What the request wants to upload.
struct Wanted<'a> {
    length: Option<u64>,
    /// The header as it came.
    metadata: &'a str,
}

/// Takes the body of the creation, unless an earlier try has brought bytes already: then those stand, and the client goes
/// on from there.
async fn take_first_bytes(
    media: &Media,
    id: UploadId,
    length: Option<u64>,
    checksum: Option<Checksum>,
    body: Body,
) -> Result<Upload, Error> {
    let lock = media
        .locks
        .lock_unless_busy(id)
        .await
        .ok_or(Error::UploadLocked)?;
    // Read under the lock: of two requests with one key, the first may have written meanwhile.
    let upload = media.store.upload(id).await?.ok_or(Error::UploadNotFound)?;
    if upload.state != UploadState::Open || upload.received > 0 {
        return Ok(upload);
    }
    let head = PatchHead {
        offset: 0,
        content_length: None,
        declared_length: length,
    };
    Receiving::begin(media, upload, head, checksum, lock)
        .await?
        .take(body)
        .await
}

fn created(media: &Media, upload: &Upload, has_body: bool) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    let fields = response.headers_mut();
    let location = format!("{}/uploads/{}", media.upload_origin, upload.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        fields.insert(header::LOCATION, location);
    }
    if let Ok(id) = HeaderValue::try_from(upload.video_id.to_string()) {
        fields.insert(tus::AMPHI_VIDEO_ID, id);
    }
    if has_body {
        fields.insert(tus::UPLOAD_OFFSET, HeaderValue::from(upload.received));
    }
    tus::tell_expiry(upload, fields);
    response
}

async fn check_room(media: &Media, length: Option<u64>) -> Result<(), Error> {
    let Some(free) = disk::free_bytes(&media.blobs).await? else {
        return Ok(());
    };
    let needed = media
        .settings
        .disk_reserve_bytes
        .saturating_add(length.unwrap_or(0));
    if free < needed {
        tracing::warn!(
            free,
            needed,
            "an upload was refused: the disk is nearly full"
        );
        return Err(Error::StorageFull);
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let key = tus::text(headers, &IDEMPOTENCY_KEY)?.filter(|key| !key.is_empty());
    if key.is_some_and(|key| key.len() > IDEMPOTENCY_KEY_CHARS_MAX) {
        let detail =
            format!("Idempotency-Key may have at most {IDEMPOTENCY_KEY_CHARS_MAX} characters.");
        return Err(Problem::invalid("invalid_idempotency_key", detail).into());
    }
    Ok(key)
}

/// A video that the upload is for, and whose it is.
struct Draft {
    video_id: VideoId,
    owner_id: AccountId,
}

/// The draft that the metadata names, or a new one.
async fn draft(
    media: &Media,
    caller: &Caller,
    account: AccountId,
    metadata: &UploadMetadata,
    idempotency_key: Option<&str>,
) -> Result<Draft, Error> {
    let mut catalog = media.clients.catalog();
    let video = match metadata.video_id {
        Some(video_id) => {
            let request = catalog::GetVideoRequest {
                video_id: video_id.to_string(),
            };
            catalog.get_video(request).await
        }
        None => {
            if idempotency_key.is_none() {
                // A refusal later on would leave a draft behind with every try.
                let open_max = media.settings.uploads_open_max;
                media.store.may_open_upload(account, open_max).await?;
            }
            let key = idempotency_key.map_or_else(
                || Uuid::now_v7().to_string(),
                |key| format!("upload {account} {key}"),
            );
            let request = catalog::CreateVideoRequest {
                title: metadata.title.clone(),
                description: metadata.description.clone(),
                visibility: metadata.visibility.into(),
                idempotency_key: key,
            };
            catalog.create_video(request).await
        }
    };
    let video = video.map_err(Problem::from)?.into_inner();
    let unreadable = |_| Error::Corrupt {
        what: "answer of the catalog",
        detail: format!("video {} of {}", video.id, video.owner_id),
    };
    let owner_id: AccountId = video.owner_id.parse().map_err(unreadable)?;
    if owner_id != account && !caller.is_admin() {
        return Err(Error::VideoNotFound);
    }
    Ok(Draft {
        video_id: video.id.parse().map_err(unreadable)?,
        owner_id,
    })
}

/// Opens an upload, or finds the one that the same key has opened before.
async fn open_once(
    media: &Media,
    draft: &Draft,
    wanted: &Wanted<'_>,
    idempotency_key: Option<&str>,
) -> Result<Upload, Error> {
    let opened_before = async || opened_before(media, draft, wanted, idempotency_key).await;
    if let Some(upload) = opened_before().await? {
        return Ok(upload);
    }
    match open(media, draft, wanted).await {
        // Of two requests at once, the other one was quicker.
        Err(Error::VideoHasSource) => opened_before().await?.ok_or(Error::VideoHasSource),
        opened => opened,
    }
}

/// The upload that an earlier try with the same key has opened, and perhaps completed. One that was refused is none: the
/// file is tried again.
async fn opened_before(
    media: &Media,
    draft: &Draft,
    wanted: &Wanted<'_>,
    idempotency_key: Option<&str>,
) -> Result<Option<Upload>, Error> {
    if idempotency_key.is_none() {
        return Ok(None);
    }
    let latest = media.store.latest_upload_of(draft.video_id).await?;
    Ok(latest.filter(|upload| {
        // A length that was told later is not in the request that is repeated.
        let is_as_long = wanted.length.is_none() || upload.length == wanted.length;
        let is_there = matches!(upload.state, UploadState::Open | UploadState::Complete);
        is_there && is_as_long && upload.metadata == wanted.metadata
    }))
}

async fn open(media: &Media, draft: &Draft, wanted: &Wanted<'_>) -> Result<Upload, Error> {
    let length = wanted.length;
    let expires_at_us = now_us().saturating_add(micros(media.settings.upload_expiry));
    let new = NewUpload {
        id: UploadId::generate(),
        video_id: draft.video_id,
        owner_id: draft.owner_id,
        length,
        metadata: wanted.metadata.to_owned(),
        expires_at_us,
        traceparent: telemetry::current_traceparent(),
        images_token: images::new_token().map_err(|_| Problem::internal("no randomness"))?,
    };
    let upload = media
        .store
        .open_upload(&new, media.settings.uploads_open_max)
        .await?;
    // The first PATCH begins the partial. Here, a store that is away would leave a client without an answer but with an upload:
    // it tried again until it had as many as it may have.
    if length != Some(0) {
        return Ok(upload);
    }
    media
        .blobs
        .create_partial(&upload.source_key())
        .await
        .map_err(Problem::from)?;
    let nothing = Arrival {
        from: 0,
        to: 0,
        length,
        expires_at_us,
    };
    media.store.record_received(upload.id, nothing).await
}
