//! A node's files as the archive that the engine unpacks into it before its first start.

use crate::machines::{FileContent, MachinesError, NodeFile};
use tar::{Builder, EntryType, Header};

/// Places that are empty memory at every start: what is put there before would not be seen.
const MEMORY: &[&str] = &["/run/", "/tmp/", "/dev/", "/proc/", "/sys/"];

/// The archive, owned by root; directories that are missing are made by the engine.
pub(super) fn archive(files: &[NodeFile]) -> Result<Vec<u8>, MachinesError> {
    let mut archive = Builder::new(Vec::new());
    for file in files {
        let failed = |reason: String| MachinesError::Refused {
            doing: format!("writing the file {:?} for a node", file.path),
            reason,
            again: false,
        };
        let inside = file.path.strip_prefix('/').filter(|path| !path.is_empty() && !path.ends_with('/'));
        let inside = inside.ok_or_else(|| failed("it is no absolute path of a file".to_owned()))?;
        if let Some(place) = MEMORY.iter().find(|place| file.path.starts_with(**place)) {
            return Err(failed(format!("what is under {place} does not outlast a start")));
        }
        let mut header = Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let added = match &file.content {
            FileContent::Bytes(bytes) => {
                header.set_mode(file.mode & 0o7777);
                header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                archive.append_data(&mut header, inside, bytes.as_slice())
            }
            FileContent::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                archive.append_link(&mut header, inside, target)
            }
        };
        // The library refuses `..` in a path.
        added.map_err(|error| failed(error.to_string()))?;
    }
    archive.into_inner().map_err(|error| MachinesError::Refused {
        doing: "writing the files of a node".to_owned(),
        reason: error.to_string(),
        again: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn file(path: &str, mode: u32, content: FileContent) -> NodeFile {
        NodeFile { path: path.to_owned(), mode, content }
    }

    #[test]
    fn modes_links_and_long_names_survive() {
        let long = format!("/etc/{}/file", "long-name/".repeat(20));
        let files = [
            file("/etc/magnum/node.json", 0o600, FileContent::Bytes(b"secret".to_vec())),
            file("/etc/a.wants/b.service", 0o777, FileContent::Link("/etc/b.service".to_owned())),
            file(&long, 0o755, FileContent::Bytes(Vec::new())),
        ];
        let bytes = archive(&files).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                let path = format!("/{}", entry.path().unwrap().display());
                let link = entry.link_name().unwrap().map(|link| link.display().to_string());
                (path, entry.header().mode().unwrap(), text, link)
            })
            .collect();
        assert_eq!(found[0], ("/etc/magnum/node.json".to_owned(), 0o600, "secret".to_owned(), None));
        assert_eq!(found[1].3.as_deref(), Some("/etc/b.service"));
        assert_eq!((found[2].0.replace("//", "/"), found[2].1), (long.replace("//", "/"), 0o755));
    }

    #[test]
    fn a_path_that_would_be_lost_or_leave_the_node_is_refused() {
        for path in ["relative", "/", "/etc/", "/run/x", "/tmp/x", "/etc/../../x"] {
            let files = [file(path, 0o644, FileContent::Bytes(Vec::new()))];
            let error = archive(&files).unwrap_err();
            assert!(matches!(error, MachinesError::Refused { again: false, .. }), "{path}: {error}");
        }
    }
}
