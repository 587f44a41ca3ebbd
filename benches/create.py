"""A create by its parts, on servers that nothing runs, beside upstream 22 in the same lab and run.

- POST of a cluster until its 202, and GET of that cluster meanwhile, one connection, for both.
- What ours adds to Heat's own time: from the 202 to the moment before Heat is asked for the stack (the operation's own
  step record), and from the last node's signal to CREATE_COMPLETE in our API; Heat's own state is read from its database
  every 10 ms, so that its share of the second is told apart. Nodes are played by `fake_nodes`.
- Resident memory of API and conductor, of both, after it.

Upstream's clusters are deleted as soon as they have been asked about; its own times to CREATE_COMPLETE are another
driver's and prove nothing here.
"""

import argparse
import time

from fake_nodes import Nodes, make_image, remove_image
from figures import quantile, ratio, resident, say, session_pids, stop_politely, table
from lab import CA, OURS, UPSTREAM_22, Cloud, Watched, need, need_catalogue, pid_of, root, rows, seconds, session, timed

NAME = "bench-fake-"
WITHIN = 240


class Service:
    def __init__(self, name, url, verify, template):
        self.name, self.url, self.verify, self.asked = name, url, verify, template
        self.posts, self.gets, self.template = [], [], None
        self.login()

    def login(self):
        self.cloud = Cloud("demo")
        self.http = session(self.cloud.token, self.verify)

    def call(self, method, path, **kwargs):
        return timed(self.http, method, self.url + path, **kwargs)

    def prepare(self):
        self.clear()
        _, answer = self.call("POST", "/clustertemplates", json={"name": f"{NAME}template", **self.asked})
        assert answer.status_code == 201, f"{self.name}: {answer.text}"
        self.template = answer.json()["uuid"]

    def create(self, number, nodes):
        took, answer = self.call("POST", "/clusters", json={
            "name": f"{NAME}{number}", "cluster_template_id": self.template, "node_count": nodes, "master_count": 1,
            "keypair": "lab"})
        assert answer.status_code == 202, f"{self.name}: {answer.text}"
        self.posts.append(took)
        return answer.json()["uuid"], time.time()

    def ask(self, uuid, times):
        """GETs of a new cluster. Upstream answers 404 until its conductor has written the row."""
        until = time.monotonic() + 20
        while self.call("GET", f"/clusters/{uuid}")[1].status_code == 404 and time.monotonic() < until:
            time.sleep(0.05)
        for _ in range(times):
            took, answer = self.call("GET", f"/clusters/{uuid}")
            assert answer.status_code == 200, f"{self.name}: {answer.text}"
            self.gets.append(took)

    def gone(self, uuids):
        """Deletes clusters and waits for their end; upstream may have to be asked again."""
        left, until = set(uuids), time.monotonic() + 400
        while left:
            assert time.monotonic() < until, f"{self.name}: clusters {left} are not deleted after 400 s"
            for uuid in list(left):
                _, answer = self.call("GET", f"/clusters/{uuid}")
                if answer.status_code == 404:
                    left.discard(uuid)
                elif answer.ok and answer.json().get("status") != "DELETE_IN_PROGRESS":
                    self.call("DELETE", f"/clusters/{uuid}")
            time.sleep(0.5)

    def clear(self):
        """Takes away what this program made, also in a run before."""
        _, answer = self.call("GET", "/clusters")
        self.gone([c["uuid"] for c in answer.json().get("clusters", []) if (c["name"] or "").startswith(NAME)])
        _, answer = self.call("GET", "/clustertemplates")
        for template in answer.json().get("clustertemplates", []):
            if (template["name"] or "").startswith(NAME):
                self.call("DELETE", f"/clustertemplates/{template['uuid']}")


