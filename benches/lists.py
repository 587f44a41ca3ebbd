"""Lists and single reads beside upstream 23 on the same MariaDB and Keystone, in one run.

Fills both services' databases with the same clusters (three node groups each) and asks both the same questions with
wrk at 1, 16 and 64 connections; prints a table for docs/performance.md. Needs the lab with both services and `wrk`:

    profile=release scripts/build; lab/up magnum23; MAGNUM_BIN=$CARGO_TARGET_DIR/dist-release lab/up ours
    LAB_DIR=… $LAB_HOME/venv/bin/python benches/lists.py [seconds per measurement] [clusters ...]

Bounded: a measurement lasts that many seconds (upstream's slow lists: at least five answers), and the rows that were
filled in are taken away at the end.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid

import pymysql
import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/lab"))
from cloud import CA, LAB_HOME, Cloud  # noqa: E402

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SIZES = [int(size) for size in sys.argv[2:]] or [1000, 10000]
CONNECTIONS = [1, 16, 64]
MARK = "bench of lists"


class Service:
    def __init__(self, name, url, config, programs):
        self.name, self.url, self.programs = name, url, programs
        text = (LAB_HOME / config).read_text()
        user, password, host, port, database = re.search(
            r"connection = mysql\+pymysql://([^:]+):([^@]+)@([^:/]+):(\d+)/([^?\s]+)", text).groups()
        self.database = pymysql.connect(
            host=host, port=int(port), user=user, password=password, database=database, autocommit=False)

    def fill(self, owner, count):
        """Adds clusters until there are `count` of ours."""
        with self.database.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM cluster WHERE discovery_url = %s", MARK)
            present = cursor.fetchone()[0]
            cursor.execute("SELECT uuid FROM cluster_template WHERE tags = %s", MARK)
            template = (cursor.fetchone() or [None])[0]
            if template is None:
                template = str(uuid.uuid4())
                cursor.execute(
                    "INSERT INTO cluster_template (uuid, project_id, user_id, name, image_id, coe, labels, tags,"
                    " cluster_distro, server_type, network_driver, tls_disabled, public, hidden, registry_enabled,"
                    " master_lb_enabled, floating_ip_enabled, flavor_id, created_at) VALUES (%s, %s, %s, 'bench',"
                    " 'debian-12-docker', 'kubernetes', %s, %s, 'debian', 'vm', 'flannel', 0, 0, 0, 0, 0, 1,"
                    " 'm1.small', NOW())",
                    (template, owner.project_id, owner.user_id, json.dumps({"a": "b"}), MARK))
            clusters, groups = [], []
            for number in range(present, count):
                cluster, stack = str(uuid.uuid4()), str(uuid.uuid4())
                clusters.append((cluster, owner.project_id, owner.user_id, f"bench-{number}", template, stack, MARK,
                                 json.dumps({"a": "b", "c": "d"})))
                for name, role, default in (("default-master", "master", 1), ("default-worker", "worker", 1),
                                            ("further", "worker", 0)):
                    groups.append((str(uuid.uuid4()), name, cluster, owner.project_id, role, default, stack,
                                   json.dumps({"a": "b", "c": "d"}), json.dumps(["10.0.0.4"])))
            cursor.executemany(
                "INSERT INTO cluster (uuid, project_id, user_id, name, cluster_template_id, stack_id, discovery_url,"
                " labels, status, api_address, create_timeout, floating_ip_enabled, master_lb_enabled, flavor_id,"
                " health_status_reason, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'CREATE_COMPLETE',"
                " 'tcp://172.24.4.9:2376', 60, 1, 0, 'm1.small', '{}', NOW())", clusters)
            cursor.executemany(
                "INSERT INTO nodegroup (uuid, name, cluster_id, project_id, role, is_default, stack_id, labels,"
                " node_addresses, node_count, min_node_count, flavor_id, image_id, status, created_at) VALUES"
                " (%s, %s, %s, %s, %s, %s, %s, %s, %s, 2, 0, 'm1.small', 'debian-12-docker', 'CREATE_COMPLETE',"
                " NOW())", groups)
            cursor.execute("SELECT uuid FROM cluster WHERE discovery_url = %s ORDER BY id LIMIT 1", MARK)
            self.one = cursor.fetchone()[0]
        self.database.commit()

    def empty(self):
        with self.database.cursor() as cursor:
            cursor.execute("DELETE FROM nodegroup WHERE cluster_id IN (SELECT uuid FROM cluster WHERE"
                           " discovery_url = %s)", MARK)
            cursor.execute("DELETE FROM cluster WHERE discovery_url = %s", MARK)
            cursor.execute("DELETE FROM cluster_template WHERE tags = %s", MARK)
        self.database.commit()

    def pids(self):
        found = []
        for program in self.programs:
            for path in (LAB_HOME / "run").glob(program):
                parent = int(path.read_text().split()[0])
                children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True).stdout.split()
                found += [parent, *map(int, children)]
        return found

    def resident(self):
        def kib(pid):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
        return sum(map(kib, self.pids())) / 1024

    def cpu(self):
        def ticks(pid):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        return sum(map(ticks, self.pids())) / os.sysconf("SC_CLK_TCK")


def load(service, token, path, connections, script=None):
    """Requests per second, median and p99 in milliseconds, CPU milliseconds per request."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "120s", "--latency",
               "-H", f"X-Auth-Token: {token}", "-H", "OpenStack-API-Version: container-infra latest"]
    if script:
        command += ["-s", script]
    before = service.cpu()
    text = subprocess.run([*command, service.url + path], capture_output=True, text=True, check=True).stdout
    used = service.cpu() - before
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    total = int(re.search(r"(\d+) requests in", text).group(1))
    unit = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}

    def quantile(name):
        number, word = re.search(rf"{name}%\s+([\d.]+)(\w+)", text).groups()
        return float(number) * unit[word]
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert not wrong, f"{service.name} {path}: {text}"
    return {"rate": rate, "p50": quantile(50), "p99": quantile(99), "cpu": used * 1000 / max(total, 1)}


