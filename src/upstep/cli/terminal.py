"""Printing: text at the terminal's width, JSON, progress, and the command that comes next."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 100
"""Columns where the output is no terminal and COLUMNS is not set."""

_WIDEST = 120  # Wider lines are hard to read, however wide the window is.


def console() -> Console:
    """The console on standard output. Colour only on a terminal, and never where NO_COLOR is set."""
    from rich.console import Console

    return Console(file=sys.stdout, width=_width(), highlight=False, markup=False, emoji=False)


def _width() -> int:
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return WIDTH
    return min(shutil.get_terminal_size((WIDTH, 40)).columns, _WIDEST)


def show(*parts: RenderableType) -> None:
    """Print parts one under the other, without spaces at line ends."""
    screen = console()
    for part in parts:
        with screen.capture() as captured:
            screen.print(visible(part) if isinstance(part, str) else part, soft_wrap=isinstance(part, str))
        lines = visible(captured.get(), keeps_colour=screen.is_terminal).splitlines() or [""]
        sys.stdout.write("\n".join(line.rstrip() for line in lines) + "\n")
    sys.stdout.flush()


_UNSHOWN = re.compile(
    r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"  # all but tab and line feed
)


def visible(text: str, *, keeps_colour: bool = False) -> str:
    r"""Text without codes that a terminal obeys: what customers are called moves no cursor and hides no line.

    >>> visible("Acme\x1b[2J\x1b]0;owned\x07 Inc")
    'Acme[2J]0;owned Inc'
    """
    return _UNSHOWN.sub(lambda found: found[0] if keeps_colour and len(found[0]) > 1 else "", text)


def heading(word: str, rest: str = "") -> Text:
    """A heading: a word that stands out, then what it means."""
    from rich.text import Text

    return Text.assemble((word, "bold"), ("  " + rest if rest else "", "dim"))


def indented(text: str, columns: int) -> RenderableType:
    """Text that stands back by so many columns, also where it wraps."""
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(text, style="dim"), (0, 0, 0, columns))


def grid(rows: Iterable[Sequence[Any]], *, header: Sequence[str] = (), right: Sequence[int] = ()) -> Table:
    """An aligned table without lines, indented by two; ``right`` holds the places of right-aligned columns."""
    from rich.table import Table

    rows = [tuple(row) for row in rows]
    table = Table(box=None, show_header=bool(header), padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(width=0)  # padding alone: the indent
    for index in range(len(rows[0]) if rows else len(header)):
        name = header[index] if header else ""
        # An account's name may fold, a number or an id may not.
        table.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row("", *(cell if hasattr(cell, "append") else visible(str(cell)) for cell in row))
    return table


def print_json(value: Any) -> None:
    """The value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def counted(count: int, word: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "step"), counted(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{count:,} {word if count == 1 else plural or word + 's'}"


@cache
def program() -> str:
    """How this program was called, so that a command that is printed can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "upstep":
        return "upstep"
    found = shutil.which("upstep")
    if found and Path(found).resolve() == called.resolve():
        return "upstep"
    return os.path.relpath(called) if called.is_relative_to(Path.cwd()) else str(called)


def command(*words: str, project: Path) -> str:
    """A command of ours as it can be pasted into a shell."""
    there = () if project == Path() else ("--project", str(project))
    return " ".join([program(), *(shlex.quote(word) for word in (*words, *there))])


def next_command(*words: str, project: Path, why: str = "") -> None:
    """The line that ends a command's output."""
    show(f"Next: {command(*words, project=project)}" + (f"   {why}" if why else ""))


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """A progress line on standard error while the block runs, on a terminal only. Yields what is told (what, share)."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)
