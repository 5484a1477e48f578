"""What a descriptor's fields mean: jobs-contest.md section 3.1."""

import json
from pathlib import Path
from typing import Any

import pytest
from descriptor import GONE, STEP, TEST, changed, read, read_text

from wsgi_app.campaign import (
    Campaign,
    PlannedTest,
    Reporter,
    ReporterKind,
    Step,
    StepKind,
    Target,
    TargetFile,
    TargetList,
)
from wsgi_app.documents.descriptor.plugins import REPORTER_NAMES, STEP_NAMES
from wsgi_app.errors import BadDescriptor, BadDocument

ACQUIRE = "TestDescriptors.0.TargetManagerAcquireParameters"
RELEASE = "TestDescriptors.0.TargetManagerReleaseParameters"
FETCH = "TestDescriptors.0.TestFetcherFetchParameters"
STEPS = f"{FETCH}.Steps"


def campaign(folder: Path, changes: dict[str, Any]) -> Campaign:
    """Return what the small descriptor with changes is read to."""
    found = read(folder, changes).campaign
    assert found is not None
    return found


def test_whole(tmp_path: Path) -> None:
    """A descriptor is read to a job without sets, and a campaign with all that it says."""
    job = read(tmp_path, {})
    assert (job.recipe_sets, job.name, job.warnings, job.priority) == ((), "j1", (), 50)
    assert job.campaign == Campaign(
        tests=(
            PlannedTest(
                "Test 1",
                TargetList((Target("T1", fqdn="host1.example.org"),)),
                (Step(StepKind.CMD, "step1", {"executable": ("echo",), "args": ("hello {{ .ID }}",)}),),
            ),
        ),
        run_reporters=(Reporter(ReporterKind.TARGET_SUCCESS, "=100%"),),
        final_reporters=(Reporter(ReporterKind.NOOP),),
        runs=1,
        tags=("t1", "t2"),
    )


@pytest.mark.parametrize("version", ["1.0", "01.00", "1.-5", "+1.-0"])
def test_versions(tmp_path: Path, version: str) -> None:
    """A version is compared as two numbers, however they are written."""
    assert read(tmp_path, {"Version": version}).name == "j1"


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"Runs": 0}, "runs", 0),
        ({"Runs": GONE}, "runs", 0),
        ({"Runs": None}, "runs", 0),
        ({"Runs": 2**64 - 1}, "runs", 2**64 - 1),
        ({"RunInterval": "1m5s"}, "run_interval", 65.0),
        ({"RunInterval": GONE}, "run_interval", 0.0),
        ({"Tags": None}, "tags", ()),
        ({"Tags": ["a-B_9", "-"]}, "tags", ("a-B_9", "-")),
        ({}, "acquire_timeout", 300.0),
        ({"TargetManagerAcquireTimeout": None}, "acquire_timeout", 300.0),
        ({"TargetManagerAcquireTimeout": "1ms"}, "acquire_timeout", 0.001),
        ({"TargetManagerAcquireTimeout": "-1s"}, "acquire_timeout", 0.0),
        ({"Reporting.FinalReporters": None}, "final_reporters", ()),
        (
            {"Reporting.FinalReporters": [{"Name": "TARGETSUCCESS", "Parameters": {"averagesuccessexpression": ">1"}}]},
            "final_reporters",
            (Reporter(ReporterKind.TARGET_SUCCESS, ">1"),),
        ),
        (
            {"Reporting.FinalReporters": [{"Name": "NoOp", "Parameters": {"a": 1, "A": [2]}}]},
            "final_reporters",
            (Reporter(ReporterKind.NOOP),),
        ),
    ],
)
def test_job_fields(tmp_path: Path, changes: dict[str, Any], field: str, value: object) -> None:
    """Fields of the job are what Go makes of them."""
    assert getattr(campaign(tmp_path, changes), field) == value


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"TestDescriptors.0.Disabled": True}, "disabled", True),
        ({"TestDescriptors.0.Disabled": None}, "disabled", False),
        ({"TestDescriptors.0.RetryParameters": None}, "retries", 0),
        ({"TestDescriptors.0.RetryParameters": {"NumRetries": 2**32 - 1}}, "retries", 2**32 - 1),
        ({"TestDescriptors.0.RetryParameters": {"RetryInterval": "500ms"}}, "retry_interval", 0.5),
        ({"TestDescriptors.0.RetryParameters": {"RetryInterval": "-5s"}}, "retry_interval", 0.0),
        ({ACQUIRE: None}, "targets", TargetList(())),
        ({ACQUIRE: {}}, "targets", TargetList(())),
        ({RELEASE: None}, "disabled", False),
        ({"TestDescriptors.0.TargetManagerName": "tARGETlIST"}, "name", "Test 1"),
        ({"TestDescriptors.0.TestFetcherName": "LITERAL"}, "name", "Test 1"),
        ({f"{FETCH}.TestName": "é" * 16}, "name", "é" * 16),
        (
            {f"{ACQUIRE}.Targets": [{"ID": " T 1", "PrimaryIPv4": "::ffff:10.0.0.1", "PrimaryIPv6": "FE80:0::1"}]},
            "targets",
            TargetList((Target(" T 1", ipv4="10.0.0.1", ipv6="fe80::1"),)),
        ),
        (
            {f"{ACQUIRE}.Targets": [{"ID": "T", "FQDN": None, "TMS": {"a": [1, 1.5, "x", None, True, 1e2]}}]},
            "targets",
            TargetList((Target("T", state={"a": [1, 1.5, "x", None, True, 100.0]}),)),
        ),
        (
            {"TestDescriptors.0.TargetManagerName": "csvfiletargetmanager", ACQUIRE: {"FileURI": "file:///a%20b.csv"}},
            "targets",
            TargetFile("/a b.csv", 0, 0),
        ),
        (
            {
                "TestDescriptors.0.TargetManagerName": "CSVFileTargetManager",
                ACQUIRE: {
                    "FileURI": "hosts.csv",
                    "MinNumberDevices": 1,
                    "MaxNumberDevices": 2**32 - 1,
                    "HostPrefixes": [" a", "b "],
                    "Shuffle": True,
                },
            },
            "targets",
            TargetFile("hosts.csv", 1, 20000, ("a", "b"), shuffle=True),
        ),
    ],
)
def test_test_fields(tmp_path: Path, changes: dict[str, Any], field: str, value: object) -> None:
    """Fields of a test are what Go makes of them."""
    (test,) = campaign(tmp_path, changes).tests
    assert getattr(test, field) == value


