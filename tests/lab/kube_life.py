"""The whole life of Kubernetes clusters on a real OpenStack with real kubelets, by the clients that a tenant uses.

Needs what swarm_life.py needs, and the lab's image with Kubernetes' programs (`lab/nodes/build kube`). The lab has one
release of them, 1.20.2, and no image registry: pods use images that the machine's image brings, the network driver is
the built-in one, and where two releases are needed the second is the same programs under another name.
"""

import base64
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from cloud import Client, Cloud
from kube import Kubectl, Silence, guest, guests
from swarm_life import LAB, Life

LABELS = ",".join([
    "kube_tag=v1.20.2", "container_infra_prefix=docker.io/local/", "pause_tag=1", "coredns_enabled=false",
    "metrics_server_enabled=false",
])
BALANCED = LABELS + ",octavia_provider=ovn,octavia_lb_algorithm=SOURCE_IP_PORT"
TEMPLATE = ["--coe", "kubernetes", "--image", "debian-12-kube", "--external-network", "public",
            "--flavor", "m1.small", "--master-flavor", "m1.small", "--network-driver", "bridge"]
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{key: gpu, operator: Exists}]
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


def role_of(server):
    """"master" or "node", as a server's name says."""
    return "master" if "-master-" in server else "node"


class KubernetesLife(Life):
    def kube_template(self, *more, labels=LABELS):
        name = f"kube-{self.suffix}"
        self.client.run("coe", "cluster", "template", "create", name, *TEMPLATE, "--labels", labels, *more)
        return name

    def config(self, name, directory):
        self.client.run("coe", "cluster", "config", name, "--dir", directory, "--force")
        path = pathlib.Path(directory) / "config"
        self.assertIn("certificate-authority-data", path.read_text())
        return Kubectl(path)

    def assert_serves(self, kubectl, address):
        """A Deployment, its Service from inside, its node port from outside, exec and logs."""
        kubectl.run("apply", "-f", "-", stdin=WEB)
        kubectl.run("rollout", "status", "deployment/web", "--timeout=120s", timeout=130)
        pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
        pods = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        service = kubectl.json("get", "service", "web")["spec"]["clusterIP"]
        pod = pods[0]["metadata"]["name"]
        # kube-proxy may only have come back to an API that was started anew. (Debian's static busybox dies of wget -T.)
        ask = ["exec", pod, "--", "busybox", "timeout", "5", "wget", "-qO-", f"http://{service}/"]
        kubectl.wait_for(ask, lambda text: "web-" in text, 60)
        self.assertIn("serving", kubectl.run("logs", pod).stdout)
        outside = subprocess.run([LAB / "client", "curl", "-sf", "-m", "10", f"http://{address}:30080/"],
                                 capture_output=True, text=True)
        self.assertIn("web-", outside.stdout, outside.stderr)

    def test_a_kubernetes_cluster_lives_from_create_to_delete(self):
        self.next_image()
        template, name = self.kube_template("--image", f"kube-next-{self.suffix}"), f"k1-{self.suffix}"
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template, "--node-count", "2")
        self.assertEqual(self.magnum.cluster(name)["status"], "CREATE_IN_PROGRESS")
        cluster = self.magnum.wait(name, ["CREATE_COMPLETE"], 300)
        self.step("CREATE_COMPLETE")
        self.assertRegex(cluster["api_address"], r"^https://172\.24\.4\.\d+:6443$")
        self.assertEqual((len(cluster["master_addresses"]), len(cluster["node_addresses"])), (1, 2))
        self.assertEqual(cluster["coe_version"], "v1.20.2")
        with tempfile.TemporaryDirectory() as directory:
            kubectl = self.config(name, directory)
            self.assertEqual(len(kubectl.ready()), 3)
            self.step("kubectl get nodes through the floating IP: 3 Ready")
            self.assert_closed(cluster["api_address"], cluster["node_addresses"][0])
            self.assert_serves(kubectl, cluster["node_addresses"][0])
            self.step("deployment, service, node port, exec, logs")
            self.assert_roles(name, kubectl, directory)
            self.step("kubeconfigs of a member and of a reader: the one may change things, the other may look")
            self.assert_kept_secret(kubectl)
            self.step("secrets are encrypted in etcd; the audit log tells who made one")
            groups = Cloud("demo").get("nova", "/v2.1/os-server-groups")["server_groups"]
            ours = {server["id"] for server in self.servers(name).values()}
            self.assertTrue([g for g in groups if ours & set(g["members"]) and g["policies"] == ["soft-anti-affinity"]], groups)

            self.assert_members_listed(name)
            self.step("the autoscaler's way to the workers: the stack's group, its refs_map, its servers")

            self.client.run("coe", "nodegroup", "create", name, "gpu", "--node-count", "1",
                            "--node-labels", "tier=gold", "--node-taints", "gpu=yes:NoSchedule")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 300)
            gold = kubectl.json("get", "nodes", "-l", "tier=gold")["items"]
            self.assertEqual(len(gold), 1)
            self.assertIn({"key": "gpu", "value": "yes", "effect": "NoSchedule"}, gold[0]["spec"]["taints"])
            self.assertEqual(gold[0]["metadata"]["labels"]["magnum.openstack.org/nodegroup"], "gpu")
            self.step("a node group with labels and taints: they are on its node")
            self.client.run("coe", "nodegroup", "update", name, "gpu", "--node-labels", "tier=silver")
            kubectl.wait_for(["get", "nodes", "-l", "tier=silver", "-o", "name"], lambda text: "node/" in text)
            self.step("its label changed: so did the node's")

            self.rotate_credential(name, kubectl)
            # Heat still updates the stack, by the new credential.
            self.scale(name, kubectl)
            health = self.wait_healthy(name)
            self.assertEqual(health["api"], "ok")
            self.step("HEALTHY by the masters' own word")
            self.rotate(name, kubectl)
            kubectl = self.config(name, directory)
            self.client.run("coe", "nodegroup", "delete", name, "gpu")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 240)
            self.assertEqual(sorted(role_of(server) for server in self.servers(name)), ["master", "node"])
            self.step("the node group deleted: its server is gone")
            self.upgrade(name, kubectl)
        self.leave_things_behind(cluster["uuid"])
        self.step("a load balancer, its floating IP and security group, as Kubernetes makes and marks them")
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 240)
        self.step("cluster delete: gone")
        self.client.run("coe", "cluster", "template", "delete", template)
        self.assert_nothing_left()

    def assert_roles(self, name, kubectl, directory):
        """A certificate says what its holder may do: the request's organisation names the role."""
        may = {"member": ("yes", "no"), "reader": ("no", "no")}
        for role, (change, rule) in may.items():
            key, csr, cert = (pathlib.Path(directory) / f"{role}.{kind}" for kind in ("key", "csr", "crt"))
            subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr,
                            "-subj", f"/O=magnum:{role}/CN={role}"], check=True, capture_output=True)
            cert.write_text(self.client.run("coe", "ca", "sign", name, str(csr)).stdout)
            theirs = Kubectl(pathlib.Path(directory) / f"{role}.config")
            config = json.loads(kubectl.run("config", "view", "--raw", "-o", "json").stdout)
            config["users"] = [{"name": config["users"][0]["name"],
                                "user": {"client-certificate": str(cert), "client-key": str(key)}}]
            pathlib.Path(theirs.config).write_text(json.dumps(config))
            self.assertEqual(len(theirs.ready()), 3)
            can = lambda *what: theirs.run("auth", "can-i", *what, check=False).stdout.strip()
            self.assertEqual((can("create", "deployments"), can("create", "clusterrolebindings")), (change, rule), role)
            self.assertEqual((can("get", "pods"), can("get", "nodes")), ("yes", "yes"), role)

    def assert_members_listed(self, name):
        """What the cluster autoscaler reads to know which index of the group is which server."""
        stack = self.magnum.cluster(name)["cluster_id"]  # since 1.13 that is the stack
        group = self.client.json("stack", "resource", "show", stack, "kube_minions")["physical_resource_id"]
        listed = self.client.json("stack", "output", "show", group, "refs_map")["output_value"]
        listed = json.loads(listed) if isinstance(listed, str) else listed
        workers = {server["id"] for server_name, server in self.servers(name).items() if role_of(server_name) == "node"}
        self.assertEqual((set(listed), set(listed.values())), ({"0", "1"}, workers))

    def wait_healthy(self, name):
        until = time.monotonic() + 150
        while time.monotonic() < until:
            cluster = self.magnum.cluster(name)
            if cluster["health_status"] == "HEALTHY":
                return cluster["health_status_reason"]
            time.sleep(2)
        raise AssertionError(f"not healthy: {cluster['health_status']} {cluster['health_status_reason']}")

    def assert_closed(self, address, worker):
        """Without a certificate there is nothing to be had, and no other port answers, of a worker none."""
        host = address.removeprefix("https://").split(":")[0]
        ask = lambda url: subprocess.run([LAB / "client", "curl", "-sk", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", url],
                                         capture_output=True, text=True).stdout
        self.assertEqual(ask(f"{address}/api/v1/nodes"), "401")
        for port in (2379, 2380, 8080, 10250, 10255):
            self.assertEqual(ask(f"http://{host}:{port}/"), "000", f"port {port} answers")
        for port in (6443, 10250, 10255, 10256):
            self.assertEqual(ask(f"https://{worker}:{port}/"), "000", f"port {port} of a worker answers")

    def assert_kept_secret(self, kubectl):
        """Secrets are encrypted before etcd has them, and who asked for what is on record."""
        kubectl.run("create", "secret", "generic", "hidden", "--from-literal=word=correct-horse-battery")
        master = next(node for node in guests() if "-master-" in node)
        stored = guest(master, "grep", "-a", "-c", "k8s:enc:secretbox", "/var/lib/etcd/data/member/snap/db")
        self.assertGreater(int(stored or 0), 0)
        self.assertEqual(guest(master, "grep", "-a", "-r", "-c", "correct-horse-battery", "/var/lib/etcd/data/member/snap/db").strip(), "0")
        self.assertIn("secrets", guest(master, "grep", "-m", "1", '"name":"hidden"', "/var/log/kubernetes/audit.log"))

    def scale(self, name, kubectl):
        """One worker is named and goes; a group goes to nobody and back."""
        doomed, kept = sorted(server for server in self.servers(name) if role_of(server) == "node" and "-gpu-" not in server)[:2]
        self.client.run("coe", "cluster", "resize", name, "1", "--nodes-to-remove", self.servers(name)[doomed]["id"])
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 240)
        nodes = [node["metadata"]["name"] for node in kubectl.json("get", "nodes")["items"]]
        self.assertEqual((doomed in nodes, kept in nodes, len(nodes)), (False, True, 3), nodes)
        kubectl.run("rollout", "status", "deployment/web", "--timeout=60s", timeout=70)
        self.step("resize to 1 worker: the named one is drained, gone, forgotten; the deployment is whole")
        for count in (0, 1):
            self.client.run("coe", "cluster", "resize", name, str(count), "--nodegroup", "gpu")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 240)
            self.assertEqual(len(kubectl.ready()), 2 + count)
            self.step(f"the node group resized to {count}: {2 + count} Ready")

    def rotate(self, name, old):
        """New authorities: the old kubeconfig works while they come, and no longer when they are there."""
        before = self.client.run("coe", "ca", "show", name).stdout
        self.client.run("coe", "ca", "rotate", name)
        with tempfile.TemporaryDirectory() as directory:
            during, between, silence = 0, None, Silence()
            for cluster in self.while_updating(name):
                works = old.run("get", "nodes", check=False, timeout=30).returncode == 0
                during += works
                if between is None and "clients" in (cluster["status_reason"] or ""):
                    between = self.config(name, directory)
                elif between is not None:
                    works |= between.run("get", "nodes", check=False, timeout=30).returncode == 0
                silence.heard(works)
            self.assertGreater(during, 0, "the old kubeconfig worked while nodes learned to trust the new authority")
            cluster = self.magnum.wait(name, ["UPDATE_COMPLETE"], 10)
            self.assertIsNotNone(between, "the phase in which clients change was never seen")
            self.assertEqual(len(between.ready()), 3, "a kubeconfig of the rotation's midst works after it")
        # The only master's API is started anew in each phase.
        self.assertLess(silence.longest, 40, "the API was away")
        self.step(f"rotated; the old kubeconfig worked {during} times meanwhile, one of its midst to the end; "
                  f"the API was silent for {silence.longest:.0f} s at most")
        self.assertNotEqual(before, self.client.run("coe", "ca", "show", name).stdout)
        with tempfile.TemporaryDirectory() as directory:
            new = self.config(name, directory)
            self.assertEqual(len(new.ready()), 3)
            new.run("rollout", "restart", "deployment/web")
            self.assert_serves(new, cluster["node_addresses"][0])
        self.assertNotEqual(old.run("get", "nodes", check=False).returncode, 0, "the old authority is dropped")
        self.step("the new kubeconfig works, the old one does not; new pods run")

    def while_updating(self, name, timeout=600):
        """The cluster, about each second, until its update ends."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            cluster = self.magnum.cluster(name)
            if cluster["status"] != "UPDATE_IN_PROGRESS":
                return
            yield cluster
            time.sleep(1)

    def rotate_credential(self, name, kubectl):
        """Another credential for the cloud, twice. Heat hangs on the first trust, which stays and is nobody's; the second goes."""
        cluster = self.magnum.cluster(name)
        demo, trustees = Cloud("demo"), Cloud("magnum_domain_admin", domain="magnum", user_domain="magnum")
        uuid, users = cluster["uuid"], f"/v3/users?domain_id={trustees.domain_id}"

        def held():
            """The cluster's trustees by name, each with the ids of the trusts in it."""
            known = {user["id"]: user["name"] for user in trustees.get("keystone", users)["users"]}
            given = demo.get("keystone", f"/v3/OS-TRUST/trusts?trustor_user_id={demo.user_id}")["trusts"]
            return {user: {trust["id"] for trust in given if trust["trustee_user_id"] == id}
                    for id, user in known.items() if user.startswith(uuid)}

        def config():
            """What the cluster's programs read; nothing where the cloud gives its clusters no credential."""
            secret = ["-n", "kube-system", "get", "secret", "cloud-config", "-o", "jsonpath={.data.cloud\\.conf}"]
            return base64.b64decode(kubectl.run(*secret, check=False).stdout).decode()

        first, before = held(), config()
        self.assertEqual([len(trusts) for trusts in first.values()], [1], first)
        (oldest,) = first
        for number in (1, 2):
            self.client.run("coe", "credential", "rotate", name)
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 600)
            now = held()
            # Those of before the last one are gone, trusts and all.
            self.assertEqual(sorted(now), sorted([oldest, f"{oldest}_{number}"]), now)
            self.assertEqual((now[oldest], len(now[f"{oldest}_{number}"])), (first[oldest], 1), now)
            after = config()
            if before:
                id = next(user["id"] for user in trustees.get("keystone", users)["users"] if user["name"] == f"{oldest}_{number}")
                self.assertNotEqual(before, after)
                self.assertIn(f'user-id="{id}"', after)
            self.assertEqual(bool(before), bool(after))
            before = after
        self.step("the credential replaced twice; " + ("the cluster's configuration follows" if before else "nodes hold none"))

    def leave_things_behind(self, uuid):
        """What the cloud controller would have made for a service of type LoadBalancer."""
        mark = f"Kubernetes external service default/web from cluster {uuid}"
        stack = self.magnum.cluster(uuid)["cluster_id"]  # since 1.13 that is the stack
        subnet = next(r["physical_resource_id"] for r in self.client.json("stack", "resource", "list", stack, "-n", "5")
                      if r["resource_type"] == "OS::Neutron::Subnet")
        balancer = self.client.json("loadbalancer", "create", "--name", f"kube_service_{uuid}_default_web", "--description", mark,
                                    "--provider", "ovn", "--vip-subnet-id", subnet, "--wait")
        self.client.run("floating", "ip", "create", "public", "--port", balancer["vip_port_id"], "--description", mark)
        self.client.run("security", "group", "create", f"lb-sg-{uuid}-default-web", "--description", mark)

    def upgrade(self, name, kubectl):
        """To a later release in place, node by node; the API stays."""
        release = lambda tag: LABELS.replace("kube_tag=v1.20.2", f"kube_tag={tag}")
        image = ["--image", f"kube-next-{self.suffix}"]
        far, later = f"far-{self.suffix}", f"later-{self.suffix}"
        for template, tag in ((far, "v1.37.0"), (later, "v1.20.9")):
            self.client.run("coe", "cluster", "template", "create", template, *TEMPLATE, *image, "--labels", release(tag))
        refused = self.client.run("coe", "cluster", "upgrade", name, far, check=False)
        self.assertIn("kube_tag", refused.stderr)
        self.client.run("coe", "cluster", "upgrade", name, later)
        most, silence = 0, Silence()
        for _ in self.while_updating(name):
            nodes = kubectl.run("get", "nodes", "-o", "jsonpath={.items[*].spec.unschedulable}", check=False, timeout=30)
            silence.heard(nodes.returncode == 0)
            most = max(most, nodes.stdout.split().count("true"))
        cluster = self.magnum.wait(name, ["UPDATE_COMPLETE"], 10)
        # The only master's API is started anew once.
        self.assertLess(silence.longest, 40, "the API was away")
        self.assertLessEqual(most, 1, "one node at a time is empty")
        self.assertEqual((cluster["coe_version"], cluster["labels"]["kube_tag"]), ("v1.20.9", "v1.20.9"))
        self.assert_at_work(kubectl, 2)
        for node in [f for f in guests() if name in f]:
            runs = guest(node, "systemctl", "show", "kubelet", "--property=ExecStart")
            self.assertIn("/opt/kubernetes/v1.20.9/bin/kubelet", runs)
        self.step(f"upgraded to v1.20.9 (the same programs under that name), at most {most} node empty at a time, "
                  f"the API silent for {silence.longest:.0f} s at most")

    def test_a_cluster_that_nobody_reaches_from_outside_is_seen_by_its_nodes_own_word(self):
        floating = lambda: len(Cloud("admin").get("neutron", "/v2.0/floatingips")["floatingips"])
        template = self.kube_template(labels=LABELS + ",etcd_volume_size=1,boot_volume_size=1")
        name, before = f"k2-{self.suffix}", floating()
        self.client.run("coe", "cluster", "create", name, "--cluster-template", template, "--node-count", "0",
                        "--docker-volume-size", "1", "--floating-ip-disabled")
        cluster = self.magnum.wait(name, ["CREATE_COMPLETE"], 300)
        self.step("CREATE_COMPLETE of one master without a floating IP, on volumes of its own")
        self.assertRegex(cluster["api_address"], r"^https://10\.0\.0\.\d+:6443$")
        self.assertEqual([f"https://{address}:6443" for address in cluster["master_addresses"]], [cluster["api_address"]])
        self.assertEqual((floating(), cluster["coe_version"]), (before, "v1.20.2"))
        outside = subprocess.run([LAB / "client", "curl", "-sk", "-m", "3", cluster["api_address"]], capture_output=True)
        self.assertNotEqual(outside.returncode, 0, "the cluster is not private")
        health = self.wait_healthy(name)
        self.assertEqual(health["api"], "ok")
        self.step("HEALTHY by the master's own word")
        [master] = [node for node in guests() if name in node]
        inside = guest(master, "/opt/kubernetes/v1.20.2/bin/kubectl", "--kubeconfig", "/etc/kubernetes/magnum-node.conf",
                       "get", "nodes", "--no-headers")
        self.assertRegex(inside, rf"^{master} +Ready ")
        demo = Cloud("demo")
        attached = demo.get("cinder", f"/v3/{demo.project_id}/volumes/detail")["volumes"]
        server = next(iter(self.servers(name).values()))["id"]
        ours = [volume for volume in attached if server in [a["server_id"] for a in volume["attachments"]]]
        self.assertEqual((len(ours), sum(volume["bootable"] == "true" for volume in ours)), (3, 1), ours)
        for place in ("/var/lib/etcd", "/var/lib/containerd"):
            self.assertRegex(guest(master, "findmnt", "-n", "-o", "SOURCE,TARGET", place), rf"^/dev/\S+ +{place}")
        self.step("etcd, the container engine and the disk it boots from are on three volumes of Cinder")
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 240)
        self.assert_nothing_left()

    def assert_at_work(self, kubectl, count):
        """Every node has work again: a master lets the last one have it right after the upgrade."""
        until = time.monotonic() + 60
        while len(kubectl.ready()) < count and time.monotonic() < until:
            time.sleep(1)
        self.assertEqual(len(kubectl.ready()), count)

    def next_image(self):
        """An image that brings a second release: the same programs at a path that names it."""
        layer = pathlib.Path.home() / ".cache/magnum-lab-nodes/magnum-kube-next"
        programs = layer / "usr/lib/kubernetes/v1.20.9/bin"
        programs.mkdir(parents=True, exist_ok=True)
        for program in ("kubelet", "kube-proxy", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            link = programs / program
            if not link.is_symlink():
                link.symlink_to(f"/usr/local/bin/{program}")
        name = f"kube-next-{self.suffix}"
        with tempfile.NamedTemporaryFile() as blank:
            blank.truncate(1 << 20)
            self.client.run("image", "create", name, "--disk-format", "raw", "--container-format", "bare", "--file", blank.name,
                            "--property", "os_distro=debian", "--property", "lab_guest=node",
                            "--property", "lab_layer=kube,magnum-kube-next")
        self.addCleanup(self.client.run, "image", "delete", name)

    def balanced(self, name, *more):
        """A cluster behind a load balancer of Octavia's provider that forwards for real."""
        self.client.run("coe", "cluster", "create", name, "--cluster-template",
                        self.kube_template("--master-lb-enabled", labels=BALANCED), "--node-count", "1", *more)
        self.magnum.wait(name, ["CREATE_COMPLETE"], 600)

    def test_three_masters_behind_a_load_balancer_outlive_one_of_them(self):
        name = f"k3-{self.suffix}"
        self.balanced(name, "--master-count", "3")
        self.step("CREATE_COMPLETE")
        with tempfile.TemporaryDirectory() as directory:
            kubectl = self.config(name, directory)
            self.assertEqual(len(kubectl.ready()), 4)
            self.step("kubectl through the load balancer: 4 Ready")
            self.lose_a_master(name, kubectl)
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 300)
        self.assert_nothing_left()

    @unittest.skipUnless(os.environ.get("FULL"), "takes ten minutes: FULL=1 runs it")
    def test_masters_come_are_made_anew_and_go(self):
        name, later = f"k4-{self.suffix}", f"anew-{self.suffix}"
        self.next_image()
        self.balanced(name)
        self.step("CREATE_COMPLETE")
        self.client.run("coe", "cluster", "resize", name, "3", "--nodegroup", "default-master")
        self.magnum.wait(name, ["UPDATE_COMPLETE"], 420)
        with tempfile.TemporaryDirectory() as directory:
            kubectl = self.config(name, directory)
            self.assertEqual(len(kubectl.ready()), 4)
            self.step("from one master to three; kubectl through the load balancer: 4 Ready")
            kubectl.run("create", "configmap", "kept", "--from-literal=here=1")

            self.client.run("coe", "cluster", "template", "create", later, *TEMPLATE, "--image", f"kube-next-{self.suffix}",
                            "--master-lb-enabled", "--labels", BALANCED)
            before = self.servers(name)
            self.client.run("coe", "cluster", "upgrade", name, later)
            answers = []
            until = time.monotonic() + 900
            while self.magnum.cluster(name)["status"] == "UPDATE_IN_PROGRESS" and time.monotonic() < until:
                answers.append(kubectl.run("get", "nodes", check=False, timeout=30).returncode == 0)
                time.sleep(1)
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 10)
            self.assertGreaterEqual(sum(answers), len(answers) * 0.85, "the API answers while its masters are made anew")
            after = self.servers(name)
            self.assertEqual({n: s["id"] for n, s in before.items()}, {n: s["id"] for n, s in after.items()})
            self.assertTrue(all(before[n]["image"] != s["image"] for n, s in after.items()), "every server has the new image")
            self.assert_at_work(kubectl, 4)
            self.assertEqual(kubectl.json("get", "configmap", "kept")["data"], {"here": "1"}, "etcd has lost nothing")
            self.step(f"every server made anew from another image; the API answered {sum(answers)} of {len(answers)} times")

            self.client.run("coe", "cluster", "resize", name, "1", "--nodegroup", "default-master")
            self.magnum.wait(name, ["UPDATE_COMPLETE"], 300)
            kubectl.wait_for(["get", "nodes", "-o", "name"], lambda text: text.count("node/") == 2)
            self.assertEqual(kubectl.json("get", "configmap", "kept")["data"], {"here": "1"})
            self.step("from three masters to one")
        self.client.run("coe", "cluster", "delete", name)
        self.magnum.wait(name, [None], 300)
        self.assert_nothing_left()

    def servers(self, name):
        """Name → id and image of a cluster's servers; none where one boots from a volume."""
        listed = Cloud("admin").get("nova", "/v2.1/servers/detail?all_tenants=1")["servers"]
        return {s["name"]: {"id": s["id"], "image": (s["image"] or {}).get("id")} for s in listed if s["name"].startswith(name)}

    def lose_a_master(self, name, kubectl):
        victim = min(server for server in self.servers(name) if "-master-" in server)
        ready = ["get", "nodes", victim, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}"]
        Client("demo").run("server", "stop", victim)
        kubectl.wait_for(ready, lambda text: text.strip() in ("Unknown", "False"), 150)
        answered = sum(kubectl.run("get", "nodes", check=False).returncode == 0 for _ in range(6))
        # The load balancer has seen in the meantime who is gone.
        self.assertEqual(answered, 6, "the API answers every call with one master gone")
        self.step(f"{victim} stopped: the API answered {answered} of 6 times and calls it NotReady")
        Client("demo").run("server", "start", victim)
        kubectl.wait_for(ready, lambda text: text.strip() == "True", 150)
        self.step("started again: Ready")


# The tests of a Swarm have a program of their own.
for inherited in [test for test in dir(Life) if test.startswith("test_")]:
    setattr(KubernetesLife, inherited, None)
del Life

if __name__ == "__main__":
    unittest.main(verbosity=0)
