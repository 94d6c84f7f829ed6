//! The page for what is not there, or cannot be shown.

use askama::Template;
use axum::{http::StatusCode, response::Response};

#[derive(Template)]
#[template(path = "not_found.html")]
struct Page<'a> {
    heading: &'a str,
    text: &'a str,
}

/// Says what is not there.
pub(crate) fn page(text: &str) -> Response {
    page_with(StatusCode::NOT_FOUND, "Nicht gefunden", text)
}

pub(crate) fn page_with(status: StatusCode, heading: &str, text: &str) -> Response {
    super::show(status, &Page { heading, text })
}
