//! What can go wrong with the shared state, told so that it can be mended.

/// Why the server cannot be used. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    #[error("`shared.url` cannot be read: {reason}. It has the form {form}")]
    Url { reason: String, form: &'static str },
    #[error(
        "no answer from the Redis at {target}: {reason}. Check that it runs there, and that `shared.url` names its address"
    )]
    Unreachable { target: String, reason: String },
    #[error("the Redis at {target} does not serve at the moment: {reason}")]
    Unable { target: String, reason: String },
    #[error(
        "the Redis at {target} refuses: {reason}. Check user, password and database in `shared.url`; the user needs the keys \
         and channels `{prefix}:*`, and Redis must be 6 or newer"
    )]
    Refused {
        target: String,
        prefix: String,
        reason: String,
    },
    #[error(
        "this binary was built without {kind}: build it with that feature, or set `shared.url`"
    )]
    NotBuilt { kind: &'static str },
}
