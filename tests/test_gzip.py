"""Compressed responses: what is requested, what is accepted, and what is cut short, malformed or too large."""

import json
import zlib

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    ALL,
    GET,
    LIST,
    PATH,
    WINDOWS,
    encode,
    error_lines,
    execution,
    hint_lines,
    inline,
    make_transport,
    page,
    run_cli,
    run_python,
    target,
)
from server import Reply

IS_GZIP = [("Content-Encoding", "gzip")]
PLAIN_WIRE = execution([target(inline(b"some output\n"))])
PLAIN_BODY = encode(PLAIN_WIRE)


def gzip_whole(data):
    """Return the data as one gzip stream."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


# ---- accepted


@pytest.mark.parametrize(
    "name, framing",
    [("gzip", "length"), ("gzip", "chunked"), ("gzip", "close")]
    + [("x-gzip", "length"), ("GZip", "length"), (" gzip\t", "length")],
)
def test_gzip_body_is_requested_and_decompressed(plane, name, framing):
    data = gzip_whole(PLAIN_BODY)
    plane.script(Reply(data, headers=[("Content-Encoding", name)], framing=framing))

    result = run_cli(*GET, "-o", "raw", plane=plane)

    assert result.code == 0
    assert result.out == b"some output\n"
    assert plane.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["Identity", ""])
def test_body_that_is_not_encoded_is_read_as_it_is(plane, name):
    plane.script(Reply(PLAIN_BODY, headers=[("Content-Encoding", name)]))

    result = run_cli(*GET, "-o", "raw", plane=plane)

    assert result.code == 0
    assert result.out == b"some output\n"


@pytest.mark.parametrize("slices", [1, 7, 1000])
def test_gzip_body_may_arrive_in_pieces_of_any_size(plane, slices):
    wire = execution(
        [target(inline(b"line %d\n" % number), "n%d" % number) for number in range(100)]
    )
    plane.script(Reply(gzip_whole(encode(wire)), headers=IS_GZIP, framing="chunked", slices=slices))

    result = run_cli(*GET, "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert [json.loads(line) for line in result.out.decode("ascii").splitlines()] == wire["targets"]


def test_output_that_is_much_larger_than_its_data_is_complete(plane):
    """Three MiB in 3 KiB: zlib holds back bytes although it has consumed all data."""
    wire = dict(PLAIN_WIRE, padding="x" * (3 << 20))
    plane.script(Reply(gzip_whole(encode(wire)), headers=IS_GZIP))

    result = run_cli(*GET, "-o", "json", plane=plane)

    assert result.code == 0
    assert json.loads(result.out.decode("ascii")) == wire


def test_connection_is_kept_after_gzip(plane):
    plane.script(
        Reply(gzip_whole(encode(page(next_cursor="c2"))), headers=IS_GZIP, framing="chunked"),
        Reply(gzip_whole(encode(page(next_cursor="c3"))), headers=IS_GZIP),
        Reply(page()),
    )

    result = run_cli(*ALL, plane=plane)

    assert result.code == 0
    assert len(plane.requests) == 3
    assert plane.connections == 1


def test_received_counts_what_the_network_carried(plane, transport):
    data = gzip_whole(encode(page(padding="x" * 100000)))
    plane.script(Reply(data, headers=IS_GZIP))

    with transport.time_limit(60):
        transport.get(PATH, {})

    assert transport.received == len(data)
    assert len(data) < 1000


# ---- cut short


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_gzip_data_that_ends_early_is_cut_short_wherever_it_ends(plane, framing):
    """The framing says that the body is complete, and the JSON may be complete as well."""
    data = gzip_whole(PLAIN_BODY)
    with program.Transport(program.Server.parse(plane.url), TOKEN, pauses=()) as transport:
        for size in range(len(data)):
            plane.script(Reply(data[:size], headers=IS_GZIP, framing=framing))
            with pytest.raises(program.RemoteError) as caught:
                transport.get(PATH, {})
            assert caught.value.retryable, size
            assert str(caught.value) == "the body was cut short: its gzip data has no end"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"cut": 20}, id="within the data"),
        pytest.param({"framing": "chunked", "cut": len(gzip_whole(PLAIN_BODY))}, id="last chunk"),
        pytest.param({"announce": len(gzip_whole(PLAIN_BODY)) + 1}, id="last announced byte"),
    ],
)
def test_body_whose_end_is_missing_is_requested_again(plane, clock, options):
    cut = Reply(gzip_whole(PLAIN_BODY), headers=IS_GZIP, **options)
    plane.script(cut, Reply(PLAIN_BODY))

    with make_transport(plane, clock) as transport:
        found = transport.get(PATH, {})

    assert found == PLAIN_WIRE
    assert clock.sleeps == [0.5]


# ---- malformed


def flip(data, place):
    """Return the data with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def request_once(plane, transport, reply):
    """Request this reply, and return the error that it causes, or None."""
    plane.answers.clear()
    plane.script(reply, reply, reply)
    try:
        transport.get(PATH, {})
    except program.RemoteError as error:
        return error
    return None


def test_changed_bit_is_never_taken_for_the_body(plane, transport):
    """Bytes 4 to 9 are the time, flags and system of the header, which have no effect on the body."""
    data = gzip_whole(PLAIN_BODY)
    for place in [0, 1, 2] + list(range(10, len(data))):
        assert (
            request_once(plane, transport, Reply(flip(data, place), headers=IS_GZIP)) is not None
        ), place


