"""Beaker's job XML as submitters write it: what is understood, warned of and refused, with line and column."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsgi_app.documents import jobxml
from wsgi_app.errors import BadDocument
from wsgi_app.model import Requires
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

JOBS = Path(__file__).parent / "jobs"
TASK = '<task name="t"/>'


def parsed(recipe: str) -> NewRecipe:
    """The one recipe of a job."""
    return jobxml.parse_job(f"<job><recipeSet>{recipe}</recipeSet></job>".encode()).recipe_sets[0].recipes[0]


def warnings(name: str) -> list[str]:
    """The warnings about a file of ours."""
    return list(jobxml.parse_job((JOBS / name).read_bytes()).warnings)


def test_one_host() -> None:
    """The usual job for one host: host, priority, tasks and params are understood, the installation is warned of."""
    job = jobxml.parse_job((JOBS / "one-host.xml").read_bytes())
    tasks = (
        NewTask("/setup/check-install", role="STANDALONE"),
        NewTask(
            "/kernel/smoke",
            role="STANDALONE",
            params={"RUNS": "3", "MODE": "short & loud"},
            fetch="https://git.example/tests.tar.gz#kernel/smoke",
        ),
    )
    recipe = NewRecipe(tasks, system="host1.example", requires=Requires("Machine"), role="STANDALONE")
    assert job.recipe_sets == (NewRecipeSet((recipe,)),)
    assert (job.name, job.priority, job.visibility) == ("Kernel smoke test, nightly", 10, None)
    assert job.warnings == (
        "line 2, column 1: the attribute retention_tag of job has no effect yet",
        "line 7, column 5: the attribute whiteboard of recipe has no effect yet",
        "line 7, column 5: the attribute ks_meta of recipe has no effect yet",
        "line 7, column 5: the attribute kernel_options of recipe has no effect yet",
        "line 8, column 7: autopick has no effect yet",
        "line 9, column 7: watchdog has no effect yet",
        "line 10, column 7: distroRequires has no effect yet",
    )


def test_two_hosts() -> None:
    """Roles, params of a recipe (those of a task go before), scripts, commands; nothing in it is warned of."""
    server = NewRecipe(
        (
            NewTask(
                "/nfs/setup",
                params={"EXPORT": "/srv", "DEBUG": "0"},
                script='#!/bin/sh\ntest "$EXPORT" && echo "<ready>"\n',
            ),
            NewTask(
                "/nfs/run",
                role="SERVERS",
                params={"EXPORT": "/srv", "DEBUG": "1"},
                fetch="git://git.example/nfs?main#run",
            ),
        ),
        system="server.example",
        role="SERVERS",
        max_seconds=7200,
        stop_on_fail=True,
    )
    client = NewRecipe(
        (
            NewTask("/nfs/wait", command=("sleep", "1")),
            NewTask("/nfs/run", role="CLIENTS", fetch="git://git.example/nfs?main#run"),
        ),
        requires=Requires("Virtual", ("serial", "10g")),
        role="CLIENTS",
    )
    report = NewRecipe((NewTask("/report"),))
    assert jobxml.parse_job((JOBS / "two-hosts.xml").read_bytes()) == NewJob(
        (NewRecipeSet((server, client)), NewRecipeSet((report,))), name="NFS, client against server", priority=70
    )


def test_all_that_only_warns() -> None:
    """Every element and attribute without effect is warned of by name and place, in the document's order."""
    idle, unknown = "has no effect yet", "is not known and has no effect"
    assert warnings("all-idle.xml") == [
        *(f"line 1, column 1: the attribute {name} of job {idle}" for name in ("retention_tag", "product", "group")),
        f"line 1, column 1: the attribute user of job {idle}",
        f"line 1, column 1: the attribute colour of job {unknown}",
        f"line 2, column 3: notify {idle}",
        f"line 4, column 3: the attribute id of recipeSet {unknown}",
        f"line 5, column 5: the attribute whiteboard of recipe {idle}",
        f"line 5, column 5: the attribute ks_meta of recipe {idle}",
        f"line 5, column 5: the attribute kernel_options of recipe {idle}",
        f"line 5, column 5: the attribute kernel_options_post of recipe {idle}",
        f"line 5, column 5: the attribute arch of recipe {unknown}",
        "line 5, column 5: text in recipe has no effect",
        f"line 6, column 7: autopick {idle}",
        f"line 7, column 7: watchdog {idle}",
        f"line 8, column 7: packages {idle}",
        f"line 9, column 7: ks_appends {idle}",
        f"line 10, column 7: repos {idle}",
        f"line 11, column 7: distroRequires {idle}",
        f"line 12, column 7: distro {idle}",
        f"line 14, column 7: partitions {idle}",
        f"line 15, column 7: kickstart {idle}",
        f"line 18, column 7: seccomp {unknown}",
        f"line 20, column 7: the attribute keepchanges of task {idle}",
        f"line 20, column 7: the attribute id of task {unknown}",
        f"line 21, column 9: the attribute ssl_verify of fetch {idle}",
        f"line 22, column 9: rpm {idle}",
        f"line 25, column 11: the attribute unit of param {unknown}",
        "line 25, column 11: the param A is given twice: this one counts",
        f"line 28, column 7: reservesys {idle}",
    ]


