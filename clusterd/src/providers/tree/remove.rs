//! Removes a directory with all that is in it.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use msrpc_cluster::fsrvp::ports::PortError;

use super::failed;

/// Removes a tree, if it is there.
pub(super) fn tree(path: &Path) -> Result<(), PortError> {
    let error = match fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound if path.symlink_metadata().is_err() => return Ok(()),
        // Without root's rights a copy of a directory that its owner may not write to stands in
        // the way.
        io::ErrorKind::PermissionDenied => open_up(path).map_err(|error| failed("remove", path, error))?,
        _ => return Err(failed("remove", path, error)),
    }
    fs::remove_dir_all(path).map_err(|error| failed("remove", path, error))
}

/// Gives us all rights to a directory and those below.
fn open_up(path: &Path) -> io::Result<()> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}
