//! The files of a node, made from a document's.

use super::document::{Document, File, Filling, Parameters, SignalPart, as_text};
use crate::machines::{FileContent, NodeFile};
use base64::{Engine as _, engine::general_purpose::STANDARD};

impl Document {
    /// The files of a node that signals by this URL and token.
    pub fn node_files(
        &self,
        parameters: &Parameters,
        signal_url: &str,
        signal_token: &str,
    ) -> Result<Vec<NodeFile>, String> {
        let values: Vec<(&str, String)> = self
            .values
            .iter()
            .map(|(name, filling)| {
                let value = match filling {
                    Filling::Parameter(name) => parameters.get(name).map(as_text).unwrap_or_default(),
                    Filling::Text(text) => text.clone(),
                    Filling::Signal(SignalPart::Url) => signal_url.to_owned(),
                    Filling::Signal(SignalPart::Token) => signal_token.to_owned(),
                };
                (name.as_str(), value)
            })
            .collect();
        self.files.iter().map(|file| file.made(&values)).collect()
    }
}

impl File {
    fn made(&self, values: &[(&str, String)]) -> Result<NodeFile, String> {
        let content = if let Some(target) = &self.link {
            FileContent::Link(target.clone())
        } else if let Some(name) = &self.base64 {
            let value = values.iter().find(|(known, _)| known == name);
            let value = value.map(|(_, value)| value.as_str()).unwrap_or_default();
            let bytes = STANDARD.decode(value).map_err(|error| format!("{}: {error}", self.path))?;
            FileContent::Bytes(bytes)
        } else if let Some(text) = &self.fill {
            FileContent::Bytes(filled(text, values).into_bytes())
        } else {
            FileContent::Bytes(self.text.clone().unwrap_or_default().into_bytes())
        };
        Ok(NodeFile { path: self.path.clone(), mode: self.mode, content })
    }
}

/// The text with every name replaced; what a value holds is not looked at again.
fn filled(text: &str, values: &[(&str, String)]) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("__") {
        let (before, from) = rest.split_at(at);
        made.push_str(before);
        let known = values.iter().find_map(|(name, value)| Some((from.strip_prefix(*name)?, value)));
        match known {
            Some((after, value)) => {
                made.push_str(value);
                rest = after;
            }
            None => {
                let (first, after) = from.split_at(1);
                made.push_str(first);
                rest = after;
            }
        }
    }
    made.push_str(rest);
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::document::tests::{document, given};
    use serde_json::{Value, json};

    #[test]
    fn a_nodes_files_are_filled_once_and_only_where_the_document_says_so() {
        let document = Document::read(&Value::String(document().to_string())).unwrap();
        let parameters = given(json!({"count": 2, "image": "i", "secret": "s-__B__"}));
        let parameters = document.parameters(&parameters, &Parameters::new()).unwrap();
        let files = document.node_files(&parameters, "u", "t").unwrap();
        let bytes = |i: usize| match &files[i].content {
            FileContent::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            FileContent::Link(target) => format!("-> {target}"),
        };
        assert_eq!(bytes(0), "_ s-__B__ bxs-__B____ __C__");
        assert_eq!((bytes(1), bytes(2), bytes(3)), ("hi".into(), "__A__".into(), "-> /c".into()));
        assert_eq!(files[0].mode, 0o600);
    }
}
