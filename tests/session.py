"""Terminal sessions as tests: a file such as tests/credentials.md shows what one types, and what the program prints.

    PYTHONPATH=. python3 tests/session.py FILE.md...    writes what is printed now into the files: read the `git diff`

A file begins with `# TITLE` and its preset: commands that are run before each session. A session is a heading,
`## SENTENCE`, with commands below it. It begins in an empty home directory, which is shown as `~`.

Lines that are not indented are prose. Lines that are indented by four spaces are:

    $ COMMAND       A command; what it prints stands below it. `export`, `alias` and `umask` are as in a shell.
                    `stty columns N` makes both streams a terminal of this width; without it, they are none.
                    All others are programs. No shell is started, but quotes, $NAME, NAME=VALUE before a command, and
                    `> FILE` at its end are as in one. `|`, `;` and `&` need quotes. $SERVER is the server's URL.
    > LINE          continues a command whose quotes are open, or an answer
    <- 200 TEXT     What the server answers. Above the first command, it answers each command of the session that has
                    no answer of its own. base64("TEXT") is a JSON string.
    -> URL TOKEN    A request, without the part /v1/projects/$PROJECT/executions of its URL. If it has no answer, it is
                    always shown, and gets an empty page. Others are shown if the command shows any.
    exit N          the exit code, unless it is 0
    never TEXT      above the first command: neither stream may show this text
    error: LINE     standard error, and so are `hint: `, `retry: ` and `status: `
    2> LINE         any other line on standard error
    LINE            standard output

All of them stand in the order in which they happen. When a session fails, a line that begins with `! ` says what no
session can promise, such as a crash, or output that looks like one of the above.
"""

import base64
import difflib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections import deque, namedtuple
from subprocess import DEVNULL, PIPE, run

import plexctl_exec_log as program
from kit import HOME, as_given, make_environment, open_terminal, read_text, surroundings
from server import Reply, ScriptedServer

#: A session, or the preset of a file. `above` are the lines above its first command.
Session = namedtuple("Session", "path number title above steps")
#: A command and the lines below it, with the number of the first one. A line includes what continues it.
Step = namedtuple("Step", "number lines")

LABEL = re.compile("(error|hint|retry|status): ")
#: A line below a command that begins like MARK must have one of the FORMS.
MARK = re.compile(r"[$>!]|->|<-|2>|exit\b|never\b")
FORMS = re.compile(r"-> \S+ \S+|<- [0-9]{3}( .*)?|exit [0-9]+|2>( .*)?")
FORMS_ABOVE = re.compile("<- [0-9]{3}( .*)?|never .+")
ANSWER = re.compile("<- ([0-9]{3}) ?(.*)", re.DOTALL)
#: The parts of a command in which a shell finds no operators.
QUOTED = re.compile(r"\\.|'[^']*'" + r'|"(?:\\.|[^"])*"')


class SessionError(Exception):
    """A session that cannot be read."""


def refuse_operators(sessions):
    """Raise SessionError if a command has unquoted operators, which only a shell would understand."""
    for session in sessions:
        for number, lines in session.steps:
            operators = re.findall("[|;&]", QUOTED.sub("", lines[0]))
            if operators:
                fault = "no shell is started: quote %s" % " ".join(operators)
                raise SessionError("%s:%d: %s" % (session.path, number, fault))


