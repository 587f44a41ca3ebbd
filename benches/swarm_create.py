"""Where the time of a create goes, beside the same shape by bare Heat and shell.

Creates Swarms of one manager and two workers, one after the other, and watches from outside: our API, Heat, and the
rows that our programs write. Prints a table for docs/performance.md. The peer is the lab's own proof, run in between
in the same run. Needs the lab with real nodes and our service in it (docs/testing.md):

    LAB_DIR=… MAGNUM_BIN=… $LAB_HOME/venv/bin/python benches/swarm_create.py [creates]

Bounded: at most `creates` clusters, one at a time, each deleted before the next.
"""

import datetime
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

import pymysql
import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/lab"))
from cloud import LAB_HOME, PORT, Magnum  # noqa: E402

CREATES = int(sys.argv[1]) if len(sys.argv) > 1 else 3


def database():
    """The service's own database, by the address in its configuration."""
    text = (LAB_HOME / "etc/ours/magnum.conf").read_text()
    user, password, host, port, name = re.search(
        r"connection = mysql\+pymysql://([^:]+):([^@]+)@([^:/]+):(\d+)/([^?\s]+)", text).groups()
    return pymysql.connect(host=host, port=int(port), user=user, password=password, database=name, autocommit=True)


def rows(connection, sql, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def seconds(moment):
    """A database time (UTC) as seconds since the epoch."""
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp()


class Watched(threading.Thread):
    """Notes when something becomes true, looking every 50 ms."""

    def __init__(self, look):
        super().__init__(daemon=True)
        self.look, self.at = look, None
        self.start()

    def run(self):
        until = time.monotonic() + 300
        while self.at is None and time.monotonic() < until:
            if self.look():
                self.at = time.time()
            time.sleep(0.05)


def create(magnum, connection, template, number):
    asked = time.time()
    answer = magnum.session.post(f"{magnum.url}/clusters", timeout=60, json={
        "name": f"bench{number}", "cluster_template_id": template, "node_count": 2, "keypair": "lab"})
    answered = time.time()
    assert answer.status_code == 202, answer.text
    uuid = answer.json()["uuid"]
    heat = requests.Session()
    heat.headers = {"X-Auth-Token": magnum.cloud.token}
    stacks = f"http://127.0.0.1:{PORT['heat']}/v1/{magnum.cloud.project_id}/stacks"

    def stack_is_complete():
        found = [s for s in heat.get(stacks, timeout=30).json()["stacks"] if s["stack_name"].startswith(f"bench{number}-")]
        return bool(found) and found[0]["stack_status"] == "CREATE_COMPLETE"

    in_heat = Watched(stack_is_complete)
    poll = requests.Session()
    poll.trust_env, poll.verify, poll.headers = False, magnum.session.verify, dict(magnum.session.headers)
    until = time.monotonic() + 300
    while True:
        cluster = poll.get(f"{magnum.url}/clusters/{uuid}", timeout=30).json()
        if cluster["status"] == "CREATE_COMPLETE":
            break
        assert cluster["status"] == "CREATE_IN_PROGRESS" and time.monotonic() < until, cluster
        time.sleep(0.02)
    visible = time.time()
    in_heat.join(10)
    [(operation,)] = rows(connection, "SELECT id FROM operation WHERE subject = %s AND kind = 'cluster_create'", uuid)
    steps = {(step, event): seconds(at) for step, event, at in rows(
        connection, "SELECT step, event, created_at FROM operation_step WHERE operation = %s", operation)}
    nodes = [(seconds(made), seconds(heard)) for made, heard in rows(
        connection, "SELECT created_at, last_seen FROM node_registration WHERE cluster_uuid = %s", uuid)]
    begun = min(at for (step, event), at in steps.items() if step == "stack_create")
    return uuid, {
        "POST to 202": answered - asked,
        "202 to Heat's first call": begun - answered,
        "Heat's call to the first node's registration (Heat, Nova, boot)": min(made for made, _ in nodes) - begun,
        "first registration to the last node's readiness": max(heard for _, heard in nodes) - min(made for made, _ in nodes),
        "last readiness to CREATE_COMPLETE in Heat": in_heat.at - max(heard for _, heard in nodes),
        "CREATE_COMPLETE in Heat to CREATE_COMPLETE in our API": visible - in_heat.at,
        "in all: POST to CREATE_COMPLETE": visible - asked,
    }


def gone(magnum, uuid):
    magnum.session.delete(f"{magnum.url}/clusters/{uuid}", timeout=60)
    until = time.monotonic() + 180
    while magnum.cluster(uuid):
        assert time.monotonic() < until, f"cluster {uuid} is not deleted after 180 s"
        time.sleep(0.2)


def peer():
    """Seconds from `stack create` to CREATE_COMPLETE by the lab's proof."""
    said = subprocess.run([pathlib.Path(os.environ["LAB_DIR"]) / "prove-real", "swarm"], capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stdout + said.stderr
    accepted, complete = (float(re.search(rf"([\d.]+) s  {words}", said.stdout + said.stderr).group(1))
                          for words in ("stack accepted", r"stack \S+: CREATE_COMPLETE"))
    return complete, complete - accepted


def main():
    magnum, connection = Magnum(), database()
    made = magnum.session.post(f"{magnum.url}/clustertemplates", timeout=60, json={
        "name": "bench", "coe": "swarm-mode", "image_id": "debian-12-docker", "external_network_id": "public",
        "flavor_id": "m1.small", "master_flavor_id": "m1.small"})
    assert made.status_code == 201, made.text
    template = made.json()["uuid"]
    ours, theirs = [], []
    try:
        for number in range(CREATES):
            uuid, phases = create(magnum, connection, template, number)
            ours.append(phases)
            print(number, {name: round(took, 2) for name, took in phases.items()}, flush=True)
            gone(magnum, uuid)
            theirs.append(peer())
            print(number, "bare Heat: from the command, from `stack accepted`:", theirs[-1], flush=True)
    finally:
        magnum.session.delete(f"{magnum.url}/clustertemplates/{template}", timeout=60)
    print(f"\n{CREATES} creates of 1 + 2, medians (largest)\n\n| | seconds |\n|---|---|")
    for name in ours[0]:
        values = [phases[name] for phases in ours]
        print(f"| {name} | {statistics.median(values):.2f} ({max(values):.2f}) |")
    print(f"| bare Heat and shell: `stack create` to CREATE_COMPLETE | {statistics.median(t[0] for t in theirs):.1f} |")


if __name__ == "__main__":
    main()
