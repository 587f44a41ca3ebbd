//! The machine that this program runs on.

use super::{Argument, Command, Machine, Output};
use crate::error::MachineError;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Read, Write},
    net::{AddrParseError, SocketAddr, TcpStream},
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Where programs are, whatever the environment says: a service's environment may be empty.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Longest wait for a connection that is only tried.
const CONNECTED: Duration = Duration::from_secs(3);

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
            .envs(command.environment.iter().map(|(variable, value)| (variable, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that its children can be ended with it.
            .process_group(0)
            .spawn()
            .map_err(start_error)?;
        let stdout = capture(child.stdout.take(), command.keeps);
        let stderr = capture(child.stderr.take(), command.keeps);
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
        let target = self.path(path);
        let replaced = beside(&target).and_then(|(directory, fresh)| {
            make_directories(directory)?;
            replace(&fresh, &target, directory, mode, content)
        });
        replaced.map_err(|source| MachineError::File { path: path.to_owned(), source })
    }

    fn remove(&self, path: &str) -> Result<(), MachineError> {
        absent_is_none(path, fs::remove_file(self.path(path))).map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), MachineError> {
        let target = self.path(to);
        let renamed = fs::rename(self.path(from), &target)
            .and_then(|()| beside(&target))
            .and_then(|(directory, _)| File::open(directory)?.sync_all());
        renamed.map_err(|source| MachineError::File { path: to.to_owned(), source })
    }

    fn link(&self, path: &str, target: &str) -> Result<(), MachineError> {
        let place = self.path(path);
        let linked = beside(&place).and_then(|(directory, fresh)| {
            make_directories(directory)?;
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => symlink(target, &fresh)?,
            }
            fs::rename(&fresh, &place)?;
            File::open(directory)?.sync_all()
        });
        linked.map_err(|source| MachineError::File { path: path.to_owned(), source })
    }

    fn receive(
        &self,
        path: &str,
        mode: u32,
        limit: u64,
        content: &mut dyn Read,
    ) -> Result<String, MachineError> {
        let target = self.path(path);
        let received = beside(&target).and_then(|(directory, _)| {
            make_directories(directory)?;
            let mut file =
                File::options().write(true).create(true).truncate(true).mode(0o600).open(&target)?;
            let (digest, length) = copy(&mut content.take(limit.saturating_add(1)), &mut file)?;
            if length > limit {
                return Err(io::Error::other(format!("more than {limit} bytes")));
            }
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()?;
            Ok(digest)
        });
        received.map_err(|source| MachineError::File { path: path.to_owned(), source })
    }

    fn digest(&self, path: &str) -> Result<Option<String>, MachineError> {
        let read = File::open(self.path(path)).and_then(|mut file| copy(&mut file, &mut io::sink()));
        Ok(absent_is_none(path, read)?.map(|(digest, _)| digest))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, MachineError> {
        Ok(absent_is_none(path, fs::metadata(self.path(path)))?.map(|metadata| metadata.len()))
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
        let starts = |path: PathBuf| {
            fs::metadata(path)
                .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        };
        if program.starts_with('/') {
            return starts(self.path(program));
        }
        PATH.split(':').any(|directory| starts(self.path(directory).join(program)))
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the place where this program's real time enters")]
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn connects(&self, address: &str) -> Result<(), String> {
        let address: SocketAddr = address.parse().map_err(|error: AddrParseError| error.to_string())?;
        TcpStream::connect_timeout(&address, CONNECTED).map(drop).map_err(|error| error.to_string())
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

/// A file's directory, and the path where its next content is made ready.
fn beside(target: &Path) -> io::Result<(&Path, PathBuf)> {
    let invalid = || io::Error::from(ErrorKind::InvalidInput);
    let directory = target.parent().ok_or_else(invalid)?;
    let name = target.file_name().ok_or_else(invalid)?;
    Ok((directory, directory.join(format!(".{}.magnum-new", name.to_string_lossy()))))
}

/// Copies a stream, and gives the SHA-256 (hex) and the length of what came.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(String, u64)> {
    use std::fmt::Write as _;
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = buffer.get(..count).unwrap_or_default();
        hash.update(part);
        to.write_all(part)?;
        length += count as u64;
    }
    let digest = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String has no way to fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok((digest, length))
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
fn capture(stream: Option<impl Read + Send + 'static>, keeps: u64) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            // What is beyond the limit is read and dropped: a full pipe would stop the command.
            let read = stream.by_ref().take(keeps).read_to_end(&mut kept);
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
    fn a_connection_is_taken_or_the_reason_told() {
        let (host, root) = host();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(host.connects(&address), Ok(()));
        drop(listener);
        assert!(host.connects(&address).unwrap_err().contains("refused"));
        assert!(host.connects("localhost:1").is_err(), "a name is no address");
        fs::remove_dir_all(root).unwrap();
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
    fn a_stream_becomes_a_file_whose_digest_is_told() {
        let (host, root) = host();
        let digest = host.receive("/a/part", 0o755, 3, &mut b"abc".as_slice()).unwrap();
        assert_eq!(digest, magnum_x509::token::sha256_hex(b"abc"));
        assert_eq!(host.digest("/a/part").unwrap(), Some(digest));
        assert_eq!((host.size("/a/part").unwrap(), host.mode("/a/part").unwrap()), (Some(3), Some(0o755)));
        host.rename("/a/part", "/a/program").unwrap();
        assert!(host.finds("/a/program") && !host.finds("/a/part"));
        let error = host.receive("/a/part", 0o755, 3, &mut b"abcd".as_slice()).unwrap_err().to_string();
        assert!(error.contains("more than 3 bytes"), "{error}");
        host.remove("/a/part").unwrap();
        host.remove("/a/part").unwrap();
        assert_eq!((host.digest("/a/part").unwrap(), host.size("/a/part").unwrap()), (None, None));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_link_takes_the_place_of_what_is_there() {
        let (host, root) = host();
        host.write("/one", 0o755, b"1").unwrap();
        host.link("/v1/program", "../none").unwrap();
        assert!(!host.finds("/v1/program"), "a link to nothing cannot be started");
        host.link("/v1/program", "../one").unwrap();
        assert!(host.finds("/v1/program"));
        assert_eq!(host.list("/v1").unwrap(), ["program"]);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_command_sees_its_variables_and_more_is_kept_if_wanted() {
        let (host, root) = host();
        let command = Command::new("sh", &["-c", "echo $VERSION; head -c 3000000 /dev/zero"]);
        let output = host.run(&command.seeing("VERSION", "3").keeping(4_000_000)).unwrap();
        assert!(output.stdout.starts_with("3\n") && output.stdout.len() == 3_000_002);
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