def test_disabled(tmp_path: Path) -> None:
    """A disabled test is checked like any other."""
    disabled = {**TEST, "Disabled": True}
    assert [test.disabled for test in campaign(tmp_path, {"TestDescriptors": [disabled, TEST]}).tests] == [True, False]
    with pytest.raises(BadDescriptor, match="TargetManager x is not registered"):
        read(tmp_path, {"TestDescriptors": [{**disabled, "TargetManagerName": "x"}]})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"40"', "40"),
        ("40", "40"),
        ("1.50", "1.50"),
        ("1E3", "1E3"),
        ("true", "true"),
        ("null", ""),
        ('{ "b" : [1.0, "é\\n"], "a": null }', '{"b":[1.0,"é\\n"],"a":null}'),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"),
    ],
)
def test_parameters(tmp_path: Path, text: str, value: str) -> None:
    """A parameter is a string as it is, and anything else its JSON text with numbers as they were written."""
    parameters = {"executable": ["x"], "args": ["HERE"], "B": None}
    document = json.dumps(changed({STEPS: [{**STEP, "parameters": parameters}]}))
    found = read_text(tmp_path, document.replace('"HERE"', text)).campaign
    assert found is not None
    assert found.tests[0].steps[0].params == {"executable": ("x",), "args": (value,), "B": ()}


def test_case(tmp_path: Path) -> None:
    """Names of fields match whatever their case; names of parameters do not, and two of them may differ by it."""
    document = json.dumps(changed({}))
    for name in ("JobName", "TestDescriptors", "RunReporters", "Targets", "Steps", "SuccessExpression", "label", "ID"):
        document = document.replace(f'"{name}":', f'"{name.swapcase()}":')
    assert read_text(tmp_path, document).campaign == campaign(tmp_path, {})
    parameters = {"executable": ["a"], "Executable": ["b"]}
    (test,) = campaign(tmp_path, {STEPS: [{**STEP, "parameters": parameters}]}).tests
    assert test.steps[0].params == {"executable": ("a",), "Executable": ("b",)}


