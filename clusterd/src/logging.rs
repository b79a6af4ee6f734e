//! The log: on standard error, where systemd's journal picks it up.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// Starts logging. `RUST_LOG` goes before what is configured.
///
/// # Errors
///
/// If the level is none.
pub fn start(log: &Log) -> Result<(), String> {
    let directives = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let directives = directives.as_deref().unwrap_or(&log.level);
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("log.level {directives:?}: expected error, warn, info, debug or trace: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match log.format {
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
        LogFormat::Text => {
            use std::io::IsTerminal;

            let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
            // The journal has times of its own.
            match std::env::var_os("JOURNAL_STREAM") {
                Some(_) => registry.with(layer.without_time()).try_init(),
                None => registry.with(layer).try_init(),
            }
        }
    };
    installed.map_err(|error| error.to_string())
}
