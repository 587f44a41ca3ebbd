"""Every command of every client that tenants have, unmodified, against the running service in the lab.

The commands are read from the installed clients: one without a case here fails the test of its client. All clients
share one small cluster. Needs what tests/lab needs; `scripts/test-clients` brings it.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
from importlib.metadata import entry_points

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lab"))
from cloud import Client, Magnum, left_since, openrc, snapshot  # noqa: E402

OLD_CLIENTS = pathlib.Path(os.environ["OLD_CLIENTS"]) / "bin"
SUFFIX = f"{int(time.time()) % 100000}"
TEMPLATE, CLUSTER = f"clients-{SUFFIX}", f"k1-{SUFFIX}"
NAMES = ["--coe", "swarm-mode", "--image", "debian-12-docker", "--external-network", "public",
         "--flavor", "m1.small", "--master-flavor", "m1.small"]
# What the service answers where no driver can: the client must show it, and fail.
REFUSED = {"upgrade": "'upgrade_cluster' is not supported", "ca": "'rotate_ca_certificate' is not supported"}
STATE = {}


def setUpModule():
    STATE["before"] = snapshot()
    STATE["magnum"] = magnum = Magnum()
    client = Client()
    client.run("coe", "cluster", "template", "create", TEMPLATE, *NAMES)
    client.run("coe", "cluster", "create", CLUSTER, "--cluster-template", TEMPLATE, "--node-count", "1")
    magnum.wait(CLUSTER, ["CREATE_COMPLETE"], 240)


def tearDownModule():
    magnum = STATE["magnum"]
    session, url = magnum.session, magnum.url
    for cluster in session.get(f"{url}/clusters", timeout=30).json()["clusters"]:
        if cluster["name"].endswith(SUFFIX):
            session.delete(f"{url}/clusters/{cluster['uuid']}", timeout=30)
            magnum.wait(cluster["uuid"], [None], 240)
    for template in session.get(f"{url}/clustertemplates", timeout=30).json()["clustertemplates"]:
        if template["name"].endswith(SUFFIX):
            session.delete(f"{url}/clustertemplates/{template['uuid']}", timeout=30)
    left = left_since(STATE["before"])
    assert left == [], f"the cloud still holds something of the clusters: {left}"


class Recorded(Client):
    """Remembers which commands were run."""

    def __init__(self, known, account="demo", program="openstack", used=None):
        super().__init__(account, program)
        self.known, self.used = known, set() if used is None else used

    def run(self, *words, check=True):
        # The longest known name that the words begin with.
        found = [name for name in self.known if list(words[:len(name)]) == list(name)]
        self.used.update(max(found, key=len, default=()) and [max(found, key=len)])
        return super().run(*words, check=check)

    def as_admin(self):
        return Recorded(self.known, "admin", self.program, self.used)

    def refused(self, why, *words):
        done = self.run(*words, check=False)
        # The exit code is the client's business: some commands print the refusal and return 0.
        assert why in done.stdout + done.stderr, f"{words}: {done.stdout}{done.stderr}"


def plugin_commands(python=None):
    """The names of the commands that a Python environment's client plugin brings, as words."""
    if python is None:
        names = [entry.name for entry in entry_points(group="openstack.container_infra.v1")]
    else:
        code = ("from importlib.metadata import entry_points as e\n"
                "print(*[x.name for x in e(group='openstack.container_infra.v1')])")
        names = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return {tuple(name.split("_")) for name in names}


@contextlib.contextmanager
def csr_file():
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/csr.pem"
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{directory}/key.pem",
                        "-subj", "/CN=admin/O=system:masters", "-out", path], check=True, capture_output=True)
        yield path


