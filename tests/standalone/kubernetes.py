"""The life of Kubernetes clusters in standalone mode, with real programs: the image is made of them, pods on different
nodes speak to each other, the process is killed in the middle of operations, and at the end nothing is left.

KUBERNETES_PROGRAMS names the folder with the programs of a release and `images` or `opt/images` with the images of the
pods, local/busybox and local/pause, since no registry is asked. Run by scripts/test-standalone, which says what it needs."""

import json
import os
import pathlib
import re
import time
import unittest

from life import DOCKER, MAGNUM, TOP, Life, run

PROGRAMS = pathlib.Path(os.environ.get("KUBERNETES_PROGRAMS", "/nonexistent"))
LABELS = ",".join([
    "container_infra_prefix=docker.io/local/", "pause_tag=1", "coredns_enabled=false", "metrics_server_enabled=false",
])
WEB = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers:
        - name: web
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sh, -c, "echo serving; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
"""


class Kubernetes(Life):
    def kubectl(self, *words, check=True, stdin=None, timeout=90):
        """As a user calls it, with the file that `cluster config` wrote. (The lab's API server speaks JSON to none.)"""
        return run(self.program, "--kubeconfig", self.config_of(self.name) / "config", "--request-timeout=15s", *words,
                   env=self.env, check=check, stdin=stdin, timeout=timeout)

    def config_of(self, name):
        place = self.home / f"config-{name}"
        if not place.exists():
            self.magnum("cluster", "config", name, "--dir", place)
        return place

    def until(self, words, seen, seconds=90):
        deadline = time.monotonic() + seconds
        while True:
            done = self.kubectl(*words, check=False)
            if done.returncode == 0 and seen(done.stdout):
                return done.stdout
            self.assertLess(time.monotonic(), deadline, f"kubectl {words}: {done.stdout}{done.stderr}")
            time.sleep(1)

    def assert_ready(self, *names):
        """These nodes are there, Ready, and no others. (A stack's name has a part that is drawn.)"""
        wanted = sorted(names)

        def seen(text):
            rows = [line.split() for line in text.splitlines()]
            short = sorted(re.sub(r"^(k\d)-[a-z0-9]+-", r"\1-", row[0]) for row in rows)
            return short == wanted and all(row[1] == "Ready" for row in rows)
        self.until(["get", "nodes", "--no-headers"], seen)

    def show(self, name):
        return json.loads(self.magnum("cluster", "show", name, "-f", "json").stdout)

    def test_clusters_live_from_the_image_to_the_last_volume(self):
        self.assertTrue((PROGRAMS / "usr/local/bin/kubectl").exists(), PROGRAMS)
        self.program = PROGRAMS / "usr/local/bin/kubectl"
        before = self.made()
        plain, full = self.images()
        run(TOP / "quickstart", "--start", env=self.env)
        self.templates(plain, full)
        self.name = "k1"
        self.one_master()
        self.several_masters()
        run(TOP / "quickstart", "--clean", env=self.env)
        self.assertEqual(self.made(), before, "containers, networks or volumes are left")
        self.step("clean: no container, network or volume is left")

    def images(self):
        """A plain image and one with Kubernetes, which is not made twice."""
        data = ["--data", self.data / "magnum"]
        plain = run(MAGNUM, "standalone", "image", *data, env=self.env).stdout.split()
        self.step(f"plain image: {plain[0]}")
        full = run(MAGNUM, "standalone", "image", *data, "--kubernetes", PROGRAMS, env=self.env).stdout.split()
        self.assertRegex(full[0], r"^debian-12-kubernetes-v1\.\d+\.\d+-[0-9a-f]{12}$")
        self.step(f"image with Kubernetes: {full[0]}, {full[2]} MB")
        again = time.monotonic()
        self.assertEqual(run(MAGNUM, "standalone", "image", *data, "--kubernetes", PROGRAMS, env=self.env).stdout.split(), full)
        self.step(f"asked for once more: there already, {time.monotonic() - again:.1f} s")
        self.release = re.search(r"v1\.\d+\.\d+", full[0])[0]
        refused = run(MAGNUM, "standalone", "image", *data, "--kubernetes", self.home, env=self.env, check=False)
        self.assertIn("no kubelet", refused.stderr)
        return plain[0], full[0]

    def template(self, name, image, *more, labels=LABELS, check=True):
        return self.magnum("cluster", "template", "create", name, "--coe", "kubernetes", "--image", image,
                           "--external-network", "public", "--flavor", "local.unbounded",
                           "--master-flavor", "local.unbounded", "--labels", labels, *more, check=check)

    def templates(self, plain, full):
        for refused, words in [
            (self.template("k", plain, check=False), ["image_id", plain, "magnum standalone image --kubernetes"]),
            (self.template("k", full, labels="kube_tag=v1.36.0", check=False), ["kube_tag", self.release]),
            (self.template("k", full, "--volume-driver", "cinder", check=False), ["volume_driver"]),
            (self.template("k", full, labels="cloud_provider_enabled=true", check=False), ["cloud_provider_enabled"]),
        ]:
            self.assertEqual(refused.returncode, 1, refused)
            for word in words:
                self.assertIn(word, refused.stderr)
        self.step("refused by name: a plain image, another release, volumes, the cloud's controller")
        self.template("k", full)
        self.template("ha", full, "--master-lb-enabled")
        shown = json.loads(self.magnum("cluster", "template", "show", "k", "-f", "json").stdout)
        self.assertEqual((shown["labels"]["kube_tag"], shown["network_driver"]), (self.release, "bridge"))

    def one_master(self):
        self.magnum("cluster", "create", "k1", "--cluster-template", "k", "--node-count", "1")
        time.sleep(2)
        self.killed()
        self.wait("k1", "CREATE_COMPLETE", 400)
        cluster = self.show("k1")
        self.assertRegex(cluster["api_address"], r"^https://[\d.]+:6443$")
        self.assertEqual((cluster["coe_version"], len(cluster["master_addresses"])), (self.release, 1))
        self.assert_ready("k1-master-0", "k1-node-0")
        self.step("killed in the middle of a create: 2 Ready")
        self.assert_serves(cluster["node_addresses"][0], 2)
        self.step("pods on both nodes reach each other, their service, its node port; exec and logs")

        self.magnum("cluster", "resize", "k1", "2")
        time.sleep(2)
        self.killed()
        self.wait("k1", "UPDATE_COMPLETE", 400)
        self.assert_ready("k1-master-0", "k1-node-0", "k1-node-1")
        self.assert_serves(self.show("k1")["node_addresses"][1], 3)
        self.step("killed in the middle of a resize: 3 Ready, pods on all of them reach each other")
        self.magnum("nodegroup", "create", "k1", "gold", "--node-count", "1", "--node-labels", "tier=gold",
                    "--flavor", "local.unbounded", "--wait", timeout=400)
        self.until(["get", "nodes", "-l", "tier=gold", "-o", "name"], lambda text: len(text.split()) == 1)
        self.step("a node group with a label, which is on its node")
        self.magnum("nodegroup", "delete", "k1", "gold", "--wait", timeout=400)
        self.magnum("cluster", "resize", "k1", "1", "--wait", timeout=400)
        self.assert_ready("k1-master-0", "k1-node-0")
        self.step("the group deleted, the cluster resized to 1: 2 Ready, the others are forgotten")
        self.restarted()
        self.magnum("cluster", "delete", "k1")
        time.sleep(0.5)
        self.killed()
        self.wait("k1", None)
        self.step("killed in the middle of a delete: gone")

    def restarted(self):
        """A node that stops is started again, with what etcd and the kubelet keep."""
        self.kubectl("create", "configmap", "kept", "--from-literal=here=1")
        listed = run(DOCKER, "ps", "--format", "{{.Names}}").stdout.split()
        master = next(name for name in listed if re.fullmatch(r"k1-[a-z0-9]+-master-0", name))
        run(DOCKER, "kill", master)
        self.until(["get", "configmap", "kept", "-o", "name"], lambda text: "kept" in text, 180)
        self.assert_ready("k1-master-0", "k1-node-0")
        self.assert_serves(self.show("k1")["node_addresses"][0], 2)
        self.step("the master's container killed: started again, nothing is lost")

    def several_masters(self):
        self.name = "k3"
        self.magnum("cluster", "create", "k3", "--cluster-template", "ha", "--master-count", "3", "--node-count", "1",
                    "--wait", timeout=600)
        cluster = self.show("k3")
        self.assertEqual(cluster["api_address"], f"https://{cluster['master_addresses'][0]}:6443")
        self.assert_ready("k3-master-0", "k3-master-1", "k3-master-2", "k3-node-0")
        for address in cluster["master_addresses"]:
            self.kubectl("--server", f"https://{address}:6443", "get", "nodes")
        self.step("three masters: 4 Ready, and each of them answers")
        self.magnum("cluster", "delete", "k3", "--wait", timeout=300)
        self.step("deleted")

    def assert_serves(self, node, count):
        """A pod on every node; each reaches every other by its own address, the service, and a node port from outside."""
        self.kubectl("apply", "-f", "-", stdin=WEB)
        rows = lambda text: [line.split() for line in text.splitlines()]
        running = lambda text: len(rows(text)) == count and all(row[2] == "Running" for row in rows(text))
        listed = self.until(["get", "pods", "-l", "app=web", "-o", "wide", "--no-headers"], running, 180)
        pods = {row[0]: row[5] for row in rows(listed)}
        service = self.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}").stdout
        # (Debian's static busybox dies of wget -T.)
        ask = lambda pod, place: ["exec", pod, "--", "busybox", "timeout", "5", "wget", "-qO-", f"http://{place}/"]
        for pod in pods:
            for other, address in pods.items():
                self.until(ask(pod, f"{address}:8080"), lambda text: text.strip() == other, 60)
            self.until(ask(pod, service), lambda text: text.strip() in pods, 60)
            self.assertIn("serving", self.kubectl("logs", pod).stdout)
        outside = run("curl", "-sf", "-m", "10", f"http://{node}:30080/").stdout
        self.assertIn(outside.strip(), pods)


if __name__ == "__main__":
    unittest.main(verbosity=2)