@pytest.mark.parametrize(
    ("wishes", "system", "requires"),
    [
        ("", None, Requires()),
        ("<hostRequires/>", None, Requires()),
        ("<hostRequires><and/> <and> </and></hostRequires>", None, Requires()),
        ('<hostRequires force="a.b"/>', "a.b", Requires()),
        ('<hostRequires force="a"><hostname value="a"/><tag value="x"/></hostRequires>', "a", Requires(None, ("x",))),
        ('<hostRequires><and><hostname op="=" value="h"/></and></hostRequires>', "h", Requires()),
        ('<hostRequires><hostname value="h"/><hostname op="==" value="h"/></hostRequires>', "h", Requires()),
        (
            '<hostRequires><tag value="a"/><!-- x --><?y z?><tag op="==" value="b"/></hostRequires>',
            None,
            Requires(None, ("a", "b")),
        ),
        ('<hostRequires><system_type value="VM"/></hostRequires>', None, Requires("VM")),
        ('<hostRequires><type op="=" value="VM"/><system_type value="VM"/></hostRequires>', None, Requires("VM")),
        (
            '<hostRequires><system><and><name value="h"/><type value="VM"/></and></system></hostRequires>',
            "h",
            Requires("VM"),
        ),
        ('<hostRequires xmlns:x="u"><tag xml:lang="en" value="a"/></hostRequires>', None, Requires(None, ("a",))),
    ],
)
def test_host(wishes: str, system: str | None, requires: Requires) -> None:
    """What hostRequires asks for."""
    recipe = parsed(f"<recipe>{wishes}{TASK}</recipe>")
    assert (recipe.system, recipe.requires) == (system, requires)


UNDERSTOOD = (
    "is not understood here; understood are and, hostname, system_type, tag, type, and system with name and type; "
    "each with op '=' and a value; and the attribute force"
)