def test_warnings(tmp_path: Path) -> None:
    """What has no effect is accepted, and warned of by name."""
    job = read(
        tmp_path,
        {
            "TargetManagerReleaseTimeout": "1s",
            "Colour": 1,
            "TestDescriptors.0.CleanupFetcherName": "literal",
            STEPS: [{**STEP, "parameters": {"executable": ["x"], "colour": ["y"]}, "variablesmapping": {"a": "b.c"}}],
        },
    )
    assert [warning.split()[0] for warning in job.warnings] == [
        "TargetManagerReleaseTimeout",
        "Colour:",
        "TestDescriptors[0].CleanupFetcherName:",
        "step",
    ]
    many = read(tmp_path, {f"f{number}": 1 for number in range(150)})
    assert many.warnings[99:] == ("f99: there is no such field", "50 more of its fields and parameters have no effect")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unexpected end of JSON input"),
        ("  \n", "unexpected end of JSON input"),
        ('{"JobName": "j', "unexpected end of JSON input"),
        ('{"JobName": "j"', "unexpected end of JSON input"),
        ('{"Runs": 1 2}', "invalid character '2' (line 1, column 12): expecting ',' delimiter"),
        ('{"Runs":\n x}', "invalid character 'x' (line 2, column 2): expecting value"),
        ("{} {}", "invalid character '{' (line 1, column 4): extra data"),
        ('{"a": "\t"}', "invalid character '\\t' (line 1, column 8): invalid control character"),
        ("[]", "json: cannot unmarshal array into Go value of type job.Descriptor"),
        ('"x"', "json: cannot unmarshal string into Go value of type job.Descriptor"),
        ("5", "json: cannot unmarshal number into Go value of type job.Descriptor"),
        ("true", "json: cannot unmarshal bool into Go value of type job.Descriptor"),
        ("null", "Version Error: Empty Job Descriptor Version Field!"),
        ("{}", "Version Error: Empty Job Descriptor Version Field!"),
        ('{"Runs": NaN}', "NaN is no JSON number"),
        ('{"x": [-Infinity]}', "-Infinity is no JSON number"),
        ('{"Runs": 1, "Runs": 1}', '"Runs" is there twice in one object'),
        ('{"x": {"y": 1, "y": 1}}', '"y" is there twice in one object'),
        ('{"Runs": 1, "runs": 1}', '"Runs" and "runs" are one name'),
        ('{"Reporting": {"RunReporters": [{"Name": "", "NAME": ""}]}}', '"Name" and "NAME" are one name'),
        ('{"JobName": "a\\u0000"}', "a NUL cannot be in a text"),
        ('{"a\\u0000": 1}', "a NUL cannot be in a text"),
        ('{"JobName": "\\ud800"}', "half a surrogate pair is no text"),
        ('{"x": [{"\\udc00": 1}]}', "half a surrogate pair is no text"),
        ('{"JobName": "\ud800"}', "half a surrogate pair is no text: at letter 13"),
        (b'{"JobName": "\xff"}', "the job descriptor is not in UTF-8, from byte 13 on"),
        ('{"x": ' + "[" * 100 + "]" * 100 + "}", "more than 100 arrays and objects are inside one another"),
        ('{"x": ' + '{"y":' * 5000 + "1" + "}" * 5001, "more than 100 arrays and objects are inside one another"),
        ('{"JobName": 5}', "JobName: expected a string, not a number"),
        ('{"JobName": {}}', "JobName: expected a string, not an object"),
        ('{"Version": 1.0}', "Version: expected a string, not a number"),
        ('{"Tags": "a"}', "Tags: expected an array, not a string"),
        ('{"Tags": ["a", 5]}', "Tags[1]: expected a string, not a number"),
        ('{"Runs": -1}', f"Runs: expected a whole number from 0 to {2**64 - 1}, not -1"),
        ('{"Runs": 1.0}', f"Runs: expected a whole number from 0 to {2**64 - 1}, not 1.0"),
        ('{"Runs": 1e2}', f"Runs: expected a whole number from 0 to {2**64 - 1}, not 1e2"),
        ('{"Runs": 18446744073709551616}', f"Runs: expected a whole number from 0 to {2**64 - 1}, not {2**64}"),
        ('{"Runs": "1"}', "Runs: expected a number, not a string"),
        ('{"RunInterval": 5}', "RunInterval: not a properly double-quoted string"),
        ('{"RunInterval": null}', "RunInterval: not a properly double-quoted string"),
        ('{"RunInterval": "5"}', 'RunInterval: time: missing unit in duration "5"'),
        ('{"RunInterval": ""}', 'RunInterval: time: invalid duration ""'),
        ('{"TargetManagerReleaseTimeout": "x"}', 'TargetManagerReleaseTimeout: time: invalid duration "x"'),
        ('{"TestDescriptors": {}}', "TestDescriptors: expected an array, not an object"),
        ('{"TestDescriptors": [5]}', "TestDescriptors[0]: expected an object, not a number"),
        ('{"TestDescriptors": [{"Disabled": 1}]}', "TestDescriptors[0].Disabled: expected true or false, not a number"),
        (
            '{"TestDescriptors": [{"RetryParameters": {"NumRetries": 4294967296}}]}',
            "TestDescriptors[0].RetryParameters.NumRetries: expected a whole number from 0 to 4294967295, "
            "not 4294967296",
        ),
        (
            '{"TestDescriptors": [{"RetryParameters": {"RetryInterval": null}}]}',
            "TestDescriptors[0].RetryParameters.RetryInterval: not a properly double-quoted string",
        ),
        ('{"Reporting": []}', "Reporting: expected an object, not an array"),
        ('{"Reporting": {"RunReporters": {}}}', "Reporting.RunReporters: expected an array, not an object"),
    ],
)
def test_not_decoded(tmp_path: Path, text: str | bytes, said: str) -> None:
    """What Go does not decode, and what nobody should, is refused with its place."""
    with pytest.raises(BadDocument) as refused:
        read_text(tmp_path, text)
    assert refused.value.message.removeprefix("Reporting.RunReporters[0]: ") == said


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"parameters": {"args": "x"}}, "Steps[0].Parameters.args: expected an array, not a string"),
        ({"parameters": []}, "Steps[0].Parameters: expected an object, not an array"),
        ({"variablesmapping": {"a": 5}}, "Steps[0].VariablesMapping.a: expected a string, not a number"),
        ({"label": 5}, "Steps[0].Label: expected a string, not a number"),
    ],
)
def test_steps_not_decoded(tmp_path: Path, step: dict[str, Any], said: str) -> None:
    """What is wrong with a step's form is wrong with its fetcher's parameters."""
    with pytest.raises(BadDescriptor) as refused:
        read(tmp_path, {STEPS: [{**STEP, **step}]})
    assert refused.value.message == (
        "could not get steps descriptors: could not validate TestFetcher fetch parameters: "
        f"TestDescriptors[0].TestFetcherFetchParameters.{said}"
    )


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 5000, str(10**20)])
def test_state_out_of_range(tmp_path: Path, number: str) -> None:
    """What is kept with a target has numbers that can be kept."""
    document = json.dumps(changed({f"{ACQUIRE}.Targets": [{"ID": "T", "TMS": ["HERE"]}]})).replace('"HERE"', number)
    with pytest.raises(BadDescriptor, match="is out of range"):
        read_text(tmp_path, document)


