//! What can go wrong with a broker, told so that it can be mended.

/// Why the broker cannot be used. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("`bus.url` cannot be read: {reason}. It has the form {form}")]
    Url { reason: String, form: &'static str },
    #[error(
        "no answer from the broker at {target}: {reason}. Check that it runs there, and that `bus.url` names its address"
    )]
    Unreachable { target: String, reason: String },
    #[error(
        "the broker at {target} refuses the connection: {reason}. Check {look_at} in `bus.url`"
    )]
    Refused {
        target: String,
        reason: String,
        look_at: &'static str,
    },
    #[error(
        "the broker at {target} does not give the queue `{queue}`: {reason}. Allow the user to configure, write and read what \
         begins with `bus.prefix`; or, if another program owns one of that name, set another prefix or delete it"
    )]
    Queue {
        target: String,
        queue: String,
        reason: String,
    },
    #[error(
        "the broker at {target} does not give the topic `{topic}`: {reason}. Allow the user to read, write and make it, or make \
         it beforehand"
    )]
    Topic {
        target: String,
        topic: String,
        reason: String,
    },
    #[error("`bus.kafka.ca_file` cannot be used: {path}: {reason}")]
    CaFile { path: String, reason: String },
    #[error("this binary was built without {kind}: build it with that feature, or set `bus.kind`")]
    NotBuilt { kind: &'static str },
}
