#!/usr/bin/env python3
"""The README's terminal picture, tests/picture.svg, from a real run against the sample control plane.

    PYTHONPATH=. python3 tests/picture.py      writes it anew; tests/test_readme.py sees that it is the present output's
"""

import os
import re
from xml.sax.saxutils import escape

from control_plane import DEMO, PROJECT, ControlPlane
from kit import HERE, run_cli

PICTURE = os.path.join(HERE, "picture.svg")
COMMANDS = (("list", "--limit", "6"), ("get", "--id", DEMO))
ADVANCE, LINE, MARGIN = 7.23, 17, 14        # pixels: of a character of 12 px monospace, of a line, around all
COLOURS = {"1": ' font-weight="bold"', "31": ' fill="#f47067"', "32": ' fill="#57ab5a"', "33": ' fill="#c69026"', "36": ' fill="#39c5cf"', "0": ""}
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">
<rect width="100%%" height="100%%" rx="8" fill="#22272e"/>
<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="12" fill="#adbac7" xml:space="preserve">
%s
</g>
</svg>
"""


def terminal_lines():
    """What a terminal shows: each command and its output, SGR colour included."""
    with ControlPlane() as plane:
        for command, *flags in COMMANDS:
            shown = [flag if len(flag) < 30 else flag[:8] + "..." for flag in flags]
            yield " ".join(["$ python3 plexctl_exec_log.py exec-log", command, "--project", PROJECT[:8] + "..."] + shown)
            out = run_cli(command, "--project", PROJECT, *flags + ["--color", "always"], plane=plane).out
            yield from out.decode("utf-8").splitlines() + [""]


def spans(line):
    """A line as SVG: one tspan for each stretch of one colour."""
    parts = re.split("\x1b\\[([0-9]+)m", "\x1b[0m" + line)[1:]
    return "".join("<tspan%s>%s</tspan>" % (COLOURS[code], escape(text)) for code, text in zip(parts[::2], parts[1::2]) if text)


def picture():
    """The whole SVG."""
    lines = list(terminal_lines())[:-1]
    width = max(len(re.sub("\x1b\\[[0-9]+m", "", line)) for line in lines) * ADVANCE
    texts = ['<text x="%d" y="%d">%s</text>' % (MARGIN, MARGIN + LINE * (number + 0.75), spans(line)) for number, line in enumerate(lines) if line]
    return FRAME % (width + 2 * MARGIN, LINE * len(lines) + 2 * MARGIN, "\n".join(texts))


if __name__ == "__main__":
    with open(PICTURE, "w", encoding="utf-8") as file:
        file.write(picture())
