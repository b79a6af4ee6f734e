//! What an exposed share is: the base share with the snapshot's path, for as many to read and fewer
//! to write.

use std::path::Path;

use msrpc_cluster::fsrvp::ports::PortError;

use uuid::Uuid;

use super::sections::{Section, same_parameter};

/// The parameter that marks the shares that are ours. Samba keeps what it does not know.
const MARK: &str = "clusterd:exposed";

/// Parameters of a base share that an exposed one does not take over: what ours replaces, what
/// would let some write after all, and what is set anew.
const NOT_TAKEN: [&str; 12] = [
    "path",
    "directory",
    "copy",
    "include",
    "available",
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

/// The share that shows a snapshot of another.
pub(super) fn exposed_section(base: &Section, name: &str, path: &str, writable: bool) -> Section {
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
    // For a process of Samba's that saw the share before it had a path, and took it for unavailable.
    set("available", "yes");
    set(MARK, "yes");
    Section { name: name.to_owned(), parameters }
}

/// Whether we added a share.
pub(super) fn is_ours(section: &Section) -> bool {
    section.is_true(MARK)
}

/// Whether this is a share of which the registry has but the name, and the name is one that exposed
/// shares have (`base@{GUID}`): one that we began to add.
pub(super) fn is_begun(section: &Section) -> bool {
    let name = section.name.strip_suffix('$').unwrap_or(&section.name);
    let id = name.strip_suffix('}').and_then(|name| name.rsplit_once("@{")).map(|(_, id)| id);
    section.parameters.is_empty() && id.is_some_and(|id| Uuid::try_parse(id).is_ok())
}

/// A path of Samba's configuration, in which `%` stands before a variable.
pub(super) fn substituted(path: &str, share: &str) -> Result<String, PortError> {
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
pub(super) fn escaped(path: &Path) -> Result<String, PortError> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control) && !text.ends_with(['\\', ' ']));
    let text = text.ok_or_else(|| {
        PortError::Failed(format!("the path {} cannot be written into Samba's configuration", path.display()))
    })?;
    Ok(text.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::{super::sections, *};

    #[test]
    fn a_share_that_we_began_to_add_is_known_by_its_name() {
        let begun = |text: &str| is_begun(&sections::parse(text)[0]);
        assert!(begun("[data@{12345678-1234-1234-1234-123456789ABC}]\n"));
        assert!(begun("[h$@{12345678-1234-1234-1234-123456789ABC}$]\n"));
        assert!(!begun("[data@{12345678-1234-1234-1234-123456789ABC}]\npath = /srv\n"));
        assert!(!begun("[data]\n") && !begun("[data@{1}]\n") && !begun("[12345678-1234-1234-1234-123456789ABC]\n"));
    }

    #[test]
    fn a_read_only_copy_lets_nobody_write_and_keeps_who_may_read() {
        let text = "[data]\n\tinclude = /etc/x.conf\n\tpath = /srv/data\n\tread only = No\n\twrite list = joe\n\tvalid users = @staff\n\
            \tvfs objects = acl_xattr shadow_copy2:daily btrfs\n\tcomment = x\n";
        let base = &sections::parse(text)[0];
        let exposed = exposed_section(base, "data@{1}", "/snap/1", false);
        assert_eq!(exposed.get("valid users"), Some("@staff"));
        assert_eq!(exposed.get("vfs objects"), Some("acl_xattr btrfs"));
        assert_eq!((exposed.get("path"), exposed.get("read only")), (Some("/snap/1"), Some("yes")));
        assert_eq!((exposed.get("write list"), exposed.get("include")), (None, None));
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
