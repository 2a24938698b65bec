"""Writes an experiment of steps that do nothing: chaos.py FILE STEPS [background]."""

import json
import sys

path, steps, background = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
provider = {"type": "python", "module": "steps", "func": "step"}
method = [
    {"type": "action", "name": f"step-{number}", "background": background, "provider": provider}
    for number in range(steps)
]
with open(path, "w", encoding="utf-8") as file:
    json.dump({"title": "steps", "description": "Steps that do nothing.", "method": method, "rollbacks": []}, file)
