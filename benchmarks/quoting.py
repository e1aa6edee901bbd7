"""How long a quote takes without the network: priced, previewed by the sandbox and locked, in a warm process.

Run ``.venv/bin/python benchmarks/quoting.py``. What the account uses is read once before, and shown apart.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import quotes as quoting
from upstep.engine.quoting.biller import sandbox
from upstep.engine.quoting.use import read_use
from upstep.engine.quoting.wish import Wish
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

ACCOUNT = "lumenbrook-software"
ROUNDS = 200


def main() -> None:
    """Measure, and print medians and the slowest of a hundred in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        write_sample("postline", project.folder, accounts=200)
        load(project.folder, now=AS_OF, through=AS_OF, known=project.known_ids)
        biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
        state = open_project_state(project)
        read_use(project, ACCOUNT, now=AS_OF)
        began = time.perf_counter()
        use = read_use(project, ACCOUNT, now=AS_OF)
        print(f"reading what the account uses  {(time.perf_counter() - began) * 1000:7.1f} ms")
        priced, locked = [], []
        for second in range(ROUNDS):
            now = AS_OF + timedelta(hours=9, seconds=second)
            began = time.perf_counter()
            made = quoting.price(project.catalog, biller, Wish(plan_id="scale"), use, now=now)
            priced.append(time.perf_counter() - began)
            quoting.save(state, made, by="benchmark", now=now)
            locked.append(time.perf_counter() - began)
        for name, times in (("pricing", priced), ("pricing and locking", locked)):
            slow = sorted(times)[ROUNDS * 99 // 100]
            print(f"{name:29}  {median(times) * 1000:7.1f} ms, 99 of 100 within {slow * 1000:.1f} ms")
        state.dispose()


if __name__ == "__main__":
    main()
