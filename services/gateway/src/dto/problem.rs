//! The shape of refusals in the document. The chassis writes them.

use serde::Serialize;
use utoipa::ToSchema;

/// A refusal or a failure (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the problem is explained, with its cure.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    /// What was wrong and what to do.
    pub detail: String,
    /// Stable; for programs.
    pub code: String,
    /// This one occurrence: the page of its trace, which administrators may open.
    #[schema(nullable = false)]
    pub instance: Option<String>,
    /// Give it to the operator.
    #[schema(nullable = false)]
    pub trace_id: Option<String>,
    /// What is wrong with single fields of the request.
    #[schema(nullable = false)]
    pub errors: Option<Vec<ProblemField>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}
