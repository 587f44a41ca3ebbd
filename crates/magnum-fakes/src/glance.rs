//! Glance: reading images.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::State,
};
use serde_json::{Value, json};

fn text<'a>(image: &'a Value, key: &str) -> &'a str {
    image.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl State {
    pub fn glance(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let visible = |image: &Value| {
            text(image, "visibility") == "public" || State::may_see(caller, text(image, "owner"))
        };
        match (ask.verb(), rest) {
            ("GET", ["images"]) => {
                let named = |image: &Value| match ask.param("name") {
                    None => true,
                    Some(wanted) => {
                        let wanted = wanted.strip_prefix("in:").map_or(wanted, |list| list.trim_matches('"'));
                        text(image, "name") == wanted
                    }
                };
                let distro = |image: &Value| ask.admits("os_distro", text(image, "os_distro"));
                let images = self.images.values();
                let shown: Vec<&Value> =
                    images.filter(|image| visible(image) && named(image) && distro(image)).collect();
                Reply::ok(&json!({ "images": shown, "schema": "/v2/schemas/images", "first": "/v2/images" }))
            }
            ("GET", ["images", id]) => match self.images.get(*id).filter(|image| visible(image)) {
                Some(image) => Reply::ok(image),
                None => Reply::refusal(Spoken::Glance, 404, &format!("No image found with ID {id}")),
            },
            _ => Reply::refusal(Spoken::Glance, 404, "The resource could not be found."),
        }
    }
}
