"""`magnum standalone` on this machine: how soon it answers, and how much memory it takes, idle and with clusters.

Start-up is from the program's start to the first request that is answered (`/healthcheck` by HTTPS, asked every
millisecond): for the first start, which makes keys, certificates and the database, and for later ones, without clusters
and with them. Memory is what the kernel says of the process ten seconds after the last thing that was asked of it.

Clusters are real Swarms of one manager and no worker on this machine's Docker Engine, asked for at once. The installation
is one of its own, in a folder that is taken away with everything in the engine; another installation is not touched.

Beside it: Docker Engine's own processes, which whoever runs this has as well; and upstream 22's API and conductor as `create`
measured them in the lab (`--upstream-mib`), which have neither an identity service nor a cloud in them.
"""

import argparse
import http.client
import os
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

from figures import ratio, refuse, resident, say, stop_politely, table

MAGNUM = pathlib.Path(os.environ["MAGNUM"])
SETTLED = 10
WITHIN = 60


class Installation:
    def __init__(self, docker_host):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="magnum-bench-"))
        self.data, self.log = self.home / "data", self.home / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.at = ["--data", self.data, "--clouds", self.home / "clouds.yaml"]
        self.at += ["--docker-host", docker_host] if docker_host else []
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self.env |= {"OS_CLIENT_CONFIG_FILE": str(self.home / "clouds.yaml"), "OS_CLOUD": "magnum"}
        self.process = None

    def start(self):
        """Milliseconds until it answers."""
        # Only the time is of interest here: the tests look at the certificate.
        blind = ssl._create_unverified_context()
        log = self.log.open("ab")
        words = [MAGNUM, "standalone", *self.at, "--port", str(self.port)]
        begun = time.perf_counter()
        self.process = subprocess.Popen(words, stdout=log, stderr=log, env=self.env)
        while True:
            try:
                asked = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WITHIN, context=blind)
                asked.request("GET", "/healthcheck")
                if asked.getresponse().status == 200:
                    return (time.perf_counter() - begun) * 1000
            except OSError:
                pass
            finally:
                asked.close()
            if self.process.poll() is not None or time.perf_counter() - begun > WITHIN:
                refuse(f"magnum standalone does not answer:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.001)

    def stop(self):
        if self.process:
            self.process.terminate()
            if self.process.wait(WITHIN) != 0:
                refuse(f"magnum standalone did not end well:\n{self.log.read_text(errors='replace')[-2000:]}")
            self.process = None

    def starts(self, times):
        """The times of so many starts; the last one goes on."""
        took = []
        for _ in range(times):
            self.stop()
            took.append(self.start())
        return took

    def memory(self):
        time.sleep(SETTLED)
        return resident([self.process.pid])

    def magnum(self, *words, check=True):
        done = subprocess.run([MAGNUM, *map(str, words)], env=self.env, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"magnum {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def clusters(self, number):
        """Makes them, all at once; seconds until each is complete."""
        image = self.magnum("standalone", "image", *self.at).split()[0]
        self.magnum("cluster", "template", "create", "bench", "--coe", "swarm-mode", "--image", image, "--external-network", "public",
                    "--flavor", "local.small", "--master-flavor", "local.small")
        begun, took = time.monotonic(), []
        names = [f"bench-{index}" for index in range(number)]
        for name in names:
            self.magnum("cluster", "create", name, "--cluster-template", "bench", "--master-count", 1, "--node-count", 0)
        while names:
            for name in list(names):
                status = self.magnum("cluster", "show", name, "-f", "value", "-c", "status").strip()
                if status.endswith("_FAILED"):
                    raise RuntimeError(self.magnum("cluster", "diagnose", name, check=False))
                if status == "CREATE_COMPLETE":
                    took.append(time.monotonic() - begun)
                    names.remove(name)
            time.sleep(0.2)
        return took

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.data.exists():
            self.magnum("standalone", "clean", *self.at, "--yes")
        shutil.rmtree(self.home)


def engine_memory():
    """Of Docker Engine's processes: the daemon, containerd, and what it has beside each container."""
    names = {"dockerd", "containerd", "containerd-shim", "docker-proxy"}
    pids = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit() and name_of(entry) in names]
    return resident(pids) if pids else None


def name_of(entry):
    try:
        # The kernel keeps fifteen characters of a name.
        name = (entry / "comm").read_text().strip()
    except OSError:
        return None
    return "containerd-shim" if name.startswith("containerd-shim"[:15]) else name


def mib(memory):
    return "·" if memory is None else f"{memory[0]:.0f} ({memory[1]:.0f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=9, help="starts of each kind [9]")
    parser.add_argument("--clusters", type=int, default=5, help="clusters; 0 leaves them out [5]")
    parser.add_argument("--upstream-mib", type=float, default=354, help="resident memory of upstream 22's API and conductor [354]")
    parser.add_argument("--docker-host", default=os.environ.get("DOCKER_HOST"), help="the engine [DOCKER_HOST]")
    options = parser.parse_args()
    stop_politely()
    starts, memory = [], []
    say("first starts")
    first = []
    for _ in range(options.starts):
        fresh = Installation(options.docker_host)
        try:
            first.append(fresh.start())
            fresh.stop()
        finally:
            fresh.end()
    starts.append(("first: makes keys, certificates, database", first))
    installation = Installation(options.docker_host)
    try:
        installation.start()
        say("later starts")
        starts.append(("later", installation.starts(options.starts)))
        memory.append(("idle", installation.memory(), engine_memory()))
        if options.clusters:
            say(f"{options.clusters} clusters")
            took = installation.clusters(options.clusters)
            memory.append((f"with {options.clusters} clusters", installation.memory(), engine_memory()))
            say("starts with clusters")
            starts.append((f"later, with {options.clusters} clusters", installation.starts(options.starts)))
    finally:
        installation.end()
    table(["start to first answer, ms", "median", "largest"],
          [(kind, f"{statistics.median(took):.0f}", f"{max(took):.0f}") for kind, took in starts])
    table(["resident (proportional) memory, MiB", "magnum standalone", "Docker Engine", "upstream 22, API and conductor", "ratio to upstream"],
          [(kind, mib(own), mib(engine), f"{options.upstream_mib:.0f}", ratio(options.upstream_mib, own[0])) for kind, own, engine in memory])
    if options.clusters:
        table([f"{options.clusters} Swarms of one manager, asked for at once: seconds", "first complete", "last complete"],
              [("", f"{min(took):.1f}", f"{max(took):.1f}")])


if __name__ == "__main__":
    main()