@pytest.mark.parametrize(
    "data, problem",
    [
        pytest.param(PLAIN_BODY, "its gzip data is corrupt", id="JSON"),
        pytest.param(zlib.compress(PLAIN_BODY), "its gzip data is corrupt", id="zlib"),
        pytest.param(
            flip(gzip_whole(PLAIN_BODY), len(gzip_whole(PLAIN_BODY)) - 8),
            "its gzip data is corrupt",
            id="wrong checksum",
        ),
        pytest.param(
            gzip_whole(PLAIN_BODY) + b"\0",
            "its gzip data is followed by other data",
            id="one byte more",
        ),
        pytest.param(
            gzip_whole(PLAIN_BODY) * 2,
            "its gzip data is followed by other data",
            id="second member",
        ),
        pytest.param(gzip_whole(b"{"), "JSON", id="malformed JSON"),
        pytest.param(gzip_whole(b""), "empty", id="compressed nothing"),
    ],
)
@pytest.mark.parametrize("slices", [None, 10])
def test_corrupt_gzip_data_is_malformed_and_not_requested_again(plane, data, problem, slices):
    framing = "chunked" if slices else "length"
    plane.script(Reply(data, headers=IS_GZIP, framing=framing, slices=slices))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert problem in error_lines(result)[0]
    assert len(plane.requests) == 1


@pytest.mark.parametrize(
    "name, shown",
    [
        pytest.param("br", "br", id="br"),
        pytest.param("gzip, gzip", "gzip, gzip", id="gzip twice"),
        pytest.param(
            "\xa0gzip", "\\xa0gzip", id="gzip after a no-break space, which strip() would remove"
        ),
    ],
)
def test_encoding_that_is_not_gzip_is_malformed_and_named(plane, name, shown):
    plane.script(Reply(gzip_whole(PLAIN_BODY), headers=[("Content-Encoding", name)]))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert error_lines(result) == [
        'the response is malformed: its Content-Encoding "%s" is not supported' % shown
    ]


# ---- the bodies of errors


def test_problem_in_gzip_is_read(plane):
    problem = {"code": "rebac_denied", "detail": "not yours"}
    plane.script(Reply(gzip_whole(encode(problem)), 403, IS_GZIP))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 77
    assert error_lines(result) == ["HTTP 403 Forbidden; not yours; code: rebac_denied"]


@pytest.mark.parametrize(
    "data, name",
    [
        pytest.param(gzip_whole(b'{"code":"rebac_denied"}')[:-1], "gzip", id="cut short"),
        pytest.param(b'{"code":"rebac_denied"}', "gzip", id="no gzip"),
        pytest.param(b'{"code":"rebac_denied"}', "br", id="unknown encoding"),
    ],
)
def test_error_whose_body_cannot_be_decoded_counts_as_without_a_body(plane, data, name):
    plane.script(Reply(data, 403, [("Content-Encoding", name)]))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 4
    assert error_lines(result) == ["HTTP 403 Forbidden"]


# ---- limits


def make_endless_blocks():
    """Yield a gzip header, and then empty blocks (RFC 1951, 3.2.4), up to 40 MiB."""
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    for _ in range(640):
        yield b"\x00\x00\x00\xff\xff" * 13107


def make_endless_name():
    """Yield a gzip header with a file name (RFC 1952, 2.3.1) that goes on for 40 MiB."""
    yield b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff"
    for _ in range(640):
        yield b"x" * 65536


def make_bomb():
    """Return 1 MiB of gzip data, without its end, that decompresses to 1 GiB of spaces."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    header = compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, the same spaces become the same bytes, so that one block can be repeated.
    block = compressor.compress(b" " * (1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return header + block * 1024


@pytest.mark.parametrize(
    "make_data",
    [
        # 40 MiB are received, and decompress to nothing.
        pytest.param(make_endless_blocks, id="blocks"),
        pytest.param(make_endless_name, id="name"),
        # 1 MiB is received, and decompresses to 1 GiB.
        pytest.param(make_bomb, id="bomb"),
    ],
)
def test_limit_holds_for_what_is_received_and_for_what_it_decompresses_to(plane, make_data):
    plane.script(Reply(make_data(), headers=IS_GZIP, framing="chunked"))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the response is larger than 32 MiB"]
    assert hint_lines(result) == ["use a smaller --limit"]


def test_bomb_needs_little_more_memory_than_the_limit(plane):
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not trace memory")
    bomb = make_bomb()
    plane.script(Reply(bomb, headers=IS_GZIP))

    tracemalloc.start()
    try:
        result = run_cli(*LIST, plane=plane)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert result.code == 1
    assert peak < 45 << 20  # the limit is 32 MiB


# ---- a Python without zlib

WITHOUT_ZLIB = (
    "import sys; sys.modules['zlib'] = None; import plexctl_exec_log; "
    "sys.exit(plexctl_exec_log.main(sys.argv[1:]))"
)


@pytest.mark.skipif(WINDOWS, reason="this Python's library is in a zip file, which needs zlib")
def test_python_without_zlib_asks_for_no_compression(plane):
    plane.script(Reply(page()), Reply(gzip_whole(encode(page())), headers=IS_GZIP))

    plain = run_python("-c", WITHOUT_ZLIB, *LIST, plane=plane)
    compressed = run_python("-c", WITHOUT_ZLIB, *LIST, plane=plane)

    assert plain.code == 0
    assert plane.requests[0].headers["accept-encoding"] == "identity"
    assert compressed.code == 1
    assert error_lines(compressed) == [
        'the response is malformed: its Content-Encoding "gzip" is not supported'
    ]
