"""Reads beside upstream 23 on the same MariaDB and Keystone, in one run: lists, details, one cluster; and POST of a
template, beside upstream 22, since 23 loads no driver and refuses every template.

Both services are started anew for this, on ports and databases of their own (`bench_ours`, `bench_upstream`), ours from
the programs that the lab's `ours` runs (or MAGNUM_BIN=), upstream as `lab/up magnum23` starts its API: uWSGI, two
processes of four threads. Its conductor takes no part in reads and is not started. The databases are filled with the
same clusters of three node groups, and dropped at the end.

Then what bounds it: the statements that our API sends for each request, as the database's own log shows them, sent again
by the bare `mariadb` client over as many connections; and the processor time of the database beside the service's.

Last, tokens: fresh ones, many requests with each, and the validations that Keystone is asked for, counted by a proxy
before Keystone.
"""

import argparse
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import uuid

from figures import cpu, ratio, refuse, resident, say, session_pids, stop_politely, table
from lab import (CA, DATABASE_PORT, LAB_HOME, PASSWORD, PORT, UPSTREAM_22, Cloud, closed_loop, need, pid_of, root, rows,
                 session, timed, wait_for_port, wrk)

PORTS = {"ours": 19611, "upstream": 19612}
KEYSTONE = f"http://127.0.0.1:{PORT['keystone']}"
MARK = "bench of lists"
READS = [("one cluster", "/v1/clusters/{one}", False), ("list of 100", "/v1/clusters?limit=100", False),
         ("list of 1000", "/v1/clusters?limit=1000", True), ("detail of 1000", "/v1/clusters/detail?limit=1000", True)]
UPSTREAM_LONGEST = 240


