//! The log, as oslo.log names its options. They stand in `[DEFAULT]`.

use crate::option::section;

section! {
    /// `[DEFAULT]`: what is logged, how and where to.
    Log {
        /// Whether to log at level DEBUG instead of INFO.
        debug: bool = "false", mutable();
        /// File to log to; a relative name stands in `log_dir`. Unset means standard error.
        log_file: Option<String>, was(&["logfile"]);
        /// Directory of the log file; alone, it gives the file the program's name.
        log_dir: Option<String>, was(&["logdir"]);
        /// Whether to log to standard error although a file is set.
        use_stderr: bool = "false";
        /// Whether each line is a JSON object.
        use_json: bool = "false";
        /// Whether to log to syslog.
        use_syslog: bool = "false";
        /// Whether to log to the systemd journal.
        use_journal: bool = "false";
        /// Facility for syslog.
        syslog_log_facility: String = "LOG_USER";
        /// Format of a line's time, in the manner of strftime.
        log_date_format: String = "%Y-%m-%d %H:%M:%S";
        /// Levels of single parts, `name=LEVEL`. Names of Python loggers are accepted and match nothing.
        default_log_levels: Vec<String> = "hyper=WARN,h2=WARN,lapin=WARN,reqwest=WARN,rustls=WARN,sqlx=WARN", mutable();
    }
    ignored "lines have one built-in form: text for people, or JSON with use_json" {
        logging_context_format_string: Option<String>;
        logging_default_format_string: Option<String>;
        logging_debug_format_suffix: Option<String>;
        logging_exception_prefix: Option<String>;
        logging_user_identity_format: Option<String>;
        instance_format: Option<String>;
        instance_uuid_format: Option<String>;
        log_color: bool = "false";
    }
    ignored "a Python logging file cannot be followed; use debug, log_file and default_log_levels" {
        log_config_append: Option<String>, was(&["log_config"]);
    }
    ignored "log files are rotated by logrotate; they are reopened when moved" {
        log_rotate_interval: i64 = "1";
        log_rotate_interval_type: String = "days";
        log_rotation_type: String = "none";
        max_logfile_count: i64 = "30";
        max_logfile_size_mb: i64 = "200";
        watch_log_file: bool = "false";
    }
    ignored "upstream's libraries dropped it or only Python code has a use for it" {
        verbose: bool = "true", releases("P");
        use_syslog_rfc_format: bool = "true", releases("P");
        publish_errors: bool = "false";
        fatal_deprecations: bool = "false";
        rate_limit_interval: i64 = "0";
        rate_limit_burst: i64 = "0";
        rate_limit_except_level: String = "CRITICAL";
    }
}