@pytest.mark.parametrize(
    ("wishes", "problem", "field"),
    [
        *(
            (f'\n <{name} op="=" value="1"/>', f"line 2, column 2: hostRequires: {name} {UNDERSTOOD}", name)
            for name in ("or", "not", "group", "arch", "memory", "key_value", "cpu", "labcontroller", "name", "seccomp")
        ),
        ("<and>\n\t<or/></and>", f"line 2, column 2: hostRequires: or {UNDERSTOOD}", "or"),
        ("\n<system><hostname value='h'/></system>", f"line 2, column 9: hostRequires: hostname {UNDERSTOOD}", None),
        ("\n<system><system/></system>", f"line 2, column 9: hostRequires: system {UNDERSTOOD}", "system"),
        ("\n<tag value='a'><x/></tag>", f"line 2, column 16: hostRequires: x {UNDERSTOOD}", "x"),
        (
            "\n<tag op='!=' value='a'/>",
            "line 2, column 1: tag: op '!=' is not understood here; understood are '=' and '=='",
            "tag/@op",
        ),
        (
            "\n<hostname op='like' value='a%'/>",
            "line 2, column 1: hostname: op 'like' is not understood here; understood are '=' and '=='",
            "hostname/@op",
        ),
        ("\n<hostname/>", "line 2, column 1: hostname: the attribute value is missing", "hostname/@value"),
        ("\n<tag value=''/>", "line 2, column 1: tag: the attribute value is empty", "tag/@value"),
        (
            "\n<tag value='a' units='B'/>",
            "line 2, column 1: tag: the attribute units is not understood here",
            "tag/@units",
        ),
        ("\n<and op='='/>", "line 2, column 1: and: the attribute op is not understood here", "and/@op"),
        ("\n<and>host1</and>", "line 2, column 1: and: text is not understood here", "and"),
        (
            "\n<hostname value='a'/><and>\n<hostname value='b'/></and>",
            "line 3, column 1: hostname: 'b' beside 'a': a system has one hostname",
            "hostname",
        ),
        (
            "\n<type value='a'/>\n<system_type value='b'/>",
            "line 3, column 1: system_type: 'b' beside 'a': a system has one type",
            "system_type",
        ),
    ],
)
def test_hosts_that_are_refused(wishes: str, problem: str, field: str | None) -> None:
    """Whatever else hostRequires asks for is refused by name and place: a recipe does not run where it must not."""
    with pytest.raises(BadDocument) as refused:
        parsed(f"<recipe><hostRequires>{wishes}</hostRequires>{TASK}</recipe>")
    assert refused.value.message == problem
    assert field is None or refused.value.field == field


@pytest.mark.parametrize(
    ("text", "problem", "field"),
    [
        ("<hostRequires force=''/>", "hostRequires: the attribute force is empty", "hostRequires/@force"),
        (
            "<hostRequires like='a'/>",
            "hostRequires: the attribute like is not understood here",
            "hostRequires/@like",
        ),
        (
            "<hostRequires force='a'><hostname value='b'/></hostRequires>",
            "hostname: 'b' beside 'a': a system has one hostname",
            "hostname",
        ),
        ("<hostRequires>host1</hostRequires>", "hostRequires: text is not understood here", "hostRequires"),
        ("<hostRequires/><hostRequires/>", "hostRequires: there is one already, at line 3, column 1", None),
        (
            "<hostrequires/>",
            "hostrequires: hostRequires is written so, and belongs into a recipe",
            "hostrequires",
        ),
        ("<guestrecipe guestargs='--ram=1'/>", "guestrecipe: guests are not supported", "guestrecipe"),
        ("<task/>", "task: the attribute name is missing", "task/@name"),
        ("<task name=''/>", "task: the attribute name is empty", "task/@name"),
        (
            "<task name='a'><rpm name='b'/></task>",
            "rpm: a task cannot be run from a package here; give it a fetch, command or script",
            "rpm",
        ),
        ("<task name='a'><fetch/></task>", "fetch: the attribute url is missing", "fetch/@url"),
        ("<task name='a'><fetch url=''/></task>", "fetch: the attribute url is empty", "fetch/@url"),
        (
            "<task name='a'><script/><command><arg>b</arg></command></task>",
            "command: a task has one of fetch, command and script",
            "command",
        ),
        ("<task name='a'><command/></task>", "command: a command consists of arg elements, at least one", "command"),
        (
            "<task name='a'><command>ls<arg>b</arg></command></task>",
            "command: a command consists of arg elements, at least one",
            "command",
        ),
        ("<task name='a'><command><word/></command></task>", "word: a command consists of arg elements", "word"),
        (
            "<task name='a'><script>echo <b>c</b></script></task>",
            "b: script holds nothing but text; write < as &lt; or use CDATA",
            "b",
        ),
        ("<task name='a'><params><param value='b'/></params></task>", "param: the attribute name is missing", None),
        ("<task name='a'><params><param name='b'/></params></task>", "param: the attribute value is missing", None),
        ("<params><param name='' value=''/></params>", "param: the attribute name is empty", "param/@name"),
    ],
)
def test_refused_in_a_recipe(text: str, problem: str, field: str | None) -> None:
    """What is wrong below a recipe is refused with line, column and name of the element that is wrong."""
    with pytest.raises(BadDocument) as refused:
        jobxml.parse_job(f"<job><recipeSet>\n<recipe>\n{text}{TASK}</recipe></recipeSet></job>".encode())
    tag = problem.partition(":")[0]
    column = (text.rindex(f"<{tag}") if tag != "task" else 0) + 1
    assert refused.value.message == f"line 3, column {column}: {problem}"
    assert field is None or refused.value.field == field


