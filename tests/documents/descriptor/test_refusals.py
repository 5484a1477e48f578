"""Every refusal of jobs-contest.md section 3.2, by its text."""

from pathlib import Path
from typing import Any

import pytest
from descriptor import GONE, STEP, TEST, read

from wsgi_app.errors import BadDescriptor

ACQUIRE = "TestDescriptors.0.TargetManagerAcquireParameters"
RELEASE = "TestDescriptors.0.TargetManagerReleaseParameters"
FETCH = "TestDescriptors.0.TestFetcherFetchParameters"
STEPS = f"{FETCH}.Steps"
RUN_REPORTERS = "Reporting.RunReporters"
FINAL_REPORTERS = "Reporting.FinalReporters"

NOT_VALID = "could not validate job descriptor: "
REPORTERS = "error while building reporters bundles: "
NO_STEPS = "could not get steps descriptors: "
FETCH_PARAMETERS = f"{NO_STEPS}could not validate TestFetcher fetch parameters: "
ACQUIRE_PARAMETERS = "could not validate TargetManager acquire parameters: "
RELEASE_PARAMETERS = "could not validate TargetManager release parameters: "
STEP_BUNDLES = "could not create step bundles: could not create test steps bundle: "
STEP_0 = f"{STEP_BUNDLES}NewStepBundle for test step 'cmd' with index 0 failed: "
NOT_COMPATIBLE = "Version Error: The Job Descriptor Version {} is not compatible with the server: 1.0"
CSV = {"TestDescriptors.0.TargetManagerName": "CSVFileTargetManager"}
URI = {"TestDescriptors.0.TestFetcherName": "URI"}


def step(**values: Any) -> dict[str, Any]:
    """Return changes that leave one step, with these values in it."""
    return {STEPS: [{**STEP, **values}]}


