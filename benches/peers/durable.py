"""Durable steps that do nothing, with DBOS on SQLite: durable.py FILE STEPS [fan]. Prints the time of the steps in ms."""

import sys
import time

from dbos import DBOS, Queue

from steps import step as nothing

path, count, fans_out = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
DBOS(config={"name": "peer", "system_database_url": f"sqlite:///{path}", "run_admin_server": False, "log_level": "ERROR"})
queue = Queue("fan")


@DBOS.step()
def step(number):
    nothing()
    return number


@DBOS.workflow()
def one(number):
    return step(number)


@DBOS.workflow()
def chain(steps):
    return [step(number) for number in range(steps)][-1]


@DBOS.workflow()
def fan(steps):
    handles = [queue.enqueue(one, number) for number in range(steps)]
    return [handle.get_result() for handle in handles][-1]


DBOS.launch()
began = time.monotonic()
fan(count) if fans_out else chain(count)
print((time.monotonic() - began) * 1000)
DBOS.destroy()
