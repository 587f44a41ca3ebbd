//! What a command works with.

use crate::{
    client::Api,
    cloud::{self, CloudOptions},
    environment::Environment,
    error::Result,
    output::{Format, Listing, OutputOptions},
    screen::Screen,
};
use serde_json::{Value, json};

/// See the module.
pub struct Cli {
    /// The program's surroundings.
    pub environment: Environment,
    /// Where words go.
    pub screen: Screen,
    /// How results look.
    pub output: OutputOptions,
    /// Which cloud, and who.
    pub cloud: CloudOptions,
    /// Show requests.
    pub debug: bool,
    /// Whether a verb of the old `magnum` command is what was typed.
    pub is_old: bool,
}

impl Cli {
    /// The API. Authenticates when it is first used.
    ///
    /// # Errors
    /// When the settings do not say how.
    pub fn api(&self) -> Result<Api> {
        let settings = cloud::settings(&self.cloud, &self.environment)?;
        Ok(Api::new(cloud::connect(&settings, &self.environment)?, &settings, self.debug))
    }

    /// Shows one object.
    ///
    /// # Errors
    /// See [`OutputOptions::show`].
    pub fn show(&mut self, object: &Value) -> Result {
        self.output.show(&mut self.screen, object)
    }

    /// Shows a list.
    ///
    /// # Errors
    /// See [`OutputOptions::list`].
    pub fn list(&mut self, columns: &'static [&'static str], items: Vec<Value>) -> Result {
        self.output.list(&mut self.screen, &Listing { columns, items })
    }

    /// Says that a request was accepted: a sentence for people, the object's name for programs.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn accepted(&mut self, sentence: &str, named: &Value) -> Result {
        match self.output.format {
            Format::Table if self.output.columns.is_empty() => self.screen.print(sentence),
            _ => self.show(named),
        }
    }

    /// Says that something was done that leaves nothing to show.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn done(&mut self, sentence: &str) -> Result {
        match self.output.format {
            Format::Table => self.screen.print(sentence),
            _ => Ok(()),
        }
    }
}

/// An object that is named by its UUID.
pub fn named(uuid: &str) -> Value {
    json!({"uuid": uuid})
}

/// A text field of a document; empty when it has none.
pub fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document.get(field).and_then(Value::as_str).unwrap_or_default()
}
