"""Decide whether a change lands. Started by .ci/run, on Python 3.11 or newer.

The jobs: the README's own test command; the suite on every other Python of pyproject.toml's classifiers, four of them
under a special condition; the sessions; the package; style and types. Pythons that this machine lacks come from
Debian's next release. A job returns what is printed of it, or raises. All jobs run, so that one run reports all that
is wrong. Nothing is written into the clone, except what the README's command makes there.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODULE = Path("plexctl_exec_log.py").resolve()
SETTINGS = Path("pyproject.toml").read_text("utf-8")
VERSIONS = re.findall(r"Programming Language :: Python :: (3\.\d+)\"", SETTINGS)
WORK = Path(tempfile.mkdtemp(prefix="ci-"))
SUITE = ["-m", "pytest", "-q"]
# What is special about a suite: options of Python, options of pytest, packages, and the environment.
CONDITIONS = {
    "-W error -X dev": (["-W", "error", "-X", "dev"], [], [], {}),
    "random order": ([], [f"--randomly-seed={random.randrange(10**5)}"], ["pytest-randomly"], {}),
    "LC_ALL=C": ([], [], [], {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}),
    "PYTHONIOENCODING=latin-1": ([], [], [], {"PYTHONIOENCODING": "latin-1"}),
}
# Enter the root of another system ($1), with this one's devices and the clone, and run its pytest.
RUN_IN_ROOT = """
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind -o ro . "$1/mnt"
exec chroot "$1" env -C /mnt "$2" -m pytest -q
"""


def run(*command, limit=600, **environ):
    """Run a command without stdin, for at most `limit` seconds. Return (exit code, what it printed)."""
    command = ["timeout", "-s", "ABRT", "-k", "5", str(limit), *map(str, command)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environ},
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def require(*command, **options):
    """Run a command that must succeed, and return what it printed."""
    code, log = run(*command, **options)
    if code:
        raise RuntimeError(f"exit {code}: {' '.join(map(str, command))}\n{log[-3000:]}")
    return log.rstrip("\n")


def run_suite(*command, **options):
    """Run pytest, and return its closing lines. Raises RuntimeError if a test fails, or none has run."""
    code, log = run(*command, **options)
    closing = re.findall(r"^[= ]*(\d.* in \d+\.\d+s\b[^=\n]*)", log, re.M)
    if code or not any(re.search(r"\b[1-9]\d* passed", line) for line in closing):
        failed = re.findall(r"^(?:FAILED|ERROR) .*", log, re.M)
        raise RuntimeError("\n".join([f"exit {code}", log[-6000:], *failed[:30]]))
    return ", and ".join(closing)


def make_venv(python, *packages):
    """Create a virtual environment, and return its bin directory."""
    folder = Path(tempfile.mkdtemp(dir=WORK))
    require(python, "-m", "venv", folder)
    require(folder / "bin/pip", "install", "-q", "--prefer-binary", *packages)
    return folder / "bin"


def test_as_readme_says():
    readme = Path("README.md").read_text("utf-8")
    block = re.search(r"^<!-- test command -->\n```sh\n(.*?)^```$", readme, re.M | re.S)
    return run_suite("bash", "-euo", "pipefail", "-c", block[1])


def test_on_python(python, condition=([], [], [], {})):
    flags, options, packages, environ = condition
    programs = make_venv(python, "pytest", *packages)
    return run_suite(programs / "python", *flags, *SUITE, *options, **environ)


def test_on_debian_sid(versions):
    """Run the suite on Pythons that only Debian's next release has."""
    # Build it from the mirror that apt uses here: the first one, except security archives and local folders.
    sources = require(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"
    )
    mirror = re.search(r"^(https?://\S+) \w+$", sources, re.M)[1]
    pythons, root = [f"python{version}" for version in versions], WORK / "sid"
    build = ["--variant=minbase", "--force-check-gpg", "--include=" + ",".join(pythons)]
    require("unshare", "--mount", "debootstrap", *build, "sid", root, mirror)

    pip, verdicts = make_venv(sys.executable, "pip") / "pip", []
    for version, python in zip(versions, pythons):
        packages = root / f"usr/local/lib/{python}/dist-packages"
        options = [f"--python-version={version}", "--only-binary=:all:", "--target", packages]
        require(pip, "install", "-q", *options, "pytest")
        enter = ["unshare", "--mount", "sh", "-euc", RUN_IN_ROOT, "sh", root, python]
        verdicts.append(f"{python}: {run_suite(*enter)}")
    return "\n".join(verdicts)


