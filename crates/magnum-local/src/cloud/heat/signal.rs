//! What a node says of itself, as to the handle of one of Heat's wait conditions. Nobody else's token opens it, and it is all
//! that the token opens.

use crate::cloud::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::Services,
};
use serde_json::Value;
use uuid::Uuid;

/// The longest reason kept, in characters.
const MAX_REASON: usize = 1000;

impl Services {
    /// `POST /v1/signal/<stack>/<member>`
    pub(in crate::cloud) async fn signal(&self, ask: &Ask, stack: &str, member: &str) -> Answer {
        if ask.verb() != "POST" {
            return Err(Refusal::new(405, "A signal is sent by POST"));
        }
        let unknown = || Refusal::not_found("There is no such node to hear from.");
        let (stack, member) = match (Uuid::try_parse(stack), Uuid::try_parse(member)) {
            (Ok(stack), Ok(member)) => (stack, member),
            _ => return Err(unknown()),
        };
        let failure = match ask.text("/status") {
            Some("SUCCESS") => None,
            Some("FAILURE") => Some(reason(&ask.body)),
            _ => return Err(Refusal::bad("Invalid status: SUCCESS or FAILURE is needed")),
        };
        let token = ask.header("x-auth-token").unwrap_or_default();
        let heard = self.stacks.change(stack, |stack, cx| {
            let member = stack.members.iter().find(|known| known.id == member).ok_or_else(unknown)?;
            if !member.token.is(token) {
                return Err(Refusal::new(401, "The token is not this node's."));
            }
            let id = member.id;
            stack.signal(id, failure.as_deref(), cx);
            Ok(())
        });
        heard.await?.ok_or_else(unknown)?;
        Reply::empty(200)
    }
}

/// The node's words in one line of bounded length.
fn reason(body: &Value) -> String {
    let text = body.get("reason").and_then(Value::as_str).unwrap_or_default();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "its node failed and gave no reason".to_owned();
    }
    line.chars().take(MAX_REASON).collect()
}
