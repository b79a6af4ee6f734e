//! Samba's shares: read with `testparm`, exposed ones added to the registry with `net conf`, and
//! permissions copied with `sharesec`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use msrpc_cluster::fsrvp::ports::{PortError, Share, Shares};
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    ahead::Waiting,
    cache::{self, Cache},
    same_name,
    sections::{self, Section, same_parameter},
};
use crate::{
    jobs::{Cancel, Jobs},
    process::{Finished, Invocation, Runner},
};

/// The parameter that marks the shares that are ours. Samba keeps what it does not know.
const MARK: &str = "clusterd:exposed";

/// The permissions of a share that were never changed: everybody, everything.
const NO_PERMISSIONS: &str = "D:(A;;0x001f01ff;;;WD)";

/// Parameters of a base share that an exposed one does not take over: what ours replaces, what
/// would let some write after all, and what is set anew.
const NOT_TAKEN: [&str; 10] = [
    "path",
    "directory",
    "copy",
    "comment",
    "read only",
    "writeable",
    "writable",
    "write ok",
    "write list",
    "vfs objects",
];

/// Modules that show or make snapshots of the base share's directory.
const NOT_STACKED: [&str; 5] = ["shadow_copy", "shadow_copy2", "shell_snap", "snapper", "ceph_snapshots"];

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
    jobs: Jobs,
}

struct Shared {
    programs: Programs,
    configuration: PathBuf,
    scratch: PathBuf,
    runner: Runner,
    /// `state directory`, where registry and permissions are.
    state: OnceCell<PathBuf>,
    cache: Cache,
    imports: Waiting,
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
            imports: Waiting::default(),
        };
        Self { shared: Arc::new(shared), jobs: Jobs::default() }
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

    fn expect(&self, name: &str) {
        let shared = &self.shared;
        shared.imports.start(name, &shared.runner, |input| shared.importing(&input, name));
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
            let mut section = shared.ours(&name).await?.ok_or_else(|| no_share(&name))?;
            section.parameters.retain(|(key, _)| !same_parameter(key, "read only"));
            section.parameters.push(("read only".to_owned(), "yes".to_owned()));
            shared.import(&section).await?;
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
        let ours = self.shared.registry().await?.into_iter().filter(is_ours);
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
        self.import(&section).await
    }

    async fn remove(&self, name: &str) -> Result<(), PortError> {
        self.imports.dismiss(name);
        let registry = self.registry().await?;
        let Some(section) = registry.iter().find(|section| same_name(&section.name, name)) else {
            // Permissions may be there that an attempt left which did not come to the share.
            let path = ("path".to_owned(), "/".to_owned());
            let section = Section { name: name.to_owned(), parameters: vec![path] };
            return self.permissions(&section, &["--delete"]).await.map(drop);
        };
        if !is_ours(section) {
            return Ok(());
        }
        // Its permissions go with it.
        self.call("net conf delshare", self.net().args(["conf", "delshare"]).arg(&section.name)).await?;
        self.disconnect(&section.name).await;
        Ok(())
    }

    async fn global(&self, parameter: &str) -> Result<String, PortError> {
        let call = Invocation::new(&self.programs.testparm).arg("-s").arg(format!("--parameter-name={parameter}"));
        Ok(self.call("testparm", call.arg(&self.configuration)).await?.text().trim().to_owned())
    }

    /// A file in the state directory.
    async fn state_file(&self, name: &str) -> Result<PathBuf, PortError> {
        let asked = || async { self.global("state directory").await.map(PathBuf::from) };
        Ok(self.state.get_or_try_init(asked).await?.join(name))
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
    async fn registry(&self) -> Result<Vec<Section>, PortError> {
        let listed = self.call("net conf list", self.net().args(["conf", "list"])).await?;
        Ok(sections::parse(&listed.text()))
    }

    /// An exposed share of ours.
    async fn ours(&self, name: &str) -> Result<Option<Section>, PortError> {
        let registry = self.registry().await?;
        Ok(registry.into_iter().find(|section| same_name(&section.name, name) && is_ours(section)))
    }

    /// Puts a share into the registry, in one transaction; replaces one of its name.
    async fn import(&self, section: &Section) -> Result<(), PortError> {
        let text = section.to_text();
        if self.imports.finish(&section.name, &text).await.is_some() {
            return Ok(());
        }
        let file = self.scratch_file(&text)?;
        self.call("net conf import", self.importing(file.path(), &section.name)).await.map(drop)
    }

    fn importing(&self, file: &Path, name: &str) -> Invocation {
        self.net().args(["conf", "import"]).arg(file).arg(name)
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

/// The share that shows a snapshot of another.
fn exposed_section(base: &Section, name: &str, path: &str, writable: bool) -> Section {
    let taken = base.parameters.iter().filter(|(key, _)| !NOT_TAKEN.iter().any(|not| same_parameter(key, not)));
    let mut parameters: Vec<_> = taken.cloned().collect();
    let mut set = |key: &str, value: &str| parameters.push((key.to_owned(), value.to_owned()));
    if let Some(modules) = base.get("vfs objects") {
        // A module may have an instance's name behind a colon.
        let kept = |module: &&str| !NOT_STACKED.contains(&module.split(':').next().unwrap_or_default());
        let modules: Vec<_> =
            modules.split([' ', ',', '\t']).filter(|module| !module.is_empty()).filter(kept).collect();
        set("vfs objects", &modules.join(" "));
    }
    set("path", path);
    set("comment", &format!("Shadow copy of {}", base.name));
    let read_only = !writable || !base.is_false("read only");
    set("read only", if read_only { "yes" } else { "no" });
    if let Some(list) = base.get("write list").filter(|_| writable) {
        set("write list", list);
    }
    set(MARK, "yes");
    Section { name: name.to_owned(), parameters }
}

fn is_ours(section: &Section) -> bool {
    section.is_true(MARK)
}

/// A path of Samba's configuration, in which `%` stands before a variable.
fn substituted(path: &str, share: &str) -> Result<String, PortError> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '%' { rest.next() } else { None }) {
            ('%', Some('%')) => plain.push('%'),
            ('%', Some('S')) => plain.push_str(share),
            ('%', variable) => {
                let variable = variable.map(String::from).unwrap_or_default();
                return Err(PortError::Failed(format!(
                    "the path of share {share} depends on who connects (%{variable}): it is no one directory"
                )));
            }
            (c, _) => plain.push(c),
        }
    }
    Ok(plain)
}