ROWS: list[tuple[dict[str, Any], str]] = [
    ({"Version": GONE}, "Version Error: Empty Job Descriptor Version Field!"),
    ({"Version": ""}, "Version Error: Empty Job Descriptor Version Field!"),
    ({"Version": None}, "Version Error: Empty Job Descriptor Version Field!"),
    ({"Version": "1"}, "Version Error: Incorrect Job Descriptor Version 1"),
    ({"Version": "1.0.0"}, "Version Error: Incorrect Job Descriptor Version 1.0.0"),
    ({"Version": "x.0"}, 'Version Error: strconv.Atoi: parsing "x": invalid syntax'),
    ({"Version": "1."}, 'Version Error: strconv.Atoi: parsing "": invalid syntax'),
    ({"Version": "1.0 "}, 'Version Error: strconv.Atoi: parsing "0 ": invalid syntax'),
    (
        {"Version": "1.99999999999999999999"},
        'Version Error: strconv.Atoi: parsing "99999999999999999999": value out of range',
    ),
    ({"Version": "2.0"}, NOT_COMPATIBLE.format("2.0")),
    ({"Version": "1.1"}, NOT_COMPATIBLE.format("1.1")),
    ({"Version": "0.9"}, NOT_COMPATIBLE.format("0.9")),
    ({"Tags": ["a b"]}, '"a b" is not a valid tag'),
    ({"Tags": [""]}, '"" is not a valid tag'),
    ({"Tags": ["a\n"]}, '"a\\n" is not a valid tag'),
    ({"Tags": [None]}, '"" is not a valid tag'),
    ({"Tags": ["a", "b", "a"]}, 'duplicate tag "a"'),
    ({"Tags": ["_a"]}, '"_a" is an internal tag and is not allowed'),
    ({"Tags": ["a" * 256]}, "Tag is too long: 256 > 255"),
    ({"JobName": "x" * 65}, "Job name is too long: 65 > 64"),
    ({"JobName": "é" * 33}, "Job name is too long: 66 > 64"),
    ({"JobName": ""}, f"{NOT_VALID}job name cannot be empty"),
    ({"JobName": GONE}, f"{NOT_VALID}job name cannot be empty"),
    ({"TestDescriptors": []}, f"{NOT_VALID}need at least one TestDescriptor in the JobDescriptor"),
    ({"TestDescriptors": None}, f"{NOT_VALID}need at least one TestDescriptor in the JobDescriptor"),
    ({"TestDescriptors": [TEST, None]}, f"{NO_STEPS}test description is null"),
    ({"RunInterval": "-1s"}, f"{NOT_VALID}run interval must be non-negative"),
    (
        {RUN_REPORTERS: [], FINAL_REPORTERS: None},
        f"{NOT_VALID}at least one run reporter or one final reporter must be specified in a job",
    ),
    ({"Reporting": GONE}, f"{NOT_VALID}at least one run reporter or one final reporter must be specified in a job"),
    ({RUN_REPORTERS: [{"Name": " \t"}]}, f"{NOT_VALID}run reporters cannot have empty or all-whitespace names"),
    ({RUN_REPORTERS: [None]}, f"{NOT_VALID}run reporters cannot have empty or all-whitespace names"),
    ({FINAL_REPORTERS: [{"Name": " "}]}, f"{REPORTERS}invalid empty or all-whitespace final reporter name"),
    ({RUN_REPORTERS: [{"Name": "x" * 33}]}, f"{REPORTERS}Reporter name is too long: 33 > 32"),
    ({RUN_REPORTERS: [{"Name": "noop"}] * 101}, "Reporting.RunReporters: there are more than 100"),
    *(
        (
            {f"Reporting.{kind.title()}Reporters": [{"Name": "Foo"}]},
            f"{REPORTERS}failed to create bundle for {kind} reporter 'Foo': could not get reporter 'Foo': "
            "Reporter foo is not registered",
        )
        for kind in ("run", "final")
    ),
    *(
        (
            {RUN_REPORTERS: [{"Name": "targetsuccess", "Parameters": {"SuccessExpression": expression}}]},
            f"{REPORTERS}failed to create bundle for run reporter 'targetsuccess': could not validate run reporter "
            "parameters: could not parse success expression",
        )
        for expression in ("100%", "> 80%", ">=", "", None, ">" + "0" * 255)
    ),
    (
        {RUN_REPORTERS: [{"Name": "TargetSuccess"}]},
        f"{REPORTERS}failed to create bundle for run reporter 'TargetSuccess': could not validate run reporter "
        "parameters: unexpected end of JSON input",
    ),
    (
        {FINAL_REPORTERS: [{"Name": "TargetSuccess", "Parameters": {"SuccessExpression": "=1"}}]},
        f"{REPORTERS}failed to create bundle for final reporter 'TargetSuccess': could not validate run reporter "
        "parameters: could not parse average success expression",
    ),
    (
        {"TestDescriptors.0.TestFetcherName": "Foo"},
        f"{NO_STEPS}could not get the desired TestFetcher (Foo): TestFetcher foo is not registered",
    ),
    (
        {"TestDescriptors.0.TestFetcherName": GONE},
        f"{NO_STEPS}could not get the desired TestFetcher (): TestFetcher  is not registered",
    ),
    ({FETCH: GONE}, f"{FETCH_PARAMETERS}unexpected end of JSON input"),
    ({FETCH: None}, f"{FETCH_PARAMETERS}test name cannot be empty for fetch parameters"),
    ({f"{FETCH}.TestName": ""}, f"{FETCH_PARAMETERS}test name cannot be empty for fetch parameters"),
    (
        {FETCH: []},
        f"{FETCH_PARAMETERS}TestDescriptors[0].TestFetcherFetchParameters: expected an object, not an array",
    ),
    ({**URI, FETCH: {"URI": "a.json"}}, f"{FETCH_PARAMETERS}test name cannot be empty for fetch parameters"),
    ({**URI, FETCH: {"TestName": "t"}}, f"{FETCH_PARAMETERS}file URI not specified in fetch parameters"),
    ({**URI, FETCH: {"TestName": "t", "URI": "ftp://h/x"}}, f"{FETCH_PARAMETERS}unsupported scheme ftp"),
    (
        {**URI, FETCH: {"TestName": "t", "URI": "file://h/x"}},
        f"{FETCH_PARAMETERS}invalid host in URI: 'h'. Only 'localhost' or empty string are supported for scheme file",
    ),
    (
        {**URI, FETCH: {"TestName": "t", "URI": 5}},
        f"{FETCH_PARAMETERS}TestDescriptors[0].TestFetcherFetchParameters.URI: not a properly double-quoted string",
    ),
    (
        {**URI, FETCH: {"TestName": "t", "URI": "nope.json"}},
        f"{NO_STEPS}open nope.json: no such file or directory",
    ),
    (
        {**URI, FETCH: {"TestName": "t", "URI": "http://h/x"}},
        f"{NO_STEPS}h:80 is not among the hosts that steps are fetched from",
    ),
    (
        {"TestDescriptors.0.TargetManagerName": GONE},
        "could not validate test descriptor: target manager name cannot be empty",
    ),
    (
        {"TestDescriptors.0.TargetManagerName": "Foo"},
        "could not get TargetManager (Foo): TargetManager foo is not registered",
    ),
    ({ACQUIRE: GONE}, f"{ACQUIRE_PARAMETERS}unexpected end of JSON input"),
    ({f"{ACQUIRE}.Targets": [{"ID": " "}]}, f"{ACQUIRE_PARAMETERS}invalid target with empty ID"),
    ({f"{ACQUIRE}.Targets": [None]}, f"{ACQUIRE_PARAMETERS}invalid target with empty ID"),
    ({f"{ACQUIRE}.Targets": [{"ID": "x" * 256}]}, f"{ACQUIRE_PARAMETERS}Target ID is too long: 256 > 255"),
    ({f"{ACQUIRE}.Targets": [{"ID": "T"}, {"ID": "T"}]}, f'{ACQUIRE_PARAMETERS}duplicate target ID "T"'),
    (
        {f"{ACQUIRE}.Targets": [{"ID": "T", "PrimaryIPv4": "10.0.0.256"}]},
        f"{ACQUIRE_PARAMETERS}TestDescriptors[0].TargetManagerAcquireParameters.Targets[0].PrimaryIPv4: "
        "invalid IP address: 10.0.0.256",
    ),
    (
        {f"{ACQUIRE}.Targets": [{"ID": "T", "PrimaryIPv6": "fe80::1%eth0"}]},
        f"{ACQUIRE_PARAMETERS}TestDescriptors[0].TargetManagerAcquireParameters.Targets[0].PrimaryIPv6: "
        "invalid IP address: fe80::1%eth0",
    ),
    (
        {f"{ACQUIRE}.Targets": [{"ID": f"T{number}"} for number in range(2001)], STEPS: [STEP] * 10},
        f"{ACQUIRE_PARAMETERS}2001 targets with 10 steps each are more than 20000 tasks",
    ),
    ({**CSV, ACQUIRE: {}}, f"{ACQUIRE_PARAMETERS}file URI not specified in acquire parameters"),
    (
        {**CSV, ACQUIRE: {"FileURI": "http://h/a.csv"}},
        f"{ACQUIRE_PARAMETERS}unsupported scheme: 'http', only 'file' or empty string are accepted",
    ),
    (
        {**CSV, ACQUIRE: {"FileURI": "file://h/a.csv"}},
        f"{ACQUIRE_PARAMETERS}unsupported host 'h', only 'localhost' or empty string are accepted",
    ),
    (
        {**CSV, ACQUIRE: {"FileURI": "a.csv", "HostPrefixes": ["a", " "]}},
        f"{ACQUIRE_PARAMETERS}Host prefix cannot be empty string if specified",
    ),
    (
        {**CSV, ACQUIRE: {"FileURI": "a.csv", "MinNumberDevices": -1}},
        f"{ACQUIRE_PARAMETERS}TestDescriptors[0].TargetManagerAcquireParameters.MinNumberDevices: "
        "expected a whole number from 0 to 4294967295, not -1",
    ),
    (
        {**CSV, ACQUIRE: {"FileURI": "a.csv", "MinNumberDevices": 20001}},
        f"{ACQUIRE_PARAMETERS}20001 targets with 1 steps each are more than 20000 tasks",
    ),
    ({RELEASE: GONE}, f"{RELEASE_PARAMETERS}unexpected end of JSON input"),
    (
        {RELEASE: 5},
        f"{RELEASE_PARAMETERS}TestDescriptors[0].TargetManagerReleaseParameters: expected an object, not a number",
    ),
    ({STEPS: []}, f"{STEP_BUNDLES}at least one test step is required per test"),
    ({STEPS: GONE}, f"{STEP_BUNDLES}at least one test step is required per test"),
    ({STEPS: [None]}, f"{STEP_BUNDLES}test step description is null"),
    *(
        (
            step(name=name),
            f"{STEP_BUNDLES}NewStepBundle for test step '{name}' with index 0 failed: could not get the desired "
            f"TestStep ({name}): TestStep {name.lower()} is not registered",
        )
        for name in (
            *("foo", "Foo", "exec", "sshcmd", "GatherCmd", "terminalexpect", "s3fileupload", "cpucmd", "example"),
            *("qemu", "variables", ""),
        )
    ),
    (step(label=GONE), f"{STEP_0}step has no label, but it is mandatory (step: {{Name:cmd Label:}})"),
    (step(label=""), f"{STEP_0}step has no label, but it is mandatory (step: {{Name:cmd Label:}})"),
    *(
        (
            step(label=label),
            f"{STEP_0}'{label}' doesn't match variable name format: "
            "identifier should be an non-empty string that matches: [a-zA-Z]\\w*",
        )
        for label in ("some label", "1a", "_a", "a-b", "a\n", "é")
    ),
    (step(label="x" * 33), f"{STEP_BUNDLES}Test step label is too long: 33 > 32"),
    ({STEPS: [STEP, STEP]}, "could not create step bundles: found duplicated labels: step1"),
    ({f"{FETCH}.TestName": "x" * 33}, "Test name is too long: 33 > 32"),
    ({f"{FETCH}.TestName": "é" * 17}, "Test name is too long: 34 > 32"),
]