class Service:
    """An API of its own over a database of its own."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder / kind
        self.folder.mkdir()
        self.port, self.name = PORTS[kind], f"bench_{kind}"
        self.process, self.one = None, None
        self.verify = CA if kind == "ours" else True
        self.url = f"{'https' if kind == 'ours' else 'http'}://127.0.0.1:{self.port}"
        server = root()
        rows(server, f"DROP DATABASE IF EXISTS {self.name}")
        rows(server, f"CREATE DATABASE {self.name} CHARACTER SET utf8mb3")
        rows(server, f"GRANT ALL ON {self.name}.* TO '{self.name}'@'%%' IDENTIFIED BY '{PASSWORD}'")

    def configure(self, keystone=KEYSTONE):
        connection = f"mysql+pymysql://{self.name}:{PASSWORD}@127.0.0.1:{DATABASE_PORT}/{self.name}?charset=utf8"
        source = "ours/magnum.conf" if self.kind == "ours" else "magnum/magnum.conf"
        text = (LAB_HOME / "etc" / source).read_text()
        values = {"connection": connection, "port": self.port, "state_path": self.folder, "host": None}
        if self.kind == "upstream":
            values |= {"log_file": self.folder / "app.log", "api_paste_config": LAB_HOME / "venv/etc/magnum/api-paste.ini",
                       "temp_cache_dir": self.folder, "lock_path": self.folder, "health_polling_interval": -1}
        for name, value in values.items():
            if value is not None:
                text, found = re.subn(rf"(?m)^{name} = .*$", lambda _: f"{name} = {value}", text)
                assert found, f"{source} has no option {name}"
        text = text.replace(KEYSTONE, keystone)
        home = self.folder / "home/.magnum"
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "magnum.conf"
        self.config.touch(mode=0o600)
        self.config.write_text(text)

    def command(self):
        if self.kind == "ours":
            return [programs() / "magnum-api", "--config-file", self.config]
        return [LAB_HOME / "venv/bin/uwsgi", "--http-socket", f"127.0.0.1:{self.port}", "--module", "magnum.wsgi.api:application",
                "--master", "--die-on-term", "--processes", "2", "--threads", "4", "--enable-threads", "--lazy-apps", "--need-app",
                "--thunder-lock", "--buffer-size", "65535", "--http-chunked-input", "--worker-reload-mercy", "5",
                "--add-header", "Connection: close", "--disable-logging", "--log-5xx"]

    def environment(self):
        return {**os.environ, "HOME": str(self.folder / "home"), "PYTHONWARNINGS": "ignore",
                "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}

    def upgrade(self):
        manage = programs() if self.kind == "ours" else LAB_HOME / "venv/bin"
        done = subprocess.run([manage / "magnum-db-manage", "--config-file", self.config, "upgrade"], capture_output=True,
                              text=True, timeout=300, env=self.environment())
        assert done.returncode == 0, f"{self.kind}: {done.stdout}{done.stderr}"

    def start(self):
        log = self.folder / "log"
        with open(log, "ab") as output:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment(),
                                            cwd=self.folder)
        wait_for_port(self.process, self.port, log, within=120)
        # A worker that is still loading would be counted as a slow answer.
        http_ = session("", self.verify)
        for _ in range(8):
            timed(http_, "GET", f"{self.url}/")

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        server = root()
        rows(server, f"DROP DATABASE IF EXISTS {self.name}")
        rows(server, f"DROP USER IF EXISTS '{self.name}'@'%%'")

    def pids(self):
        return session_pids(self.process.pid)

    def fill(self, owner, count):
        """Adds clusters of three node groups until there are `count`."""
        database = root(self.name)
        database.autocommit(False)
        with database.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM cluster")
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
            cursor.execute("SELECT uuid FROM cluster ORDER BY id LIMIT 1")
            self.one = cursor.fetchone()[0]
        database.commit()
        for name in ("cluster", "nodegroup", "cluster_template"):
            rows(database, f"ANALYZE TABLE {name}")


def programs():
    """The folder of our programs: named, or where those run from that the lab runs."""
    if os.environ.get("MAGNUM_BIN"):
        return pathlib.Path(os.environ["MAGNUM_BIN"])
    return pathlib.Path(os.readlink(f"/proc/{pid_of('ours')}/exe").removesuffix(" (deleted)")).parent


# --- the database alone

def statements(ours, owner):
    """What our API asks the database for each read, as the database's own log shows it: {path: [statement]}."""
    server, seen = root(), {}
    [(output, on)] = rows(server, "SELECT @@global.log_output, @@global.general_log")
    try:
        rows(server, "SET GLOBAL log_output = 'TABLE'")
        rows(server, "SET GLOBAL general_log = 1")
        # Only statements that are prepared while the log is on are logged with their values.
        ours.start()
        http_ = session(owner.token, CA)
        timed(http_, "GET", f"{ours.url}/v1/clusters?limit=1")
        for words, path, _ in READS:
            rows(server, "TRUNCATE mysql.general_log")
            answer = timed(http_, "GET", ours.url + path.format(one=ours.one))[1]
            assert answer.status_code == 200, answer.text
            time.sleep(0.2)
            logged = rows(server, "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type IN"
                          " ('Execute', 'Query') AND user_host LIKE %s ORDER BY event_time", f"{ours.name}%")
            seen[words] = [text for (text,) in logged if re.match(r"\s*(SELECT|WITH)\b", text, re.I)
                           and " FROM " in text.upper()]
    finally:
        rows(server, f"SET GLOBAL general_log = {int(on)}")
        rows(server, "SET GLOBAL log_output = %s", output)
        rows(server, "TRUNCATE mysql.general_log")
        ours.stop()
    return seen