def check_sessions():
    """Every `$` line of the sessions is run, and an expectation that is wrong fails."""
    python = make_venv(sys.executable, "pytest") / "python"
    copy, report = WORK / "copy", WORK / "report.xml"
    shutil.copytree("tests", copy / "tests")
    shutil.copy(MODULE, copy)
    command = [python, *SUITE, "-c", copy / "pytest.ini", f"--rootdir={copy}"]
    command += [copy / "tests/test_sessions.py", f"--junitxml={report}"]
    (copy / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    verdict = run_suite(*command)

    files = [path for path in sorted((copy / "tests").glob("*.md")) if path.name != "README.md"]
    sessions = [path.read_text("utf-8").split("\n## ")[1:] for path in files]
    lines = sum(text.count("\n    $ ") for texts in sessions for text in texts)
    steps = sum(map(int, re.findall('name="steps" value="([0-9]+)"', report.read_text("utf-8"))))
    if steps != lines or not lines:
        raise RuntimeError(f"the sessions have {lines} commands, but {steps} were run")

    text = files[0].read_text("utf-8")
    files[0].write_text(text.rstrip("\n") + "\n    one line too many\n", "utf-8")
    code, log = run(*command)
    if code != 1 or "one line too many" not in log:
        raise RuntimeError(f"a wrong expectation passes (exit {code}):\n{log[-3000:]}")
    return f"{verdict}; {steps} commands; a wrong expectation fails"


def check_style_and_types():
    ruff = re.search('^required-version = "(==.+?)"', SETTINGS, re.M)[1]
    programs = make_venv(sys.executable, "ruff" + ruff, "mypy")
    require(programs / "ruff", "check", "--no-cache", ".")
    require(programs / "ruff", "format", "--no-cache", "--check", ".")
    mypy = [programs / "mypy", "--cache-dir", WORK / "mypy"]
    require(*mypy, MODULE)
    return require(*mypy, "--strict", "tests/typed_program.py")


def check_package():
    """The wheel has the module, the sdist has the tests, and both install."""
    tools, folder = make_venv(sys.executable, "build"), WORK / "package"
    require(tools / "python", "-m", "build", "--outdir", folder, ".")
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    held = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    files = ["plexctl_exec_log.py", "pyproject.toml", "README.md", "tests"]
    wanted = set(require("git", "ls-files", *files).split("\n"))
    lacking = wanted - {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
    if held != [MODULE.name] or lacking:
        raise RuntimeError(f"the wheel holds {held}, and the sdist lacks {lacking}")

    version = require(sys.executable, MODULE, "--version")
    for archive in (wheel, sdist):
        programs = make_venv(sys.executable, archive)
        if require(programs / "plexctl-exec-log", "--version") != version:
            raise RuntimeError(f"{archive.name} does not install {version}")
    return f"wheel and sdist install {version}"


def attempt(name, job, *arguments):
    """Run a job, print its result, and return whether it has passed."""
    start = time.monotonic()
    try:
        passed, verdict = True, job(*arguments)
    except Exception as error:  # the other jobs go on, whatever it is
        passed, verdict = False, f"{type(error).__name__}: {error}"
    word = "passed" if passed else "FAILED"
    print(f"== {name}: {word} in {time.monotonic() - start:.0f} s\n{verdict}", flush=True)
    return passed


def find_pythons():
    """Return the newest Python of each version, of this machine: {"3.6": path}."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    paths = ["/usr/bin/python3", *sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))]
    return {require(path, "-c", code): path for path in paths}


def main():
    pythons = find_pythons()
    lacking = [version for version in VERSIONS if version not in pythons]
    jobs = [("the README's test command", test_as_readme_says)]
    if lacking:
        jobs.append(("Python " + " and ".join(lacking), test_on_debian_sid, lacking))
    conditions = iter(CONDITIONS.items())
    for version in [version for version in reversed(VERSIONS) if version in pythons]:
        name, condition = next(conditions, ("", ([], [], [], {})))
        jobs.append((f"Python {version} {name}", test_on_python, pythons[version], condition))
    jobs += [("the sessions", check_sessions), ("the package", check_package)]
    jobs.append(("style and types", check_style_and_types))

    # A suite waits more than it computes: five of them use two processors.
    with ThreadPoolExecutor(5) as pool:
        results = list(pool.map(lambda job: attempt(*job), jobs))
    shutil.rmtree(WORK, ignore_errors=True)
    failed = [job[0] for job, passed in zip(jobs, results) if not passed]
    print(*(f"FAILED: {name}" for name in failed), sep="\n")
    print(f"{len(jobs) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
