//! `amtsbote health`: whether a process works, for scripts and container engines that have no other
//! HTTP client.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use url::Url;

use crate::{
    cli::Health,
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// How long the answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(4);

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Asked where the URL names no path.
const READINESS: &str = "/readyz";

/// Runs the command.
pub(crate) async fn run(args: &Health, output: &Output) -> Result<Exit, Stop> {
    let url = place(&args.url)?;
    let unreachable = |why: String| {
        let what = format!("nobody answers at {}: {why}", args.url);
        Stop::unavailable(codes::SERVER_UNREACHABLE, what)
    };
    let answer = match timeout(ANSWER_TIME_MAX, ask(&url)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => return Err(unreachable(format!("no answer within {ANSWER_TIME_MAX:?}"))),
    };
    let Some((status, body)) = read(&answer) else {
        let what = format!("what answers at {} is no HTTP", args.url);
        return Err(Stop::unavailable(codes::ANSWER_BROKEN, what));
    };
    if status != 200 {
        let what = format!("{} answers {status}: {}", args.url, body.trim());
        return Err(Stop::unavailable(codes::NOT_READY, what));
    }
    match output.is_json {
        true => output.json(&json!({ "ready": true })),
        false => output.line("ready"),
    }
    Ok(Exit::Done)
}

/// Where it is, with a path.
fn place(text: &str) -> Result<Url, Stop> {
    let wrong = || {
        let what = format!("`{text}` is no URL like http://127.0.0.1:7080");
        Stop::usage(codes::ADDRESS_WRONG, what)
    };
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    if url.scheme() != "http" || !url.has_host() {
        return Err(wrong());
    }
    if url.path() == "/" {
        url.set_path(READINESS);
    }
    Ok(url)
}

async fn ask(url: &Url) -> std::io::Result<Vec<u8>> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let path = url.path();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Status and body.
fn read(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (version, rest) = head.split_once(' ')?;
    let status = rest.split_whitespace().next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| (status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let check = |answer: &str, expected: Option<(u16, &str)>| {
            let expected = expected.map(|(status, body)| (status, body.to_owned()));
            assert_eq!(read(answer.as_bytes()), expected, "{answer:?}");
        };
        check("HTTP/1.1 200 OK\r\na: b\r\n\r\n{}", Some((200, "{}")));
        check("HTTP/1.1 503 Service Unavailable\r\n\r\n", Some((503, "")));
        check("HTTP/1.1 200 OK\r\n", None);
        check("SSH-2.0-OpenSSH\r\n\r\n", None);
        check("", None);
    }

    #[test]
    fn readiness_is_asked_where_no_path_is_named() {
        let check = |text: &str, expected: Option<&str>| {
            let place = place(text).ok().map(|url| url.to_string());
            assert_eq!(place.as_deref(), expected, "{text}");
        };
        check("http://127.0.0.1:7080", Some("http://127.0.0.1:7080/readyz"));
        check("http://[::1]:7080/healthz", Some("http://[::1]:7080/healthz"));
        check("https://h:1", None);
        check("127.0.0.1:7080", None);
    }
}