@pytest.mark.parametrize(
    ("text", "problem", "field"),
    [
        ("<jobs/>", "line 1, column 1: jobs: the root element is job", "jobs"),
        ("<!-- ä -->\n <job/>", "line 2, column 2: job: a job needs a recipeSet", "job"),
        (
            "<job><whiteboard>ü</whiteboard><recipeSet/></job>",
            "line 1, column 32: recipeSet: a recipeSet needs a recipe",
            None,
        ),
        (
            "<job>\n<recipeSet>\n<recipe/></recipeSet></job>",
            "line 3, column 1: recipe: a recipe needs a task",
            "recipe",
        ),
        (
            "<job><recipeSet priority='tall'/></job>",
            "line 1, column 6: recipeSet: priority is one of low, medium, normal, high, urgent",
            "recipeSet/@priority",
        ),
        (
            "<job><whiteboard/><whiteboard/></job>",
            "line 1, column 19: whiteboard: there is one already, at line 1, column 6",
            None,
        ),
        (
            "<job><hostRequires/></job>",
            "line 1, column 6: hostRequires: hostRequires is written so, and belongs into a recipe",
            None,
        ),
    ],
)
def test_refused_above_a_recipe(text: str, problem: str, field: str | None) -> None:
    """What is wrong with a job or a set is refused with its place; columns count characters, not bytes."""
    with pytest.raises(BadDocument) as refused:
        jobxml.parse_job(text.encode())
    assert refused.value.message == problem
    assert field is None or refused.value.field == field


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "", "60s", "1000000000", "\N{ARABIC-INDIC DIGIT THREE}", "0x10"])
def test_wrong_numbers(number: str) -> None:
    """A number that is none is refused with what was written."""
    with pytest.raises(BadDocument) as refused:
        parsed(f'<recipe max_seconds="{number}">{TASK}</recipe>')
    assert refused.value.message == (
        "line 1, column 17: recipe: max_seconds is a whole number of seconds, 1 to 999999999, not " + repr(number)
    )
    assert refused.value.field == "recipe/@max_seconds"


@pytest.mark.parametrize(("word", "stops"), [("true", True), ("TRUE", True), ("false", False), ("False", False)])
def test_stop_on_fail(word: str, stops: bool) -> None:
    """A truth value is true or false."""
    assert parsed(f'<recipe stop_on_fail="{word}">{TASK}</recipe>').stop_on_fail is stops


@pytest.mark.parametrize("word", ["", "1", "yes", " true"])
def test_wrong_truth(word: str) -> None:
    """Other truth values are refused: a word that is not understood would be taken for false."""
    with pytest.raises(BadDocument) as refused:
        parsed(f'<recipe stop_on_fail="{word}">{TASK}</recipe>')
    assert refused.value.message == f"line 1, column 17: recipe: stop_on_fail is true or false, not {word!r}"
    assert refused.value.field == "recipe/@stop_on_fail"


@pytest.mark.parametrize(
    "priorities", [("Low", "Urgent", "Normal"), ("low", "URGENT", "normal"), ("Medium", "urgent", "High")]
)
def test_several_sets(priorities: tuple[str, ...]) -> None:
    """The highest priority of the sets is the job's; sets and recipes keep their order."""
    sets = "".join(
        f'<recipeSet priority="{priority}"><recipe role="{priority}">{TASK}</recipe></recipeSet>'
        for priority in priorities
    )
    job = jobxml.parse_job(f"<job>{sets}</job>".encode())
    assert job.priority == 90
    assert tuple(group.recipes[0].role for group in job.recipe_sets) == priorities


