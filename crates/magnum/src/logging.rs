//! The log, in the shape of oslo.log's lines, since operators' parsers expect it:
//! `2026-01-01 12:00:00.000 4711 INFO magnum_api [req-… ] message key=value`. Its level and its file can be taken up
//! again while the program runs, which is what log rotation needs.

use anyhow::{Context, Result};
use magnum_config::{MagnumConfig, Warning};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{Event, Level, Subscriber, field::Field, warn};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter, format::Writer},
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    reload,
    util::SubscriberInitExt,
};

/// The running log.
#[derive(Clone)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    output: Output,
}

/// Starts the log and writes the configuration's warnings to it.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(config: &MagnumConfig, program: &str, warnings: &[Warning]) -> Result<Log> {
    let (filter, handle) = reload::Layer::new(filter(config));
    let output = Output(Arc::new(Mutex::new(open(config, program)?)));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(output.clone());
    if config.log.use_json {
        registry.with(lines.json().flatten_event(true)).init();
    } else {
        registry.with(lines.event_format(OsloLine)).init();
    }
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(Log { filter: handle, output })
}

impl Log {
    /// Opens the log file anew and takes the levels of `config` up.
    ///
    /// # Errors
    /// When the file cannot be opened: the log goes on in the old one.
    pub fn again(&self, config: &MagnumConfig, program: &str) -> Result<()> {
        let target = open(config, program)?;
        *self.output.0.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.filter.reload(filter(config)).context("the log's levels cannot be changed")
    }
}

/// `debug` and `default_log_levels`.
fn filter(config: &MagnumConfig) -> EnvFilter {
    let level = if config.log.debug { "debug" } else { "info" };
    let levels = config.log.default_log_levels.iter().map(|pair| pair.to_lowercase());
    let directives = std::iter::once(level.to_owned()).chain(levels).collect::<Vec<_>>().join(",");
    EnvFilter::builder().parse_lossy(directives)
}

/// Where lines go.
enum Target {
    File(File),
    Stderr,
}

fn open(config: &MagnumConfig, program: &str) -> Result<Target> {
    let log = &config.log;
    let name = match (&log.log_file, &log.log_dir) {
        (Some(file), Some(dir)) => Some(Path::new(dir).join(file)),
        (Some(file), None) => Some(file.into()),
        (None, Some(dir)) => Some(Path::new(dir).join(format!("{program}.log"))),
        (None, None) => None,
    };
    let Some(name) = name.filter(|_| !log.use_stderr) else { return Ok(Target::Stderr) };
    let file = OpenOptions::new().create(true).append(true).open(&name);
    Ok(Target::File(file.with_context(|| format!("the log file {} cannot be opened", name.display()))?))
}

/// The place of all lines; clones share it.
#[derive(Clone)]
struct Output(Arc<Mutex<Target>>);

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::File(file) => file.write(bytes),
            Target::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::File(file) => file.flush(),
            Target::Stderr => io::stderr().flush(),
        }
    }
}

/// oslo.log's default line.
struct OsloLine;

impl<S, N> FormatEvent<S, N> for OsloLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        #[expect(clippy::disallowed_methods, reason = "a log line bears the machine's own time")]
        let now = jiff::Timestamp::now();
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let time = now.strftime("%Y-%m-%d %H:%M:%S.%3f");
        write!(line, "{time} {} {level} {} [", std::process::id(), event.metadata().target())?;
        let mut first = true;
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|f| !f.is_empty()) {
                if !first {
                    line.write_char(' ')?;
                }
                first = false;
                // A line is one line, whatever a field holds.
                line.write_str(&fields.fields.replace('\n', "\\n"))?;
            }
        }
        line.write_str(if first { "-] " } else { "] " })?;
        let mut text = Text::default();
        event.record(&mut text);
        writeln!(line, "{}{}", text.message, text.fields)
    }
}

/// A message with its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn put(&mut self, field: &Field, value: &str) {
        let value = value.replace('\n', "\\n");
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push_str(&format!(" {}={value}", field.name()));
        }
    }
}

impl tracing::field::Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
}
