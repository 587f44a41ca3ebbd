"""The lab's cloud as the tests see it: tokens, snapshots of everything a cluster could leave behind, the clients.

A snapshot is a set of (kind, id). A test takes one before and one after a cluster's life; the difference must be
empty. Only the standard library and `requests` are used, so that it runs in the lab's own Python environment.
"""

import json
import os
import pathlib
import subprocess
import time

import requests

LAB_HOME = pathlib.Path(os.environ.get("LAB_HOME", pathlib.Path.home() / ".cache/magnum-lab"))
PORT = {"keystone": 15000, "nova": 18774, "neutron": 19696, "heat": 18004, "barbican": 19311, "cinder": 18776}
KEYSTONE = f"http://127.0.0.1:{PORT['keystone']}/v3"
CA = str(LAB_HOME / "etc/ours/tls/ca.pem")
PASSWORD = (LAB_HOME / "password").read_text().strip()


class Cloud:
    """One account's view of the cloud."""

    def __init__(self, user, project=None, domain=None, user_domain="Default"):
        scope = (
            {"domain": {"name": domain}}
            if domain
            else {"project": {"name": project or user, "domain": {"name": "Default"}}}
        )
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": user, "domain": {"name": user_domain}, "password": PASSWORD}},
        }
        answer = requests.post(
            f"{KEYSTONE}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}, timeout=30
        )
        answer.raise_for_status()
        self.token = answer.headers["X-Subject-Token"]
        body = answer.json()["token"]
        self.user_id = body["user"]["id"]
        self.project_id = body.get("project", {}).get("id")
        self.domain_id = body.get("domain", {}).get("id")

    def get(self, service, path):
        """GET of a service's path; the body."""
        answer = requests.get(
            f"http://127.0.0.1:{PORT[service]}{path}", headers={"X-Auth-Token": self.token}, timeout=60
        )
        answer.raise_for_status()
        return answer.json()


def snapshot():
    """Everything that a cluster of the demo project may own, as {(kind, id)}."""
    admin = Cloud("admin")
    demo = Cloud("demo")
    service = Cloud("magnum", "service")
    trustees = Cloud("magnum_domain_admin", domain="magnum", user_domain="magnum")
    found = set()

    def add(kind, items, key="id"):
        found.update((kind, item[key]) for item in items)

    add("server", admin.get("nova", "/v2.1/servers?all_tenants=1")["servers"])
    add("stack", demo.get("heat", f"/v1/{demo.project_id}/stacks?show_hidden=true")["stacks"])
    for kind in ("networks", "subnets", "routers", "floatingips"):
        add(kind, admin.get("neutron", f"/v2.0/{kind}")[kind])
    # Neutron makes a project's group "default" by itself, at the project's first port.
    groups = admin.get("neutron", "/v2.0/security-groups")["security_groups"]
    add("security_groups", [group for group in groups if group["name"] != "default"])
    # Ports that Neutron makes for itself (DHCP, metadata) come and go with their network.
    ports = admin.get("neutron", "/v2.0/ports")["ports"]
    add("port", [port for port in ports if not port["device_owner"].startswith("network:")])
    add("volume", admin.get("cinder", f"/v3/{admin.project_id}/volumes?all_tenants=1")["volumes"])
    add("trust", demo.get("keystone", f"/v3/OS-TRUST/trusts?trustor_user_id={demo.user_id}")["trusts"])
    add("trustee user", trustees.get("keystone", f"/v3/users?domain_id={trustees.domain_id}")["users"])
    add("application credential", demo.get("keystone", f"/v3/users/{demo.user_id}/application_credentials")["application_credentials"])
    for kind in ("secrets", "containers"):
        add(kind, service.get("barbican", f"/v1/{kind}?limit=1000")[kind], f"{kind[:-1]}_ref")
    return found


def left_since(before, within=60):
    """What is there now and was not before; waits for clean-up that other services do in their own time."""
    until = time.monotonic() + within
    while True:
        left = snapshot() - before
        if not left or time.monotonic() > until:
            return sorted(left)
        time.sleep(2)


def openrc(name):
    """The environment of an account's openrc file."""
    text = subprocess.run(
        ["bash", "-c", f". {LAB_HOME}/openrc-{name}; env -0"], check=True, capture_output=True, text=True
    ).stdout
    env = dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
    env["OS_CACERT"] = CA
    # `coe cluster config` looks at SHELL to choose its words, and fails without one, as under a CI runner.
    env.setdefault("SHELL", "/bin/sh")
    return env


class Client:
    """The unmodified `openstack` command, as a tenant runs it; or another client that takes the same environment."""

    def __init__(self, account="demo", program="openstack"):
        self.env = openrc(account)
        self.program = str(program)

    def run(self, *words, check=True):
        """Runs `openstack WORDS`; the finished process."""
        done = subprocess.run([self.program, *words], env=self.env, capture_output=True, text=True, timeout=180)
        if check and done.returncode:
            raise AssertionError(f"{self.program} {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *words):
        """Runs a command with `-f json`; the document."""
        return json.loads(self.run(*words, "-f", "json").stdout)


class Magnum:
    """The REST API by plain HTTP, for polls that must not cost a Python start each."""

    def __init__(self, account="demo"):
        self.cloud = Cloud(account)
        self.session = requests.Session()
        self.session.trust_env = False  # else REQUESTS_CA_BUNDLE would win over verify
        self.session.verify = CA
        self.session.headers = {
            "X-Auth-Token": self.cloud.token,
            "OpenStack-API-Version": "container-infra latest",
        }
        self.url = "https://127.0.0.1:9511/v1"

    def cluster(self, name):
        """The cluster's document, or None when it is gone."""
        answer = self.session.get(f"{self.url}/clusters/{name}", timeout=30)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.json()

    def wait(self, name, wanted, timeout):
        """Polls until the status is one of `wanted` (None: gone). Every other final state is a failure."""
        until = time.monotonic() + timeout
        seen = []
        while time.monotonic() < until:
            cluster = self.cluster(name)
            status = cluster and cluster["status"]
            line = (status, cluster and cluster["status_reason"])
            if not seen or seen[-1] != line:
                seen.append(line)
                print(f"      {line[0]}: {line[1]}", flush=True)
            if status in wanted:
                return cluster
            if status is None or status.endswith("_FAILED"):
                raise AssertionError(f"{name} became {line}, wanted {wanted}; seen: {seen}")
            time.sleep(0.2)
        raise AssertionError(f"{name} is not {wanted} after {timeout} s; seen: {seen}")
