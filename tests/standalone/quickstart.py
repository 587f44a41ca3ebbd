"""The quickstart's own logic on a bare machine, in seconds: it is copied into a folder with the scripts that it calls, and
what they call is acted by small programs that note it. Needs root, for directories of the machine are hidden from it."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]

# Hides what this machine has already, and gives the run a /usr/sbin, a /run and a /var/log of its own.
BARE = """
set -e
acted=$PATH
PATH=/usr/bin:/bin
mount --make-rprivate /
for place in /usr/sbin /run /var/log; do mount -t tmpfs tmpfs "$place"; done
for program in cargo rustc rustup docker systemctl; do
  [ ! -e "/usr/bin/$program" ] || mount --bind /dev/null "/usr/bin/$program"
done
# Nothing of the machine's own must be begun.
if [ -e /usr/sbin/dockerd ] || [ -x /usr/bin/docker ]; then echo "the machine is not hidden" >&2; exit 99; fi
[ -z "$SYSTEMD" ] || mkdir -p /run/systemd/system
PATH=$acted
exec "$@"
"""

# Each notes its call in $T/log. What is installed appears in $T/installed, which is in the path.
ACTED = {
    "dpkg": 'grep -qx "$2" "$T/packages"',
    "apt-cache": "exit 1",
    "apt-get": """
case " $* " in *" install "*) ;; *) exit 0;; esac
for word in "$@"; do echo "$word" >>"$T/packages"; done
case " $* " in *" docker.io "*) cp "$T/later/dockerd" "$T/later/docker" "$T/installed/";; esac""",
    # The engine answers while its process is there; the service always. rustup's installer is what it is given.
    "curl": """
case "$*" in
  *http://engine/_ping*) [ -e "$T/engine-up" ];;
  *healthcheck*) [ -e "$T/serving" ];;
  *sh.rustup.rs*)
    while [ "$1" != -o ]; do shift; done
    echo 'mkdir -p "$HOME/.cargo/bin"; cp "$T/later/cargo" "$T/later/rustc" "$HOME/.cargo/bin/"' >"$2";;
  *) exit 7;;
esac""",
    "mount": "",
    # Whatever lies below this test is no overlay.
    "stat": '[ "$1" = -f ] && echo ext4 || exec /usr/bin/stat "$@"',
    "systemctl": 'touch "$T/engine-up"',
    "readelf": "",
}
LATER = {
    "dockerd": """
echo $$ >"$2"
touch "$T/engine-up"
trap 'rm -f "$T/engine-up" "$2"; exit 0' TERM
while :; do sleep 0.1; done""",
    "docker": "",
    "rustc": "echo 'rustc 1.99.0 (acted)'",
    # What is built is a shell: it runs the files `standalone` and `cluster` of the folder that it is called in.
    "cargo": """
[ "$1" = build ] || exit 0
case "$*" in *magnum-node*) to=$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release;; *) to=$CARGO_TARGET_DIR/release;; esac
mkdir -p "$to"
for program in magnum magnum-api magnum-conductor magnum-db-manage magnum-node; do cp /bin/bash "$to/$program"; done""",
}
# Before a call is noted: who waits for the service need not be seen.
STANDALONE = """
case "$1" in
  image) mkdir -p "$3"; echo magnum-node:acted >"$3/node-images"; echo "acted sha256:1 1 MB";;
  clean) rm -r "$3";;
  *)
    echo one >"$2/installation"
    echo "serving https://127.0.0.1; clouds.yaml has the clouds magnum and magnum-admin: export OS_CLOUD=magnum"
    touch "$T/serving"
    trap 'rm -f "$T/serving"; exit 0' TERM
    while :; do sleep 0.1; done;;
esac"""
CLUSTER = """
case "$1 $2" in
  "template show") exit 3;;
  "template create") ;;
  create*) echo CREATE_COMPLETE >"$T/state"; [ ! -e "$T/fails" ] || { echo CREATE_FAILED >"$T/state"; exit 1; };;
  wait*) [ ! -e "$T/gives-up" ] || exit 4; cat "$T/then" >"$T/state" 2>/dev/null || rm "$T/state";;
  "show "*)
    case "$*" in *api_address*) echo tcp://192.0.2.1:2376; exit;; esac
    [ ! -e "$T/fault" ] || { echo "error: no answer" >&2; exit 1; }
    [ -s "$T/state" ] || { echo "error: no such cluster" >&2; exit 3; }
    cat "$T/state";;
  *) ;;
