//! Questions that a gateway in another process asks for its portals.

use tonic::{Code, Request, transport::Endpoint};
use tonic_types::StatusExt as _;
use wire::status::{
    GetStatusRequest, get_status_request::By, status_service_client::StatusServiceClient,
};

use super::*;

const TOKEN: &str = "between-the-two-of-us";

async fn console(token: Option<&str>) -> Console {
    let mut console = Console::new();
    let token_sha256 = token.map(|token| messaging::identity::sha256(token.as_bytes(), &[]));
    console.forwarded = Some(Forwarded { status: console.status.clone(), token_sha256 });
    console.run().await;
    let position = console.append(application(&head("eins"))).await;
    console.projected(&position).await;
    console
}

/// Asks for the one message there is, with this around the question.
async fn ask(console: &Console, around: &[(&'static str, &str)]) -> Result<String, (Code, String)> {
    let url = format!("http://{}", console.address.unwrap());
    let connection = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = StatusServiceClient::new(connection);
    let by = Some(By::OwnId("eins".to_owned()));
    let mut request = Request::new(GetStatusRequest { by, position: None });
    for (name, value) in around {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    match client.get_status(request).await {
        Ok(answer) => Ok(answer.into_inner().applications.remove(0).own_id),
        Err(status) => {
            let code = status.get_details_error_info().map(|info| info.reason);
            Err((status.code(), code.unwrap_or_default()))
        }
    }
}

#[tokio::test]
async fn only_a_proven_gateway_asks_and_sees_what_its_portal_may_see() {
    let console = console(Some(TOKEN)).await;
    let unproven = || Err((Code::Unauthenticated, "AB-1430".to_owned()));
    let bearer = format!("Bearer {TOKEN}");
    let sender = (wire::SENDER_METADATA, "portal");
    assert_eq!(ask(&console, &[]).await, unproven());
    assert_eq!(ask(&console, &[sender]).await, unproven(), "anybody can say so");
    let wrong = ("authorization", "Bearer between-the-two-of-them");
    assert_eq!(ask(&console, &[sender, wrong]).await, unproven());
    let right = ("authorization", bearer.as_str());
    assert_eq!(ask(&console, &[right]).await, unproven(), "for nobody");
    let other = (wire::SENDER_METADATA, "other");
    let unknown = Err((Code::NotFound, "AB-1402".to_owned()));
    assert_eq!(ask(&console, &[right, other]).await, unknown, "another's message");
    assert_eq!(ask(&console, &[right, sender]).await, Ok("eins".to_owned()));
}

#[tokio::test]
async fn without_a_token_whoever_reaches_the_address_is_believed() {
    let console = console(None).await;
    let sender = (wire::SENDER_METADATA, "portal");
    assert_eq!(ask(&console, &[sender]).await, Ok("eins".to_owned()));
}

#[tokio::test]
async fn beside_its_gateway_the_console_answers_no_portal() {
    let mut console = Console::new();
    console.run().await;
    let sender = (wire::SENDER_METADATA, "portal");
    let (code, _) = ask(&console, &[sender]).await.unwrap_err();
    assert_eq!(code, Code::Unimplemented);
}