def without(values: dict[str, Any]) -> dict[str, Any]:
    """Return changes whose steps lack what is to be gone."""
    steps = values.get(STEPS)
    if not isinstance(steps, list):
        return values
    kept = [one and {name: value for name, value in one.items() if value is not GONE} for one in steps]
    return {**values, STEPS: kept}


@pytest.mark.parametrize(("changes", "said"), ROWS, ids=[str(number) for number in range(len(ROWS))])
def test_refusals(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """What ConTest refuses is refused with its words, and what only we refuse with ours."""
    with pytest.raises(BadDescriptor) as refused:
        read(tmp_path, without(changes))
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("cmd", {}),
        ("Sleep", {"duration": ["5"]}),
        ("echo", {}),
        ("randecho", {}),
        ("waitport", {"port": ["0"], "protocol": ["tcp"], "timeout": ["1s"], "check_interval": ["1s"]}),
    ],
)
def test_step_parameters(tmp_path: Path, name: str, parameters: dict[str, Any]) -> None:
    """A step whose parameters are wrong is named as the descriptor names it; its label is looked at later."""
    said = (
        f"{STEP_BUNDLES}NewStepBundle for test step '{name}' with index 0 failed: "
        f"could not validate parameters for test step {name}: "
    )
    with pytest.raises(BadDescriptor) as refused:
        read(tmp_path, {STEPS: [{"name": name, "label": "", "parameters": parameters}]})
    assert refused.value.message.startswith(said)
    assert len(refused.value.message) > len(said)


