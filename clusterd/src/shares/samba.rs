//! Samba's shares: read with `testparm`, exposed ones added to the registry by Samba's winreg server
//! or, where that is not to be had, with `net conf`, and permissions copied with `sharesec`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, Share, Shares};
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    cache::{self, Cache},
    exposed::{escaped, exposed_section, is_begun, is_ours, substituted},
    included::Included,
    registry::{Begun, Registry, RegistryError},
    same_name,
    sections::{self, Section, same_parameter},
};
use crate::{
    jobs::{Cancel, Jobs},
    process::{Finished, Invocation, Runner},
};

/// The permissions of a share that were never changed: everybody, everything.
const NO_PERMISSIONS: &str = "D:(A;;0x001f01ff;;;WD)";

/// When is looked again for what a killed daemon left.
const AGAIN: Duration = Duration::from_secs(10);

/// Samba's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// `testparm`.
    pub testparm: PathBuf,
    /// `net`.
    pub net: PathBuf,
    /// `sharesec`.
    pub sharesec: PathBuf,
    /// `smbcontrol`.
    pub smbcontrol: PathBuf,
}

impl Default for Programs {
    /// All in `/usr/bin`.
    fn default() -> Self {
        let program = |name: &str| Path::new("/usr/bin").join(name);
        Self {
            testparm: program("testparm"),
            net: program("net"),
            sharesec: program("sharesec"),
            smbcontrol: program("smbcontrol"),
        }
    }
}

/// The shares of a Samba on this host.
pub struct Samba {
    shared: Arc<Shared>,
    jobs: Arc<Jobs>,
}

struct Shared {
    programs: Programs,
    configuration: PathBuf,
    scratch: PathBuf,
    runner: Runner,
    /// `state directory`, where registry and permissions are.
    state: OnceCell<PathBuf>,
    cache: Cache,
    /// Where its servers' pipes are, if they may be used.
    pipes: OnceLock<PathBuf>,
    registry: Registry,
}

impl Samba {
    /// The shares that a configuration file (and the registry, which it must include) names.
    /// Scratch files are made in a folder that is ours.
    pub fn new(programs: Programs, configuration: PathBuf, scratch: PathBuf, runner: Runner) -> Self {
        let shared = Shared {
            programs,
            configuration,
            scratch,
            runner,
            state: OnceCell::new(),
            cache: Cache::default(),
            pipes: OnceLock::new(),
            registry: Registry::default(),
        };
        Self { shared: Arc::new(shared), jobs: Arc::default() }
    }

    /// Says where the pipes of Samba's servers are (`ncalrpc dir`), that of its registry among them.
    /// Without it shares are added by `net conf`, which takes longer.
    #[must_use]
    pub fn with_pipes(self, ncalrpc_dir: PathBuf) -> Self {
        // Who says it twice means the first.
        let _ = self.shared.pipes.set(ncalrpc_dir);
        self
    }

    /// The value of a global parameter, the default included.
    ///
    /// # Errors
    ///
    /// If Samba cannot read its configuration.
    pub async fn global(&self, parameter: &str) -> Result<String, PortError> {
        self.shared.global(parameter).await
    }

    /// Whether exposed shares would be served: registry shares have to be on.
    ///
    /// # Errors
    ///
    /// Says what to change in Samba's configuration.
    pub async fn check(&self) -> Result<(), PortError> {
        if self.global("registry shares").await?.eq_ignore_ascii_case("yes") {
            return Ok(());
        }
        Err(PortError::Failed(format!(
            "Samba serves no shares from its registry, where exposed ones are added: put `registry shares = yes` into \
             [global] of {}",
            self.shared.configuration.display()
        )))
    }

    /// The sections of the shares that show a directory, as they were when something was last asked.
    pub(super) fn showing(&self, path: &Path) -> Vec<Section> {
        let sections = self.shared.cache.last_sections();
        let shows = |section: &&Section| {
            let shown = section.get("path").and_then(|shown| substituted(shown, &section.name).ok());
            shown.is_some_and(|shown| Path::new(&shown) == path) && !is_ours(section)
        };
        sections.iter().filter(shows).cloned().collect()
    }