def test_warnings_are_capped() -> None:
    """A hundred warnings are kept and the others counted; names in them are cut."""
    tasks = "".join(f'<task name="t"><{"x" * 200}/></task>' for _ in range(130))
    job = jobxml.parse_job(f"<job><recipeSet><recipe>{tasks}</recipe></recipeSet></job>".encode())
    assert len(job.warnings) == 101
    assert job.warnings[0] == f"line 1, column 40: {'x' * 60}... is not known and has no effect"
    assert job.warnings[-1] == "and 30 more"


def test_namespaces() -> None:
    """Declarations of namespaces are no attributes; an element of another namespace is not known, by its full name."""
    job = jobxml.parse_job(
        b'<job xmlns="urn:x" xmlns:xi="http://www.w3.org/2001/XInclude" xml:lang="en"><recipeSet><recipe>'
        b'<xi:include href="/etc/passwd"/><task name="t"/></recipe></recipeSet></job>'
    )
    assert job.warnings == ("line 1, column 96: xi:include is not known and has no effect",)


def test_params_do_not_multiply() -> None:
    """Params of a recipe are repeated in its tasks only as far as a document could be large."""
    params = "".join(f'<param name="N{number}" value="{"v" * 80}"/>' for number in range(1000))
    inside = f"<params>{params}</params>"
    assert len(parsed(f"<recipe>{inside}{TASK * 90}</recipe>").tasks[89].params) == 1000
    with pytest.raises(BadDocument, match=r"^line 1, column 25: params: the params of recipes, .* more than 10 MiB$"):
        parsed(f"<recipe>{inside}{TASK * 120}</recipe>")
    with pytest.raises(BadDocument, match=r"^line 1, .*more than 10 MiB$"):
        parsed(f"<recipe>{inside}{TASK * 60}</recipe>" * 2)


XML_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=20)
XML_NAME = XML_TEXT.filter(bool)


@given(XML_NAME, XML_TEXT, st.lists(XML_TEXT, min_size=1, max_size=3))
def test_xml_is_read_as_it_is(name: str, value: str, words: list[str]) -> None:
    """Text of any letters comes out of XML as it went in."""
    recipe = etree.Element("recipe")
    task = etree.SubElement(recipe, "task", name=name)
    etree.SubElement(etree.SubElement(task, "params"), "param", name=name, value=value)
    command = etree.SubElement(task, "command")
    for word in words:
        etree.SubElement(command, "arg").text = word
    read = parsed(etree.tostring(recipe, encoding="unicode"))
    assert read.tasks == (NewTask(name, params={name: value}, command=tuple(words)),)


def test_what_asks_for_nothing() -> None:
    """Empty elements, which Beaker's own clients always write, are not worth a warning."""
    idle = b"<packages/><autopick/><ks_appends> </ks_appends>"
    body = b"<job><recipeSet><recipe>%b<task name='t'/></recipe></recipeSet></job>"
    assert jobxml.parse_job(body % idle).warnings == ()


def test_subdir() -> None:
    """Beaker's subdir is the fragment of the URL; both together are refused."""
    job = "<job><recipeSet><recipe><task name='t'><fetch url='{}' subdir='/a b/'/></task></recipe></recipeSet></job>"
    found = jobxml.parse_job(job.format("http://192.0.2.1/t.tar").encode())
    assert found.recipe_sets[0].recipes[0].tasks[0].fetch == "http://192.0.2.1/t.tar#a%20b"
    with pytest.raises(BadDocument, match="line 1, column 40: fetch: a subdir and a fragment"):
        jobxml.parse_job(job.format("http://192.0.2.1/t.tar#x").encode())


def test_priorities_that_differ() -> None:
    """A job has one priority: the highest, with a word to whoever wanted different ones."""
    group = "<recipeSet priority='{}'><recipe><task name='t'/></recipe></recipeSet>"
    body = f"<job>{group.format('Low')}{group.format('High')}{group.format('Low')}</job>"
    found = jobxml.parse_job(body.encode())
    assert found.priority == jobxml.PRIORITIES["high"]
    assert [warning.partition(": ")[2] for warning in found.warnings] == [
        "all sets of a job have one priority: the highest counts"
    ]
