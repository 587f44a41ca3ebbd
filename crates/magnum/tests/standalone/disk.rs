//! A disk without room, for real: a small file system in memory that only root can mount. Elsewhere nothing is tried, and
//! that is said.

use crate::installation::{Installation, failed, files, is_well, succeeded};
use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// A small disk, unmounted in the end.
struct SmallDisk {
    place: tempfile::TempDir,
}

impl SmallDisk {
    /// None, and a word about it, where it cannot be mounted.
    fn mount(kib: u32) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(place.path())
            .output()
            .unwrap();
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
            eprintln!("SKIP: a full disk was not tried, since none can be mounted (that needs root): {why}");
            return None;
        }
        Some(Self { place })
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes all room but so many KiB.
    fn fill(&self, but_kib: usize) {
        let mut filler = File::create(self.filler()).unwrap();
        let spare = self.path().join("spare");
        File::create(&spare).unwrap().write_all(&vec![0; but_kib << 10]).unwrap();
        loop {
            match filler.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
        std::fs::remove_file(spare).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may have a file open still.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_room_says_what_to_do_and_leaves_nothing_however_far_it_came() {
    let Some(disk) = SmallDisk::mount(1024) else { return };
    let installation = Installation::new(Some(disk.path().join("magnum")));
    let mut refused = 0;
    for room in [0, 4, 12, 24, 48, 96, 160, 256, 384] {
        disk.fill(room);
        match installation.start().await {
            Err(output) => {
                let said = failed(&output, 1);
                assert_eq!(said.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{said}");
                let last = said.lines().last().unwrap();
                assert!(
                    last.starts_with("error: the disk of ") && last.contains("--data"),
                    "{room} KiB: {said}"
                );
                assert!(!installation.data.exists(), "{room} KiB: {:?}", files(&installation.data));
                assert!(!installation.clouds().exists(), "{room} KiB: an entry of clouds.yaml was left");
                refused += 1;
            }
            Ok(serving) => {
                serving.kill().await;
                break;
            }
        }
        disk.make_room();
    }
    assert!(refused >= 4, "only {refused} starts were refused");
    let left: Vec<_> = files(disk.path()).into_iter().map(|(path, _)| path).collect();
    assert!(installation.data.exists() || left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_becomes_full_refuses_creates_with_the_remedy_and_spoils_nothing() {
    let Some(disk) = SmallDisk::mount(16 << 10) else { return };
    let installation = Installation::new(Some(disk.path().join("magnum")));
    let serving = is_well(installation.start().await);
    succeeded(&installation.template("t").await);
    disk.fill(0);
    // A few may find room in what the files have already.
    let create = async |name: String| {
        installation.run(&["cluster", "create", &name, "--cluster-template", "t", "--node-count", "1"]).await
    };
    let mut accepted = Vec::new();
    let refused = loop {
        let name = format!("c{}", accepted.len());
        let output = create(name.clone()).await;
        if !output.status.success() {
            break output;
        }
        accepted.push(name);
        assert!(accepted.len() < 15, "the disk is full and takes everything");
    };
    let said = failed(&refused, 1);
    assert!(said.contains("disk of the database is full") && said.contains("Make room"), "{said}");
    let names = async || {
        let listed =
            installation.run(&["cluster", "list", "-f", "value", "-c", "name", "--sort-key", "name"]).await;
        succeeded(&listed).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names().await, accepted, "what was refused is not there, and reading goes on");

    disk.make_room();
    succeeded(&create("later".to_owned()).await);
    accepted.push("later".to_owned());
    let mut now = names().await;
    now.sort();
    assert_eq!(now, accepted);

    // Full again, with the conductor at work, and then a power cut.
    disk.fill(0);
    create("unlucky".to_owned()).await;
    serving.kill().await;
    for (path, content) in files(&installation.data.join("cloud")) {
        if path.extension().is_some_and(|extension| extension == "json") {
            let read = serde_json::from_slice::<serde_json::Value>(&content);
            assert!(read.is_ok(), "{} is half written", path.display());
        }
    }
    let said = match installation.start().await {
        Err(output) => failed(&output, 1),
        Ok(_) => panic!("it needs no room at all?"),
    };
    assert!(said.contains("make room on it") && installation.data.exists(), "{said}");

    disk.make_room();
    let serving = is_well(installation.start().await);
    let all = names().await;
    assert!(accepted.iter().all(|name| all.contains(name)), "{accepted:?} became {all:?}");
    succeeded(&installation.run(&["cluster", "show", "later"]).await);
    assert_eq!(serving.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_not_begun_where_its_root_has_no_room() {
    let Some(disk) = SmallDisk::mount(1024) else { return };
    let question = "PATH=$PATH:/usr/sbin:/sbin; command -v debootstrap";
    if !Command::new("sh").args(["-c", question]).output().unwrap().status.success() {
        eprintln!(
            "SKIP: an image without room was not tried: debootstrap is not installed, and the engine would build it"
        );
        return;
    }
    let installation = Installation::new(Some(disk.path().join("magnum")));
    let said = failed(&installation.image(&[]).await, 1);
    let last = said.lines().last().unwrap();
    assert!(last.contains("the scratch directory of the node image") && last.contains("--data"), "{said}");
    let left: Vec<_> = files(disk.path()).into_iter().map(|(path, _)| path).collect();
    assert!(left.is_empty() && !installation.data.exists(), "nothing of a root is left: {left:?}");
}
