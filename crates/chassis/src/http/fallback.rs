//! Refusals of what no route answers.

use http::{Method, Uri};

use crate::Problem;

/// The fallback of a router.
pub async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found(
        "no_such_route",
        format!("There is nothing at {:.200}.", uri.path()),
    )
}

/// The fallback of routes for other methods; axum adds `Allow`.
pub async fn method_not_allowed(method: Method) -> Problem {
    Problem::method_not_allowed(
        "method_not_allowed",
        format!("{method:.20} is not possible here; Allow says what is."),
    )
}
