"""A file of --output-dir that cannot be written is named. A limit on the size of files stands for a full disk."""

import pytest

from kit import GET, NODES, execution, inline, posix_only, read_folder, rule, run_process, target
from server import Reply

pytestmark = posix_only
SIZE_LIMIT = 3000        # bytes


def limit_files():
    """Let no file of this process grow beyond the limit: what is written fails with EFBIG, as with ENOSPC elsewhere."""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT, SIZE_LIMIT))


def save_in(folder, plane, *targets):
    """Save an Execution into the folder `out` of this folder, and return the Result."""
    plane.script(Reply(execution(targets)))
    return run_process(*GET + ("--output-dir", "out"), plane=plane, cwd=str(folder), preexec_fn=limit_files)


@rule("9.3j", "6.1a")
@pytest.mark.parametrize("size", [SIZE_LIMIT + 1, 8192, 16384])
def test_output_that_cannot_be_written_is_named(plane, tmp_path, size):
    result = save_in(tmp_path, plane, target(inline(b"x"), NODES[1]), target(inline(b"y" * size)))
    assert (result.code, result.out) == (1, b"")
    assert result.err.splitlines()[0] == "error: cannot write out/%s.out: File too large" % NODES[0]
    assert "targets" not in read_folder(tmp_path / "out")


@rule("9.3j", "6.1a")
def test_index_that_cannot_be_written_is_named(plane, tmp_path):
    nodes = ["%08x-0000-4000-8000-000000000000" % number for number in range(100)]
    result = save_in(tmp_path, plane, *[target(None, node) for node in nodes])
    assert (result.code, result.out) == (1, b"")
    assert result.err.splitlines()[0] == "error: cannot write out/targets.partial: File too large"


@rule("9.3j")
def test_output_of_the_limit_s_size_is_written(plane, tmp_path):
    result = save_in(tmp_path, plane, target(inline(b"y" * SIZE_LIMIT)))
    assert (result.code, result.err) == (0, "")
    assert read_folder(tmp_path / "out")[NODES[0] + ".out"] == b"y" * SIZE_LIMIT


@rule("9.3j", "9.3b")
def test_output_whose_name_is_taken_is_named(plane, tmp_path):
    def plant(sock):
        (tmp_path / "out" / (NODES[0] + ".out")).write_bytes(b"mine")
        Reply(execution([target(inline(b"x"))]), framing="close").send(sock, bool)

    plane.script(plant)
    result = run_process(*GET + ("--output-dir", "out"), plane=plane, cwd=str(tmp_path))
    assert result.code == 1 and result.err.startswith("error: cannot write out/%s.out: File exists\n" % NODES[0])