def phases(ours, uuid, answered, nodes, database, count):
    """Waits for one of our creates and says where its time went."""
    until, stack = time.monotonic() + WITHIN, None
    while stack is None:
        assert time.monotonic() < until, f"no stack of {uuid} after {WITHIN} s"
        stack = ours.call("GET", f"/clusters/{uuid}")[1].json().get("cluster_id")
        time.sleep(0.02)

    def look():
        heat = root("heat")
        return lambda: rows(heat, "SELECT 1 FROM stack WHERE id = %s AND action = 'CREATE' AND status = 'COMPLETE'", stack)

    in_heat = Watched(look, within=WITHIN)
    try:
        while True:
            cluster = ours.call("GET", f"/clusters/{uuid}")[1].json()
            visible = time.time()
            if cluster["status"] == "CREATE_COMPLETE":
                break
            assert nodes.failure is None, nodes.failure
            assert cluster["status"] == "CREATE_IN_PROGRESS" and time.monotonic() < until, cluster
            time.sleep(0.01)
        in_heat.join(5)
    finally:
        in_heat.leave = True
    [(operation,)] = rows(database, "SELECT id FROM operation WHERE subject = %s AND kind = 'cluster_create'", uuid)
    [(begun,)] = rows(database, "SELECT MIN(created_at) FROM operation_step WHERE operation = %s AND step = 'stack_create'",
                      operation)
    members = [row[0] for row in rows(database, "SELECT instance_id FROM node_registration WHERE cluster_uuid = %s", uuid)]
    assert len(members) == count, members
    signal = max(nodes.signalled[member] for member in members)
    return {
        "202 to Heat's first call": seconds(begun) - answered,
        "last node's signal to COMPLETE in Heat (Heat's own)": (in_heat.at or visible) - signal,
        "COMPLETE in Heat to CREATE_COMPLETE in the API": visible - (in_heat.at or visible),
        "last node's signal to CREATE_COMPLETE in the API": visible - signal,
        "ours in all: first and third": seconds(begun) - answered + max(0, visible - (in_heat.at or visible)),
        "in all: 202 to CREATE_COMPLETE": visible - answered,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creates", type=int, default=20, help="creates of each, one after the other (20)")
    parser.add_argument("--gets", type=int, default=25, help="GETs for each create (25)")
    parser.add_argument("--ours-only", action="store_true", help="without upstream")
    wanted = parser.parse_args()
    need("mariadb", "keystone", "heat-engine", "nova-compute", "neutron", "glance", "ours", "ours-conductor-1",
         *([] if wanted.ours_only else ["magnum", "magnum-conductor"]))
    need_catalogue()
    stop_politely()
    demo = Cloud("demo")
    ours = Service("ours", OURS, CA, None)
    upstream = None
    if not wanted.ours_only:
        upstream = Service("upstream 22", UPSTREAM_22, True, {
            "coe": "kubernetes", "image_id": "fedora-coreos", "external_network_id": "public",
            "flavor_id": "m1.small", "master_flavor_id": "m1.medium"})
    database, nodes, all_phases = root("ours"), None, []
    try:
        ours.asked = {"coe": "swarm-mode", "image_id": make_image(demo), "external_network_id": "public",
                      "flavor_id": "m1.small", "master_flavor_id": "m1.small"}
        if upstream:
            upstream.prepare()
            for number in range(wanted.creates):
                uuid, _ = upstream.create(number, 1)
                upstream.ask(uuid, wanted.gets)
                upstream.gone([uuid])
                say(f"upstream 22: create {number + 1} of {wanted.creates}")
        ours.prepare()
        nodes = Nodes()
        for number in range(wanted.creates):
            uuid, answered = ours.create(number, 1)
            ours.ask(uuid, wanted.gets)
            all_phases.append(phases(ours, uuid, answered, nodes, database, 2))
            ours.gone([uuid])
            say(f"ours: create {number + 1} of {wanted.creates}:",
                ", ".join(f"{name} {took:.2f}" for name, took in all_phases[-1].items()))
    finally:
        if nodes:
            nodes.stop()
        for service in filter(None, (ours, upstream)):
            service.login()
            service.clear()
        remove_image(Cloud("demo"))
    report(ours, upstream, all_phases, nodes)


def report(ours, upstream, all_phases, nodes):
    print(f"\n### A create by its parts: {len(ours.posts)} creates, {len(ours.gets)} GETs, one connection")
    ms = lambda values, share: quantile(values, share) * 1000
    figures = [("POST to 202, p50 ms", "posts", 0.5), ("POST to 202, p99 ms", "posts", 0.99),
               ("GET of that cluster, p50 ms", "gets", 0.5), ("GET of that cluster, p99 ms", "gets", 0.99)]
    lines = []
    for words, name, share in figures:
        mine = ms(getattr(ours, name), share)
        theirs = ms(getattr(upstream, name), share) if upstream else None
        lines.append([words, f"{theirs:.1f}" if theirs else "", f"{mine:.1f}", ratio(theirs, mine) if theirs else ""])
    for words, peer, own in (("API, MiB resident", "magnum", "ours"),
                             ("conductor, MiB resident", "magnum-conductor", "ours-conductor-1")):
        mine = resident(session_pids(pid_of(own)))[0]
        theirs = resident(session_pids(pid_of(peer)))[0] if upstream else None
        lines.append([words, f"{theirs:.0f}" if theirs else "", f"{mine:.0f}", ratio(theirs, mine) if theirs else ""])
    table(["", "upstream 22", "ours", "ratio"], lines)
    print(f"Where the time goes, seconds, {len(all_phases)} creates of 1 + 1 on servers that nothing runs:")
    table(["", "p50", "p99 (of so few the largest)"],
          [[name, *(f"{quantile([one[name] for one in all_phases], share):.2f}" for share in (0.5, 0.99))]
           for name in all_phases[0]])
    largest = max(one["ours in all: first and third"] for one in all_phases)
    print(f"Goal: our overhead below 1 s p99: {largest:.2f} s, {'reached' if largest < 1 else 'NOT reached'}.")
    if nodes and nodes.user_data:
        print(f"User data of a node: {max(map(len, nodes.user_data.values()))} bytes (Nova takes 65,535 in base64).")


if __name__ == "__main__":
    main()
