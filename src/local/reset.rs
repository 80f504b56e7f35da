//! Deletes the data folder's content.

use std::{fs, path::Path};

use super::{
    StartError,
    database::{Folder, LOCK_FILE},
};

/// The outcome of a [`reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The data is deleted.
    Done,
    /// It was not confirmed, and nothing is deleted.
    Declined,
}

/// Deletes everything in the data folder if `confirm` returns true. The lock stays, so that no server starts meanwhile.
///
/// # Errors
/// [`StartError::NoData`] if no server has used the folder, [`StartError::FolderInUse`] and [`StartError::Folder`].
pub fn reset(path: &Path, confirm: impl FnOnce() -> bool) -> Result<Reset, StartError> {
    if !path.join(LOCK_FILE).is_file() {
        return Err(StartError::NoData(path.to_owned()));
    }
    let _folder = Folder::open(path)?;
    if !confirm() {
        return Ok(Reset::Declined);
    }
    let failed = |cause| StartError::Folder { path: path.to_owned(), cause };
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        let deleted = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        deleted.map_err(failed)?;
    }
    Ok(Reset::Done)
}