def bare(database, sql, connections, lasting, database_pids):
    """The statements by the bare client: rounds per second, mean milliseconds, processor ms of the database per round."""
    text = "".join(re.sub(r"\s+", " ", one).strip().rstrip(";") + ";\n" for one in sql)
    command = ["mariadb", "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(DATABASE_PORT), "-u", database, "-N",
               "-B", "--quick", database]
    environment = {**os.environ, "MYSQL_PWD": PASSWORD}

    def run(rounds, clients):
        begun = time.perf_counter()
        with contextlib.ExitStack() as stack:
            made = []
            for _ in range(clients):
                source = stack.enter_context(tempfile.TemporaryFile("w+"))
                source.write(text * rounds)
                source.seek(0)
                made.append(stack.enter_context(subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL,
                                                                 stderr=subprocess.PIPE, env=environment)))
            for client in made:
                assert client.wait(600) == 0, client.stderr.read().decode()
        return time.perf_counter() - begun

    begin = run(0, 1)
    once = max((run(4, 1) - begin) / 4, 0.00005)
    rounds = min(max(3, int(lasting / once / connections)), 20_000)
    before = cpu(database_pids)
    took = run(rounds, connections)
    total = rounds * connections
    return total / took, took / rounds * 1000, (cpu(database_pids) - before) * 1000 / total


# --- tokens

class CountingProxy:
    """Stands before Keystone: passes everything on, and counts the validations of each token. The catalogue that it passes
    on names the proxy, so that a client that follows the catalogue comes here too."""

    def __init__(self):
        self.validations, lock, outer = {}, threading.Lock(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                subject = self.headers.get("X-Subject-Token")
                if subject and self.command in ("GET", "HEAD"):
                    with lock:
                        digest = hashlib.sha256(subject.encode()).hexdigest()
                        outer.validations[digest] = outer.validations.get(digest, 0) + 1
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "accept-encoding")}
                onward = http.client.HTTPConnection("127.0.0.1", PORT["keystone"], timeout=60)
                onward.request(self.command, self.path, body or None, headers)
                answer = onward.getresponse()
                data = answer.read().replace(KEYSTONE.encode(), outer.url.encode())
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)
                onward.close()

            do_GET = do_POST = do_HEAD = do_DELETE = do_PATCH = do_PUT = pass_on

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size, daemon_threads = 256, True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, token):
        return self.validations.get(hashlib.sha256(token.encode()).hexdigest(), 0)


def tokens(service, count=5, connections=16):
    """Fresh tokens, and how often Keystone was asked about each: [(requests, validations)]."""
    proxy = CountingProxy()
    service.configure(proxy.url)
    service.start()
    try:
        found = []
        for _ in range(count):
            token = Cloud("demo").token
            load = closed_loop([], [], token, service.verify, f"{service.url}/v1/clusters?limit=1", connections, 1, 30)
            found.append((load.answers, proxy.of(token)))
        return found
    finally:
        service.stop()
        proxy.server.shutdown()
        service.configure()


# --- the run

def post_template(folder, ours, owner, connections, lasting, database_pids):
    """POST of a template, beside upstream 22: [(connections, ours, theirs)]."""
    body = {"coe": "swarm-mode", "image_id": "debian-12-docker", "external_network_id": "public", "flavor_id": "m1.small",
            "master_flavor_id": "m1.small", "keypair_id": "lab", "name": "bench-list"}
    script = folder / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                      f"wrk.body = [==[{json.dumps(body)}]==]\n")
    theirs = {**body, "coe": "kubernetes", "image_id": "fedora-coreos"}
    found = []
    try:
        for count in connections:
            mine = wrk(ours.pids(), database_pids, owner.token, f"{ours.url}/v1/clustertemplates", count, lasting, script)
            other = None
            if pid_of("magnum"):
                other = closed_loop(session_pids(pid_of("magnum")), database_pids, owner.token, True,
                                    f"{UPSTREAM_22}/clustertemplates", count, lasting, UPSTREAM_LONGEST, "POST", theirs, 201)
            found.append((count, mine, other))
            say(f"POST of a template, {count} connections: {mine.rate:.0f}/s"
                + (f" beside {other.rate:.1f}/s" if other else ""))
    finally:
        if pid_of("magnum"):
            rows(root("magnum"), "DELETE FROM cluster_template WHERE name = 'bench-list' AND project_id = %s", owner.project_id)
    return found


