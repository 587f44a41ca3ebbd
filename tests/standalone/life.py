"""The quickstart as a stranger runs it, unmodified clients against what it starts, and a life of clusters with the
process killed in the middle of each operation, and Docker Engine stopped for a while; at the end nothing is left. Run by
scripts/test-standalone, which says what it needs."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

from quickstart import Quickstart  # noqa: F401 (its tests run with these)

TOP = pathlib.Path(__file__).resolve().parents[2]
OLD_CLIENTS = pathlib.Path(os.environ["OLD_CLIENTS"])
MAGNUM = pathlib.Path(os.environ["MAGNUM"])
DOCKER = os.environ["DOCKER"]
PORT = os.environ["QUICKSTART_PORT"]
# Whether the engine is this run's own: nobody else's is stopped.
ENGINE_IS_OURS = os.environ.get("ENGINE_IS_OURS") == "yes"
# An engine that is away is waited for this long while something is being made; afterwards that fails.
ENGINE_PATIENCE = 60
INSTALLATION = "org.openstack.magnum.installation"
RECIPE = "org.openstack.magnum.recipe"


def run(*words, check=True, env=None, timeout=900, stdin=None):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=env, timeout=timeout, input=stdin)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Life(unittest.TestCase):
    """An installation of its own, and what is asked of it."""

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="magnum-standalone-"))
        self.data, self.config = self.home / "data", self.home / "config"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self.env |= {"XDG_DATA_HOME": str(self.data), "XDG_CONFIG_HOME": str(self.config), "OS_CLOUD": "magnum"}
        self.env |= {"QUICKSTART_DATA": str(self.data / "magnum")}
        self.started = time.monotonic()
        self.addCleanup(self.end)

    def end(self):
        run(TOP / "quickstart", "--clean", check=False, env=self.env)
        shutil.rmtree(self.home, ignore_errors=True)

    def step(self, words):
        print(f"    {time.monotonic() - self.started:6.1f} s  {words}", flush=True)

    def magnum(self, *words, **options):
        return run(MAGNUM, *words, env=self.env, **options)

    def status(self, name):
        done = self.magnum("cluster", "show", name, "-f", "value", "-c", "status", check=False)
        return done.stdout.strip() if done.returncode == 0 else None if done.returncode == 3 else f"exit {done.returncode}"

    def wait(self, name, wanted, seconds=180):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(name)
            if status == wanted:
                return
            self.assertFalse(status and status.endswith("FAILED"), self.why(name))
            time.sleep(0.5)
        self.fail(f"{name} is not {wanted}: {self.why(name)}")

    def why(self, name):
        return self.magnum("cluster", "diagnose", name, check=False).stdout

    def pid(self):
        return int((self.data / "magnum/standalone.pid").read_text())

    def killed(self):
        """Ends the process as a power cut would, and starts it again as a user would."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        while pathlib.Path(f"/proc/{pid}/stat").exists() and " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.05)
        run(TOP / "quickstart", "--start", env=self.env)
        self.assertNotEqual(pid, self.pid())

    def killed_during(self, name, status):
        """The same, with the cluster in the middle of something."""
        self.assertEqual(self.status(name), status, "it is over before it could be hit")
        self.killed()

    def made(self):
        """Everything in the engine that carries an installation's label, and the node images that were made."""
        listed = [("container", "ps", "-aq"), ("network", "network", "ls", "-q"), ("volume", "volume", "ls", "-q")]
        made = {kind: run(DOCKER, *words, "--filter", f"label={INSTALLATION}").stdout.split() for kind, *words in listed}
        return made | {"image": run(DOCKER, "images", "-q", "--no-trunc", "--filter", f"label={RECIPE}").stdout.split()}


