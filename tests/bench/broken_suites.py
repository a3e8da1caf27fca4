"""The broken suite files in broken/: each says in ``# expect: LINE: PATH: MESSAGE`` comments what is to be reported of it.

A message may be given by its beginning.
"""

import re
from pathlib import Path

FILES = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def expected(file: Path) -> list[tuple[int, str]]:
    """(line, beginning of path and message) of every problem of a broken suite."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return [(int(line), message) for line, message in re.findall(r"^# expect: (\d+): (.+)$", text, re.MULTILINE)]