def cells(load):
    return ["", "", "", "", ""] if load is None else [
        f"{load.rate:.1f}", f"{load.p50:.1f}", f"{load.p99:.1f}", f"{load.cpu:.2f}", f"{load.database:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--clusters", default="1000,10000", help="how many there are, ascending (1000,10000)")
    parser.add_argument("--connections", default="1,16,64", help="at a time (1,16,64)")
    parser.add_argument("--peer-connections", default="1,16,64",
                        help="for upstream's lists of 1000, whose answers take seconds each (1,16,64); fewer save minutes")
    parser.add_argument("--no-peer", action="store_true", help="without upstream")
    wanted = parser.parse_args()
    numbers = lambda text: [int(word) for word in text.split(",")]
    need("mariadb", "keystone", "memcached", *([] if os.environ.get("MAGNUM_BIN") else ["ours"]))
    if not (LAB_HOME / "etc/ours/magnum.conf").exists():
        refuse("ours was never configured in the lab: MAGNUM_BIN=… $LAB_DIR/up ours")
    for program in ("wrk", "mariadb"):
        if not shutil.which(program):
            refuse(f"{program} is not installed (apt-get install {'wrk' if program == 'wrk' else 'mariadb-client-core'})")
    if not wanted.no_peer and not (LAB_HOME / "etc/magnum/magnum.conf").exists():
        refuse("upstream is not configured in the lab ($LAB_DIR/up magnum), or say --no-peer")
    if not (programs() / "magnum-api").exists():
        refuse(f"there are no programs in {programs()}; name them with MAGNUM_BIN=")
    stop_politely()
    if not pid_of("magnum"):
        say("upstream 22 does not run ($LAB_DIR/up magnum): POST of a template has no peer")

    database_pids = session_pids(pid_of("mariadb"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="magnum-bench-"))
    ours = theirs = None
    reads, alone, memory, counted, posts, per_request = [], [], [], {}, [], {}
    try:
        ours = Service("ours", folder)
        theirs = None if wanted.no_peer else Service("upstream", folder)
        for service in filter(None, (ours, theirs)):
            service.configure()
            service.upgrade()
        for size in numbers(wanted.clusters):
            owner = Cloud("demo")
            for service in filter(None, (ours, theirs)):
                service.fill(owner, size)
            say(f"{size} clusters of three node groups")
            per_request = statements(ours, owner)
            for service in filter(None, (ours, theirs)):
                service.start()
            for words, path, is_slow in READS:
                for connections in numbers(wanted.connections):
                    # Neither side may be asked about a token that has expired in a long run.
                    token = Cloud("demo").token
                    url = path.format(one=ours.one)
                    timed(session(token, CA), "GET", ours.url + url)
                    mine, other = wrk(ours.pids(), database_pids, token, ours.url + url, connections, wanted.seconds), None
                    if theirs and (not is_slow or connections in numbers(wanted.peer_connections)):
                        url = theirs.url + path.format(one=theirs.one)
                        timed(session(token), "GET", url)
                        other = closed_loop(theirs.pids(), database_pids, token, True, url, connections, wanted.seconds,
                                            UPSTREAM_LONGEST)
                    sql = per_request.get(words)
                    limit = bare(ours.name, sql, connections, wanted.seconds, database_pids) if sql else None
                    reads.append((size, words, connections, mine, other))
                    alone.append((size, words, connections, mine, limit))
                    say(f"{size} clusters, {words}, {connections} connections: {mine.rate:.0f}/s"
                        + (f" beside {other.rate:.2f}/s" if other else "")
                        + (f"; the database alone {limit[0]:.0f}/s" if limit else ""))
            memory.append((size, *(resident(service.pids()) if service else None for service in (ours, theirs))))
            if size == numbers(wanted.clusters)[-1]:
                posts = post_template(folder, ours, Cloud("demo"), numbers(wanted.connections), wanted.seconds, database_pids)
            for service in filter(None, (ours, theirs)):
                service.stop()
        for service in filter(None, (ours, theirs)):
            counted[service.kind] = tokens(service)
    finally:
        for service in filter(None, (ours, theirs)):
            service.remove()
        shutil.rmtree(folder, ignore_errors=True)
    report(reads, alone, memory, posts, counted, per_request)


