"""Templates in parameters of steps, and the variables that they may name."""

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_app.campaign import Target
from wsgi_app.core.campaign.template import LONGEST, expand
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import Said, Variables, variables_of

TARGET = Target("T1", "host1.example.org", "10.0.0.1", "fe80::1")
VARIABLES = variables_of(
    "T1",
    [
        Said("boot", "variable/size", "41"),
        Said("boot", "variable/size", "42"),
        Said("boot", "variable/name", "two words"),
        Said("boot", "variable/quoted", '"a\\u00e9"'),
        Said("boot", "variable/list", '[1, {"a": null}]'),
        Said("boot", "variable/nan", "NaN"),
        Said("boot", "variable/deep", "[" * 4000),
        Said("boot", "variable/half", '"\\ud800"'),
        Said("boot", "variable/not a name", "1"),
        Said("boot", "elsewhere", "1"),
        Said("boot", "variable/empty", None),
    ],
)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain }} text", "plain }} text"),
        ("{{ .ID }}", "T1"),
        ("{{.ID}}-{{.FQDN}}", "T1-host1.example.org"),
        ("{{ .PrimaryIPv4 }} {{ .PrimaryIPv6 }}", "10.0.0.1 fe80::1"),
        ("{{ ToUpper .FQDN }}", "HOST1.EXAMPLE.ORG"),
        ("{{ .FQDN | ToUpper | ToLower }}", "host1.example.org"),
        ("{{ Title .FQDN }}", "Host1.Example.Org"),
        ("{{ Title `we're here_now é` }}", "We'Re Here_now É"),
        ("{{ ToUpper (ToLower .ID) }}", "T1"),
        ("{{ ToUpper (.ID | ToLower) }}", "T1"),
        ("{{ (.ID) }}", "T1"),
        ("{{ (.).ID }}", "T1"),
        ("{{(.)}}".replace("(.)", "(.).FQDN"), "host1.example.org"),
        ('{{ "a\\tb\\x41\\u00e9\\U0001F600\\101\\"" }}', 'a\tbAé😀A"'),
        ('{{ `raw \\n "text"\nof lines` }}', 'raw \\n "text"\nof lines'),
        ("{{ 42 }} {{ -7 }} {{ 0x10 }} {{ 1.50 }} {{ 2.0 }} {{ 1e30 }}", "42 -7 16 1.5 2 1e+30"),
        ("{{ ToUpper `ß` }}", "ß"),
        ("a  {{- .ID -}}  b", "aT1b"),
        ("a \n{{- /* nothing */ -}}\t b", "ab"),
        ("a {{/* }} {{ */}} b", "a  b"),
        ("{{-  /* spaced */}}x", "x"),
        ('{{ StringVar "boot.name" }}', "two words"),
        ('{{ StringVar "boot.quoted" }}', "aé"),
        ('{{ StringVar "boot.list" }}', '[1,{"a":null}]'),
        ('{{ StringVar "boot.size" }}', "42"),
        ('{{ StringVar "boot.nan" }}', "NaN"),
        ('{{ StringVar "boot.half" }}', '"\\ud800"'),
        ('{{ StringVar "boot.empty" }}', ""),
        ('{{ IntVar "boot.size" }}', "42"),
        ('{{ "boot.size" | IntVar }}', "42"),
    ],
)
def test_what_templates_come_to(template: str, text: str) -> None:
    """Fields, functions, literals, pipelines, parentheses, comments and trim markers are Go's."""
    assert expand(template, TARGET, VARIABLES) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            "{{ .Nope }}",
            'template: :1:3: executing "" at <.Nope>: can\'t evaluate field Nope in type *target.Target',
        ),
        ("é\né{{.Nope}}", "template: :2:4: executing"),
        ("{{ .ID.Nope }}", "can't evaluate field Nope in type string"),
        ("{{ (ToUpper .ID).Nope }}", "can't evaluate field Nope in type string"),
        ("{{ x }}", 'template: :1: function "x" not defined'),
        ("{{ printf `%s` .ID }}", 'function "printf" not defined'),
        ("\n\n{{ if .ID }}x{{ end }}", "template: :3: control flow is not supported: if"),
        ("{{ range . }}", "control flow is not supported: range"),
        ("{{ with .ID }}", "control flow is not supported: with"),
        ('{{ define "x" }}', "control flow is not supported: define"),
        ('{{ template "x" }}', "control flow is not supported: template"),
        ("{{ $x := 1 }}", "variables are not supported"),
        ("{{ .ID", "template: :1: unclosed action"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{ }}", "missing value for command"),
        ("{{ .ID | }}", "missing value for command"),
        ("{{ (.ID }}", "unclosed left paren"),
        ("{{ .ID) }}", "unexpected right paren"),
        ('{{ "x }}', "unterminated quoted string"),
        ("{{ `x }}", "unterminated raw quoted string"),
        ('{{ "\\q" }}', "invalid syntax"),
        ('{{ "\\ud800" }}', "invalid syntax"),
        ("{{/* x }}", "unclosed comment"),
        ("{{/* x */ }}", "comment ends before closing delimiter"),
        ("{{ /* x */}}", "unrecognized character in action: U+002F '/'"),
        ("{{ .ID | `x` }}", "non executable command in pipeline stage 2"),
        ("{{ .ID `x` }}", "ID is not a method but has arguments"),
        ("{{ .ID | .FQDN }}", "FQDN is not a method but has arguments"),
        ("{{ `x` .ID }}", "can't give argument to non-function `x`"),
        ("{{ ToUpper }}", "at <ToUpper>: wrong number of args for ToUpper: want 1 got 0"),
        ("{{ ToUpper .ID .FQDN }}", "want 1 got 2"),
        ("{{ ToUpper 5 }}", "wrong type for value; expected string; got int"),
        ("{{ ToUpper . }}", "expected string; got *target.Target"),
        ("{{ . }}", "the target itself is no text"),
        ("{{ 1x }}", "bad number syntax: '1x'"),
        ("{{ 99999999999999999999 }}", "bad number syntax"),
        ("{{ 1e999 }}", "bad number syntax"),
        ("{{ `a``b` }}", "in operand"),
        (
            '{{ StringVar "other.x" }}',
            "at <StringVar \"other.x\">: error calling StringVar: step 'other' didn't emit any variables yet",
        ),
        ('{{ StringVar "boot.x" }}', "step 'boot' didn't emit variable 'x' yet for target 'T1'"),
        ('{{ StringVar "zz" }}', "not 'label.variable' format of 'zz'"),
        ('{{ StringVar "a.b.c" }}', "not 'label.variable' format of 'a.b.c'"),
        ('{{ StringVar "1.x" }}', "'1' doesn't match variable name format"),
        ('{{ IntVar "boot.name" }}', "json: cannot unmarshal string into Go value of type int"),
        ('{{ IntVar "boot.list" }}', "json: cannot unmarshal array into Go value of type int"),
        ("{{ " + "(" * 51 + ".ID" + ")" * 51 + " }}", "parentheses within one another"),
        ("{{ `" + "x" * (LONGEST // 2) + "` }}" + "x" * (LONGEST // 2 + 1), "it comes to more than"),
    ],
)
def test_what_no_template_is(template: str, words: str) -> None:
    """What is wrong is said in words near Go's, with the line."""
    with pytest.raises(BadTemplate) as caught:
        expand(template, TARGET, VARIABLES)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