def slow(service, token, path):
    """The same for answers that take seconds: one after the other."""
    session = requests.Session()
    session.trust_env = False
    session.headers = {"X-Auth-Token": token, "OpenStack-API-Version": "container-infra latest"}
    before, times = service.cpu(), []
    for _ in range(5):
        begun = time.perf_counter()
        answer = session.get(service.url + path, timeout=300, verify=CA)
        assert answer.status_code == 200, answer.text
        times.append(time.perf_counter() - begun)
    used = service.cpu() - before
    times.sort()
    return {"rate": len(times) / sum(times), "p50": times[2] * 1000, "p99": times[-1] * 1000,
            "cpu": used * 1000 / len(times)}


def main():
    owner = Cloud("demo")
    ours = Service("ours", "https://127.0.0.1:9511/v1", "etc/ours/magnum.conf", ["ours.pid"])
    theirs = Service("upstream 23", "http://127.0.0.1:19512/v1", "etc/magnum23/magnum.conf",
                     ["magnum23.pid", "magnum23-conductor.pid"])
    print("| clusters | request | connections | ours: requests/s | p50 | p99 | CPU ms | upstream: requests/s | p50 | p99"
          " | CPU ms | throughput |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    try:
        for size in SIZES:
            for service in (ours, theirs):
                service.fill(owner, size)
            for words, path, is_slow in (
                ("one cluster", "/clusters/{one}", False),
                ("list of 100", "/clusters?limit=100", False),
                ("list of 1000", "/clusters?limit=1000", True),
                ("detail of 1000", "/clusters/detail?limit=1000", True),
            ):
                for connections in CONNECTIONS:
                    mine = load(ours, owner.token, path.format(one=ours.one), connections)
                    other = None
                    if not is_slow:
                        other = load(theirs, owner.token, path.format(one=theirs.one), connections)
                    elif connections == 1:
                        other = slow(theirs, owner.token, path)
                    line = [size, words, connections]
                    for one in (mine, other):
                        line += ["", "", "", ""] if one is None else [
                            f"{one['rate']:.1f}", f"{one['p50']:.1f} ms", f"{one['p99']:.1f} ms", f"{one['cpu']:.2f}"]
                    line.append("" if other is None else f"{mine['rate'] / other['rate']:.0f}×")
                    print("| " + " | ".join(map(str, line)) + " |", flush=True)
        print(f"\nResident memory after this: ours (API) {ours.resident():.0f} MiB, upstream (API and conductor, which "
              f"reads for it) {theirs.resident():.0f} MiB: {theirs.resident() / ours.resident():.1f}×")
    finally:
        for service in (ours, theirs):
            service.empty()


main()
