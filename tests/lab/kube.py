"""What a Kubernetes cluster of the lab is asked by: kubectl from outside, and its nodes from inside."""

import json
import subprocess
import time

from swarm_life import LAB

KUBECTL = subprocess.run([LAB / "nodes/build", "path", "kube"], capture_output=True, text=True, check=True).stdout.strip() \
    + "/usr/local/bin/kubectl"


class Kubectl:
    """kubectl from outside, through the floating IP, with what `coe cluster config` wrote."""

    def __init__(self, config):
        self.config = str(config)

    def run(self, *words, stdin=None, check=True, timeout=60):
        done = subprocess.run([LAB / "client", KUBECTL, "--kubeconfig", self.config, "--request-timeout=15s", *words],
                              input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *words):
        return json.loads(self.run(*words, "-o", "json").stdout)

    def ready(self):
        """Names of the nodes that are Ready and take work."""
        nodes = self.json("get", "nodes")["items"]
        is_ready = lambda node: any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
        return sorted(node["metadata"]["name"] for node in nodes
                      if is_ready(node) and not node["spec"].get("unschedulable"))

    def wait_for(self, what, seen, timeout=90):
        until = time.monotonic() + timeout
        while True:
            done = self.run(*what, check=False)
            if done.returncode == 0 and seen(done.stdout):
                return done.stdout
            if time.monotonic() > until:
                raise AssertionError(f"kubectl {' '.join(what)} after {timeout} s: {done.stdout}{done.stderr}")
            time.sleep(1)


class Silence:
    """How long somebody did not answer at most, in seconds from one answer to the next."""

    def __init__(self):
        self.longest, self.last = 0.0, time.monotonic()

    def heard(self, answered):
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last)
        if answered:
            self.last = now


def guests():
    """Names of the lab's real nodes."""
    listed = subprocess.run([LAB / "guest"], capture_output=True, text=True, check=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if "-master-" in word or "-node-" in word]


def guest(node, *command):
    """What a command says inside of a node."""
    return subprocess.run([LAB / "guest", node, *command], capture_output=True, text=True, timeout=60).stdout
