"""Compressed responses: what is requested, what is accepted, and what is cut short, malformed or too large."""

import contextlib
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
    page,
    run_cli,
    run_python,
    target,
)
from server import Reply

IS_GZIP = [("Content-Encoding", "gzip")]
#: An Execution with one output.
SOME_OUTPUT = execution([target(inline(b"some output\n"))])
SOME_OUTPUT_BODY = encode(SOME_OUTPUT)


def make_gzip(data):
    """Return the data as one gzip stream."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


# ---- accepted


@pytest.mark.parametrize(
    "encoding, framing",
    [("gzip", "length"), ("gzip", "chunked"), ("gzip", "close")]
    + [("x-gzip", "length"), ("GZip", "length"), (" gzip\t", "length")],
)
def test_gzip_body_is_requested_and_decompressed(plane, encoding, framing):
    data = make_gzip(SOME_OUTPUT_BODY)
    plane.script(Reply(data, headers=[("Content-Encoding", encoding)], framing=framing))

    result = run_cli(*GET, "-o", "raw", plane=plane)

    assert result.code == 0
    assert result.out == b"some output\n"
    assert plane.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["Identity", ""])
def test_body_that_is_not_encoded_is_read_as_it_is(plane, encoding):
    plane.script(Reply(SOME_OUTPUT_BODY, headers=[("Content-Encoding", encoding)]))

    result = run_cli(*GET, "-o", "raw", plane=plane)

    assert result.code == 0
    assert result.out == b"some output\n"


@pytest.mark.parametrize("slices", [1, 7, 1000])
def test_gzip_body_may_arrive_in_pieces_of_any_size(plane, slices):
    wire = execution(
        [target(inline(b"line %d\n" % number), "n%d" % number) for number in range(100)]
    )
    plane.script(Reply(make_gzip(encode(wire)), headers=IS_GZIP, framing="chunked", slices=slices))

    result = run_cli(*GET, "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert [json.loads(line) for line in result.out.decode("ascii").splitlines()] == wire["targets"]


def test_body_that_is_much_larger_than_its_gzip_data_is_complete(plane):
    """Three MiB in 3 KiB: zlib still holds back some of the body after it has consumed all data."""
    wire = dict(SOME_OUTPUT, padding="x" * (3 << 20))
    plane.script(Reply(make_gzip(encode(wire)), headers=IS_GZIP))

    result = run_cli(*GET, "-o", "json", plane=plane)

    assert result.code == 0
    assert json.loads(result.out.decode("ascii")) == wire


def test_connection_is_kept_after_gzip(plane):
    plane.script(
        Reply(make_gzip(encode(page(next_cursor="c2"))), headers=IS_GZIP, framing="chunked"),
        Reply(make_gzip(encode(page(next_cursor="c3"))), headers=IS_GZIP),
        Reply(page()),
    )

    result = run_cli(*ALL, plane=plane)

    assert result.code == 0
    assert len(plane.requests) == 3
    assert plane.connections == 1


def test_received_counts_what_the_network_carried(plane, transport):
    data = make_gzip(encode(page(padding="x" * 100000)))
    assert len(data) < 1000
    plane.script(Reply(data, headers=IS_GZIP))

    transport.get(PATH, {})

    assert transport.received == len(data)


# ---- cut short


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_gzip_data_that_ends_early_is_cut_short_wherever_it_ends(plane, framing):
    """The framing says that the body is complete. The JSON may be, too: a checksum and a size follow it."""
    data = make_gzip(SOME_OUTPUT_BODY)
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
        pytest.param({"cut": 20}, id="most of the data"),
        # The gzip data itself is whole.
        pytest.param(
            {"framing": "chunked", "cut": len(make_gzip(SOME_OUTPUT_BODY))}, id="the last chunk"
        ),
        pytest.param(
            {"announce": len(make_gzip(SOME_OUTPUT_BODY)) + 1}, id="the last announced byte"
        ),
    ],
)
def test_body_that_lacks_its_end_is_requested_again(plane, transport, clock, options):
    cut = Reply(make_gzip(SOME_OUTPUT_BODY), headers=IS_GZIP, **options)
    plane.script(cut, Reply(SOME_OUTPUT_BODY))

    found = transport.get(PATH, {})

    assert found == SOME_OUTPUT
    assert clock.sleeps == [0.5]


# ---- malformed


def flip(data, place):
    """Return the data with the lowest bit of one byte changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_gzip_data_with_a_changed_bit_is_an_error(plane):
    data = make_gzip(SOME_OUTPUT_BODY)
    # Bytes 3 to 9 of the header (a flag for text, the time, the system) have no effect on the body.
    places = [0, 1, 2] + list(range(10, len(data)))
    accepted = []

    with program.Transport(program.Server.parse(plane.url), TOKEN, pauses=()) as transport:
        for place in places:
            plane.script(Reply(flip(data, place), headers=IS_GZIP))
            with contextlib.suppress(program.RemoteError):
                transport.get(PATH, {})
                accepted.append(place)

    assert accepted == []


