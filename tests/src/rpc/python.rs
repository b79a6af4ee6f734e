//! Python packages as peers, from PyPI.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::programs::{Program, missing, run, skipped};

/// What runs them.
pub const PYTHON: Program = Program::new("python3", "python3-venv");

/// The package that reads OpenMetrics, from PyPI.
pub const PROMETHEUS: &str = "prometheus-client==0.26.0";

/// A Python that has a package (`name==version`), for a test; `None` if the test is to be skipped. The
/// first time it is installed beside the program of the test.
///
/// # Panics
/// If it cannot be installed.
pub async fn with_package(package: &str) -> Option<PathBuf> {
    if skipped(package.split('=').next().unwrap_or_default()) {
        return None;
    }
    match installed(package).await {
        Ok(python) => Some(python),
        Err(error) => panic!("{}\n{error}", missing(package, "python3-venv, and PyPI must be in reach")),
    }
}

async fn installed(package: &str) -> io::Result<PathBuf> {
    let home = env::current_exe()?.parent().map_or_else(env::temp_dir, Path::to_owned);
    let folder = home.join(package.replace("==", "-"));
    let python = folder.join("bin").join("python");
    let done = folder.join("installed");
    // Tests run beside each other.
    let lock = File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    if done.exists() {
        return Ok(python);
    }
    let system = PYTHON.find().ok_or(io::ErrorKind::NotFound)?;
    let mut environment = Command::new(system);
    environment.args(["-m", "venv", "--clear"]).arg(&folder);
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
    for command in [environment, install] {
        let finished = run(command, Duration::from_secs(300)).await?;
        if !finished.success {
            return Err(io::Error::other(finished.to_string()));
        }
    }
    fs::write(done, package)?;
    Ok(python)
}
