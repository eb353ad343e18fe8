"""Rule 1.6: the four forms of a UUID, and what an error about one says."""

import pytest

import plexctl_exec_log as program
from kit import UNREACHABLE, error_lines, rule, run_cli


@rule("1.6")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", id="canonical"),
        pytest.param("4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F", id="upper case"),
        pytest.param("urn:uuid:4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", id="URN"),
        pytest.param("{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}", id="braces"),
        pytest.param("4d5c2a1093be4e0f8a576f1b2c3d4e5f", id="32 digits"),
        pytest.param(" 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n", id="white space around it"),
    ],
)
def test_parse_uuid_returns_the_canonical_form(text):
    assert program.parse_uuid(text) == "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"


@rule("1.6")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", id="only the left brace"),
        pytest.param("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}", id="only the right brace"),
        pytest.param("4d5c2a1093be-4e0f-8a57-6f1b2c3d4e5f", id="first hyphen missing"),
        pytest.param("4d5c2a10-93be-4e0f-8a576f1b2c3d4e5f", id="last hyphen missing"),
        pytest.param("4d5c2a1-093be-4e0f-8a57-6f1b2c3d4e5f", id="hyphen moved"),
        pytest.param("{4d5c2a1093be4e0f8a576f1b2c3d4e5f}", id="32 digits in braces"),
        pytest.param("urn:uuid:4d5c2a1093be4e0f8a576f1b2c3d4e5f", id="URN of 32 digits"),
        pytest.param("urn:uuid:{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}", id="URN in braces"),
        pytest.param("uuid:4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", id="half a URN"),
        pytest.param("4d5c2a1093be4e0f8a576f1b2c3d4e5", id="31 digits"),
    ],
)
def test_text_in_none_of_the_four_forms_is_refused(text):
    result = run_cli("list", "--project", text, env=UNREACHABLE)

    assert result.code == 2
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("--project")
    with pytest.raises(program.UsageError):
        program.parse_uuid(text)


@rule("1.5a", "1.6", "1.14", "1.14a")
@pytest.mark.parametrize(
    "argv, env, error",
    [
        pytest.param(
            ["list", "--project", "x"],
            {},
            '--project "x": expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10',
            id="flag",
        ),
        pytest.param(["get", "x"], {}, 'get "x": expected a UUID', id="argument of get"),
        pytest.param(
            ["list"],
            {"PLEXSPHERE_PROJECT": "x"},
            "PLEXSPHERE_PROJECT: expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10",
            id="variable, whose value is not shown",
        ),
    ],
)
def test_error_for_a_malformed_uuid_says_where_it_is(argv, env, error):
    result = run_cli(*argv, env=dict(UNREACHABLE, **env))

    assert result.code == 2
    assert result.out == b""
    assert result.err == "error: " + error + "\nhint: see --help\n"