class OpenStackClient(unittest.TestCase):
    """`openstack coe …`, today's and the last one with the old forms."""

    def common(self, client, update_template, update_cluster, update_nodegroup):
        admin, magnum = client.as_admin(), STATE["magnum"]
        project = magnum.cloud.project_id
        other = f"other-{client.program.count('/')}-{SUFFIX}"
        client.run("coe", "cluster", "template", "create", other, *NAMES, "--labels", "a=b,c.d=e")
        self.assertIn(other, client.run("coe", "cluster", "template", "list").stdout)
        client.run(*update_template(other))
        shown = client.json("coe", "cluster", "template", "show", other)
        self.assertEqual(shown["labels"], {"a": "b", "c.d": "e", "f": "g"})

        client.run("coe", "cluster", "create", other, "--cluster-template", other)
        self.assertIn(other, client.run("coe", "cluster", "list").stdout)
        self.assertEqual(client.json("coe", "cluster", "show", other)["status"], "CREATE_IN_PROGRESS")
        client.run("coe", "cluster", "delete", other)
        magnum.wait(other, [None], 240)
        client.run("coe", "cluster", "template", "delete", other)

        client.run(*update_cluster(CLUSTER))
        magnum.wait(CLUSTER, ["CREATE_COMPLETE", "UPDATE_COMPLETE"], 120)
        client.run("coe", "cluster", "resize", CLUSTER, "1")
        magnum.wait(CLUSTER, ["UPDATE_COMPLETE"], 120)
        client.refused(REFUSED["upgrade"], "coe", "cluster", "upgrade", CLUSTER, TEMPLATE)
        with tempfile.TemporaryDirectory() as directory:
            done = client.run("coe", "cluster", "config", CLUSTER, "--dir", directory, "--force")
            self.assertIn("DOCKER_HOST=tcp://", done.stdout)

        self.assertIn("default-worker", client.run("coe", "nodegroup", "list", CLUSTER).stdout)
        client.run("coe", "nodegroup", "create", CLUSTER, "none", "--node-count", "0")
        magnum.wait(CLUSTER, ["UPDATE_COMPLETE"], 120)
        client.run(*update_nodegroup(CLUSTER, "none"))
        self.assertEqual(client.json("coe", "nodegroup", "show", CLUSTER, "none")["max_node_count"], 2)
        client.run("coe", "nodegroup", "delete", CLUSTER, "none")
        magnum.wait(CLUSTER, ["UPDATE_COMPLETE"], 120)

        self.assertIn("BEGIN CERTIFICATE", client.run("coe", "ca", "show", CLUSTER).stdout)
        with csr_file() as csr:
            self.assertIn("BEGIN CERTIFICATE", client.run("coe", "ca", "sign", CLUSTER, csr).stdout)
        client.refused(REFUSED["ca"], "coe", "ca", "rotate", CLUSTER)

        quota = ["--project-id", project, "--resource", "Cluster"]
        admin.run("coe", "quotas", "create", *quota, "--hard-limit", "30")
        self.assertRegex(client.run("coe", "quotas", "show", *quota).stdout, r"hard_limit\s*\|\s*30")
        admin.run("coe", "quotas", "update", *quota, "--hard-limit", "40")
        self.assertIn(project, admin.run("coe", "quotas", "list", "--all-tenants").stdout)
        admin.run("coe", "quotas", "delete", *quota)
        self.assertIn("magnum-conductor", admin.run("coe", "service", "list").stdout)
        self.assertRegex(client.run("coe", "stats", "list", project).stdout, r"clusters\s*\|\s*\d+")

    def test_today(self):
        client = Recorded(plugin_commands())
        self.common(
            client,
            lambda name: ("coe", "cluster", "template", "update", name, "--label", "f=g"),
            lambda name: ("coe", "cluster", "update", name, "--node-count", "1"),
            lambda cluster, name: ("coe", "nodegroup", "update", cluster, name, "--max-nodes", "2"),
        )
        client.run("coe", "credential", "rotate", CLUSTER)
        STATE["magnum"].wait(CLUSTER, ["UPDATE_COMPLETE"], 120)
        self.assertEqual(client.known - client.used, set(), "commands without a case")

    def test_of_2024(self):
        client = Recorded(plugin_commands(OLD_CLIENTS / "python"), program=OLD_CLIENTS / "openstack")
        self.common(
            client,
            lambda name: ("coe", "cluster", "template", "update", name, "add", "labels/f=g"),
            lambda name: ("coe", "cluster", "update", name, "replace", "node_count=1"),
            lambda cluster, name: ("coe", "nodegroup", "update", cluster, name, "replace", "max_node_count=2"),
        )
        self.assertEqual(client.known - client.used, set(), "commands without a case")


class LegacyMagnum(unittest.TestCase):
    def test_every_command(self):
        program = OLD_CLIENTS / "magnum"
        words = subprocess.run([program, "bash-completion"], check=True, capture_output=True, text=True).stdout.split()
        known = {(word,) for word in words if not word.startswith("-") and word not in ("help", "bash-completion")}
        client, magnum = Recorded(known, program=program), STATE["magnum"]
        admin, project = client.as_admin(), magnum.cloud.project_id
        name = f"legacy-{SUFFIX}"
        client.run("cluster-template-create", name, "--coe", "swarm", "--image-id", "debian-12-docker",
                   "--external-network-id", "public", "--flavor-id", "m1.small", "--master-flavor-id", "m1.small",
                   "--docker-storage-driver", "overlay2")
        self.assertIn(name, client.run("cluster-template-list").stdout)
        client.run("cluster-template-update", name, "replace", "labels=x=y")
        self.assertIn("{'x': 'y'}", client.run("cluster-template-show", name).stdout)
        client.run("cluster-create", name, "--cluster-template", name, "--node-count", "1")
        self.assertIn(name, client.run("cluster-list").stdout)
        self.assertIn("CREATE_IN_PROGRESS", client.run("cluster-show", name).stdout)
        client.run("cluster-delete", name)
        magnum.wait(name, [None], 240)
        client.run("cluster-template-delete", name)

        client.run("cluster-update", CLUSTER, "replace", "node_count=1")
        with tempfile.TemporaryDirectory() as directory:
            done = client.run("cluster-config", CLUSTER, "--dir", directory, "--force")
            self.assertIn("DOCKER_HOST=tcp://", done.stdout)
        self.assertIn("BEGIN CERTIFICATE", client.run("ca-show", "--cluster", CLUSTER).stdout)
        with csr_file() as csr:
            done = client.run("ca-sign", "--cluster", CLUSTER, "--csr", csr)
            self.assertIn("BEGIN CERTIFICATE", done.stdout)
        client.refused(REFUSED["ca"], "ca-rotate", "--cluster", CLUSTER)

        quota = ["--project-id", project, "--resource", "Cluster"]
        admin.run("quotas-create", *quota, "--hard-limit", "30")
        self.assertRegex(client.run("quotas-show", *quota).stdout, r"hard_limit\s*\|\s*30")
        admin.run("quotas-update", *quota, "--hard-limit", "40")
        self.assertIn(project, admin.run("quotas-list", "--all-tenants").stdout)
        admin.run("quotas-delete", *quota)
        self.assertIn("magnum-conductor", admin.run("service-list").stdout)
        self.assertRegex(client.run("stats-list", "--project-id", project).stdout, r"clusters\s*\|\s*\d+")
        self.assertEqual(known - client.used, set(), "commands without a case")


