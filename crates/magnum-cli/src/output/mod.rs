//! What a command found, in the format that was asked for: cliff's, which scripts around `openstack` expect.

mod table;

use crate::{
    error::{CliError, Kind, Result},
    screen::Screen,
};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// A table
    #[default]
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// The values alone, separated by spaces
    Value,
}

/// How to show what was found.
#[derive(Clone, Debug, Default, Args)]
pub struct OutputOptions {
    /// Show the result in this format
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        global = true,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub format: Format,
    /// Show only this column; may be given several times
    #[arg(short, long = "column", global = true, value_name = "COLUMN", help_heading = "Output")]
    pub columns: Vec<String>,
}

/// Rows of objects.
pub struct Listing {
    /// The columns that are shown unless others are asked for.
    pub columns: &'static [&'static str],
    /// The objects.
    pub items: Vec<Value>,
}

impl OutputOptions {
    /// Shows these columns beside the usual ones of a list, unless columns are chosen.
    pub fn add_columns(&mut self, usual: &[&str], more: Vec<String>) {
        if !self.columns.is_empty() || more.is_empty() {
            return;
        }
        self.columns = usual.iter().map(|&name| name.to_owned()).collect();
        let new = more.into_iter().filter(|name| !usual.contains(&name.as_str()));
        self.columns.extend(new);
    }

    /// Shows a list.
    ///
    /// # Errors
    /// A column that no object has; a closed standard output.
    pub fn list(&self, screen: &mut Screen, listing: &Listing) -> Result {
        // Nothing is known of the columns of an empty list, and a script need not fail because there is nothing yet.
        let known = |name: &str| {
            listing.items.is_empty()
                || listing.columns.contains(&name)
                || listing.items.iter().any(|item| item.get(name).is_some())
        };
        let columns = self.chosen(listing.columns, known, || {
            let shown = listing.items.first().and_then(Value::as_object);
            shown.map(|item| item.keys().cloned().collect()).unwrap_or_default()
        })?;
        let rows: Vec<Map<String, Value>> = listing
            .items
            .iter()
            .map(|item| {
                let cell =
                    |name: &&str| ((*name).to_owned(), item.get(*name).cloned().unwrap_or(Value::Null));
                columns.iter().map(cell).collect()
            })
            .collect();
        let text = match self.format {
            Format::Json => json(&rows)?,
            Format::Yaml => yaml(&rows)?,
            Format::Value => {
                let line = |row: &Map<String, Value>| row.values().map(words).collect::<Vec<_>>().join(" ");
                rows.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Format::Table => table::of(&columns, rows.iter().map(|row| row.values().map(words).collect())),
        };
        screen.print(&text)
    }

    /// Shows one object.
    ///
    /// # Errors
    /// A column that the object lacks; a closed standard output.
    pub fn show(&self, screen: &mut Screen, object: &Value) -> Result {
        let fields = object.as_object().cloned().unwrap_or_default();
        let mut all: Vec<&str> = fields.keys().map(String::as_str).filter(|name| *name != "links").collect();
        all.sort_unstable();
        let columns =
            self.chosen(&all, |name| fields.contains_key(name), || fields.keys().cloned().collect())?;
        let pairs = || columns.iter().map(|name| (*name, fields.get(*name).unwrap_or(&Value::Null)));
        let chosen = || pairs().map(|(name, value)| (name.to_owned(), value.clone())).collect::<Map<_, _>>();
        let text = match self.format {
            Format::Json => json(&chosen())?,
            Format::Yaml => yaml(&chosen())?,
            Format::Value => pairs().map(|(_, value)| words(value)).collect::<Vec<_>>().join("\n"),
            Format::Table => table::of(
                &["Field", "Value"],
                pairs().map(|(name, value)| vec![name.to_owned(), words(value)]),
            ),
        };
        screen.print(&text)
    }

    fn chosen<'a>(
        &'a self,
        preset: &[&'a str],
        known: impl Fn(&str) -> bool,
        all: impl Fn() -> Vec<String>,
    ) -> Result<Vec<&'a str>> {
        if self.columns.is_empty() {
            return Ok(preset.to_vec());
        }
        match self.columns.iter().find(|name| !known(name)) {
            None => Ok(self.columns.iter().map(String::as_str).collect()),
            Some(unknown) => Err(CliError::usage(format!("there is no column {unknown:?}"))
                .advise(format!("columns: {}", all().join(", ")))),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map_err(|error| CliError::new(Kind::Failed, "the result cannot be written as JSON").caused_by(error))
}

fn yaml(value: &impl serde::Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|error| CliError::new(Kind::Failed, "the result cannot be written as YAML").caused_by(error))
}

/// A value as people read it. What came from the service is shown without control characters: a name must not be
/// able to move the cursor.
pub fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    plain(&text)
}

/// Text without control characters other than line ends.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
