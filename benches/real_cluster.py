"""A real cluster from POST to usable, beside the same shape by bare Heat and shell (`lab/prove-real`), in one run.

`swarm`: one manager and two workers, until `docker node ls` over TLS through the floating IP shows three Ready.
`kube`: one master and one worker, until the API server says the same; then the size of a node's user data and plan, and
one more worker in seconds.

Watched from outside: our API, Heat's own record of the stack (its database, every 10 ms), and the rows that our programs
write. The peer's stack is watched in the same way, so the pauses of its script's own polls count for neither.
"""

import argparse
import base64
import json
import os
import pathlib
import subprocess
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from figures import quantile, refuse, say, stop_politely, table
from lab import CA, OURS, PORT, Cloud, Watched, need, need_catalogue, root, rows, seconds, session, timed

LAB = pathlib.Path(os.environ["LAB_DIR"])
NAME = "bench-real-"
WITHIN = 420
KUBE_LABELS = {"kube_tag": "v1.20.2", "container_infra_prefix": "docker.io/local/", "pause_tag": "1",
               "coredns_enabled": "false", "metrics_server_enabled": "false"}
TEMPLATES = {
    "swarm": {"coe": "swarm-mode", "image_id": "debian-12-docker"},
    "kube": {"coe": "kubernetes", "image_id": "debian-12-kube", "network_driver": "bridge", "labels": KUBE_LABELS},
}
WORKERS = {"swarm": 2, "kube": 1}