/// A path for Samba's configuration.
fn escaped(path: &Path) -> Result<String, PortError> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control) && !text.ends_with(['\\', ' ']));
    let text = text.ok_or_else(|| {
        PortError::Failed(format!("the path {} cannot be written into Samba's configuration", path.display()))
    })?;
    Ok(text.replace('%', "%%"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_copy_lets_nobody_write_and_keeps_who_may_read() {
        let text = "[data]\n\tpath = /srv/data\n\tread only = No\n\twrite list = joe\n\tvalid users = @staff\n\
            \tvfs objects = acl_xattr shadow_copy2:daily btrfs\n\tcomment = x\n";
        let base = &sections::parse(text)[0];
        let exposed = exposed_section(base, "data@{1}", "/snap/1", false);
        assert_eq!(exposed.get("valid users"), Some("@staff"));
        assert_eq!(exposed.get("vfs objects"), Some("acl_xattr btrfs"));
        assert_eq!((exposed.get("path"), exposed.get("read only")), (Some("/snap/1"), Some("yes")));
        assert_eq!(exposed.get("write list"), None);
        assert!(is_ours(&exposed) && !is_ours(base));
        let writable = exposed_section(base, "data@{1}", "/snap/1", true);
        assert_eq!((writable.get("read only"), writable.get("write list")), (Some("no"), Some("joe")));
    }

    #[test]
    fn variables_in_paths() {
        assert_eq!(substituted("/srv/%S/100%%", "data").unwrap(), "/srv/data/100%");
        assert!(substituted("/home/%U", "data").unwrap_err().to_string().contains("%U"));
        assert_eq!(escaped(Path::new("/a b/100%")).unwrap(), "/a b/100%%");
        assert!(escaped(Path::new("/a\nread only = no")).is_err());
    }
}
