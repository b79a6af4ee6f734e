//! The daemon.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use clusterd::{
    cluster::forming::Description,
    config::{self, Config, Log},
    daemon::{self, Daemon},
    demo::{self, Demo},
    logging, open_files,
};
use tokio::signal::unix::{SignalKind, signal};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A node of a failover cluster: serves the cluster's management (ClusAPI) and shadow copies of shares
/// (FSRVP).
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH, global = true)]
    config: PathBuf,

    /// Look whether the configuration fits this host, and end
    #[arg(long)]
    check: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Form a cluster of this node, as a short description (TOML) says; see docs/clusterd.md
    Init {
        /// The description
        description: PathBuf,
    },
    /// Serve everything in the foreground on a temporary folder, for any client to try
    Demo(Box<demo::Options>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Some(Command::Init { description }) => init(&cli.config, &description),
                Some(Command::Demo(options)) => run_demo(*options).await,
                None if cli.check => check(&cli.config).await,
                None => run(&cli.config).await,
            }
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clusterd: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: &std::path::Path) -> Result {
    let config = Config::load(path)?;
    logging::start(&config.log)?;
    open_files::raise_limit();
    let mut end = End::new()?;
    let daemon = tokio::select! {
        daemon = Daemon::start(&config, None) => daemon?,
        signal = end.wait() => {
            tracing::info!(signal, "stopped while it was starting");
            return Ok(());
        }
    };
    let endpoints = daemon.endpoints();
    tracing::info!(clusapi = ?endpoints.clusapi, fsrvp = ?endpoints.fsrvp, epmapper = ?endpoints.epmapper, metrics = ?endpoints.metrics, "ready");
    // Nobody to tell is no error.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let signal = end.wait().await;
    tracing::info!(signal, "stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    daemon.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn check(path: &std::path::Path) -> Result {
    let config = Config::load(path)?;
    for line in daemon::check(&config).await? {
        println!("{line}");
    }
    println!("{} is good", path.display());
    Ok(())
}

fn init(config: &std::path::Path, description: &std::path::Path) -> Result {
    let config = Config::load(config)?;
    let description = Description::load(description)?;
    let data = &config.data.0;
    std::fs::create_dir_all(data)
        .map_err(|error| format!("cannot make the data folder {}: {error}", data.display()))?;
    description.form(data)?;
    println!("The cluster {} is formed in {}. Start clusterd to serve it.", description.name, data.display());
    Ok(())
}

async fn run_demo(options: demo::Options) -> Result {
    logging::start(&Log { level: "warn,clusterd=info,msrpc_cluster=info".to_owned(), ..Log::default() })?;
    open_files::raise_limit();
    let mut end = End::new()?;
    let demo = Demo::start(options).await?;
    println!("{}", demo.greeting());
    end.wait().await;
    println!("\nEnding ...");
    demo.stop().await;
    Ok(())
}

/// Ctrl-C, or what systemd sends.
struct End {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl End {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
