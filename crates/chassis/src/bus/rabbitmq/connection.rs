//! A connection that is closed whatever way its use ends.

use std::ops::Deref;
use std::time::Duration;

use lapin::Connection;

/// A broker that does not say goodbye by then is left.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Closes when it is dropped. The client's own connections do not always: a consumer that was dropped before the broker had
/// confirmed it holds its connection open for ever, and with it the events of a queue that has one consumer at a time.
pub(super) struct OpenConnection(Option<Connection>);

impl OpenConnection {
    pub const fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    /// Says goodbye, and waits for the answer.
    pub async fn close(mut self) {
        if let Some(connection) = self.0.take() {
            close(connection).await;
        }
    }
}

impl Deref for OpenConnection {
    type Target = Connection;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &Connection {
        self.0
            .as_ref()
            .expect("it is taken by those who consume self")
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        // Without a runtime the process ends, and its connections with it.
        if let (Some(connection), Ok(runtime)) =
            (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(close(connection));
        }
    }
}

async fn close(connection: Connection) {
    if !connection.status().connected() {
        return;
    }
    let closing = connection.close(200, "done".into());
    match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "closing a connection to the broker"),
        Err(_) => tracing::debug!("the broker did not answer the end of a connection in time"),
    }
}