class Sdk(unittest.TestCase):
    def test_every_call(self):
        import openstack
        from openstack.container_infrastructure_management.v1 import _proxy

        used = set()

        class Proxy:
            """Hands calls on and remembers them."""

            def __init__(self, proxy):
                self.proxy = proxy

            def __getattr__(self, name):
                used.add(name)
                return getattr(self.proxy, name)

        magnum = STATE["magnum"]
        env = openrc("demo")
        connection = openstack.connect(
            load_envvars=False, load_yaml_config=False, region_name=env.get("OS_REGION_NAME"), verify=True,
            cacert=env["OS_CACERT"],
            auth={key[3:].lower(): value for key, value in env.items()
                  if re.fullmatch(r"OS_(AUTH_URL|USERNAME|PASSWORD|PROJECT_NAME|.*_DOMAIN_(NAME|ID))", key)})
        coe = Proxy(connection.container_infrastructure_management)
        name = f"sdk-{SUFFIX}"
        template = coe.create_cluster_template(
            name=name, coe="swarm-mode", image_id="debian-12-docker", external_network_id="public",
            flavor_id="m1.small", master_flavor_id="m1.small", labels={"number": 1, "flag": True})
        self.assertEqual(template.labels, {"number": "1", "flag": "True"})
        self.assertIn(name, [each.name for each in coe.cluster_templates()])
        self.assertEqual(coe.find_cluster_template(name).uuid, template.uuid)
        # With an id alone the client would send a patch of /uuid.
        coe.update_cluster_template(template, dns_nameserver="9.9.9.9")
        self.assertEqual(coe.get_cluster_template(template.id).dns_nameserver, "9.9.9.9")
        made = coe.create_cluster(name=name, cluster_template_id=template.id, node_count=1)
        self.assertIn(made.id, [each.id for each in coe.clusters()])
        self.assertEqual(coe.find_cluster(name).uuid, made.uuid)
        coe.delete_cluster(made.id)
        coe.wait_for_delete(coe.proxy._get_resource(type(made), made.id), interval=1, wait=240)
        coe.delete_cluster_template(template.id)

        cluster = coe.get_cluster(coe.find_cluster(CLUSTER).uuid)
        coe.wait_for_status(cluster, "CREATE_COMPLETE" if cluster.status.startswith("CREATE") else "UPDATE_COMPLETE",
                            failures=["CREATE_FAILED", "UPDATE_FAILED"], interval=1, wait=120)
        coe.update_cluster(cluster, node_count=1)
        magnum.wait(CLUSTER, ["CREATE_COMPLETE", "UPDATE_COMPLETE"], 120)
        self.assertIn("BEGIN CERTIFICATE", coe.get_cluster_certificate(cluster.uuid).pem)
        with csr_file() as csr:
            signed = coe.create_cluster_certificate(cluster_uuid=cluster.uuid, csr=pathlib.Path(csr).read_text())
        self.assertIn("BEGIN CERTIFICATE", signed.pem)
        with self.assertRaises(openstack.exceptions.ForbiddenException):
            list(coe.services())
        # The client stumbles over its own answer object (TypeError), after the server has done what it was asked.
        for call in (lambda: cluster.resize(coe.proxy, node_count=1),
                     lambda: cluster.upgrade(coe.proxy, cluster_template=TEMPLATE)):
            with self.assertRaises((TypeError, openstack.exceptions.BadRequestException)):
                call()
        magnum.wait(CLUSTER, ["UPDATE_COMPLETE"], 120)
        known = {name for name, value in vars(_proxy.Proxy).items() if not name.startswith("_") and callable(value)}
        self.assertEqual(known - used, set(), "calls without a case")


if __name__ == "__main__":
    unittest.main(verbosity=2)
