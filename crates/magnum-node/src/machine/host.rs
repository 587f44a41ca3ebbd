//! The machine that this program runs on.

use super::{Argument, Command, Machine, Output};
use crate::error::MachineError;
use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Most that is kept of a command's output, in bytes.
const OUTPUT_LIMIT: u64 = 1024 * 1024;
/// Where programs are, whatever the environment says: a service's environment may be empty.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The real machine; files are below a root, which is `/` except in tests.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    started: Instant,
}

impl Host {
    /// A machine whose files are below `root`. Commands are run as they are.
    pub fn rooted(root: &Path) -> Self {
        Self { root: root.to_owned(), started: Instant::now() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Machine for Host {
    fn run(&self, command: &Command) -> Result<Output, MachineError> {
        let start_error = |source| MachineError::Start { program: command.program.clone(), source };
        let mut child = std::process::Command::new(&command.program)
            .args(command.arguments.iter().map(Argument::as_str))
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that its children can be ended with it.
            .process_group(0)
            .spawn()
            .map_err(start_error)?;
        let stdout = capture(child.stdout.take());
        let stderr = capture(child.stderr.take());
        let deadline = Instant::now() + command.timeout;
        let status = loop {
            match child.try_wait().map_err(start_error)? {
                Some(status) => break status,
                None if Instant::now() >= deadline => {
                    end(&mut child);
                    return Err(MachineError::TimedOut {
                        program: command.program.clone(),
                        after: command.timeout,
                    });
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        Ok(Output { success: status.success(), stdout: captured(&stdout), stderr: captured(&stderr) })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, MachineError> {
        absent_is_none(path, fs::read(self.path(path)))
    }

    fn mode(&self, path: &str) -> Result<Option<u32>, MachineError> {
        let metadata = absent_is_none(path, fs::symlink_metadata(self.path(path)))?;
        Ok(metadata.map(|metadata| metadata.permissions().mode() & 0o7777))
    }

    fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<(), MachineError> {
        let file_error = |source| MachineError::File { path: path.to_owned(), source };
        let target = self.path(path);
        let directory = target.parent().ok_or_else(|| file_error(ErrorKind::InvalidInput.into()))?;
        make_directories(directory).map_err(file_error)?;
        let name = target.file_name().ok_or_else(|| file_error(ErrorKind::InvalidInput.into()))?;
        let fresh = directory.join(format!(".{}.magnum-new", name.to_string_lossy()));
        replace(&fresh, &target, directory, mode, content).map_err(file_error)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, MachineError> {
        let Some(entries) = absent_is_none(directory, fs::read_dir(self.path(directory)))? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| MachineError::File { path: directory.to_owned(), source })?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn finds(&self, program: &str) -> bool {
        PATH.split(':').any(|directory| {
            let metadata = fs::metadata(self.path(directory).join(program));
            metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        })
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

fn absent_is_none<T>(path: &str, result: io::Result<T>) -> Result<Option<T>, MachineError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MachineError::File { path: path.to_owned(), source }),
    }
}

/// Like `create_dir_all`, but with mode 755 whatever the process's mask is.
fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_directories(parent)?;
    }
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Old or new content, never a mixture, also after a power cut.
fn replace(fresh: &Path, target: &Path, directory: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    // Made unreadable for others before the secret is in it.
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(fresh)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(fresh, target)?;
    File::open(directory)?.sync_all()
}

/// Reads a stream in a thread, so that neither stream can block the command.
fn capture(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            // What is beyond the limit is read and dropped: a full pipe would stop the command.
            let read = stream.by_ref().take(OUTPUT_LIMIT).read_to_end(&mut kept);
            let drained = io::copy(&mut stream, &mut io::sink());
            if let Err(error) = read.and(drained.map(|_| 0)) {
                tracing::debug!(%error, "a command's output ended early");
            }
        }
        // Nobody listens any more when the command took too long.
        drop(sender.send(String::from_utf8_lossy(&kept).into_owned()));
    });
    receiver
}

/// What was captured. A program left behind in the background may hold the stream: it is not waited for.
fn captured(receiver: &mpsc::Receiver<String>) -> String {
    receiver.recv_timeout(Duration::from_secs(2)).unwrap_or_default()
}

/// Ends a command and its children.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let ended = std::process::Command::new("kill").env("PATH", PATH).args(["-KILL", "--", &group]).status();
    if !ended.is_ok_and(|status| status.success())
        && let Err(error) = child.kill()
    {
        tracing::warn!(%error, "a command could not be ended");
    }
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "a command's end could not be awaited");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> (Host, PathBuf) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("magnum-node-host-{}-{count}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        (Host::rooted(&root), root)
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_its_directories() {
        let (host, root) = host();
        host.write("/a/b/secret", 0o600, b"one").unwrap();
        host.write("/a/b/secret", 0o640, b"two").unwrap();
        assert_eq!(host.read("/a/b/secret").unwrap().unwrap(), b"two");
        assert_eq!(host.mode("/a/b/secret").unwrap(), Some(0o640));
        assert_eq!(host.mode("/a/b").unwrap(), Some(0o755));
        assert_eq!(host.list("/a/b").unwrap(), ["secret"], "nothing is left beside it");
        assert_eq!(host.read("/a/none").unwrap(), None);
        assert_eq!(host.list("/none").unwrap(), Vec::<String>::new());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_command_tells_its_status_and_both_streams() {
        let (host, root) = host();
        let output = host.run(&Command::new("sh", &["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!(output, Output { success: false, stdout: "out\n".into(), stderr: "err\n".into() });
        let much = host.run(&Command::new("sh", &["-c", "head -c 3000000 /dev/zero"])).unwrap();
        assert!(much.success && much.stdout.len() == 1024 * 1024);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_its_children() {
        let (host, root) = host();
        let mark = root.join("mark");
        let script = format!("(sleep 1; touch {}) & sleep 30", mark.display());
        let mut command = Command::new("sh", &["-c", &script]);
        command.timeout = Duration::from_millis(200);
        let error = host.run(&command).unwrap_err();
        assert!(matches!(error, MachineError::TimedOut { .. }), "{error}");
        thread::sleep(Duration::from_millis(1500));
        assert!(!mark.exists(), "a child lived on");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_by_name() {
        let (host, root) = host();
        let error = host.run(&Command::new("no-such-program", &[])).unwrap_err().to_string();
        assert!(error.starts_with("cannot start no-such-program"), "{error}");
        assert!(Host::rooted(Path::new("/")).finds("sh") && !host.finds("sh"));
        fs::remove_dir_all(root).unwrap();
    }
}
