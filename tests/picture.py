#!/usr/bin/env python3
"""The README's terminal picture, tests/picture.svg, from a real run against the sample control plane.

tests/renew.py writes it anew; tests/test_readme.py checks that it shows today's output.
"""

import os
import re
from xml.sax.saxutils import escape

from control_plane import DEMO, PROJECT, ControlPlane
from kit import HERE, run_on_terminal

PICTURE = os.path.join(HERE, "picture.svg")
COMMANDS = (("list", "--last", "6"), ("get", DEMO))
ADVANCE, LINE, MARGIN = 7.23, 17, 14        # pixels: of a character of 12 px monospace, of a line, around all
SGR = re.compile("\x1b\\[([0-9]+)m")        # one colour, as ESC [ 3 2 m
COLOURS = {"0": "", "1": ' font-weight="bold"', "31": ' fill="#f47067"', "32": ' fill="#57ab5a"',
           "33": ' fill="#c69026"', "36": ' fill="#39c5cf"'}
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">
<rect width="100%%" height="100%%" rx="8" fill="#22272e"/>
<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="12" fill="#adbac7" xml:space="preserve">
%s
</g>
</svg>
"""


def show_commands():
    """Yield what a terminal of 120 columns shows: each command and its output, SGR colours included."""
    with ControlPlane() as plane:
        for command, *flags in COMMANDS:
            shown = [flag if len(flag) < 30 else flag[:8] + "..." for flag in flags]
            yield " ".join(["$ python3 plexctl_exec_log.py exec-log", command] + shown)
            done = run_on_terminal(command, "--project", PROJECT, "--color", "always", *flags, columns=120, plane=plane)
            yield from done.out.decode("utf-8").splitlines() + [""]


def draw_line(line):
    """Return a line as SVG: one tspan for each stretch of one colour."""
    parts = SGR.split("\x1b[0m" + line)[1:]
    pairs = zip(parts[::2], parts[1::2])
    return "".join("<tspan%s>%s</tspan>" % (COLOURS[code], escape(text)) for code, text in pairs if text)


def draw_picture():
    """Return the whole SVG."""
    lines = list(show_commands())[:-1]
    width = max(len(SGR.sub("", line)) for line in lines) * ADVANCE
    texts = ['<text x="%d" y="%d">%s</text>' % (MARGIN, MARGIN + LINE * (number + 0.75), draw_line(line))
             for number, line in enumerate(lines) if line]
    return FRAME % (width + 2 * MARGIN, LINE * len(lines) + 2 * MARGIN, "\n".join(texts))