@pytest.mark.parametrize(
    "data, message",
    [
        pytest.param(SOME_OUTPUT_BODY, "its gzip data is corrupt", id="JSON"),
        pytest.param(zlib.compress(SOME_OUTPUT_BODY), "its gzip data is corrupt", id="zlib"),
        # The checksum begins 8 bytes before the end.
        pytest.param(
            flip(make_gzip(SOME_OUTPUT_BODY), len(make_gzip(SOME_OUTPUT_BODY)) - 8),
            "its gzip data is corrupt",
            id="wrong checksum",
        ),
        pytest.param(
            make_gzip(SOME_OUTPUT_BODY) + b"\0",
            "its gzip data is followed by other data",
            id="one byte more",
        ),
        pytest.param(
            make_gzip(SOME_OUTPUT_BODY) * 2,
            "its gzip data is followed by other data",
            id="two gzip streams",
        ),
        pytest.param(make_gzip(b"{"), "JSON", id="malformed JSON"),
        pytest.param(make_gzip(b""), "empty", id="compressed nothing"),
    ],
)
@pytest.mark.parametrize("slices", [None, 10], ids=["whole", "in chunks of 10 bytes"])
def test_corrupt_gzip_data_of_a_first_response_is_malformed_and_not_requested_again(
    plane, data, message, slices
):
    framing = "chunked" if slices else "length"
    plane.script(Reply(data, headers=IS_GZIP, framing=framing, slices=slices))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert message in error_lines(result)[0]
    assert len(plane.requests) == 1


@pytest.mark.parametrize(
    "encoding, shown",
    [
        pytest.param("br", "br", id="br"),
        pytest.param("gzip, gzip", "gzip, gzip", id="gzip twice"),
        pytest.param(
            "\xa0gzip", "\\xa0gzip", id="gzip after a no-break space, which strip() would remove"
        ),
    ],
)
def test_encoding_that_is_not_gzip_is_malformed_and_named(plane, encoding, shown):
    plane.script(Reply(make_gzip(SOME_OUTPUT_BODY), headers=[("Content-Encoding", encoding)]))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert error_lines(result) == [
        'the response is malformed: its Content-Encoding "%s" is not supported' % shown
    ]


# ---- the bodies of errors


def test_problem_in_gzip_is_read(plane):
    problem = {"code": "rebac_denied", "detail": "not yours"}
    plane.script(Reply(make_gzip(encode(problem)), 403, IS_GZIP))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 77  # for rebac_denied
    assert error_lines(result) == ["HTTP 403 Forbidden; not yours; code: rebac_denied"]


@pytest.mark.parametrize(
    "data, encoding",
    [
        # If rebac_denied were read, the exit code would be 77.
        pytest.param(make_gzip(b'{"code":"rebac_denied"}')[:-1], "gzip", id="cut short"),
        pytest.param(b'{"code":"rebac_denied"}', "gzip", id="no gzip"),
        pytest.param(b'{"code":"rebac_denied"}', "br", id="unknown encoding"),
    ],
)
def test_error_whose_body_cannot_be_decoded_counts_as_without_a_body(plane, data, encoding):
    plane.script(Reply(data, 403, [("Content-Encoding", encoding)]))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 4
    assert error_lines(result) == ["HTTP 403 Forbidden"]


# ---- limits


def make_endless_blocks():
    """Yield a gzip header, and then empty blocks (RFC 1951, 3.2.4) for 40 MiB."""
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
def test_32_mib_limit_both_what_is_received_and_what_it_decompresses_to(plane, make_data):
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
    assert peak < 45 << 20  # the limit is 32 MiB, the whole body 1 GiB


# ---- a Python without zlib

WITHOUT_ZLIB = (
    "import sys; sys.modules['zlib'] = None; import plexctl_exec_log; "
    "sys.exit(plexctl_exec_log.main(sys.argv[1:]))"
)


@pytest.mark.skipif(WINDOWS, reason="this Python's library is in a zip file, which needs zlib")
def test_python_without_zlib_asks_for_no_compression_and_refuses_it(plane):
    plane.script(Reply(page()), Reply(make_gzip(encode(page())), headers=IS_GZIP))

    plain = run_python("-c", WITHOUT_ZLIB, *LIST, plane=plane)
    compressed = run_python("-c", WITHOUT_ZLIB, *LIST, plane=plane)

    assert plain.code == 0
    assert plane.requests[0].headers["accept-encoding"] == "identity"
    assert compressed.code == 1
    assert error_lines(compressed) == [
        'the response is malformed: its Content-Encoding "gzip" is not supported'
    ]