class Standalone(Life):
    def nodes(self, name):
        """The cluster's members, as Docker tells a client that has the cluster's certificates."""
        place = self.home / f"certs-{name}"
        place.mkdir(exist_ok=True)
        self.magnum("cluster", "config", name, "--dir", place, "--force")
        address = self.magnum("cluster", "show", name, "-f", "value", "-c", "api_address").stdout.strip()
        tls = ["--tlsverify", "--tlscacert", place / "ca.pem", "--tlscert", place / "cert.pem", "--tlskey", place / "key.pem"]
        listed = run(DOCKER, *tls, "-H", address, "node", "ls", "--format", "{{.Hostname}} {{.Status}}").stdout
        return [line.split()[1] for line in listed.splitlines()]

    def test_a_stranger_gets_a_cluster_and_is_rid_of_it_again(self):
        before = self.made()
        self.interrupted()
        shown = run(TOP / "quickstart", env=self.env, timeout=1800)
        self.step("quickstart, taken up again")
        self.assertEqual(len(re.findall(r"\bReady\b", shown.stdout)), 3, shown.stdout)
        self.assertRegex(shown.stderr, r"node \S+: ready", "progress is shown node by node")
        again = time.monotonic()
        self.assertEqual(len(re.findall(r"\bReady\b", run(TOP / "quickstart", env=self.env).stdout)), 3)
        self.step(f"the quickstart once more: {time.monotonic() - again:.1f} s")
        self.magnum("cluster", "resize", "quickstart", "3", "--wait")
        self.assertEqual(len(re.findall(r"\bReady\b", run(TOP / "quickstart", env=self.env).stdout)), 4)
        self.magnum("cluster", "resize", "quickstart", "2", "--wait")
        self.step("resized as it says, and the quickstart once more: 4 Ready")
        clouds = self.config / "openstack/clouds.yaml"
        for secret in [clouds, self.data / "magnum/magnum.conf", self.data / "magnum/ca-key.pem"]:
            self.assertEqual(secret.stat().st_mode & 0o777, 0o600, secret)
        self.refusals()
        self.unmodified_clients()
        self.lives()
        self.engine_away()
        run(TOP / "quickstart", "--clean", env=self.env)
        self.assertEqual(self.made(), before, "containers, networks, volumes or images are left")
        self.assertFalse((self.data / "magnum").exists(), "files are left")
        self.assertFalse(clouds.exists(), "clouds.yaml is left")
        self.step("clean: no container, network, volume, image or file is left")

    def interrupted(self):
        """A first run that its user ends by Ctrl-C while the cluster is being made."""
        with open(self.home / "first", "w") as said:
            first = subprocess.Popen([TOP / "quickstart"], env=self.env, stdout=said, stderr=said, start_new_session=True)
        clouds, deadline = self.config / "openstack/clouds.yaml", time.monotonic() + 1800
        while not clouds.exists() or self.status("quickstart") != "CREATE_IN_PROGRESS":
            self.assertIsNone(first.poll(), (self.home / "first").read_text())
            self.assertLess(time.monotonic(), deadline, (self.home / "first").read_text())
            time.sleep(0.1)
        os.killpg(first.pid, signal.SIGINT)
        self.assertNotEqual(first.wait(timeout=30), 0)
        self.assertEqual(self.status("quickstart"), "CREATE_IN_PROGRESS", "the service was ended as well, or it is made already")
        self.step("quickstart, interrupted while the cluster is being made")

    def left_behind(self):
        """A disk of a stack that is no more, as a process that was killed might leave one."""
        installation = (self.data / "magnum/installation").read_text().strip()
        labels = [f"{INSTALLATION}={installation}", f"org.openstack.magnum.stack={uuid.uuid4()}"]
        return run(DOCKER, "volume", "create", *(word for label in labels for word in ("--label", label))).stdout.strip()

    def refused(self, *options, words):
        """A start that cannot be says why and what to do in one line, and leaves nothing."""
        place = self.home / "refused"
        done = run(MAGNUM, "standalone", "--data", place, *options, env=self.env, check=False, timeout=30)
        self.assertEqual(done.returncode, 1, done)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertFalse(place.exists(), "a refused start left its folder")

    def refusals(self):
        self.refused("--docker-host", "unix:///nowhere.sock", words=["no Docker Engine answers", "/nowhere.sock"])
        self.refused("--port", PORT, words=[f"port {PORT}", "--port"])
        second = run(MAGNUM, "standalone", "--data", self.data / "magnum", "--port", "1", env=self.env, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another magnum standalone", second.stderr)
        unknown = self.magnum("cluster", "template", "create", "--coe", "swarm-mode", "--image", "no-such",
                              "--external-network", "public", check=False)
        self.assertEqual(unknown.returncode, 1, unknown)
        self.assertIn("image_id", unknown.stderr)
        self.assertIn("no-such", unknown.stderr)
        self.step("refusals: no engine, port taken, folder taken, unknown image")

    def unmodified_clients(self):
        programs = [OLD_CLIENTS / "bin/openstack", *pathlib.Path(os.environ.get("LAB_HOME", "/none")).glob("venv/bin/openstack")]
        for program in programs:
            listed = json.loads(run(program, "coe", "cluster", "list", "-f", "json", env=self.env).stdout)
            self.assertEqual([(c["name"], c["status"]) for c in listed], [("quickstart", "UPDATE_COMPLETE")])
            cluster = json.loads(run(program, "coe", "cluster", "show", "quickstart", "-f", "json", env=self.env).stdout)
            self.assertEqual((cluster["node_count"], cluster["master_count"]), (2, 1))
            ca = run(program, "coe", "ca", "show", "quickstart", env=self.env).stdout
            self.assertIn("BEGIN CERTIFICATE", ca)
            for noun in [["image"], ["flavor"], ["network"], ["server"], ["coe", "cluster", "template"]]:
                listed = json.loads(run(program, *noun, "list", "-f", "json", env=self.env).stdout)
                self.assertTrue(listed, noun)
            refused = run(program, "coe", "quotas", "list", env=self.env, check=False)
            self.assertNotEqual(refused.returncode, 0, "who is no administrator lists everybody's quotas")
        self.step(f"{len(programs)} unmodified openstack clients")

    def lives(self):
        template = self.magnum("cluster", "show", "quickstart", "-f", "value", "-c", "cluster_template_id").stdout.strip()
        self.magnum("cluster", "create", "k1", "--cluster-template", template, "--node-count", "1")
        time.sleep(1)
        left = self.left_behind()
        self.killed_during("k1", "CREATE_IN_PROGRESS")
        self.assertNotIn(left, run(DOCKER, "volume", "ls", "-q").stdout.split(), "the sweep at the start missed a disk")
        self.wait("k1", "CREATE_COMPLETE")
        self.assertEqual(self.nodes("k1"), ["Ready"] * 2)
        self.step("killed in the middle of a create: 2 Ready")
        self.magnum("cluster", "resize", "k1", "2")
        time.sleep(1)
        self.killed_during("k1", "UPDATE_IN_PROGRESS")
        self.wait("k1", "UPDATE_COMPLETE")
        self.assertEqual(self.nodes("k1"), ["Ready"] * 3)
        self.step("killed in the middle of a resize: 3 Ready")
        self.magnum("cluster", "resize", "k1", "1", "--wait")
        self.assertEqual(self.nodes("k1"), ["Ready"] * 2)
        self.step("resized down: 2 Ready, none Down")
        self.magnum("cluster", "delete", "k1")
        time.sleep(0.5)
        self.killed_during("k1", "DELETE_IN_PROGRESS")
        self.wait("k1", None)
        self.assertEqual(self.nodes("quickstart"), ["Ready"] * 3, "the other cluster has lived on")
        self.step("killed in the middle of a delete: gone, and the other cluster lives")

    def containers(self):
        """The nodes' containers, and since when each runs."""
        ids = run(DOCKER, "ps", "-aq", "--no-trunc", "--filter", f"label={INSTALLATION}").stdout.split()
        return dict(zip(ids, run(DOCKER, "inspect", "-f", "{{.State.StartedAt}}", *ids).stdout.split()))

    def said(self, since):
        """What the service has written into its log from there on."""
        return (self.data / "magnum/standalone.log").read_bytes()[since:].decode(errors="replace")

    def heard(self, words, since, seconds=60):
        deadline = time.monotonic() + seconds
        while words not in self.said(since):
            self.assertLess(time.monotonic(), deadline, f"{words!r} is not in the log: {self.said(since)[-3000:]}")
            time.sleep(0.5)

    def engine_away(self):
        """Docker Engine stops under a living cluster, for longer than it is waited for where something is being made, and
        starts again."""
        if not ENGINE_IS_OURS:
            print("    SKIP: the stop and start of Docker Engine: the one that answers is not this run's own", flush=True)
            return
        before, since = self.containers(), (self.data / "magnum/standalone.log").stat().st_size
        self.assertEqual(len(before), 3)
        away = time.monotonic()
        run(TOP / "scripts/engine", "stop")
        self.addCleanup(run, TOP / "scripts/engine", "start")
        self.heard("no Docker Engine answers", since)
        self.assertIn("scripts/engine start", self.said(since), "the remedy is told")
        refused = self.magnum("cluster", "template", "create", "meanwhile", "--coe", "swarm-mode", "--image", "any",
                              "--external-network", "public", check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("no Docker Engine answers", refused.stderr)
        while time.monotonic() - away < ENGINE_PATIENCE + 15:
            self.assertEqual(self.status("quickstart"), "UPDATE_COMPLETE", "an engine that is away changes no cluster")
            time.sleep(5)
        for word in ["FAILED", "is taken away", "is made anew", "its server is gone"]:
            self.assertNotIn(word, self.said(since))
        self.step(f"Docker Engine away for {time.monotonic() - away:.0f} s: told, and no cluster is taken for failed")

        back = time.monotonic()
        run(TOP / "scripts/engine", "start")
        self.until_ready("quickstart", 3)
        after = self.containers()
        self.assertEqual(set(after), set(before), "nodes were made anew instead of started")
        self.assertTrue(all(after[container] > before[container] for container in before), "a node did not stop at all")
        self.assertEqual(self.status("quickstart"), "UPDATE_COMPLETE")
        self.step(f"Docker Engine is back: the same 3 nodes are Ready after {time.monotonic() - back:.0f} s")
        # The cluster is not only looked at: its manager works.
        self.magnum("cluster", "resize", "quickstart", "1", "--wait")
        self.assertEqual(self.nodes("quickstart"), ["Ready"] * 2)
        self.step("resized afterwards: 2 Ready")

    def until_ready(self, name, number, seconds=240):
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            try:
                last = self.nodes(name)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                last = error
            if last == ["Ready"] * number:
                return
            time.sleep(1)
        self.fail(f"{name} has not {number} nodes that are Ready after {seconds} s: {last}\n{self.why(name)}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