def read_sessions(path):
    """Return the preset and the Sessions of a file. Raises SessionError, which names the line."""
    sessions = []
    lines = None  # those of the command to which the line belongs
    previous, blanks = "", 0  # the line above, and the number of empty lines after it

    def check(condition, fault):
        if not condition:
            raise SessionError("%s:%d: %s" % (path, number, fault))

    for number, text in enumerate(read_text(path).split("\n"), 1):
        line = text[4:]
        if not text:
            blanks += 1
            continue
        if text.startswith("#"):
            mark, _, title = text.partition(" ")
            check(mark == ("##" if sessions else "#"), "expected `# TITLE` once, or `## SENTENCE`")
            check(len(sessions) < 2 or sessions[-1].steps, "no command stands above this heading")
            sessions.append(Session(path, number, title, [], []))
            lines = None
        elif not text.startswith("    "):
            is_prose = not text[0].isspace() and not MARK.match(text) and text[:3] != "```"
            check(is_prose, "this is neither prose nor indented by four spaces")
            lines = None
        elif line.startswith("$ "):
            check(sessions, "a command needs a heading")
            lines = [line]
            sessions[-1].steps.append(Step(number, lines))
        elif line.startswith("> "):
            check(re.match("[$>] |<- ", previous) and not blanks, "this line continues nothing")
            (lines or sessions[-1].above)[-1] += "\n" + line
        elif lines:
            check(FORMS.fullmatch(line) or not MARK.match(line), "this line is malformed")
            lines += [""] * blanks + [line]
        else:
            check(sessions and not sessions[-1].steps, "this line belongs to no command")
            check(FORMS_ABOVE.fullmatch(line), "expected a command, `<- STATUS` or `never TEXT`")
            sessions[-1].above.append(line)
        previous, blanks = line, 0

    check(len(sessions) > 1 and sessions[-1].steps, "the file ends without a command")
    refuse_operators(sessions)
    return sessions


def find_lines(lines, mark):
    return [line for line in lines if line.startswith(mark)]


class Stream(io.IOBase):
    """A stream of a command. show(line, mark) gets each line. `terminal` is a descriptor or None."""

    def __init__(self, show, mark, terminal):
        self.show, self.mark, self.terminal = show, mark, terminal
        self.line = b""  # what was written since the last line feed

    def write(self, data):
        self.line += data.encode() if isinstance(data, str) else bytes(data)
        *lines, self.line = self.line.split(b"\n")
        for line in lines:
            self.show(line.decode("utf-8", "surrogateescape"), self.mark)
        return len(data)

    def isatty(self):
        return self.terminal is not None

    def fileno(self):
        return super().fileno() if self.terminal is None else self.terminal


class Shell:
    """Runs the commands of a session in the current folder, which is the home directory."""

    def __init__(self, server, home, session):
        server.answer_to = self.answer
        self.home, self.url = home, server.url
        self.env, self.aliases = {HOME: home, "SERVER": server.url}, {}
        self.terminal = None
        self.descriptors = []  # of the terminals that were opened
        self.above = find_lines(session.above, "<- ")
        self.never = [line[len("never ") :] for line in find_lines(session.above, "never ")]

    def run(self, step):
        """Run a command, and return it with the lines that stand below it now."""
        self.shown = step.lines[:1]
        self.own = find_lines(step.lines, "<- ")
        self.shows_requests = find_lines(step.lines, "-> ") != []

        # Split the command as a shell does.
        words = shlex.split(self.expand(step.lines[0][2:].replace("\n> ", "\n")))
        out = Stream(self.show, "", self.terminal)
        err = Stream(self.show, "2> ", self.terminal)
        target = None
        if words[-2:-1] == [">"]:
            *words, _, target = words
            out = io.BytesIO()
        env = dict(self.env)
        while re.match("[A-Z_]+=", words[0]):
            name, _, env[name] = words.pop(0).partition("=")
        words = self.aliases.get(words[0], words[:1]) + words[1:]

        # Run it.
        code = self.run_words(words, env, out, err)
        if target:
            with open(target, "wb") as file:
                file.write(out.getvalue())
        for stream in (out, err):
            if getattr(stream, "line", b""):
                self.shown.append("! no line feed after %a" % stream.line)
        if self.shown[-1:] == [""]:
            self.shown[-1] = "! empty line at the end"  # which would not be seen
        return self.shown + ["exit %d" % code] * (code != 0)

    def run_words(self, words, env, out, err):
        """Run the words of a command, and return its exit code."""
        name, values = words[0], words[1:]
        if name == "plexctl_exec_log.py":
            return self.run_program(values, env, out, err)
        if name == "export":
            self.env.update(value.split("=", 1) for value in values)
        elif name == "alias":
            alias, _, text = values[0].partition("=")
            self.aliases[alias] = shlex.split(text)
        elif name == "umask":
            os.umask(int(values[0], 8))
        elif words[:2] == ["stty", "columns"]:
            self.descriptors += open_terminal(int(words[2]))
            self.terminal = self.descriptors[-1]
        else:
            env = make_environment(env=env)
            done = run(words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env)
            out.write(done.stdout)
            err.write(done.stderr)
            return done.returncode
        return 0

    def run_program(self, argv, env, out, err):
        """Run the program in this process, and return its exit code."""
        code = 0
        self.replies = deque((line, self.make_reply(line)) for line in self.own or self.above)
        with surroundings(env=env):
            try:
                code = program.main(list(map(as_given, argv)), out, err, sleep=lambda seconds: None)
            except (Exception, SystemExit) as error:
                self.shown.append("! crash: %r" % error)
        if self.replies and not self.own:
            self.shown.append("! no request for " + self.replies[0][0])
        return code

    def answer(self, request):
        """Show a request and its answer, and return the Reply."""
        line, reply = self.replies.popleft() if self.replies else ("", Reply({"items": []}))
        if self.shows_requests or not line:
            url = request.target if "://" in request.target else "$SERVER" + request.target
            url = url.replace("/v1/projects/%s/executions" % self.env.get("PROJECT"), "")
            token = request.headers.get("authorization", "-").split(" ")[-1]
            self.shown.append("-> %s %s" % (url, token))
        if line in self.own:
            self.shown.append(line)
        return reply

    def show(self, line, mark):
        """Show a line of a stream, whose mark is needed unless the line has a label."""
        line = line.replace(self.home, "~").replace(self.url, "$SERVER")
        if any(secret in line for secret in self.never):
            line = "! never: " + line
        elif not line.replace("\t", " ").isprintable():
            line = "! unprintable: %a" % line
        elif mark and not LABEL.match(line):
            line = mark + line
        elif not mark and (LABEL.match(line) or MARK.match(line)):
            line = "! ambiguous: " + line
        self.shown.append(line)

    def expand(self, text):
        """Return text with the values of its variables."""
        return re.sub(r"\$([A-Z_]+)", lambda match: self.env[match.group(1)], text)

    def make_reply(self, line):
        """Return the Reply that an answer describes."""
        text = self.expand(line.replace("\n> ", "\n"))
        text = re.sub(r'base64\(("(?:[^"\\]|\\.)*")\)', encode_base64, text)
        status, body = ANSWER.fullmatch(text).groups()
        return Reply(body, int(status))