def goals(reads, memory):
    """What is wanted, and the worst that was measured of each."""
    def worst(of, choose, *words):
        found = [of(mine, other) for _, name, _, mine, other in reads if name in words and other]
        return choose(found) if found else None

    throughput = lambda mine, other: mine.rate / other.rate
    alone = [(name, mine) for _, name, connections, mine, _ in reads if connections == 1]
    lines = [
        ["lists: at least 200 times upstream's throughput", worst(throughput, min, "list of 100", "list of 1000", "detail of 1000"), 200, True],
        ["one cluster: at least 100 times", worst(throughput, min, "one cluster"), 100, True],
        ["memory: at most 1/20 (times smaller)", min((other[0] / mine[0] for _, mine, other in memory if other), default=None), 20, True],
        ["detail of 1000: below 25 ms p99, one connection", max((mine.p99 for name, mine in alone if name == "detail of 1000"), default=None), 25, False],
        ["one cluster: below 1 ms p50, one connection", max((mine.p50 for name, mine in alone if name == "one cluster"), default=None), 1, False],
    ]
    table(["goal", "worst measured", ""], [
        [words, f"{value:.2f}", "reached" if (value >= bound if more else value < bound) else "NOT reached"]
        for words, value, bound, more in lines if value is not None])


def report(reads, alone, memory, posts, counted, per_request):
    print("\n### Reads beside upstream 23: requests/s, milliseconds, processor ms per request of the service and the database")
    head = ["ours: requests/s", "p50", "p99", "CPU", "database", "upstream: requests/s", "p50", "p99", "CPU", "database", "throughput"]
    table(["clusters", "request", "connections", *head],
          [[size, words, connections, *cells(mine), *cells(other), ratio(mine.rate, other.rate) if other else ""]
           for size, words, connections, mine, other in reads])
    print("POST of a template (201) beside upstream 22, whose template is of Kubernetes:")
    table(["connections", *head],
          [[count, *cells(mine), *cells(other), ratio(mine.rate, other.rate) if other else ""] for count, mine, other in posts])
    print("The database alone: the same statements by the bare client on the same two cores.")
    table(["clusters", "request", "connections", "statements", "alone: rounds/s", "mean ms", "database CPU ms",
           "ours: requests/s", "database CPU ms", "ours to the limit"],
          [[size, words, connections, len(per_request.get(words, [])),
            *([f"{limit[0]:.1f}", f"{limit[1]:.2f}", f"{limit[2]:.2f}"] if limit else ["", "", ""]),
            f"{mine.rate:.1f}", f"{mine.database:.2f}", f"{mine.rate / limit[0] * 100:.0f} %" if limit else ""]
           for size, words, connections, mine, limit in alone])
    print("Resident (proportional) memory of the API after it, MiB:")
    table(["clusters", "ours", "upstream 23", "ratio of the resident"],
          [[size, f"{mine[0]:.0f} ({mine[1]:.0f})", f"{other[0]:.0f} ({other[1]:.0f})" if other else "",
            ratio(other[0], mine[0]) if other else ""] for size, mine, other in memory])
    goals(reads, memory)
    print("Tokens: requests with each, and how often Keystone was asked about it:")
    table(["", *(f"token {number + 1}" for number in range(5))],
          [[kind, *(f"{requests} / {asked}" for requests, asked in found)] for kind, found in counted.items()])


if __name__ == "__main__":
    main()