    /// Looks once more for what a killed daemon left: what it had asked of the registry may have been
    /// done only after we looked. While nothing is being changed, whatever is not whole is of that kind.
    fn look_again(&self) {
        let (shared, jobs) = (Arc::clone(&self.shared), Arc::clone(&self.jobs));
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            let looked = jobs.run(Uuid::nil(), |_| async move { shared.remove_unfinished().await }).await;
            if let Err(error) = looked {
                tracing::warn!(%error, "shares that are not whole may be left until the next start");
            }
        });
    }

    /// Changes something: one after the other, and to its end though nobody waits.
    async fn change<F>(&self, work: impl FnOnce(Arc<Shared>) -> F) -> Result<(), PortError>
    where
        F: Future<Output = Result<(), PortError>> + Send + 'static,
    {
        self.jobs.run(Uuid::nil(), |_| work(Arc::clone(&self.shared))).await
    }
}

#[async_trait]
impl Shares for Samba {
    async fn find(&self, name: &str) -> Result<Option<Share>, PortError> {
        let sections = self.shared.configured().await?;
        let Some(section) = sections::share(&sections, name) else { return Ok(None) };
        self.shared.ask_ahead(Some(section.name.clone()));
        match section.get("path").or_else(|| section.get("directory")) {
            None | Some("") => Ok(None),
            Some(path) => {
                Ok(Some(Share { name: section.name.clone(), path: substituted(path, &section.name)?.into() }))
            }
        }
    }

    fn expect(&self, _name: &str) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let Some(pipes) = shared.pipes.get() else { return };
            if let Err(error) = shared.registry.connect(pipes).await {
                tracing::debug!(%error, "shares will be added by net conf");
            }
        });
    }

    async fn expose(&self, name: &str, path: &Path, base: &str, writable: bool) -> Result<(), PortError> {
        let (name, path, base) = (name.to_owned(), path.to_owned(), base.to_owned());
        self.change(|shared| async move {
            shared.expose(&name, &path, &base, writable).await?;
            shared.ask_ahead(None);
            Ok(())
        })
        .await
    }

    async fn make_read_only(&self, name: &str) -> Result<(), PortError> {
        let name = name.to_owned();
        self.change(|shared| async move {
            let (mut section, file) = shared.ours(&name).await?.ok_or_else(|| no_share(&name))?;
            section.parameters.retain(|(key, _)| !same_parameter(key, "read only"));
            section.parameters.push(("read only".to_owned(), "yes".to_owned()));
            match file {
                Some(file) => shared.included().await?.write(&file, &section)?,
                None => shared.import(&section).await?,
            }
            shared.disconnect(&name).await;
            Ok(())
        })
        .await
    }

    async fn remove(&self, name: &str) -> Result<(), PortError> {
        let name = name.to_owned();
        self.change(|shared| async move {
            shared.remove(&name).await?;
            shared.ask_ahead(None);
            Ok(())
        })
        .await
    }

    async fn exposed(&self) -> Result<Vec<String>, PortError> {
        let (registry, included) = (self.shared.registered().await?, self.shared.included().await?);
        included.sweep(&registry);
        self.look_again();
        let ours = registry.into_iter().filter(|section| is_exposed(section, &included));
        Ok(ours.map(|section| section.name).collect())
    }
}