def encode_base64(match):
    return '"%s"' % base64.b64encode(json.loads(match.group(1)).encode()).decode()


def replay(preset, session):
    """Run a session. Return (Step, its lines as they are now) for each command, also of the preset.
    A command that cannot be run is the last one."""
    results = []
    folder, umask = os.getcwd(), os.umask(0o022)
    with ScriptedServer() as server, tempfile.TemporaryDirectory() as home:
        shell = Shell(server, os.path.realpath(home), session)
        try:
            os.chdir(home)
            for step in preset.steps + session.steps:
                results.append((step, shell.run(step)))
        except (OSError, ValueError, LookupError, AttributeError) as error:
            fault = "! cannot be run: %s: %s" % (type(error).__name__, error)
            results.append((step, step.lines[:1] + [fault]))
        finally:
            os.chdir(folder)
            os.umask(umask)
            for descriptor in shell.descriptors:
                os.close(descriptor)
    return results


def find_differences(session, results):
    """Return a text that shows where a session differs from what replay() returned, or ""."""
    differences = []
    for step, now in results:
        if now != step.lines:
            title = "%s:%d: - stands in the session, + happens now" % (session.path, step.number)
            lines = difflib.ndiff(*["\n".join(each).split("\n") for each in (step.lines, now)])
            differences += [title] + [line for line in lines if line[0] != "?"] + [""]
    return "\n".join(differences)


def rewrite(path):
    """Write into a file what its commands print now."""
    preset, *sessions = read_sessions(path)
    text = read_text(path).split("\n")
    results = {}
    for session in sessions:
        results.update((step.number, (step, now)) for step, now in replay(preset, session))
    for number in sorted(results, reverse=True):
        step, now = results[number]
        old, new = ["\n".join(lines).split("\n") for lines in (step.lines, now)]
        text[number - 1 : number - 1 + len(old)] = ["    " + line if line else "" for line in new]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(text))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(name)
