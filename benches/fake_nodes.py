"""Plays magnum-node for servers that nothing runs: registers each with the secret of its user data, applies its plan by
saying that it did, and signals Heat. So a create costs only what Magnum, Heat, Nova and Neutron cost.

Servers are those of one image without the property `lab_guest`, which the lab boots no node for. Each notes when its
signal was taken (`Nodes.signalled`).
"""

import base64
import json
import re
import threading
import time

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lab import CA, PORT, Cloud

IMAGE = "bench-without-nodes"


def make_image(cloud):
    """A private image that looks like the real one and boots nothing; its id."""
    url, http = "http://127.0.0.1:19292/v2/images", {"X-Auth-Token": cloud.token}
    remove_image(cloud)
    made = requests.post(url, headers=http, timeout=60, json={
        "name": IMAGE, "disk_format": "raw", "container_format": "bare", "os_distro": "debian", "os_version": "12"})
    assert made.status_code == 201, made.text
    stored = requests.put(f"{url}/{made.json()['id']}/file", data=bytes(1 << 20), timeout=60,
                          headers={**http, "Content-Type": "application/octet-stream"})
    assert stored.status_code == 204, stored.text
    return made.json()["id"]


def remove_image(cloud):
    url, http = "http://127.0.0.1:19292/v2/images", {"X-Auth-Token": cloud.token}
    for image in requests.get(f"{url}?name={IMAGE}&owner={cloud.project_id}", headers=http, timeout=60).json()["images"]:
        requests.delete(f"{url}/{image['id']}", headers=http, timeout=60)


def bootstrap(user_data):
    """The node's own file in the user data: the first JSON object after its path."""
    after = user_data.split("/etc/magnum/node.json", 1)[1]
    return json.JSONDecoder().raw_decode(after[after.index("{"):])[0]


class Nodes(threading.Thread):
    """All nodes of one cluster after another; `stop` ends it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.admin, self.seen, self.leave = Cloud("admin"), set(), threading.Event()
        self.signalled, self.user_data, self.failure = {}, {}, None
        self.start()

    def stop(self):
        self.leave.set()
        self.join(30)

    def run(self):
        url = f"http://127.0.0.1:{PORT['nova']}/v2.1/servers/detail?all_tenants=1&status=ACTIVE"
        http = requests.Session()
        http.trust_env = False
        http.headers = {"X-Auth-Token": self.admin.token, "OpenStack-API-Version": "compute 2.79"}
        while not self.leave.wait(0.5):
            for server in http.get(url, timeout=60).json()["servers"]:
                known = server["OS-EXT-SRV-ATTR:user_data"]
                if server["id"] in self.seen or not known:
                    continue
                text = base64.b64decode(known).decode()
                # Real nodes speak for themselves; ours are told by their cluster's name.
                if "/etc/magnum/node.json" not in text or not server["name"].startswith("bench-fake-"):
                    continue
                self.seen.add(server["id"])
                self.user_data[server["id"]] = text
                threading.Thread(target=self.guarded, args=(server["id"], server["name"], bootstrap(text)), daemon=True).start()

    def guarded(self, *arguments):
        try:
            self.live(*arguments)
        except Exception as error:  # a thread's failure must end the run, not be lost
            self.failure = self.failure or f"{arguments[1]}: {error!r}"

    def live(self, server, name, node):
        http = requests.Session()
        http.trust_env, http.verify = False, CA
        base = re.sub(r"/$", "", node["magnum_url"])
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        request = {"cluster": node["cluster"], "instance_id": server, "join_secret": node["join_secret"],
                   "csr": csr.public_bytes(serialization.Encoding.PEM).decode()}
        until = time.monotonic() + 120
        while True:
            answer = http.post(f"{base}/nodes/register", json=request, timeout=60)
            if answer.status_code == 201:
                break
            assert answer.status_code in (409, 429, 502, 503) and time.monotonic() < until, answer.text
            time.sleep(0.2)
        http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        after = 0
        while not self.leave.is_set():
            answer = http.get(f"{base}/nodes/plan?after={after}", timeout=120)
            if answer.status_code == 401:  # the cluster is gone
                return
            if answer.status_code == 204:
                time.sleep(0.1)
                continue
            if answer.status_code != 200:
                return
            plan = answer.json()
            self.apply(http, base, server, name, node, plan)
            after = plan["generation"]

    def apply(self, http, base, server, name, node, plan):
        for index, step in enumerate(plan["steps"]):
            facts = {
                "swarm_init": {"swarm_founder": server},
                "swarm_tokens": {"swarm_worker_token": "SWMTKN-1-worker", "swarm_manager_token": "SWMTKN-1-manager"},
                "engine_version": {"engine_version": "20.10.24"},
            }.get(step["action"], {})
            if step["action"] == "signal" and server not in self.signalled:
                taken = requests.post(node["signal_url"], headers={"X-Auth-Token": node["signal_token"]}, timeout=60,
                                      json={"status": "SUCCESS", "reason": f"{name}: ready", "data": "", "id": name})
                assert taken.ok, taken.text
                self.signalled[server] = time.time()
            last = index + 1 == len(plan["steps"])
            # Only what others wait for is told apart; the rest of a plan is one word at its end.
            if facts or last:
                report = {"generation": plan["generation"], "step": step["name"], "result": "ready" if last else "done",
                          "facts": facts}
                http.post(f"{base}/nodes/report", json=report, timeout=60)
