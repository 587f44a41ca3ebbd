//! A file system on a Cinder volume, mounted now and at every boot. A volume that holds a file system already is
//! mounted as it is: it may carry data of an earlier life of this node.

use super::{Context, must};
use crate::{error::StepError, machine::Command};

const BY_ID: &str = "/dev/disk/by-id";

pub(super) fn apply(
    context: &mut Context<'_>,
    volume_id: &str,
    mount: &str,
    file_system: &str,
) -> Result<(), StepError> {
    if !["ext4", "xfs"].contains(&file_system) || mount.contains(char::is_whitespace) {
        return Err(StepError::Never(format!("no {file_system} can be mounted at {mount}")));
    }
    let (volume_id, purpose) = match volume_id {
        "" => (context.bootstrap.volume_id.as_str(), ""),
        "etcd" => (context.bootstrap.etcd_volume_id.as_str(), " for etcd"),
        named => (named, ""),
    };
    if volume_id.is_empty() {
        return Err(StepError::Never(format!("this node has no volume{purpose}")));
    }
    let device = device(context, volume_id)?;
    if is_mounted(context, &device, mount)? {
        return Ok(());
    }
    context.state.changing(context.machine)?;
    let present = context
        .machine
        .run(&Command::new("blkid", &["--output", "value", "--match-tag", "TYPE", &device]))?;
    if present.stdout.trim().is_empty() {
        let program = format!("mkfs.{file_system}");
        must(context, &Command::new(&program, &["-q", &device]).within(600))?;
    }
    remember(context, &device, mount, file_system)?;
    must(context, &Command::new("mkdir", &["-p", "--", mount]))?;
    must(context, &Command::new("mount", &[mount]))?;
    Ok(())
}

/// Something else mounted there does not count: images may bring a file system of their own.
fn is_mounted(context: &Context<'_>, device: &str, mount: &str) -> Result<bool, StepError> {
    let resolved = must(context, &Command::new("readlink", &["-f", device]))?;
    let mounts = context.machine.read("/proc/self/mounts")?.unwrap_or_default();
    let mounts = String::from_utf8_lossy(&mounts);
    Ok(mounts.lines().any(|line| {
        let mut fields = line.split(' ');
        let source = fields.next();
        fields.next() == Some(mount) && (source == Some(device) || source == Some(resolved.trim()))
    }))
}

/// Hypervisors show the first 20 characters of the volume's id in the disk's serial number.
fn device(context: &Context<'_>, volume_id: &str) -> Result<String, StepError> {
    let serial: String = volume_id.chars().take(20).collect();
    let names = context.machine.list(BY_ID)?;
    let name = names.into_iter().find(|name| name.contains(&serial) && !name.contains("-part"));
    name.map(|name| format!("{BY_ID}/{name}"))
        .ok_or_else(|| StepError::NotYet(format!("volume {volume_id} is not attached")))
}

/// The line in `/etc/fstab`.
fn remember(context: &Context<'_>, device: &str, mount: &str, file_system: &str) -> Result<(), StepError> {
    let table = context.machine.read("/etc/fstab")?.unwrap_or_default();
    let mut table = String::from_utf8_lossy(&table).into_owned();
    if table.lines().any(|line| line.split_whitespace().nth(1) == Some(mount)) {
        return Ok(());
    }
    if !table.is_empty() && !table.ends_with('\n') {
        table.push('\n');
    }
    table.push_str(&format!("{device} {mount} {file_system} defaults,nofail 0 2\n"));
    context.machine.write("/etc/fstab", 0o644, table.as_bytes())?;
    must(context, &Command::new("systemctl", &["daemon-reload"])).map(drop)
}
