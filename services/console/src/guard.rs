//! Before every route: what a web page could make somebody's browser send is refused, and orders
//! come from who may give them.
//!
//! A browser sends what any page tells it to, also to this machine's loopback address. It names the
//! page in `Origin` or `Sec-Fetch-Site`, asks first before it sends gRPC's content type, and names
//! the host that the page believes in, so none of these gets through.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use messaging::Sha256;
use tonic::{Request as Asked, Status, service::Interceptor};

use crate::{answer, codes, forwarded};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a call through that an operator's token comes with; every call where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operators(pub(crate) Option<Sha256>);

impl Interceptor for Operators {
    fn call(&mut self, request: Asked<()>) -> Result<Asked<()>, Status> {
        match &self.0 {
            Some(expected) if !forwarded::shows(expected, request.metadata()) => {
                Err(answer::no_operator())
            }
            _ => Ok(request),
        }
    }
}

/// Whether those who get this far may order.
pub(crate) fn takes_orders(is_loopback: bool, token_sha256: Option<Sha256>) -> bool {
    is_loopback || token_sha256.is_some()
}

/// Whatever is asked for, it is asked of this machine, where only this machine can ask.
pub(crate) async fn known_host(
    State(is_loopback): State<bool>,
    request: Request,
    next: Next,
) -> Response {
    if is_loopback && !is_here(&request) {
        return refuse(&request, "the host it was sent to is neither an IP address nor localhost");
    }
    next.run(request).await
}

/// gRPC comes from programs.
pub(crate) async fn no_page(request: Request, next: Next) -> Response {
    match is_of_program(request.headers()) {
        true => next.run(request).await,
        false => refuse(&request, "gRPC is for programs, and a browser may have sent this"),
    }
}

/// A name that leads here may be another's, who has just changed where it leads.
fn is_here(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter();
    let mut named = hosts.map(|host| host.to_str().ok().and_then(|host| host.parse().ok()));
    let authority = request.uri().authority();
    // HTTP/1.0 may say nothing, which no browser does.
    authority.is_none_or(is_address) && named.all(|host| host.as_ref().is_some_and(is_address))
}

fn is_address(authority: &Authority) -> bool {
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

fn is_of_program(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(FETCH_SITE).iter();
    is_grpc(headers)
        && !headers.contains_key(header::ORIGIN)
        && sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Whether the caller speaks gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE);
    content.is_some_and(|content| content.as_bytes().starts_with(b"application/grpc"))
}

fn refuse(request: &Request, why: &'static str) -> Response {
    let code = codes::FROM_A_PAGE;
    tracing::warn!(code, cause = why, "a request was refused");
    match is_grpc(request.headers()) {
        true => answer::from_a_page(why).into_http(),
        false => (StatusCode::FORBIDDEN, format!("{code}: {why}\n")).into_response(),
    }
}
