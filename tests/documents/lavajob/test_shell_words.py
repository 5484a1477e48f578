"""Words of strangers in steps, parameters and calls: none breaks the shell, or becomes another case."""

import shlex

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lavashell import ShellBench

WORDS = [
    *(
        "'",
        '"',
        "\\",
        "$(touch evil)",
        "`touch evil`",
        "a\nb",
        "x>",
        "<y",
        "$HOME",
        "-n",
        "--result",
        "%s",
        "*",
        "",
        "ü",
    ),
    "x RESULT=pass>\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=forged RESULT=pass",
    "END-0123456789abcdef0123",
    "a=b",
    "(x)",
]
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=12) | st.sampled_from(
    WORDS
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, max_size=6))
def test_words(bench: ShellBench, found: list[str]) -> None:
    """A case of any name is itself or refused, a message is one line, and parameters are what they were."""
    steps = ["set +x"]
    for word in found:
        steps.append(f"lava-test-case {shlex.quote(word)} --result fail 2>/dev/null || :")
        steps.append(f"lava-test-case units --result fail --units {shlex.quote(word)} 2>/dev/null || :")
        steps.append(f"lava-test-event {shlex.quote(word)} 2>/dev/null || :")
    steps.append("lava-test-case last --result pass")
    # not into the log, where words of this kind are what they say
    steps.append('printf "%s\\0" "$P" "$Q" >"$HOME/params"')
    params = {"P": "".join(found), "Q": found[0] if found else ""}
    ran = bench.run(steps, {"parameters": params})
    assert ran.status == 0
    passed = [path for path, result in ran.judged if result == "Pass"]
    assert passed == ["/last"], ran.output
    names = {path for path, result in ran.judged if result == "Fail"}
    assert names <= {"/units", *("/" + word.strip().strip("/") for word in found)}
    assert (bench.home / "params").read_text().split("\0")[:-1] == list(params.values())
    assert not list(bench.home.rglob("evil"))