esac"""
NOTE = 'echo "{name} $*" >>"$T/log"\n'


def root():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(root(), "root's rights are needed, to hide parts of the machine")
class Quickstart(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="magnum-quickstart-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.top, self.data = self.place / "top", self.place / "data"
        for folder in ["acted", "later", "installed", "top/scripts"]:
            (self.place / folder).mkdir(parents=True)
        for name in ["quickstart", "Cargo.toml", *(f"scripts/{name}" for name in ["env.sh", "setup", "engine", "build", "build-node"])]:
            shutil.copy(TOP / name, self.top / name)
        for name, text in ACTED.items():
            self.act("acted", name, NOTE.format(name=name) + text)
        for name, text in LATER.items():
            self.act("later", name, NOTE.format(name=name) + text)
        self.act("top", "standalone", NOTE.format(name="standalone") + STANDALONE)
        self.act("top", "cluster", NOTE.format(name="cluster") + CLUSTER)
        (self.place / "packages").touch()
        self.env = {
            "T": str(self.place), "HOME": str(self.place / "home"), "SYSTEMD": "", "CARGO_TARGET_DIR": str(self.place / "target"),
            "PATH": f"{self.place}/acted:{self.place}/installed:/usr/bin:/bin", "QUICKSTART_DATA": str(self.data),
            # Outside of what each run has for itself alone.
            "ENGINE_DIR": str(self.place / "engine"), "LAB_DIR": "/nowhere",
        }
        self.addCleanup(self.end)

    def act(self, folder, name, text):
        path = self.place / folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def end(self):
        """Ends what a run began and left, by its id."""
        for path in [self.data / "standalone.pid", self.place / "engine/magnum-engine.pid"]:
            about = pathlib.Path("/proc", path.read_text().strip() or "none", "environ") if path.exists() else None
            if about and about.exists() and str(self.place) in about.read_text(errors="replace"):
                os.kill(int(about.parent.name), signal.SIGKILL)

    def run_it(self, *options, code=0):
        """A run, which must end so; what it said, and which programs it called."""
        (self.place / "log").write_text("")
        words = ["unshare", "-m", "sh", "-c", BARE, "bare", self.top / "quickstart", *options]
        # Into a file: what it leaves running must not keep a pipe open.
        with open(self.place / "said", "w") as said:
            done = subprocess.run([str(word) for word in words], env=self.env, stdout=said, stderr=said, stdin=subprocess.DEVNULL, timeout=60)
        text = (self.place / "said").read_text()
        self.assertEqual(done.returncode, code, text)
        return text, (self.place / "log").read_text()

    def in_order(self, calls, *wanted):
        at = 0
        for words in wanted:
            found = calls.find(words, at)
            self.assertGreaterEqual(found, 0, f"{words!r} is not called, or too early:\n{calls}")
            at = found + len(words)

    def test_a_bare_machine_gets_packages_rust_an_engine_a_release_build_an_image_and_a_cluster(self):
        said, calls = self.run_it()
        self.in_order(calls, "apt-get -o DPkg::Lock::Timeout=300 update", "apt-get -o DPkg::Lock::Timeout=300 install", "https://sh.rustup.rs",
                      "dockerd --pidfile", "cargo build --profile release -p magnum", "cargo build --quiet --profile release --package magnum-node",
                      "standalone image", "standalone --data", "cluster template create swarm", "cluster create quickstart", "cluster config quickstart",
                      "docker --tlsverify")
        installed = next(line for line in calls.splitlines() if line.startswith("apt-get") and " install " in line).split()
        for package in ["gcc", "git", "debootstrap", "docker.io"]:
            self.assertIn(package, installed)
        self.assertNotIn("mariadb-server-core", installed, "standalone mode needs no database's server")
        self.assertIn("--image acted", calls)
        self.assertIn("It works.", said)

        _, calls = self.run_it()
        for words in ["apt-get", "rustup", "dockerd", "standalone --data", "cluster create"]:
            self.assertNotIn(words, calls, "a second run does again what is done")
        self.assertIn("cargo build", calls)

        said, calls = self.run_it("--clean")
        self.in_order(calls, "standalone clean --data")
        self.assertIn("stopping dockerd", said)
        self.assertFalse(self.data.exists() or (self.place / "engine-up").exists() or (self.place / "serving").exists(), said)

    def test_an_engine_that_was_there_is_left(self):
        (self.place / "engine-up").touch()
        _, calls = self.run_it()
        self.assertNotIn("dockerd", calls)
        said, _ = self.run_it("--clean")
        self.assertTrue((self.place / "engine-up").exists(), said)

    def test_with_systemd_the_engine_stays_enabled_and_that_is_said(self):
        del self.env["ENGINE_DIR"]
        self.env["SYSTEMD"] = "yes"
        _, calls = self.run_it()
        self.assertIn("systemctl enable --quiet --now docker.service", calls)
        said, calls = self.run_it("--clean")
        self.assertIn("systemctl disable --now docker.service docker.socket", said)
        self.assertNotIn("systemctl", calls)

    def test_what_did_not_come_as_far_as_an_image_is_clean_without_the_program(self):
        self.act("later", "cargo", "exit 101")
        self.run_it(code=101)
        self.assertTrue(self.data.exists())
        said, calls = self.run_it("--clean")
        self.assertNotIn("standalone", calls)
        self.assertFalse(self.data.exists() or (self.place / "engine-up").exists(), said)

    def test_it_goes_on_from_wherever_the_cluster_stands(self):
        state, then = self.place / "state", self.place / "then"
        for found, becomes, called in [
            ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", ["cluster wait"]),
            ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", ["cluster wait"]),
            ("DELETE_IN_PROGRESS", None, ["cluster wait", "cluster create"]),
            ("UPDATE_COMPLETE", None, []),
            ("ROLLBACK_COMPLETE", None, []),
        ]:
            with self.subTest(found):
                state.write_text(found + "\n")
                then.unlink(missing_ok=True)
                if becomes:
                    then.write_text(becomes + "\n")
                said, calls = self.run_it()
                self.assertIn("It works.", said)
                for words in ["cluster wait", "cluster create"]:
                    self.assertEqual(words in calls, words in called, calls)

    def test_a_cluster_that_failed_is_told_with_the_remedy(self):
        state = self.place / "state"
        (self.place / "fails").touch()
        for found, remedy in [("", "delete quickstart"), ("CREATE_FAILED", "delete quickstart"), ("UPDATE_FAILED", "resize quickstart 2")]:
            with self.subTest(found):
                state.write_text(found)
                said, calls = self.run_it(code=1)
                self.in_order(calls, "cluster diagnose quickstart")
                last = said.strip().splitlines()[-1]
                for words in [found or "CREATE_FAILED", remedy, "./quickstart", "OS_CLOUD=magnum"]:
                    self.assertIn(words, last)

    def test_who_gives_up_waiting_and_a_service_with_a_fault_end_it(self):
        (self.place / "state").write_text("CREATE_IN_PROGRESS")
        (self.place / "gives-up").touch()
        _, calls = self.run_it(code=4)
        self.assertNotIn("diagnose", calls)
        (self.place / "fault").touch()
        said, calls = self.run_it(code=1)
        self.assertIn("error: no answer", said)
        self.assertNotIn("cluster create", calls)

    def test_an_interrupt_is_not_meant_for_the_service(self):
        (self.place / "state").write_text("CREATE_IN_PROGRESS")
        self.act("top", "cluster", NOTE.format(name="cluster") + '[ "$1" != wait ] || exec sleep 60' + CLUSTER)
        words = ["unshare", "-m", "sh", "-c", BARE, "bare", self.top / "quickstart"]
        with open(self.place / "said", "w") as said:
            process = subprocess.Popen([str(word) for word in words], env=self.env, stdout=said, stderr=said, start_new_session=True)
        deadline = time.monotonic() + 60
        log = self.place / "log"
        while not (log.exists() and "cluster wait" in log.read_text()):
            self.assertLess(time.monotonic(), deadline, (self.place / "said").read_text())
            self.assertIsNone(process.poll(), (self.place / "said").read_text())
            time.sleep(0.05)
        pid = int((self.data / "standalone.pid").read_text())
        os.killpg(process.pid, signal.SIGINT)
        self.assertNotEqual(process.wait(timeout=30), 0)
        time.sleep(0.5)
        self.assertIn("standalone", pathlib.Path(f"/proc/{pid}/cmdline").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