def test_order(tmp_path: Path) -> None:
    """What is wrong in several places is refused for what ConTest looks at first."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"Runs": -1}, "Runs: "),
        ({"Version": "2.0"}, "Version Error: "),
        ({"Tags": ["_a"]}, '"_a" is an internal tag'),
        ({"JobName": "x" * 65}, "Job name is too long"),
        ({"RunInterval": "-1s"}, NOT_VALID),
        ({FINAL_REPORTERS: [{"Name": "Foo"}]}, REPORTERS),
        ({"TestDescriptors.1.TestFetcherName": "Foo"}, NO_STEPS),
        ({"TestDescriptors.0.TargetManagerName": ""}, "could not validate test descriptor"),
        ({ACQUIRE: GONE}, ACQUIRE_PARAMETERS),
        ({RELEASE: GONE}, RELEASE_PARAMETERS),
        (step(name="foo"), STEP_BUNDLES),
        ({f"{FETCH}.TestName": "x" * 33}, "Test name is too long"),
    ]
    two = {"TestDescriptors": [TEST, TEST]}
    for position, (_, said) in enumerate(wrong):
        changes: dict[str, Any] = dict(two)
        for change, _ in wrong[position:]:
            changes.update(change)
        with pytest.raises(BadDescriptor) as refused:
            read(tmp_path, changes)
        assert refused.value.message.startswith(said)
