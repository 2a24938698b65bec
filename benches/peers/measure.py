"""Runs the peers beside drill and prints one table: measure.py FOLDER DRILL.

FOLDER holds the environments that `scripts/peers` made (`aws`, `chaos`, `dbos`), each with `installed`, or with `failed`
that says why not. DRILL is the program. The same simulated AWS, that of `drill sandbox`, answers whoever does a drill.
The table goes to stdout and, as Markdown and JSON, to FOLDER/peers.md and FOLDER/peers.json.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
# World seconds for each real second, as in the figure B19.
SPEED = "10000"
LONGEST_SECONDS = 300

DEFINITION = """version: 1
name: orders
title: Orders database, London to Ireland
owner: platform@example.com
limits: { max_duration: 30d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-rds-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders:
    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:orders
    with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
    timeout: 10d
probes:
  accepts-connections: { on: orders, tcp: {}, retry: { for: 2d, every: 15s } }
teardown: { timeout: 10d }
"""
WORLD = 'version: 1\nstarts: "2026-11-21T12:00:00Z"\nresources: { orders: { restore: { takes: 1s }, removal: { takes: 1s } } }\n'

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIASANDBOX123456789012",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


class Failed(Exception):
    """A peer did not do what it was asked for."""


def run(command, variables, folder):
    """One process: wall and CPU in ms, and what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "TZ": "UTC"}
    environment.update(variables, PYTHONDONTWRITEBYTECODE="1")
    with open(os.path.join(folder, "out"), "w+b") as out:
        began = time.monotonic_ns()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            _, status, usage = wait(process, began)
        finally:
            if process.returncode is None:
                process.kill()
        wall = (time.monotonic_ns() - began) / 1e6
        out.seek(0)
        said = out.read().decode(errors="replace")
    if status != 0:
        last = said.strip().splitlines()[-1:] or ["no word"]
        raise Failed(f"{os.path.basename(command[0])} ended with {status}: {last[0][:200]}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1e3, said, began


def wait(process, began):
    """Waits for a process and those that it started, for at most LONGEST_SECONDS."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return pid, process.returncode, usage
        if time.monotonic_ns() - began > LONGEST_SECONDS * 1e9:
            process.kill()
            process.wait()
            raise Failed(f"not over after {LONGEST_SECONDS} s")
        time.sleep(0.002)


def repeated(once, times):
    """Once to warm up, then `times`: a list of dictionaries, as one of lists."""
    once()
    values = [once() for _ in range(times)]
    return {key: [value[key] for value in values] for key in values[0]}


class World:
    """A simulated AWS of its own."""

    def __init__(self, drill, folder):
        os.makedirs(os.path.join(folder, "drills"))
        for name, text in (("orders.yaml", DEFINITION), ("orders.world.yaml", WORLD)):
            with open(os.path.join(folder, "drills", name), "w", encoding="utf-8") as file:
                file.write(text)
        command = [drill, "--dir", folder, "sandbox", "--seed", "7", "--speed", SPEED, "--output", "json"]
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "DRILL_CACHE": "/dev/null"}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.url = json.loads(self.process.stdout.readline())["url"]

    def calls(self):
        with urllib.request.urlopen(self.url + "/_world/inventory", timeout=10) as answer:
            return len(json.load(answer)["calls"])

    def end(self):
        self.process.terminate()
        self.process.wait()


def whole_drill(drill, command, variables):
    """One drill in a world of its own."""

    def once():
        folder = tempfile.mkdtemp(dir=TEMPORARY)
        world = World(drill, folder)
        try:
            wall, cpu, _, _ = run(command(world.url, folder), variables, folder)
            return {"wall": wall, "cpu": cpu, "calls": world.calls()}
        finally:
            world.end()
            shutil.rmtree(folder)

    return once


def began_at(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def stepped(prepare, command):
    """Steps that do nothing: until the first, and from the first to the end."""

    def once():
        folder = tempfile.mkdtemp(dir=TEMPORARY)
        try:
            first = os.path.join(folder, "began")
            prepare(folder)
            variables = {"PEER_BEGAN": first, "PYTHONPATH": HERE}
            wall, cpu, said, began = run(command(folder), variables, folder)
            start = (began_at(first) - began) / 1e6
            return {"start": start, "wall": wall - start, "cpu": cpu, "said": said}
        finally:
            shutil.rmtree(folder)

    return once


def python(environment):
    return os.path.join(FOLDER, environment, "bin", "python")


def missing(environment):
    """Why an environment is not there; nothing if it is."""
    try:
        with open(os.path.join(FOLDER, environment, "failed"), encoding="utf-8") as file:
            return file.read().strip() or "it could not be installed"
    except FileNotFoundError:
        return None if os.path.exists(os.path.join(FOLDER, environment, "installed")) else "it is not installed"


def chaos(steps, background):
    def prepare(folder):
        words = [sys.executable, os.path.join(HERE, "chaos.py"), os.path.join(folder, "experiment.json"), str(steps)]
        subprocess.run(words + (["background"] if background else []), check=True)

    def command(folder):
        program = os.path.join(FOLDER, "chaos", "bin", "chaos")
        return [program, "--no-version-check", "--log-file", os.path.join(folder, "log"), "run", "experiment.json"]

    return stepped(prepare, command)


def dbos(steps, fan):
    def command(folder):
        words = [python("dbos"), os.path.join(HERE, "durable.py"), os.path.join(folder, "steps.sqlite"), str(steps)]
        return words + (["fan"] if fan else [])

    return stepped(lambda folder: None, command)


def shown(values):
    return f"{statistics.median(values):.1f} [{min(values):.1f}..{max(values):.1f}]"


ROWS = []


def row(figure, peer, lacks, environment, times, once, key="wall", unit="ms", change=None):
    """Measures a row, or says why not."""
    why = missing(environment) if environment else None
    cells = {"figure": figure, "peer": peer, "lacks": lacks}
    print(f"{figure}  {peer}", file=sys.stderr)
    try:
        if why:
            raise Failed(why)
        values = repeated(once, times)
        wanted = [change(value) if change else value for value in values[key]]
        cells.update(values=wanted, unit=unit, cpu=values["cpu"], calls=values.get("calls"))
    except (Failed, OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as error:
        cells["not_measured"] = str(error) or type(error).__name__
    ROWS.append(cells)


def cell(cells):
    if "not_measured" in cells:
        return [f"not measured: {cells['not_measured']}", "–", "–"]
    calls = cells.get("calls")
    return [
        f"{shown(cells['values'])} {cells['unit']}",
        f"{shown(cells['cpu'])} ms",
        f"{statistics.median(calls):.0f}" if calls else "–",
    ]


def measure(drill):
    nothing = "a journal, teardown after a crash, resume"
    after = "a journal before the end, teardown after a crash, resume"
    of_drills = "all of a drill but its steps: restore jobs, proof, teardown"
    scripts = {**CREDENTIALS, "PATH": os.path.join(FOLDER, "aws", "bin") + ":" + os.environ["PATH"]}
    row("B1", "Chaos Toolkit", after, "chaos", 7, chaos(1, False), key="start")
    row("B1", "DBOS, SQLite", of_drills, "dbos", 7, dbos(1, False), key="start")
    row("B2", "Chaos Toolkit", after, "chaos", 7, chaos(100, False))
    row("B2", "DBOS, SQLite, its steps alone", of_drills, "dbos", 7, dbos(100, False), key="said", change=last_number)
    row("B3", "Chaos Toolkit, background", after, "chaos", 3, chaos(1000, True))
    row("B3", "DBOS, SQLite, its steps alone", of_drills, "dbos", 3, dbos(1000, True), key="said", change=last_number)
    each_second = lambda said: 1000 / (last_number(said) / 1000)
    row("B15", "DBOS, SQLite, steps a second", of_drills, "dbos", 3, dbos(1000, True), key="said", unit="/s", change=each_second)
    script = lambda url, folder: ["/bin/sh", os.path.join(HERE, "drill.sh"), url]
    row("B19", "sh and the aws command line", nothing, "aws", 3, whole_drill(drill, script, scripts))
    boto3 = lambda url, folder: [python("aws"), os.path.join(HERE, "drill_boto3.py"), url]
    row("B19", "a boto3 script", nothing, "aws", 7, whole_drill(drill, boto3, CREDENTIALS))
    itself = lambda url, folder: [drill, "--dir", folder, "run", "orders", "--quiet", f"--sandbox={url}"]
    row("B19", "drill", "–", None, 7, whole_drill(drill, itself, {"DRILL_CACHE": "/dev/null"}))


def last_number(said):
    return float(said.strip().splitlines()[-1])


def main():
    measure(os.path.abspath(sys.argv[2]))
    lines = ["| figure | peer | median [min..max] | CPU | calls | what it lacks |", "|---|---|---:|---:|---:|---|"]
    for cells in ROWS:
        lines.append("| " + " | ".join([cells["figure"], cells["peer"], *cell(cells), cells["lacks"]]) + " |")
    table = "\n".join(lines) + "\n"
    for name, text in (("peers.md", table), ("peers.json", json.dumps({"version": 1, "peers": ROWS}, indent=2) + "\n")):
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(table, end="")


FOLDER = os.path.abspath(sys.argv[1])
# On the disk of the build, as the figures are.
TEMPORARY = os.path.join(FOLDER, "tmp")
shutil.rmtree(TEMPORARY, ignore_errors=True)
os.makedirs(TEMPORARY)
main()
shutil.rmtree(TEMPORARY, ignore_errors=True)