class Ours:
    def __init__(self, kind):
        self.kind, self.template = kind, None
        self.login()
        self.database = root("ours")

    def login(self):
        self.http = session(Cloud("demo").token, CA)

    def call(self, method, path, **kwargs):
        return timed(self.http, method, OURS + path, **kwargs)[1]

    def prepare(self):
        self.clear()
        made = self.call("POST", "/clustertemplates", json={
            "name": f"{NAME}template", "external_network_id": "public", "flavor_id": "m1.small",
            "master_flavor_id": "m1.small", **TEMPLATES[self.kind]})
        assert made.status_code == 201, made.text
        self.template = made.json()["uuid"]

    def clear(self):
        """Takes away what this program made, also in a run before."""
        until = time.monotonic() + 240
        while True:
            listed = self.call("GET", "/clusters").json()["clusters"]
            doomed = [cluster for cluster in listed if (cluster["name"] or "").startswith(NAME)]
            if not doomed:
                break
            assert time.monotonic() < until, f"clusters are not deleted: {doomed}"
            for cluster in doomed:
                if cluster["status"] != "DELETE_IN_PROGRESS":
                    self.call("DELETE", f"/clusters/{cluster['uuid']}")
            time.sleep(0.5)
        for template in self.call("GET", "/clustertemplates").json()["clustertemplates"]:
            if (template["name"] or "").startswith(NAME):
                self.call("DELETE", f"/clustertemplates/{template['uuid']}")

    def status(self, uuid, wanted, within=WITHIN):
        """Waits for a status; when it was seen."""
        until = time.monotonic() + within
        while True:
            cluster = self.call("GET", f"/clusters/{uuid}").json()
            if cluster["status"] == wanted:
                return time.time(), cluster
            assert cluster["status"].endswith("_IN_PROGRESS") and time.monotonic() < until, cluster
            time.sleep(0.02)

    def credentials(self, uuid, folder):
        """What `coe cluster config` writes: authority, certificate, key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"), x509.NameAttribute(NameOID.COMMON_NAME, "admin")]
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
        pem = csr.public_bytes(serialization.Encoding.PEM).decode()
        signed = self.call("POST", "/certificates", json={"cluster_uuid": uuid, "csr": pem})
        assert signed.status_code == 201, signed.text
        (folder / "ca.pem").write_text(self.call("GET", f"/certificates/{uuid}").json()["pem"])
        (folder / "cert.pem").write_text(signed.json()["pem"])
        (folder / "key.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def ready(self, cluster, folder):
        """How many nodes a user outside sees Ready."""
        outside = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        if self.kind == "swarm":
            docker = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
            command = [LAB / "client", docker, "--tlsverify", f"--tlscacert={folder}/ca.pem", f"--tlscert={folder}/cert.pem",
                       f"--tlskey={folder}/key.pem", "-H", cluster["api_address"], "node", "ls", "--format", "{{.Status}}"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=outside).stdout
            return said.split().count("Ready")
        # kubectl asks in protobuf: a 1.20 that was built by the lab's newer Go dies of the first answer in JSON.
        command = [LAB / "client", kubectl(), f"--server={cluster['api_address']}", f"--certificate-authority={folder}/ca.pem",
                   f"--client-certificate={folder}/cert.pem", f"--client-key={folder}/key.pem", "--request-timeout=15s",
                   "get", "nodes", "--no-headers"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, env=outside).stdout
        return sum(line.split()[1] == "Ready" for line in said.splitlines())

    def create(self, number):
        count = 1 + WORKERS[self.kind]
        asked = time.time()
        answer = self.call("POST", "/clusters", json={
            "name": f"{NAME}{number}", "cluster_template_id": self.template, "master_count": 1,
            "node_count": WORKERS[self.kind], "keypair": "lab"})
        answered = time.time()
        assert answer.status_code == 202, answer.text
        uuid = answer.json()["uuid"]
        in_heat = watch_stack(f"{NAME}{number}-%")
        try:
            visible, cluster = self.status(uuid, "CREATE_COMPLETE")
            in_heat.join(5)
        finally:
            in_heat.leave = True
        with tempfile.TemporaryDirectory() as folder:
            self.credentials(uuid, pathlib.Path(folder))
            until = time.monotonic() + 120
            while self.ready(cluster, pathlib.Path(folder)) < count:
                assert time.monotonic() < until, f"{count} nodes are not Ready for a user outside"
                time.sleep(0.1)
            usable = time.time()
        [(operation,)] = rows(self.database, "SELECT id FROM operation WHERE subject = %s AND kind = 'cluster_create'", uuid)
        [(begun,)] = rows(self.database, "SELECT MIN(created_at) FROM operation_step WHERE operation = %s"
                          " AND step = 'stack_create'", operation)
        nodes = [(seconds(made), seconds(heard)) for made, heard in rows(
            self.database, "SELECT created_at, last_seen FROM node_registration WHERE cluster_uuid = %s", uuid)]
        begun, first, last = seconds(begun), min(made for made, _ in nodes), max(heard for _, heard in nodes)
        complete = in_heat.at or visible
        return uuid, {
            "POST to 202": answered - asked,
            "202 to Heat's first call (ours)": begun - answered,
            "Heat's call to the first node's registration (Heat, Nova, boot)": first - begun,
            "first registration to the last node's word (the nodes' work)": last - first,
            "last node's word to COMPLETE in Heat (Heat)": complete - last,
            "COMPLETE in Heat to CREATE_COMPLETE in the API (ours)": visible - complete,
            "in all: POST to CREATE_COMPLETE": visible - asked,
            "POST to usable: all Ready for a user outside": usable - asked,
        }

    def sizes(self, number):
        """Bytes of each node's user data and plan."""
        nova = session(Cloud("admin").token)
        nova.headers["OpenStack-API-Version"] = "compute 2.79"
        servers = timed(nova, "GET", f"http://127.0.0.1:{PORT['nova']}/v2.1/servers/detail?all_tenants=1")[1].json()["servers"]
        lines = []
        for server in servers:
            if not server["name"].startswith(f"{NAME}{number}-"):
                continue
            user_data = base64.b64decode(server["OS-EXT-SRV-ATTR:user_data"] or "")
            state = subprocess.run([LAB / "guest", server["name"], "cat", "/var/lib/magnum-node/state.json"],
                                   capture_output=True, text=True, timeout=60).stdout
            token = json.loads(state)["token"]
            node = session("")
            node.verify, node.headers = CA, {"Authorization": f"Bearer {token}"}
            answer = timed(node, "GET", f"{OURS}/nodes/plan?after=0")[1]
            steps = len(answer.json()["steps"]) if answer.status_code == 200 else 0
            lines.append([server["name"].split("-", 4)[-1], len(user_data), len(answer.content), steps])
        return lines

    def resize(self, uuid, count):
        begun = time.time()
        answer = self.call("POST", f"/clusters/{uuid}/actions/resize", json={"node_count": count})
        assert answer.status_code == 202, answer.text
        seen, _ = self.status(uuid, "UPDATE_COMPLETE")
        return seen - begun


