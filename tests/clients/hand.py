#!/usr/bin/env python3
"""Types what a report says to do by hand, as it stands there, into a shell that ends at the first failure.

Usage: hand.py URL

URL is that of a running `drill sandbox`. In the environment DRILL is the program, DRILL_NAME a drill of that world. It is
run there; then each command of the section "The same by hand" is typed, with nothing replaced but what the section says is to
be filled in. Ends with 0 when every command succeeded and nothing was left behind.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

LONGEST_SECONDS = 150

# Words in capitals with an underscore are placeholders. Each of these is none.
ORDINARY = {"DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"}


def fail(text):
    sys.exit(f"hand.py: {text}")


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, method="GET" if body is None else "POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def things(url):
    return {thing["arn"] for thing in ask(url, "/_world/inventory")["things"]}


def report(url, name, home):
    """The section of a fresh run's report."""
    environment = dict(os.environ, DRILL_STATE=str(home / "state"), DRILL_REPORTS=str(home / "reports"))
    command = [os.environ["DRILL"], "run", name, f"--sandbox={url}"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if run.returncode != 0:
        fail(f"the run ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
    [found] = (home / "reports").rglob("report.md")
    text = found.read_text(encoding="utf-8")
    return text[text.index("## The same by hand") : text.index("## How to check this report")]


def shims(url, home):
    """`sleep` that moves the world's clock, and `aws` that moves it before it waits: nothing here takes real time."""
    folder = home / "bin"
    folder.mkdir()
    program = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], data=sys.argv[2].encode()), timeout=10)"
    move = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} {shlex.quote(url + '/_world/advance')}"
    real = subprocess.run(["sh", "-c", "command -v aws"], capture_output=True, text=True, check=True).stdout.strip()
    bodies = {
        "sleep": f"""{move} "{{\\"seconds\\": $(($1 * 20))}}"\n""",
        "aws": f"""[ "${{2:-}}" != wait ] || {move} '{{"seconds": 900}}'\nexec {shlex.quote(real)} "$@"\n""",
    }
    for word, body in bodies.items():
        (folder / word).write_text("#!/bin/sh\n" + body, encoding="utf-8")
        (folder / word).chmod(0o755)
    return folder


def typed(command, environment):
    words = ["sh", "-e", "-c", command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if done.returncode != 0:
        fail(f"this ended with {done.returncode}:\n{command}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def restore(name, text, environment):
    """One restore of the section, from the list of recovery points to the proof that it is gone."""
    explained = text[: text.index("```")].replace("\\", "")
    filled = {}
    blocks = re.findall(r"^(\S[^\n]*):\n\n```sh\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL)
    if len(blocks) < 7:
        fail(f"{name} has {len(blocks)} blocks of commands")
    listed = ""
    for what, command in blocks:
        for word in re.findall(r"(?:[a-z]+-)?\w*(?i:id_of_the_restored_resource)", command) + re.findall(
            r"\b[A-Z]+(?:_[A-Z]+)+\b", command
        ):
            if word not in ORDINARY and word not in explained:
                fail(f"nothing says what to put for {word} in:\n{command}")
        if re.search(r"drill[-_][0-9a-f]{8}[-_]", command):
            fail(f"the run's own name stands in:\n{command}")
        for word, value in sorted(filled.items(), key=lambda pair: -len(pair[0])):
            command = command.replace(word, value)
        said = typed(command, environment)
        listed = listed or said
        if what.startswith("Start the restore"):
            point = re.search(r"--recovery-point-arn (\S+)", command).group(1)
            if point not in listed:
                fail(f"the list of recovery points lacks {point}:\n{listed}")
            filled["RESTORE_JOB_ID"] = json.loads(said)["RestoreJobId"]
        if what.startswith("Wait until the job"):
            job = json.loads(said[said.index("{") :])
            if job["Status"] != "COMPLETED":
                fail(f"the restore of {name} ended as {job}")
            made = re.split("[:/]", job["CreatedResourceArn"])[-1]
            for word in re.findall(r"(?:[a-z]+-)?id_of_the_restored_resource", text, flags=re.IGNORECASE):
                filled[word] = made


def main():
    url, name = sys.argv[1], os.environ["DRILL_NAME"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        section = report(url, name, home)
        key = re.search(r"access key (\w+)", section)
        if key is None:
            fail("the section does not say which access key the simulated AWS takes")
        environment = {
            "HOME": folder,
            "PATH": f"{shims(url, home)}:{os.environ['PATH']}",
            "AWS_ACCESS_KEY_ID": key.group(1),
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        before = things(url)
        parts = re.split(r"^### `([^`]+)` by hand$", section, flags=re.MULTILINE)
        for restored, text in zip(parts[1::2], parts[2::2]):
            restore(restored, text, environment)
        ask(url, "/_world/advance", {"seconds": 3600})
        left = things(url) - before
        if left:
            fail(f"these are left: {sorted(left)}")
    print(f"what the report of {name} says to do by hand works against {url}")


if __name__ == "__main__":
    main()
