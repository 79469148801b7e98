//! The document of the API, made of the routes themselves.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr,
    Response, ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

use crate::dto::problem::{Problem, ProblemField};
use crate::routes;

const DESCRIPTION: &str = "\
Times are RFC 3339 in UTC, durations `*_ms`, ids UUIDv7. Refusals are `application/problem+json` (RFC 9457) with a stable \
`code`; see `/docs/problems`. Lists take `limit` and `cursor` and name the next page in `next_cursor` and in `Link`. Every \
answer bears `x-request-id`, `traceparent` and `Server-Timing`.

Files are uploaded to `/uploads` by the tus protocol, version 1.0 (creation, creation-with-upload, termination, expiration, \
checksum), with the metadata `filename` and perhaps `title`, `description`, `visibility`, `video_id`; the answer's \
`Amphi-Video-Id` names the video. Streams are fetched from the signed addresses below `/play`.";

const TAGS: [(&str, &str); 7] = [
    ("auth", "Accounts and sign-in"),
    ("videos", "Videos"),
    ("series", "Dramas and courses"),
    ("playback", "Playing a video"),
    ("streams", "Lists with stream addresses"),
    ("observatory", "What calls cost"),
    ("about", "This installation"),
];

/// The document, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, mut document) = routes::api().merge(routes::streams()).split_for_parts();
    document.info = InfoBuilder::new()
        .title("Amphi")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .build();
    document.servers = Some(vec![Server::new("/")]);
    let tags = TAGS.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    document.tags = Some(tags.collect());
    add_components(document.components.get_or_insert_with(Components::new));
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem_response()));
        }
    }
    document
}

fn add_components(components: &mut Components) {
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (ProblemField::name(), ProblemField::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn problem_response() -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .build();
    ResponseBuilder::new()
        .description("A problem")
        .content("application/problem+json", content)
        .build()
}
