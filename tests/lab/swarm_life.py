"""The whole life of a Docker Swarm on a real OpenStack, by the clients that a tenant uses.

Needs the lab with real nodes and our service in it (see docs/testing.md); `scripts/test-lab` brings both. Each test
ends by comparing the cloud with what it was before: nothing of the cluster may be left.
"""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

from cloud import LAB_HOME, Client, Cloud, Magnum, left_since, snapshot
from notifications import Heard

LAB = pathlib.Path(os.environ["LAB_DIR"])
OLD_CLIENTS = pathlib.Path(os.environ["OLD_CLIENTS"]) / "bin"
DOCKER = os.environ.get("DOCKER", "docker")
TEMPLATE = ["--coe", "swarm-mode", "--image", "debian-12-docker", "--external-network", "public",
            "--flavor", "m1.small", "--master-flavor", "m1.small"]


class Timer:
    """Prints each step with the seconds since the last."""

    def __init__(self):
        self.last = time.monotonic()

    def __call__(self, what):
        now = time.monotonic()
        print(f"  {now - self.last:6.1f} s  {what}", flush=True)
        self.last = now


class Life(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        print(f"\n{self.id().split('.')[-1].replace('_', ' ')}", flush=True)
        self.step = Timer()
        self.before = snapshot()
        self.client = Client()
        self.magnum = Magnum()
        self.suffix = f"{int(time.time()) % 100000}"

    @classmethod
    def setUpClass(cls):
        # A run that was ended in the middle leaves clusters behind: they take memory, and addresses.
        cls.delete_clusters(Magnum(), "")

    def tearDown(self):
        # Whatever failed, the next test starts from a clean cloud.
        self.delete_clusters(self.magnum, self.suffix)
        for template in self.magnum.session.get(f"{self.magnum.url}/clustertemplates", timeout=30).json()["clustertemplates"]:
            if template["name"].endswith(self.suffix):
                self.magnum.session.delete(f"{self.magnum.url}/clustertemplates/{template['uuid']}", timeout=30)

    @staticmethod
    def delete_clusters(magnum, suffix):
        """Ends the demo project's clusters whose names end so."""
        listed = magnum.session.get(f"{magnum.url}/clusters", timeout=30).json()["clusters"]
        doomed = [cluster["uuid"] for cluster in listed if cluster["name"].endswith(suffix)]
        for uuid in doomed:
            magnum.session.delete(f"{magnum.url}/clusters/{uuid}", timeout=30)
        until = time.monotonic() + 180
        while any(magnum.cluster(uuid) for uuid in doomed) and time.monotonic() < until:
            time.sleep(1)

    def template(self, *more):
        name = f"swarm-{self.suffix}"
        self.client.run("coe", "cluster", "template", "create", name, *TEMPLATE, *more)
        return name

    def assert_nothing_left(self):
        self.assertEqual(left_since(self.before), [], "the cloud still holds something of the cluster")
        self.step("nothing left in the cloud")

    def nodes(self, directory, address, timeout=60):
        """`docker node ls` over mutual TLS from outside, through the floating IP."""
        tls = [f"--tls{kind}={directory}/{file}.pem" for kind, file in (("cacert", "ca"), ("cert", "cert"), ("key", "key"))]
        done = subprocess.run(
            [LAB / "client", DOCKER, "--tlsverify", *tls, "-H", address, "node", "ls",
             "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}"],
            capture_output=True, text=True, timeout=timeout,
            env={k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def assert_ready(self, directory, address, count):
        nodes = self.nodes(directory, address)
        self.assertEqual(len(nodes), count, nodes)
        self.assertTrue(all(" Ready" in node for node in nodes), nodes)

    def test_a_swarm_lives_from_create_to_delete(self):
        heard = Heard()
        self.addCleanup(heard.close)
        template, name = self.template(), f"s1-{self.suffix}"
        self.step("template create")
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template,
                        "--master-count", "1", "--node-count", "2")
        first = self.magnum.cluster(name)
        self.assertIsNotNone(first, "a cluster is there as soon as its create is answered")
        self.assertEqual(first["status"], "CREATE_IN_PROGRESS")
        self.step("cluster create answered; CREATE_IN_PROGRESS at once")
        cluster = self.magnum.wait(name, ["CREATE_COMPLETE"], 240)
        self.step("CREATE_COMPLETE")
        self.assertRegex(cluster["api_address"], r"^tcp://172\.24\.4\.\d+:2376$")
        self.assertEqual(len(cluster["master_addresses"]), 1)
        self.assertEqual(len(cluster["node_addresses"]), 2)
        self.assertTrue(cluster["coe_version"], "the engine's version was read from a node")
        shown = self.client.json("coe", "cluster", "show", name)
        self.assertEqual((shown["status"], shown["node_count"], shown["master_count"]), ("CREATE_COMPLETE", 2, 1))
        groups = self.client.json("coe", "nodegroup", "list", name)
        self.assertEqual(sorted(group["name"] for group in groups), ["default-master", "default-worker"])
        self.step("cluster show, nodegroup list")

        with tempfile.TemporaryDirectory() as directory:
            self.client.run("coe", "cluster", "config", name, "--dir", directory, "--output-certs")
            self.step("cluster config")
            self.assert_ready(directory, cluster["api_address"], 3)
            self.step("docker node ls through the floating IP: 3 Ready")
            without = subprocess.run(
                [LAB / "client", "curl", "-sk", "-m", "5", f"https://{cluster['api_address'][6:]}/info"],
                capture_output=True, text=True)
            self.assertNotEqual(without.returncode, 0, "an engine that lets anybody in: " + without.stdout)

            self.client.run("coe", "cluster", "resize", name, "3")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 180)
            self.assert_ready(directory, cluster["api_address"], 4)
            self.step("resize to 3 workers: 4 Ready")
            self.client.run("coe", "cluster", "update", name, "--node-count", "2")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 180)
            self.assert_ready(directory, cluster["api_address"], 3)
            self.step("update to 2 workers: 3 Ready, none Down")
            Client(program=OLD_CLIENTS / "openstack").run("coe", "cluster", "update", name, "replace", "node_count=1")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 180)
            self.assert_ready(directory, cluster["api_address"], 2)
            self.step("an older client's update, replace node_count=1: 2 Ready, none Down")
            self.a_further_group(name, directory, cluster)

        ca = self.client.run("coe", "ca", "show", name).stdout
        self.assertIn("BEGIN CERTIFICATE", ca)
        services = Client("admin").json("coe", "service", "list")
        self.assertEqual([service["state"] for service in services], ["up"] * len(services))
        self.assertTrue(services)
        self.step("ca show, service list")

        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 180)
        self.step("cluster delete: gone")
        changes = ["create", *["update"] * 7, "delete"]
        wanted = [f"magnum.cluster.{change}.{phase}" for change in changes for phase in ("start", "end")]
        self.assertEqual(heard.phases(cluster["uuid"], len(wanted)), wanted)
        self.step(f"an oslo.messaging listener heard of {len(wanted)} phases")
        self.client.run("coe", "cluster", "template", "delete", template)
        self.assert_nothing_left()

    def a_further_group(self, name, directory, cluster):
        """A node group of the cluster's life: created, resized, bounded, deleted; a second one goes with the cluster."""
        self.client.run("coe", "nodegroup", "create", name, "more", "--node-count", "1", "--max-nodes", "3")
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 240)
        self.assert_ready(directory, cluster["api_address"], 3)
        group = self.client.json("coe", "nodegroup", "show", name, "more")
        self.assertEqual((group["status"], group["is_default"], group["role"]), ("CREATE_COMPLETE", False, "worker"))
        self.assertEqual(len(group["node_addresses"]), 1)
        self.assertNotEqual(group["stack_id"], cluster["cluster_id"])
        self.step("nodegroup create: 3 Ready")
        self.client.run("coe", "cluster", "resize", name, "2", "--nodegroup", "more")
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 180)
        self.assert_ready(directory, cluster["api_address"], 4)
        self.step("resize of the group to 2: 4 Ready")
        self.client.run("coe", "nodegroup", "update", name, "more", "--max-nodes", "2")
        refused = self.client.run("coe", "cluster", "resize", name, "3", "--nodegroup", "more", check=False)
        self.assertIn("max_node_count", refused.stderr)
        self.client.run("coe", "nodegroup", "delete", name, "more")
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 180)
        self.assert_ready(directory, cluster["api_address"], 2)
        self.step("nodegroup delete: 2 Ready, none Down")
        self.client.run("coe", "nodegroup", "create", name, "last", "--node-count", "1")
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 240)
        self.step("another one, which goes with the cluster")

    def test_three_managers_behind_a_load_balancer_outlive_one_of_them(self):
        # The provider `ovn` forwards for real, by one algorithm only; the lab's amphorae forward nothing.
        template = self.template("--master-lb-enabled", "--labels",
                                 "octavia_provider=ovn,octavia_lb_algorithm=SOURCE_IP_PORT,"
                                 "master_lb_floating_ip_enabled=true")
        name = f"s6-{self.suffix}"
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template,
                        "--master-count", "3", "--node-count", "1")
        cluster = self.magnum.wait(name, ["CREATE_COMPLETE"], 300)
        self.step("CREATE_COMPLETE")
        self.assertEqual(len(cluster["master_addresses"]), 3)
        entry = cluster["api_address"]
        own = [*cluster["master_addresses"], *cluster["node_addresses"]]
        self.assertNotIn(re.match(r"tcp://([\d.]+):2376$", entry).group(1), own, "the load balancer's own address")
        with tempfile.TemporaryDirectory() as directory:
            self.client.run("coe", "cluster", "config", name, "--dir", directory, "--output-certs")
            nodes = self.nodes(directory, entry)
            self.assertEqual([" Ready" in node for node in nodes], [True] * 4, nodes)
            roles = sorted(node.split()[2] for node in nodes if len(node.split()) == 3)
            self.assertEqual(roles, ["Leader", "Reachable", "Reachable"], nodes)
            self.step("docker node ls through the load balancer: three managers and a worker Ready")

            # The leader, so that the others have to elect another.
            lost = next(node.split()[0] for node in nodes if "Leader" in node)
            Client("admin").run("server", "stop", self.server(lost))
            self.assert_managers(directory, entry, lost)
            self.assert_answers_always(directory, entry)
            self.step("the leader's server is stopped: the others have another leader, and answer every call")
            Client("admin").run("server", "start", self.server(lost))
            self.assert_managers(directory, entry, None)
            self.step("it is started again: three managers")
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 180)
        self.step("cluster delete: gone")
        self.assert_nothing_left()

    def server(self, name):
        """The id of the server of that name."""
        admin = Cloud("admin")
        [server] = admin.get("nova", f"/v2.1/servers?all_tenants=1&name=^{name}$")["servers"]
        return server["id"]

    def assert_managers(self, directory, address, lost):
        """Waits until the engine's API shows three managers, of which only `lost` is not reachable. A connection that
        the load balancer gives to the one that is lost fails; the next goes elsewhere."""
        until, seen = time.monotonic() + 60, None
        while time.monotonic() < until:
            try:
                seen = self.nodes(directory, address, timeout=4)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                seen = error
                continue
            managers = {fields[0]: fields[2] for fields in map(str.split, seen) if len(fields) == 3}
            well = {name for name, status in managers.items() if status in ("Leader", "Reachable")}
            if len(managers) == 3 and well == set(managers) - {lost} and "Leader" in managers.values():
                return
            time.sleep(0.5)
        self.fail(f"after a minute the managers without {lost} are: {seen}")

    def assert_answers_always(self, directory, address):
        """Within a minute the load balancer has seen who is gone: no connection goes there any more, six in a row."""
        until, answered = time.monotonic() + 60, 0
        while time.monotonic() < until and answered < 6:
            try:
                self.nodes(directory, address, timeout=4)
                answered += 1
            except (AssertionError, subprocess.TimeoutExpired):
                answered = 0
        self.assertEqual(answered, 6, "the load balancer still sends connections to a manager that is gone")

    def test_a_node_whose_step_fails_is_named_in_the_status_reason(self):
        # The API takes any text here; the engine refuses to start with it.
        template, name = self.template("--insecure-registry", "no registry at all"), f"s2-{self.suffix}"
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template, "--node-count", "1")
        cluster = self.magnum.wait(name, ["CREATE_FAILED"], 240)
        self.step(f"CREATE_FAILED: {cluster['status_reason']}")
        self.assertRegex(cluster["status_reason"], r"node \S+", "the reason names the node")
        self.assertIn("docker", cluster["status_reason"].lower(), "the reason names the step")
        self.assertIn("failed", cluster["status_reason"])
        self.assertTrue(cluster["faults"], "a failed cluster shows its faults")
        # A failed create holds nothing of the cloud, before it is deleted.
        self.assert_nothing_left()
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 60)

    def test_a_quota_that_heat_meets_is_the_status_reason(self):
        heard = Heard()
        self.addCleanup(heard.close)
        admin = Client("admin")
        admin.run("quota", "set", "--force", "--instances", "1", "demo")
        try:
            template, name = self.template(), f"s3-{self.suffix}"
            self.client.run("coe", "cluster", "create", name, "--cluster-template", template, "--node-count", "2")
            cluster = self.magnum.wait(name, ["CREATE_FAILED"], 240)
            self.step(f"CREATE_FAILED: {cluster['status_reason']}")
            self.assertRegex(cluster["status_reason"], re.compile("quota", re.I))
            told = ["magnum.cluster.create.start", "magnum.cluster.create.error"]
            self.assertEqual(heard.phases(cluster["uuid"], 2), told)
            self.assert_nothing_left()
        finally:
            admin.run("quota", "set", "--force", "--instances", "-1", "demo")

    def test_a_conductor_may_be_killed_in_the_middle_of_create_and_of_delete(self):
        template, name = self.template(), f"s4-{self.suffix}"
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template, "--node-count", "1")
        time.sleep(0.5)
        kill_conductors()
        self.step("conductor killed half a second after the create")
        start_conductors()
        time.sleep(6)
        kill_conductors()
        start_conductors()
        self.step("killed again while Heat builds, started again")
        # A lease of the dead conductor runs out first, which takes up to a minute.
        self.magnum.wait(name, ["CREATE_COMPLETE"], 300)
        self.step("CREATE_COMPLETE")
        self.client.run("coe", "cluster", "delete", name)
        time.sleep(0.5)
        kill_conductors()
        start_conductors()
        self.magnum.wait(name, [None], 300)
        self.step("killed in the middle of the delete; gone all the same")
        self.assert_nothing_left()

    def test_bad_requests_are_refused_by_field_and_store_nothing(self):
        good = {"name": f"bad-{self.suffix}", "coe": "swarm-mode", "image_id": "debian-12-docker",
                "external_network_id": "public", "flavor_id": "m1.small", "master_flavor_id": "m1.small"}
        url = self.magnum.url
        cases = [("image_id", "no-such-image"), ("flavor_id", "no-such-flavor"), ("external_network_id", "no-such-net"),
                 ("fixed_network", "no-such-net"), ("coe", "nomad"), ("server_type", "mainframe")]
        for field, value in cases:
            answer = self.magnum.session.post(f"{url}/clustertemplates", json={**good, field: value}, timeout=30)
            self.assertEqual(answer.status_code, 400, f"{field}={value}: {answer.text}")
            detail = answer.json()["errors"][0]["detail"]
            self.assertTrue(field in detail or value in detail, f"{field}={value} is not named: {detail}")
        self.assertEqual(self.magnum.session.post(f"{url}/clusters", json=["a", "list"], timeout=30).status_code, 400)
        template = self.template()
        cluster = {"name": f"bad-{self.suffix}", "cluster_template_id": template}
        for change, status in [({"keypair": "no-such-key"}, 404), ({"flavor_id": "no-such-flavor"}, 400),
                               ({"cluster_template_id": "no-such-template"}, 404), ({"master_count": 3}, 400),
                               ({"node_count": "three"}, 400), ({"name": "1-digit-first"}, 400)]:
            answer = self.magnum.session.post(
                f"{url}/clusters", json={**cluster, **change}, timeout=30)
            self.assertEqual(answer.status_code, status, f"{change}: {answer.text}")
        self.assertIsNone(self.magnum.cluster(f"bad-{self.suffix}"))
        self.assert_nothing_left()


def conductor_pids():
    return {path: int(path.read_text().split()[0]) for path in (LAB_HOME / "run").glob("ours-conductor-*.pid")}


def kill_conductors():
    for path, pid in conductor_pids().items():
        os.kill(pid, signal.SIGKILL)
        path.unlink()
    for process in STARTED:
        process.wait(timeout=10)
    STARTED.clear()


# Kept so that a killed conductor is waited for, and does not stay as a zombie that looks alive.
STARTED = []


def start_conductors():
    config = LAB_HOME / "etc/ours/magnum.conf"
    binary = pathlib.Path(os.environ["MAGNUM_BIN"]) / "magnum-conductor"
    with open(LAB_HOME / "log/ours-conductor-1.log", "ab") as log:
        process = subprocess.Popen([binary, "--config-file", config], stdout=log, stderr=log, start_new_session=True)
    STARTED.append(process)
    started = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
    (LAB_HOME / "run/ours-conductor-1.pid").write_text(f"{process.pid} {started}\n")


if __name__ == "__main__":
    unittest.main(verbosity=0)
