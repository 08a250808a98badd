"""What a job says: JSON lines that begin with MARK, each shorter than 4 KB, with a sequence number.

A run that starts again from a checkpoint says what came before it once more, under the same numbers. Whoever reads leaves
out the numbers that it has.
"""

import base64
import gzip
import hashlib
import json
import math
import os
import sys
from importlib.metadata import PackageNotFoundError, version

MARK = "@security-vectors "
MOST = 3_800


class Final(RuntimeError):
    """What every other attempt would meet again."""


def here(name):
    """A file of the package on this worker, whose current folder is another one."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def note(text, **facts):
    """A line without a number, about the job and not of the run."""
    return MARK + json.dumps({"note": text, **facts})


def say(line):
    """A line of its own in the log, in one write: other threads print there, too."""
    sys.stdout.flush()
    data = f"\n{line}\n".encode()
    while data:
        data = data[os.write(1, data) :]


def other_packages():
    """Those that are here in another version than jobs are made for; Ray's is that of the cluster."""
    with open(here("requirements.txt")) as file:
        wanted = dict(line.strip().split("==") for line in file if line.strip() and not line.startswith("ray"))
    for name, made_for in wanted.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        if found.split("+")[0] != made_for:
            yield f"{name} {found} instead of {made_for}"


def explain(kind, error, trace):
    """What Python says of an error, behind what may be its cause."""
    others = ", ".join(other_packages())
    if others:
        print(f"other packages: {others}", file=sys.stderr)
    sys.__excepthook__(kind, error, trace)


def finite(value):
    """JSON has no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return value


class Messages:
    """The messages of a run in their order. `said`: those before the checkpoint that it starts from."""

    def __init__(self, put, said=()):
        self.put = put
        self.said = list(said)
        for line in self.said:
            put(line)

    def send(self, kind, **fields):
        text = json.dumps(finite({"kind": kind, **fields}), separators=(",", ":"))
        if len(text) <= MOST:
            return self._line(json.loads(text))
        data = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        for at in range(0, len(data), MOST):
            last = at + MOST >= len(data)
            self._line({"kind": "part", "data": data[at : at + MOST], **({"sha256": sha256} if last else {})})

    def keep(self, kind, **fields):
        """Counts a short message, for who puts the line that is returned later."""
        return self._numbered({"kind": kind, **finite(fields)})

    def _line(self, message):
        self.put(self._numbered(message))

    def _numbered(self, message):
        line = MARK + json.dumps({"seq": len(self.said) + 1, **message}, separators=(",", ":"))
        self.said.append(line)
        return line
