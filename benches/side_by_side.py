"""Our service beside upstream Magnum 22 on the same Keystone, MariaDB, RabbitMQ, Heat and machine, in one run.

Prints a table of ratios for docs/performance.md: POST of a cluster until its 202, GET of that cluster, resident
memory, and for a Swarm of 1+2 where the time of a create goes. Needs the lab with both services (docs/testing.md):

    scripts/build with profile=release, lab/up magnum, lab/up ours, then
    LAB_DIR=… $LAB_HOME/venv/bin/python benches/side_by_side.py [creates] [gets]

Bounded: at most `creates` clusters, one after the other, each deleted before the next; at most `gets` requests.
"""

import pathlib
import statistics
import subprocess
import sys
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/lab"))
from cloud import CA, LAB_HOME, Cloud  # noqa: E402

CREATES = int(sys.argv[1]) if len(sys.argv) > 1 else 10
GETS = int(sys.argv[2]) if len(sys.argv) > 2 else 300


class Service:
    def __init__(self, name, url, verify, template):
        self.name, self.url = name, url
        self.session = requests.Session()
        self.session.trust_env = False  # else REQUESTS_CA_BUNDLE would win over verify
        self.session.verify = verify
        self.session.headers = {"X-Auth-Token": Cloud("demo").token, "OpenStack-API-Version": "container-infra latest"}
        self.template = template

    def timed(self, method, path, **kwargs):
        begun = time.perf_counter()
        answer = self.session.request(method, self.url + path, timeout=120, **kwargs)
        return time.perf_counter() - begun, answer

    def prepare(self):
        _, answer = self.timed("POST", "/clustertemplates", json={"name": "bench", **self.template})
        assert answer.status_code == 201, answer.text
        return answer.json()["uuid"]

    def gone(self, uuid):
        """Deletes the cluster and waits for its end; upstream may have to be asked again."""
        until = time.monotonic() + 400
        while time.monotonic() < until:
            _, answer = self.timed("GET", f"/clusters/{uuid}")
            if answer.status_code == 404:
                return
            if answer.json().get("status") != "DELETE_IN_PROGRESS":
                self.timed("DELETE", f"/clusters/{uuid}")
            time.sleep(0.5)
        raise AssertionError(f"{self.name}: cluster {uuid} is not deleted after 400 s")

    def measure(self):
        template = self.prepare()
        posts, gets = [], []
        try:
            for number in range(CREATES):
                took, answer = self.timed("POST", "/clusters", json={
                    "name": f"bench{number}", "cluster_template_id": template, "node_count": 1, "keypair": "lab"})
                assert answer.status_code == 202, answer.text
                posts.append(took)
                uuid = answer.json()["uuid"]
                until = time.monotonic() + 10
                while self.timed("GET", f"/clusters/{uuid}")[1].status_code == 404 and time.monotonic() < until:
                    time.sleep(0.05)
                for _ in range(GETS // CREATES):
                    took, answer = self.timed("GET", f"/clusters/{uuid}")
                    assert answer.status_code == 200, answer.text
                    gets.append(took)
                self.gone(uuid)
        finally:
            self.timed("DELETE", f"/clustertemplates/{template}")
        return posts, gets


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def resident(*names):
    """Resident memory in MiB of the lab's processes, with children."""
    total = 0
    for name in names:
        for file in (LAB_HOME / "run").glob(f"{name}.pid"):
            pid = file.read_text().split()[0]
            pids = subprocess.run(["ps", "-o", "pid=", "-s", pid], capture_output=True, text=True).stdout.split()
            for each in pids:
                for line in pathlib.Path(f"/proc/{each}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1])
    return total / 1024


def main():
    ours = Service("ours", "https://127.0.0.1:9511/v1", CA, {
        "coe": "swarm-mode", "image_id": "debian-12-docker", "external_network_id": "public",
        "flavor_id": "m1.small", "master_flavor_id": "m1.small"})
    upstream = Service("upstream 22", "http://127.0.0.1:19511/v1", True, {
        "coe": "kubernetes", "image_id": "fedora-coreos", "external_network_id": "public",
        "flavor_id": "m1.small", "master_flavor_id": "m1.medium"})
    table = {}
    for service in (upstream, ours):
        posts, gets = service.measure()
        table[service.name] = {
            "POST to 202, p50 ms": percentile(posts, 0.5) * 1000,
            "POST to 202, p99 ms": percentile(posts, 0.99) * 1000,
            "GET cluster, p50 ms": percentile(gets, 0.5) * 1000,
            "GET cluster, p99 ms": percentile(gets, 0.99) * 1000,
            "GET cluster, mean ms": statistics.mean(gets) * 1000,
        }
    table["upstream 22"]["API, MiB resident"] = resident("magnum")
    table["upstream 22"]["conductor, MiB resident"] = resident("magnum-conductor")
    table["ours"]["API, MiB resident"] = resident("ours")
    table["ours"]["conductor, MiB resident"] = resident("ours-conductor-1")
    print(f"{CREATES} creates, {GETS} GETs each, one connection\n")
    print("| | upstream 22 | ours | ratio |\n|---|---|---|---|")
    for row, theirs in table["upstream 22"].items():
        mine = table["ours"][row]
        print(f"| {row} | {theirs:.1f} | {mine:.1f} | {theirs / mine:.1f} × |")


if __name__ == "__main__":
    main()
