"""What the benches of the lab share: its processes and databases, and loads. Figures and tables are in figures.py.

Every program here measures two services in one run, prints tables in Markdown for docs/performance.md, and takes away
what it made, also when it is interrupted. `scripts/bench` says what each needs and how long it takes.
"""

import concurrent.futures
import datetime
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

import pymysql
import requests
from figures import cpu, quantile, refuse

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/lab"))
from cloud import CA, LAB_HOME, PASSWORD, PORT, Cloud  # noqa: E402, F401

DATABASE_PORT = int(os.environ.get("P_DB", 23306))
OURS = "https://127.0.0.1:9511/v1"
UPSTREAM_22 = "http://127.0.0.1:19511/v1"


# --- the lab's processes

def pid_of(name):
    """The pid of one of the lab's processes; None when it does not run."""
    try:
        pid, started = (LAB_HOME / f"run/{name}.pid").read_text().split()
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except (OSError, ValueError):
        return None
    return int(pid) if fields[19] == started else None


def need(*names):
    """Refuses unless these processes of the lab run."""
    missing = [name for name in names if pid_of(name) is None]
    if missing:
        how = {"ours": "MAGNUM_BIN=… $LAB_DIR/up ours", "ours-conductor-1": "MAGNUM_BIN=… $LAB_DIR/up ours"}
        refuse("the lab is not up: " + "; ".join(f"{name} does not run ({how.get(name, '$LAB_DIR/up ' + name)})" for name in missing))


def need_catalogue():
    """Refuses unless nodes are sent to our API."""
    catalogue = Cloud("demo").get("keystone", "/v3/auth/catalog")["catalog"]
    urls = {endpoint["url"] for service in catalogue if service["type"] == "container-infra" for endpoint in service["endpoints"]}
    if urls != {OURS}:
        refuse(f"the catalogue's container-infra is {urls or 'nowhere'}: $LAB_DIR/magnum-endpoint {OURS}")


# --- databases

def root(database=None):
    """The lab's database server, as its administrator."""
    return pymysql.connect(host="127.0.0.1", port=DATABASE_PORT, user="root", password=PASSWORD, database=database,
                           autocommit=True)


def rows(connection, sql, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def seconds(moment):
    """A database time (UTC) as seconds since the epoch."""
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp()


# --- HTTP

def session(token, verify=True, version="container-infra latest"):
    """A keep-alive session that carries a token."""
    made = requests.Session()
    made.trust_env = False  # else proxies and REQUESTS_CA_BUNDLE of the environment would win
    made.verify = verify
    made.headers = {"X-Auth-Token": token, "OpenStack-API-Version": version}
    return made


def timed(http, method, url, **kwargs):
    """Seconds, and the answer."""
    begun = time.perf_counter()
    answer = http.request(method, url, timeout=600, **kwargs)
    return time.perf_counter() - begun, answer


class Load:
    """What a load was like."""

    def __init__(self, answers, took, latencies, cpu_seconds, database_seconds):
        self.answers, self.rate = answers, answers / took
        self.p50, self.p99 = (quantile(latencies, share) * 1000 for share in (0.5, 0.99)) if isinstance(latencies, list) \
            else latencies
        self.cpu = cpu_seconds * 1000 / max(answers, 1)
        self.database = database_seconds * 1000 / max(answers, 1)


def closed_loop(pids, database_pids, token, verify, url, connections, lasting, longest, method="GET", body=None, good=200):
    """Each connection asks again as soon as it is answered, for `lasting` seconds, and at least once; nothing new is
    asked after `longest`. For services whose answers take so long that a generator in Python costs nothing beside."""
    begun = time.perf_counter()
    before = cpu(pids), cpu(database_pids)

    def one(_):
        http, took = session(token, verify), []
        while not took or time.perf_counter() - begun < lasting:
            if took and time.perf_counter() - begun > longest:
                break
            seconds_taken, answer = timed(http, method, url, json=body)
            assert answer.status_code == good, f"{url}: {answer.status_code} {answer.text[:300]}"
            took.append(seconds_taken)
        return took

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        latencies = [taken for taken_by_one in pool.map(one, range(connections)) for taken in taken_by_one]
    took = time.perf_counter() - begun
    return Load(len(latencies), took, latencies, cpu(pids) - before[0], cpu(database_pids) - before[1])


def wrk(pids, database_pids, token, url, connections, lasting, script=None):
    """The same by wrk, which costs next to nothing, for services that answer thousands a second."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{lasting}s", "--timeout", "120s", "--latency",
               "-H", f"X-Auth-Token: {token}", "-H", "OpenStack-API-Version: container-infra latest"]
    if script:
        command += ["-s", str(script)]
    before = cpu(pids), cpu(database_pids)
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    used = cpu(pids) - before[0], cpu(database_pids) - before[1]
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", text)
    assert not wrong, f"{url}: {text}"
    total, took, unit = re.search(r"(\d+) requests in ([\d.]+)(\w+)", text).groups()
    factor = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}
    assert int(total), f"{url}: nothing was answered in {lasting} s"

    def at(name):
        number, word = re.search(rf"{name}%\s+([\d.]+)(\w+)", text).groups()
        return float(number) * factor[word] * 1000
    return Load(int(total), float(took) * factor[unit], (at(50), at(99)), *used)


def wait_for_port(process, port, log, within=60):
    until = time.monotonic() + within
    while True:
        with socket.socket() as made:
            made.settimeout(1)
            if made.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            said = pathlib.Path(log).read_text(errors="replace")[-2000:]
            raise AssertionError(f"nothing listens on {port}; its log ends:\n{said}")
        time.sleep(0.05)


class Watched(threading.Thread):
    """Notes when something becomes true, looking every few milliseconds. `look` is made in the thread itself."""

    def __init__(self, make_look, every=0.01, within=300):
        super().__init__(daemon=True)
        self.make_look, self.every, self.within, self.at, self.leave = make_look, every, within, None, False
        self.start()

    def run(self):
        look, until = self.make_look(), time.monotonic() + self.within
        while self.at is None and not self.leave and time.monotonic() < until:
            if look():
                self.at = time.time()
            else:
                time.sleep(self.every)