#: what templates are made of, so that most of what is tried gets past the first letter
_PIECES = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{{-",
            "-}}",
            "{{- ",
            " -}}",
            " ",
            ".",
            ".ID",
            ".FQDN",
            "ToUpper",
            "Title",
            "StringVar",
            "IntVar",
        ),
        *(
            "(",
            ")",
            "|",
            '"',
            "`",
            "\\",
            '"boot.size"',
            '"x\\"',
            "5",
            "-",
            "/*",
            "*/",
            "\n",
            "if",
            "end",
            "$x",
            ":=",
            "é",
            "\0",
        ),
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("".join)))
@example("{{(.ID).ID}}")
@example("{{.ID -}}")
@example("{{.é}}{{ 0_1 }}")
def test_anything_is_a_template_or_a_bad_one(template: str) -> None:
    """Whatever is written, there is a text, or a reason why not."""
    try:
        text = expand(template, TARGET, VARIABLES)
    except BadTemplate as error:
        assert str(error).startswith("template: ")
        return
    assert isinstance(text, str)
    assert "{{" in template or text == template


@given(st.text(alphabet=st.characters(exclude_characters="`\r", codec="utf-8")))
def test_raw_strings_are_what_they_say(text: str) -> None:
    """A raw string is its text, whatever that is."""
    assert expand("{{ `" + text + "` }}", TARGET, VARIABLES) == text


@pytest.mark.parametrize(
    "piece",
    [
        "{{",
        "{{.ID}}",
        "(",
        "{{/*",
        '"\\',
        '{{"',
        "`",
        "{{- ",
        " ",
        "{{ -",
        ".ID",
        "|ToUpper",
        "}}",
        "{{/**/}}",
        "{{(",
        "\n",
    ],
)
def test_hostile_templates_take_no_longer_than_they_are_long(piece: str) -> None:
    """Ten times the length does not take much more than ten times the time."""

    def seconds(length: int) -> float:
        template = "{{ .ID" + (piece * length)[:length]
        best = 9.0
        for _ in range(3):
            begun = time.process_time()
            with suppress(BadTemplate):
                expand(template, TARGET, Variables("T1"))
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(50_000) < 40 * seconds(5_000) + 0.02