def kubectl():
    """The lab's own, which its API servers understand."""
    path = subprocess.run([LAB / "nodes/build", "path", "kube"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{path}/usr/local/bin/kubectl"


def watch_stack(pattern):
    """Notes when Heat calls the newest stack of that name complete."""
    def look():
        heat = root("heat")
        return lambda: rows(heat, "SELECT 1 FROM stack WHERE name LIKE %s AND owner_id IS NULL AND deleted_at IS NULL"
                            " AND action = 'CREATE' AND status = 'COMPLETE'", pattern)
    return Watched(look, within=WITHIN)


def peer(kind):
    """Seconds from Heat's accepting the stack to its completion, of the lab's own proof."""
    def accepted():
        heat = root("heat")
        return lambda: rows(heat, "SELECT 1 FROM stack WHERE name LIKE %s AND owner_id IS NULL AND deleted_at IS NULL",
                            f"real-{kind}-%")
    begun = Watched(accepted, within=WITHIN)
    complete = watch_stack(f"real-{kind}-%")
    try:
        said = subprocess.run([LAB / "prove-real", kind], capture_output=True, text=True, timeout=900,
                              env={**os.environ, "WORKERS": str(WORKERS[kind])})
    finally:
        begun.leave = complete.leave = True
    assert said.returncode == 0, said.stdout + said.stderr
    assert begun.at and complete.at, "Heat's database did not show the peer's stack"
    return complete.at - begun.at


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(TEMPLATES))
    parser.add_argument("--creates", type=int, default=3, help="clusters, one at a time, the peer's in between (3)")
    parser.add_argument("--no-peer", action="store_true", help="without lab/prove-real")
    wanted = parser.parse_args()
    need("mariadb", "keystone", "heat-engine", "nova-compute", "neutron", "realguests", "ours", "ours-conductor-1")
    need_catalogue()
    if wanted.kind == "kube" and subprocess.run([LAB / "nodes/build", "path", "kube"], capture_output=True).returncode:
        refuse("the lab has no nodes with Kubernetes: $LAB_DIR/nodes/build kube, then $LAB_DIR/up realguests")
    stop_politely()
    ours, phases, theirs, sizes, resizes = Ours(wanted.kind), [], [], [], []
    try:
        ours.prepare()
        for number in range(wanted.creates):
            ours.login()
            uuid, took = ours.create(number)
            phases.append(took)
            say(f"ours {number + 1} of {wanted.creates}:", ", ".join(f"{name} {took:.2f}" for name, took in took.items()))
            if wanted.kind == "kube":
                sizes = ours.sizes(number)
                resizes.append(ours.resize(uuid, WORKERS["kube"] + 1))
                say(f"one worker more: {resizes[-1]:.1f} s")
            begun = time.time()
            ours.call("DELETE", f"/clusters/{uuid}")
            while ours.call("GET", f"/clusters/{uuid}").status_code != 404:
                assert time.time() < begun + 240, f"cluster {uuid} is not deleted after 240 s"
                time.sleep(0.1)
            took["delete"] = time.time() - begun
            if not wanted.no_peer:
                theirs.append(peer(wanted.kind))
                say(f"bare Heat and shell: {theirs[-1]:.2f} s from accepted to complete")
    finally:
        ours.login()
        ours.clear()
    shape = f"1 + {WORKERS[wanted.kind]}"
    print(f"\n### {'Swarm' if wanted.kind == 'swarm' else 'Kubernetes'} of {shape}: {wanted.creates} creates, seconds")
    lines = [[name, *(f"{quantile([one[name] for one in phases], share):.2f}" for share in (0.5, 1))] for name in phases[0]]
    if theirs:
        lines.append(["bare Heat and shell: accepted to CREATE_COMPLETE", *(f"{quantile(theirs, share):.2f}" for share in (0.5, 1))])
        mine = quantile([one["in all: POST to CREATE_COMPLETE"] for one in phases], 0.5)
        lines.append(["ours to bare Heat, medians", f"{mine / quantile(theirs, 0.5):.2f}", ""])
    if resizes:
        lines.append(["one worker more: resize to UPDATE_COMPLETE", *(f"{quantile(resizes, share):.2f}" for share in (0.5, 1))])
    table(["", "median", "largest"], lines)
    if sizes:
        table(["node", "user data, bytes", "plan, bytes", "steps of the plan"], sizes)


if __name__ == "__main__":
    main()
