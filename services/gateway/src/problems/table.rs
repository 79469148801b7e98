//! The codes themselves.

use super::ProblemEntry;

macro_rules! table {
    ($($code:literal: $meaning:literal, $cure:literal;)+) => {
        &[$(ProblemEntry { code: $code, meaning: $meaning, cure: $cure }),+]
    };
}

/// Sorted by code. Texts in backquotes are shown as code.
pub const PROBLEMS: &[ProblemEntry] = table! {
    "account_not_found":
        "There is no such account.",
        "Check the id; accounts can be deleted.";
    "account_required":
        "The request is one for accounts, and a service of the platform made it.",
        "Call with an account's access token.";
    "administrators_only":
        "Only an administrator may do this.",
        "Ask an administrator of this server.";
    "asset_not_found":
        "Nothing was uploaded for this video yet.",
        "Upload its file to `/uploads` with `video_id` in the metadata.";
    "beyond_upload_length":
        "More bytes came than the upload was announced to have.",
        "Ask for the offset with HEAD and send the rest of the file alone; or announce a new upload of the right length.";
    "blob_busy":
        "Somebody else is writing to the same bytes.",
        "Wait until the other request has ended, then try again.";
    "blob_not_found":
        "The bytes are not, or no longer, stored.",
        "Fetch the video again; what was deleted stays so.";
    "blob_too_large":
        "More bytes came than are taken here.",
        "Send less; `detail` names the limit.";
    "body_interrupted":
        "The body ended before its time.",
        "What was received is kept: ask for the offset with HEAD and continue from there.";
    "body_too_large":
        "The body is larger than is taken here.",
        "Send a smaller body. Files go to `/uploads`.";
    "busy":
        "More people are signing in at this moment than the server can check passwords for.",
        "Try again after the seconds in `Retry-After`.";
    "checksum_mismatch":
        "The bytes are not those that the checksum was made of.",
        "They were damaged on the way: send the same part again.";
    "conflict":
        "The request contradicts what is there.",
        "Read the thing again, then decide.";
    "created_and_deleted":
        "What a request with this idempotency key created was deleted since.",
        "Use a new `Idempotency-Key` to create another.";
    "database_unavailable":
        "A database of the platform does not answer.",
        "Try again after the seconds in `Retry-After`; if it stays, give the `trace_id` to the operator.";
    "deadline_exceeded":
        "The request took longer than it may.",
        "Try again; if it stays, give the `trace_id` to the operator, who sees in it what took the time.";
    "drama_not_found":
        "There is no such drama.",
        "Take the id from `/dramas`; a course is not a drama.";
    "email_taken":
        "The address has an account already.",
        "Sign in, or use another address.";
    "episode_number_taken":
        "The series has an episode of this number.",
        "Choose another number, or none for the next free one.";
    "forbidden":
        "The account may not do this.",
        "Sign in with an account that may.";
    "gone":
        "It was here and is not any more.",
        "Do not ask for it again.";
    "idempotency_key_reused":
        "The idempotency key was used for another request.",
        "Use a new `Idempotency-Key` for each thing to be created.";
    "image_not_found":
        "There is no such picture.",
        "Take its address from the video; it changes when the video is encoded anew.";
    "internal":
        "Something went wrong on our side.",
        "Try again; if it stays, give the `trace_id` to the operator.";
    "invalid_body":
        "The body is JSON but not of the expected form.",
        "`detail` names the place; compare with `/api/openapi.json`.";
    "invalid_checksum":
        "`Upload-Checksum` is not of the form `<algorithm> <base64>`, or the algorithm is unknown.",
        "Use an algorithm of `Tus-Checksum-Algorithm`, or send no checksum.";
    "invalid_credentials":
        "The address and the password do not belong together.",
        "Check both; after several failures wait a while.";
    "invalid_cursor":
        "The cursor is not one that this list gave out.",
        "Leave it away to begin with the first page, and follow `next_cursor` from there.";
    "invalid_header":
        "A header is not of the expected form.",
        "`detail` names it.";
    "invalid_id":
        "An id is not a UUID.",
        "Use ids as they were given out.";
    "invalid_idempotency_key":
        "The idempotency key is too long.",
        "Use a UUID.";
    "invalid_limit":
        "A page cannot have so many items.",
        "Ask for 1 to 200.";
    "invalid_path":
        "A part of the path cannot be read.",
        "Use addresses as they were given out, percent-encoded as UTF-8.";
    "invalid_query":
        "The query is not of the expected form.",
        "`detail` names the parameter; compare with `/api/openapi.json`.";
    "invalid_refresh_token":
        "The refresh token is not, or no longer, good.",
        "Sign in again.";
    "invalid_request":
        "The request is not of the expected form.",
        "`detail` says what is wrong.";
    "invalid_span":
        "A span in the report is not one.",
        "Send OTLP's JSON: lower-case hex ids, an end that is not before the start.";
    "invalid_time_range":
        "The time asked for ends before it begins.",
        "Exchange `since` and `until`.";
    "invalid_trace_id":
        "A trace id is 32 lower-case hex digits, not all zero.",
        "Take it from `traceparent` or from `trace_id`.";
    "invalid_upload_metadata":
        "`Upload-Metadata` is not of the form `key base64,key base64`, or a value in it is not taken.",
        "`detail` names the key.";
    "invalid_window":
        "The window of the service map is too short or too long.",
        "`detail` names the bounds, in seconds.";
    "json_expected":
        "The body must be JSON.",
        "Send it with `Content-Type: application/json`.";
    "keys_unavailable":
        "Access tokens cannot be checked at the moment.",
        "Try again after the seconds in `Retry-After`.";
    "malformed_json":
        "The body is not JSON.",
        "`detail` names the line and the column.";
    "media_not_found":
        "There is no such manifest or segment.",
        "Follow the addresses that the manifest names.";
    "method_not_allowed":
        "The address does not take this method.",
        "`Allow` names those that it takes.";
    "no_such_route":
        "There is nothing at this address.",
        "The API is described at `/api/openapi.json`.";
    "not_found":
        "It does not exist, or you may not see it.",
        "Check the address; sign in if it is yours.";
    "not_your_account":
        "Only the account itself or an administrator may do this.",
        "Sign in with that account.";
    "not_your_series":
        "Only the owner of a series or an administrator may change it.",
        "Sign in with the owner's account.";
    "not_your_video":
        "Only the owner of a video or an administrator may change it.",
        "Sign in with the owner's account.";
    "not_your_videos":
        "Only the account itself or an administrator may list all of an account's videos.",
        "Leave `owner` away for the public ones.";
    "offset_mismatch":
        "The upload does not end where the request continues it.",
        "Ask for the offset with HEAD and continue from there.";
    "playback_session_not_found":
        "There is no such playback session, or it is not yours.",
        "Take the id from the answer that started playback.";
    "playback_session_revoked":
        "The playback was ended: by its viewer, with the sign-in, or with the video.",
        "Start playback again.";
    "playback_token_expired":
        "The address has expired.",
        "Start playback again to get a new one.";
    "playback_token_invalid":
        "The address is not one that was issued here, or it was altered.",
        "Use stream addresses as they were given out.";
    "precondition_failed":
        "The thing has changed since it was read.",
        "Read it again, then repeat the change with its new `ETag`.";
    "range_not_satisfiable":
        "The range lies outside of the bytes that are there.",
        "`Content-Range` says how many there are.";
    "rate_limited":
        "Too many requests of this kind came from your address.",
        "Wait the seconds in `Retry-After`.";
    "refresh_token_missing":
        "There is no refresh token in the body or in the cookie.",
        "Sign in.";
    "refresh_token_reused":
        "The refresh token was used before, so somebody may have stolen it: its session has ended.",
        "Sign in again. If it was not you who used it twice, change the password.";
    "registration_closed":
        "Accounts are opened by the operator of this server alone.",
        "Ask the operator.";
    "revocations_unavailable":
        "Whether the session of the access token has ended cannot be told at the moment.",
        "Try again after the seconds in `Retry-After`.";
    "role_missing":
        "The account's role must be viewer, creator or admin.",
        "Name one of them.";
    "role_too_low":
        "The account's role does not allow this.",
        "`detail` names the role that does; an administrator can give it.";
    "series_full":
        "The series has as many episodes as one may have.",
        "Continue in a new series.";
    "series_not_found":
        "There is no such series.",
        "Take the id from `/api/v1/series`.";
    "service_required":
        "Only services of the platform may do this.",
        "There is another way for accounts; see `/api/openapi.json`.";
    "service_unavailable":
        "A part of the platform cannot be reached.",
        "Try again; if it stays, tell the operator which.";
    "session_ended":
        "The sign-in that the access token belongs to has ended.",
        "Sign in again.";
    "sign_in_required":
        "This is for signed-in accounts.",
        "Send `Authorization: Bearer` with an access token.";
    "source_refused":
        "The file is not one that can be made into a video.",
        "`detail` says why; convert it to a common format such as MP4.";
    "storage_away":
        "The storage does not answer at the moment; what was received is kept.",
        "Try again in a while.";
    "storage_full":
        "The server's storage is full.",
        "What was received is kept: try again once the operator made room.";
    "token_expired":
        "The access token has expired.",
        "Get a new one from `/api/v1/auth/refresh`.";
    "token_invalid":
        "The access token is not one of this platform.",
        "Sign in, and send the token as it was given: `Authorization: Bearer …`.";
    "too_busy":
        "The server works on as many requests as it can.",
        "Try again after the seconds in `Retry-After`.";
    "too_large":
        "The request is larger than is taken here.",
        "Send less at once.";
    "too_many_attempts":
        "There were too many failed attempts to sign in.",
        "Wait the seconds in `Retry-After`, then try again.";
    "too_many_ids":
        "Too many ids were asked for at once.",
        "Ask in several requests.";
    "too_many_own_streams":
        "You have as many live updates open as one may have.",
        "Close one of them, such as a tab that follows an upload.";
    "too_many_spans":
        "The report holds too many spans.",
        "Report more often; `detail` names the limit.";
    "too_many_streams":
        "As many live updates are open as the server takes.",
        "Try again later, or ask now and then instead.";
    "too_many_uploads":
        "The account has as many unfinished uploads as it may.",
        "Finish or delete one of them.";
    "too_many_videos":
        "Too many videos were asked for at once.",
        "Ask in several requests.";
    "trace_not_found":
        "There is no such trace, or it is not kept any more.",
        "Traces are kept for a while only; make the request again and look then.";
    "traces_not_taken":
        "The spans could not be stored.",
        "Try again later; nothing but the trace is lost.";
    "unauthenticated":
        "The request needs a sign-in.",
        "Sign in, and send the access token.";
    "unavailable":
        "A part of the platform does not answer.",
        "Try again; if it stays, give the `trace_id` to the operator.";
    "unprocessable":
        "The request is well formed but cannot be carried out.",
        "`detail` says why.";
    "unreadable_body":
        "The body cannot be read.",
        "Send it whole, with its right length.";
    "unsupported_media_type":
        "The body's `Content-Type` is not the one that is taken here.",
        "`detail` names it.";
    "unsupported_tus_version":
        "The tus version is not spoken here.",
        "Send `Tus-Resumable: 1.0.0`.";
    "upload_expired":
        "The upload was not continued for too long and is gone.",
        "Begin it anew.";
    "upload_finished":
        "The upload is complete already.",
        "Nothing more is to be sent; look at the video.";
    "upload_length_changed":
        "The upload's length was announced already, and differently.",
        "Keep to the length announced, or begin anew.";
    "upload_length_required":
        "The upload's length is missing.",
        "Send `Upload-Length`, or `Upload-Defer-Length: 1`.";
    "upload_locked":
        "Another request is writing to this upload.",
        "Wait until it has ended, then ask for the offset with HEAD.";
    "upload_not_found":
        "There is no such upload, or it is not yours.",
        "Take its address from `Location`.";
    "upload_offset_required":
        "`Upload-Offset` is missing.",
        "Ask for the offset with HEAD and send it along.";
    "upload_too_large":
        "The file is larger than is taken here.",
        "`Tus-Max-Size` and `/api/v1/about` name the limit.";
    "validation_failed":
        "Fields of the request are not of the expected form.",
        "`errors` names each with what is wrong.";
    "video_has_source":
        "The video has a file already.",
        "Create another video for another file.";
    "video_in_series_already":
        "The video is an episode of this series already.",
        "Change that episode instead.";
    "video_not_found":
        "There is no such video, or you may not see it.",
        "Check the id; sign in if it is yours.";
    "video_not_viewable":
        "The video cannot be played yet.",
        "Follow `/api/v1/videos/{id}/events` until its state is `viewable` or `ready`; `failed` needs a new upload.";
    "web_app_not_built":
        "The web app is not in this build of the server.",
        "Build it with `cd web && npm ci && npm run build`, then the server again.";
    "wrong_offset":
        "The bytes do not continue what is stored.",
        "Continue from the offset in `detail`.";
};