def test_fetched(tmp_path: Path) -> None:
    """Steps come from a file below the folder, at each of its names; what is wrong in it is said so."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a b.json").write_text(json.dumps({"STEPS": [STEP], "more": 1}))
    fetched = {"TestDescriptors.0.TestFetcherName": "uri"}
    absolute = f"file://localhost{tmp_path}/sub/a%20b.json"
    for uri in ("sub/a b.json", "file:sub/a%20b.json", absolute, "FILE:sub/a b.json"):
        (test,) = campaign(tmp_path, {**fetched, FETCH: {"TestName": "T", "URI": uri}}).tests
        assert (test.name, test.steps) == ("T", campaign(tmp_path, {}).tests[0].steps)
    for text, said in [
        ("{", "unexpected end of JSON input"),
        ('{"steps": 5}', "Steps: expected an array, not a number"),
        ("[]", "expected an object, not an array"),
    ]:
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(BadDescriptor) as refused:
            read(tmp_path, {**fetched, FETCH: {"TestName": "T", "URI": "wrong.json"}})
        assert refused.value.message == (
            f"could not get steps descriptors: cannot decode JSON test description: {said}"
        )


def test_names() -> None:
    """Every step and reporter has the name that ConTest gives it, which is the one by which it is asked for."""
    assert {kind.value for kind in StepKind} == {name.lower() for name in STEP_NAMES.values()}
    assert list(STEP_NAMES) == list(StepKind)
    assert {kind.value for kind in ReporterKind} == {name.lower() for name in REPORTER_NAMES.values()}
    assert list(REPORTER_NAMES) == list(ReporterKind)
