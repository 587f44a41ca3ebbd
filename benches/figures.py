"""What all benches share: how a process is measured, quantiles, and tables in Markdown for docs/performance.md."""

import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time


def refuse(words):
    """Ends the program: something that it needs is not there."""
    sys.exit(f"bench: {words}")


def stop_politely():
    """SIGTERM and SIGHUP end a program as Ctrl-C does, so that it takes away what it made."""
    def leave(number, _frame):
        raise KeyboardInterrupt(f"signal {number}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


# --- processes

def session_pids(pid):
    """A process and all of its session: the lab starts each service in one of its own."""
    words = subprocess.run(["ps", "-o", "pid=", "-s", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(word) for word in words] or [pid]


def resident(pids):
    """Resident and proportional memory in MiB."""
    rss = pss = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))
        pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return rss / 1024, pss / 1024


def cpu(pids):
    """Processor seconds that these processes have used so far."""
    ticks = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


# --- figures

def quantile(values, share):
    """By nearest rank: of 20 values, the 0.99 is the largest."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def table(head, lines):
    print("\n| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    print(flush=True)


def ratio(theirs, mine):
    if not mine:
        return "–"
    times = theirs / mine
    return f"{times:.0f}×" if times >= 10 else f"{times:.1f}×"


def say(*words):
    """Progress, for whoever watches; the tables go to standard output alone."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)
