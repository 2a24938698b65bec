"""A step that does nothing, for Chaos Toolkit and for DBOS. The first one says when it was."""

import os
import time

BEGAN = os.environ.get("PEER_BEGAN", "")


def step():
    """Does nothing."""
    if BEGAN and not os.path.exists(BEGAN):
        with open(BEGAN, "w", encoding="ascii") as file:
            file.write(str(time.monotonic_ns()))
    return True
