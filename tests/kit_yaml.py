"""A strict reader of the yaml form, for machines without a YAML loader: it takes only what every loader reads alike."""

import re

WORDS = {"null": None, "true": True, "false": False, "[]": [], "{}": {}}
QUOTED = r'"(?:[ !#-\[\]-~]|\\(?:["\\bfnrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*"'
KEY = re.compile(r"(%s|[a-z][a-z_]*):(?: (.+))?\Z" % QUOTED)
NO_PLAIN_KEYS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def read_scalar(text):
    """A scalar in the styles that loaders of YAML 1.1 and 1.2 read alike; any other style fails."""
    if text in WORDS:
        return WORDS[text]
    if text[0] == '"':
        assert re.match(QUOTED + r"\Z", text), text
        return text[1:-1].replace('\\"', '"').encode("ascii").decode("unicode_escape")
    assert re.match(r"-?(0|[1-9][0-9]*)(\.[0-9]+(e[-+][0-9]+)?)?\Z", text), text
    return float(text) if "." in text else int(text)


def read_block(lines, column):
    """The node that begins in this column on the last of these (column, text) pairs, the next line being last."""
    text = lines[-1][1]
    if text.startswith("- "):
        found = []
        while lines and lines[-1][0] == column and lines[-1][1].startswith("- "):
            lines.append((column + 2, lines.pop()[1][2:]))
            found.append(read_block(lines, column + 2))
        return found
    if not KEY.match(text):
        return read_scalar(lines.pop()[1])
    found = {}
    while lines and lines[-1][0] == column and not lines[-1][1].startswith("- "):
        key, value = KEY.match(lines.pop()[1]).groups()
        assert key not in NO_PLAIN_KEYS, "some loader reads this key as no string"
        key = read_scalar(key) if key[0] == '"' else key
        assert key not in found and (value or lines[-1][0] > column)
        found[key] = read_scalar(value) if value else read_block(lines, lines[-1][0])
    return found


def read_yaml(text):
    """The data of a block style document, read strictly."""
    lines = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in text.splitlines()]
    lines.reverse()
    found = read_block(lines, 0)
    assert not lines, "what follows belongs to nothing"
    return found