impl Shared {
    async fn expose(&self, name: &str, path: &Path, base: &str, writable: bool) -> Result<(), PortError> {
        let (sections, permissions) = tokio::join!(self.configured(), self.permissions_of(base));
        let sections = sections?;
        let base = sections::share(&sections, base).ok_or_else(|| no_share(base))?;
        let permissions = permissions?;
        let section = exposed_section(base, name, &escaped(path)?, writable);
        // In place before the share is: it is never open to more people than the base share.
        if permissions != NO_PERMISSIONS {
            self.permissions(&section, &["--setsddl", &permissions])
                .await
                .and_then(|set| succeeded("sharesec", set))?;
        }
        match self.add(&section).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::debug!(share = name, %error, "the share is added by net conf");
                self.import(&section).await
            }
        }
    }

    /// Adds a share by what makes the smallest change of the registry: one that includes a file.
    /// It is not available to anybody before it is whole.
    async fn add(&self, section: &Section) -> Result<(), RegistryError> {
        let included = self.included().await.map_err(RegistryError::File)?;
        let long = || RegistryError::Long(section.name.clone());
        let (pipes, file) = (self.pipes.get().ok_or(RegistryError::NoPipes)?, included.file(&section.name));
        let file = file.ok_or_else(long)?;
        let writing = {
            let (path, section) = (PathBuf::from(&file), section.clone());
            tokio::task::spawn_blocking(move || included.write(&path, &section))
        };
        let (begun, written) = tokio::join!(self.registry.begin(pipes, &section.name), writing);
        let written = written.unwrap_or_else(|error| Err(PortError::Failed(error.to_string())));
        let begun: Begun = begun?;
        written.map_err(RegistryError::File)?;
        begun.include(&file).await
    }

    async fn remove(&self, name: &str) -> Result<(), PortError> {
        let (registry, included) = (self.registered().await?, self.included().await?);
        let Some(section) = registry.iter().find(|section| same_name(&section.name, name)) else {
            // Permissions may be there that an attempt left which did not come to the share.
            let path = ("path".to_owned(), "/".to_owned());
            let section = Section { name: name.to_owned(), parameters: vec![path] };
            included.remove(name)?;
            return self.permissions(&section, &["--delete"]).await.map(drop);
        };
        if !is_exposed(section, &included) {
            return Ok(());
        }
        // Its permissions go with it.
        self.call("net conf delshare", self.net().args(["conf", "delshare"]).arg(&section.name)).await?;
        included.remove(&section.name)?;
        self.disconnect(&section.name).await;
        Ok(())
    }

    /// Removes shares that have no parameters, or whose file is gone.
    async fn remove_unfinished(&self) -> Result<(), PortError> {
        let (registry, included) = (self.registered().await?, self.included().await?);
        let unfinished = |section: &&Section| match included.of(section) {
            Some(file) => !file.exists(),
            None => is_begun(section),
        };
        for section in registry.iter().filter(unfinished) {
            self.remove(&section.name).await?;
        }
        Ok(())
    }

    async fn global(&self, parameter: &str) -> Result<String, PortError> {
        let call = Invocation::new(&self.programs.testparm).arg("-s").arg(format!("--parameter-name={parameter}"));
        Ok(self.call("testparm", call.arg(&self.configuration)).await?.text().trim().to_owned())
    }

    async fn state_directory(&self) -> Result<&Path, PortError> {
        let asked = || async { self.global("state directory").await.map(PathBuf::from) };
        Ok(self.state.get_or_try_init(asked).await?)
    }

    /// A file in the state directory.
    async fn state_file(&self, name: &str) -> Result<PathBuf, PortError> {
        Ok(self.state_directory().await?.join(name))
    }

    /// Files that shares of the registry include.
    async fn included(&self) -> Result<Included, PortError> {
        Ok(Included::new(self.state_directory().await?))
    }

    /// All that Samba serves.
    async fn configured(&self) -> Result<Arc<Vec<Section>>, PortError> {
        let registry = self.state_file("registry.tdb").await?;
        let now = cache::of_sections(&self.configuration, &registry);
        if let Some(sections) = self.cache.sections(now) {
            return Ok(sections);
        }
        let call = Invocation::new(&self.programs.testparm).arg("-s").arg(&self.configuration);
        let sections = Arc::new(sections::parse(&self.call("testparm", call).await?.text()));
        self.cache.keep_sections(now, &sections);
        Ok(sections)
    }

    /// The permissions of a share, as SDDL.
    async fn permissions_of(&self, share: &str) -> Result<String, PortError> {
        let now = cache::content(&self.state_file("share_info.tdb").await?);
        if let Some(permissions) = self.cache.permissions(share, now) {
            return Ok(permissions);
        }
        let call = self.net_of(&self.programs.sharesec).arg(share).arg("--viewsddl");
        let permissions = self.call("sharesec", call).await?.text().trim().to_owned();
        self.cache.keep_permissions(share, now, &permissions);
        Ok(permissions)
    }

    /// Asks now for what the next request will want to know.
    fn ask_ahead(self: &Arc<Self>, share: Option<String>) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            // Whoever needs it asks again, and hears of errors.
            let _ = shared.configured().await;
            if let Some(share) = share {
                let _ = shared.permissions_of(&share).await;
            }
        });
    }

    /// What is in the registry.
    async fn registered(&self) -> Result<Vec<Section>, PortError> {
        let listed = self.call("net conf list", self.net().args(["conf", "list"])).await?;
        Ok(sections::parse(&listed.text()))
    }

    /// An exposed share of ours, whole, and the file that it is in if it is in one.
    async fn ours(&self, name: &str) -> Result<Option<(Section, Option<PathBuf>)>, PortError> {
        let (registry, included) = (self.registered().await?, self.included().await?);
        let Some(section) = registry.into_iter().find(|section| same_name(&section.name, name)) else {
            return Ok(None);
        };
        match included.of(&section) {
            Some(file) => Ok(Some((Included::read(&section.name, &file)?, Some(file)))),
            None => Ok(Some(section).filter(is_ours).map(|section| (section, None))),
        }
    }

    /// Puts a share into the registry, in one transaction; replaces one of its name.
    async fn import(&self, section: &Section) -> Result<(), PortError> {
        let file = self.scratch_file(&section.to_text())?;
        let call = self.net().args(["conf", "import"]).arg(file.path()).arg(&section.name);
        self.call("net conf import", call).await?;
        // It is not included any more.
        self.included().await?.remove(&section.name)
    }

    /// Calls `sharesec` for a share that Samba does not know yet, or any more.
    async fn permissions(&self, section: &Section, arguments: &[&str]) -> Result<Finished, PortError> {
        let text = format!("[global]\n\tinclude = {}\n{}", self.configuration.display(), section.to_text());
        let file = self.scratch_file(&text)?;
        let call = Invocation::new(&self.programs.sharesec).arg("-s").arg(file.path());
        Ok(self.runner.run(&call.arg(&section.name).args(arguments), &Cancel::never()).await?)
    }

    /// Ends connections to a share, which would keep what they were allowed.
    async fn disconnect(&self, name: &str) {
        let call = self.net_of(&self.programs.smbcontrol).args(["smbd", "close-share", name]);
        if let Err(error) = self.call("smbcontrol", call).await {
            tracing::debug!(share = name, %error, "connections are not ended: smbd may not run");
        }
    }

    fn net(&self) -> Invocation {
        self.net_of(&self.programs.net)
    }

    fn net_of(&self, program: &Path) -> Invocation {
        Invocation::new(program).arg("-s").arg(&self.configuration)
    }

    async fn call(&self, what: &str, call: Invocation) -> Result<Finished, PortError> {
        succeeded(what, self.runner.run(&call, &Cancel::never()).await?)
    }

    fn scratch_file(&self, text: &str) -> Result<NamedTempFile, PortError> {
        let written =
            tempfile::Builder::new().prefix("smb").suffix(".conf").tempfile_in(&self.scratch).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                Ok(file)
            });
        written.map_err(|error| {
            let message = format!("cannot write in {}: {error}", self.scratch.display());
            match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => PortError::Full(message),
                _ => PortError::Failed(message),
            }
        })
    }
}

/// Whether a share of the registry is one that we added or began to.
fn is_exposed(section: &Section, included: &Included) -> bool {
    is_ours(section) || included.of(section).is_some() || is_begun(section)
}

fn no_share(name: &str) -> PortError {
    PortError::Missing(format!("Samba has no share {name}"))
}

fn succeeded(what: &str, finished: Finished) -> Result<Finished, PortError> {
    if finished.status.success() {
        return Ok(finished);
    }
    Err(PortError::Failed(format!("{what}: {}", finished.complaint())))
}
