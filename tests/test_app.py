"""Does the dashboard ask only what may be asked, start it as a process of its own, and show what came of it?"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("streamlit", reason="streamlit is not installed (the extra [app]): the dashboard was not tried")

from nobid.model.parameters import Parameters
from nobid.runs.cli import app as command_line
from nobid.runs.dashboard.agents import Watched, watched
from nobid.runs.dashboard.child import EXPLAINED
from nobid.runs.dashboard.fields import matching, plain, sections, settings, settings_of_policy, step_of
from nobid.runs.dashboard.found import claimed, entries, inside
from nobid.runs.dashboard.jobs import Job, started
from nobid.runs.dashboard.serve import OPTIONS, command
from nobid.runs.dashboard.wish import Wish, policy_words, settings_in
from nobid.runs.errors import InputError
from nobid.runs.policies import known, policies_of
from nobid.runs.progress import Progress
from nobid.runs.run import Run
from nobid.runs.scenarios import scenario
from nobid.runs.simulation import simulate
from nobid.runs.terminal import progress_bar

PAGE = Path(__file__).resolve().parent.parent / "runs" / "dashboard" / "page.py"
PATIENCE = 60.0  # seconds


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run of the toy in it."""
    folder = tmp_path_factory.mktemp("home") / "out"
    simulate("toy", out=folder / "toy-a", figures=False)
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    return simulate("toy", out=home / "toy-a", figures=False)


def ended(job: Job) -> Job:
    """The job once it has ended."""
    job.process.wait(PATIENCE)
    return job


def refusal(wish: Wish) -> str:
    with pytest.raises(InputError) as refused:
        wish.checked()
    return str(refused.value)


def shown(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """The dashboard over the folder, as Streamlit would run it, without a browser."""
    testing = pytest.importorskip("streamlit.testing.v1")
    monkeypatch.setattr(sys, "argv", [str(PAGE), str(folder)])
    return testing.AppTest.from_file(str(PAGE), default_timeout=PATIENCE).run()


# what may be asked for


def test_a_wish_becomes_the_command_that_a_person_would_type() -> None:
    wish = Wish("mispriced", 3, 8, 24, 2, settings={"coin.price": "60000.0"}, policies=("ltv_cap:max=0.4", "tenor_cap"))
    assert wish.checked().command(Path("out/a")) == [
        "run", "mispriced", "--paths=8", "--seed=3", "--months=24", "--workers=2", "--set=coin.price=60000.0",
        "--policy=ltv_cap:max=0.4 + tenor_cap", "--out=out/a", "--quiet",
    ]  # fmt: skip


def test_in_a_comparison_every_policy_is_an_arm() -> None:
    words = Wish("toy", compared=True, policies=("ltv_cap", "standstill")).checked().command(Path("o"))
    assert [words[0], *(one for one in words if one.startswith("--policy"))] == [
        "compare", "--policy=ltv_cap", "--policy=standstill",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish("../../etc/passwd"), 'unknown scenario "../../etc/passwd"'),
        (Wish("misprised"), "did you mean mispriced?"),
        (Wish("toy", paths=0), "paths = 0: must be a whole number between 1 and 100000."),
        (Wish("toy", paths=1, compared=True, policies=("ltv_cap",)), "between 2 and 100000."),
        (Wish("toy", seed=-1), "seed = -1: must be a whole number"),
        (Wish("toy", paths=True), "paths = True: must be a whole number"),
        (Wish("toy", months=241), "months = 241: must be a whole number between 1 and 240."),
        (Wish("toy", workers=1000), "workers = 1000: must be"),
        (Wish("toy", compared=True), "a comparison needs a policy: tick at least one."),
        (Wish("toy", policies=("ltv_cup",)), "did you mean ltv_cap?"),
        (Wish("toy", policies=("ltv_cap:max=2",)), "max = 2"),
        (Wish("toy", settings={"coin.price": "1" * 2001}), "its value has 2001 characters"),
    ],
)
def test_what_may_not_be_asked_for_is_refused_in_a_sentence(wish: Wish, sentence: str) -> None:
    assert sentence in refusal(wish)


@pytest.mark.parametrize("key", ["paths.rent", '"paths".rent', "tables", "extends", "remove.firm", "policy"])
def test_no_file_is_read_and_no_rule_changed_through_a_setting(key: str) -> None:
    assert f"{key}: cannot be set here" in refusal(Wish("toy", settings={key: '"/etc/passwd"'}))


def test_every_mistake_is_told_at_once() -> None:
    assert len(refusal(Wish("misprised", -1, 0, settings={"tables": "x"}, policies=("ltv_cup",))).splitlines()) == 5


def test_settings_are_read_a_line_at_a_time() -> None:
    assert settings_in(" firm.IREN.cash = 100 \n\nshock=[{ demand = -0.3 }]") == {
        "firm.IREN.cash": "100",
        "shock": "[{ demand = -0.3 }]",
    }
    with pytest.raises(InputError, match=r"coin\.price: write it as KEY=VALUE"):
        settings_in("coin.price")


def test_only_what_was_chosen_of_a_policy_is_sent() -> None:
    assert policy_words("ltv_cap", {"from": "", "until": "", "max": 0.5, "rolls": False}) == "ltv_cap"
    words = policy_words("ltv_cap", {"from": "2026-06", "until": "", "max": 0.4, "rolls": True})
    assert words == "ltv_cap:from=2026-06,max=0.4,rolls=true"
    (policy,) = policies_of(words)
    assert (policy.since, policy.model_dump()["max"]) == ("2026-06", 0.4)


def test_a_policy_takes_no_second_one_in_its_settings() -> None:
    with pytest.raises(InputError, match="have a meaning of their own"):
        policy_words("ltv_cap", {"from": "2026-06 + standstill"})
    with pytest.raises(InputError, match="did you mean ltv_cap"):
        policy_words("ltv_cup", {})


# the form


def test_every_parameter_has_a_field_with_words_and_help() -> None:
    found = list(settings(Parameters()))
    names = sections(Parameters())
    assert len(found) > 180
    for one in found:
        assert one.label[0] == one.label[0].upper()
        assert f"`{one.key}`" in one.help
        assert "source: " in one.help
        assert (one.key.split(".")[0] if "." in one.key else "") in names
    assert {one.kind for one in found} == {"toggle", "choice", "number", "text", "toml"}


def test_what_a_field_holds_loads_as_the_same_value() -> None:
    for one in settings(scenario("everything").parameters):
        if one.kind != "toml":
            again = scenario("everything", set=[f"{one.key}={one.words(one.value)}"])
            assert again.hash == scenario("everything").hash, one.key
            break


def test_every_choice_of_every_policy_has_a_field() -> None:
    for name, cls in known().items():
        assert [one.key for one in settings_of_policy(cls)][:2] == ["from", "until"], name


def test_a_search_finds_keys_and_meanings() -> None:
    found = list(settings(Parameters()))
    assert "debt.gpu_margin.call_speed" in [one.key for one in matching(found, "CALL month")]
    assert "lenders.capital_multiple" in [one.key for one in matching(found, "capital_multiple")]
    assert matching(found, "month nosuchword") == []


def test_an_arrow_moves_a_value_by_about_a_twentieth() -> None:
    assert [step_of(one) for one in (0.35, 87500.0, 0.002, -0.6, 0.0)] == [0.01, 1000.0, 0.0001, 0.01, 0.01]


def test_words_of_a_user_have_no_meaning_as_markdown() -> None:
    assert plain("a *b* [c](d) :red[e] $f$ <g>") == r"a \*b\* \[c\]\(d\) \:red\[e\] \$f\$ \<g\>"


# folders


def test_runs_and_comparisons_are_listed_and_what_lies_inside_them_is_not(tmp_path: Path, home: Path) -> None:
    record = (home / "toy-a" / "run.json").read_text()
    for name in ("deep/er/b", "cmp/none", ".hidden/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(record)
    told = {"scenario": "toy", "seed": 7, "paths": 4, "status": "done", "written": "2026-11-23T07:00:00+00:00"}
    (tmp_path / "cmp" / "comparison.json").write_text(json.dumps(told))
    for name, text in {"broken": "{", "other": "[]", "foreign": '{"scenario": 1}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    found = {one.name: one for one in entries(tmp_path)}
    assert set(found) == {"deep/er/b", "cmp"}
    assert found["cmp"].label == "toy: comparison of policies, 4 paths, seed 7 · cmp"
    assert found["deep/er/b"].paths == "0 of 1"
    assert [one.label for one in entries(home)] == ["toy: 1 path, seed 7 · toy-a"]
    assert entries(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["..", "../other", "/etc", "a/../../b"])
def test_nothing_outside_the_folder_is_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="lies outside"):
        inside(tmp_path, name)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "link").symlink_to(home / "toy-a", target_is_directory=True)
    assert entries(folder) == []
    with pytest.raises(InputError, match="lies outside"):
        inside(folder, "link")


def test_two_runs_that_start_together_have_folders_of_their_own(tmp_path: Path) -> None:
    found = [claimed(tmp_path, "toy-7") for _ in range(5)]
    assert len(set(found)) == 5
    assert all(one.is_dir() for one in found)


# processes


@pytest.mark.slow
def test_a_run_is_a_process_that_tells_its_progress(tmp_path: Path) -> None:
    out = claimed(tmp_path, "toy-7")
    job = ended(started("toy", Wish("toy", paths=2).command(out), out))
    assert job.done, job.sentence()
    now = job.progress()
    assert now is not None
    assert (now.done, now.total, now.paths) == (6, 6, 2)
    assert job.left() == 0.0
    assert job.sentence() == ""
    assert [one.status for one in entries(tmp_path)] == ["done"]


def test_a_refused_run_says_what_the_command_line_says(tmp_path: Path) -> None:
    out = claimed(tmp_path, "toy-7")
    wish = Wish("toy", settings={"lenders.capital_multipel": "0.5", "coin.volatility": "9"}).checked()
    job = ended(started("toy", wish.command(out), out))
    typed = CliRunner().invoke(command_line, wish.command(out))
    assert not job.done
    assert job.sentence() == typed.stderr.strip()
    assert "did you mean lenders.capital_multiple?" in job.sentence()
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_stop_is_heard_and_keeps_what_is_finished_though_its_parent_was_deaf_to_it(tmp_path: Path) -> None:
    out = claimed(tmp_path, "baseline-7")
    code = (
        "import signal, sys, time, pathlib; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from nobid.runs.dashboard.jobs import started\n"
        "job = started('baseline', sys.argv[2:]); parts = pathlib.Path(sys.argv[1]) / 'parts' / 'outcomes'\n"
        "while not list(parts.glob('*.parquet')): assert job.running; time.sleep(0.05)\n"
        "job.stop(); job.process.wait(30); print(job.sentence())"
    )
    asked = [str(out), *Wish("baseline", paths=128, months=12).command(out)]
    words = [sys.executable, "-c", code, *asked]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    told = "stopped by hand: 64 of 128 paths are finished and kept; the same command continues."
    assert (done.stdout.strip(), done.stderr) == (told, "")
    (entry,) = entries(tmp_path)
    assert (entry.status, entry.paths) == ("interrupted", "64 of 128")


def test_a_process_that_breaks_shows_no_traceback(tmp_path: Path) -> None:
    job = ended(started("broken", [EXPLAINED, str(tmp_path)]))
    assert job.sentence().startswith("nobid ended unexpectedly (TypeError: ")
    assert "Traceback" not in job.sentence()
    assert "\n" not in job.sentence()


def test_only_a_program_that_asks_hears_of_progress_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked, heard in (("", []), ("json", [(1, 9), (9, 9)])):  # the second step comes too soon after the first
        monkeypatch.setenv("NOBID_PROGRESS", asked)
        with progress_bar("toy", show=True) as told:
            for done in (1, 2, 9) if told else ():
                told(Progress(done, 9, 3, 0.5))
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [(line["done"], line["total"]) for line in lines] == heard


# an agent


@pytest.fixture(scope="module")
def page(run: Run) -> Watched:
    return watched(run.replay().html)


def test_the_balance_sheet_is_that_of_the_exposure_graph(page: Watched, run: Run) -> None:
    for month in ("start", "2026-02"):
        graph = run.graph(month, 0)
        for agent in page.names:
            sheet = page.sheet(agent, 0, month)
            column = sheet[month]
            for name, words in (("assets", "Assets, USD m"), ("debt", "Debt, USD m"), ("cash", "Cash, USD m")):
                value = column.get(words, 0.0)
                assert value == pytest.approx(graph.nodes[agent][name], rel=0.005, abs=0.051), (agent, month, name)


def test_what_one_owes_another_is_owed(page: Watched) -> None:
    owes = {(one, other, kind): amount for one in page.names
            for other, kind, amount, _ in page.ties(one, 0, "2026-01").itertuples(index=False) if amount}  # fmt: skip
    owed = {(other, one, kind): amount for one in page.names
            for other, kind, _, amount in page.ties(one, 0, "2026-01").itertuples(index=False) if amount}  # fmt: skip
    assert owes == owed
    assert owes


def test_who_failed_and_when_is_what_the_run_says(page: Watched, run: Run) -> None:
    told = {row.source: row.month for row in run.events.itertuples() if row.kind == "default"}
    assert {one: month for one in page.names if (month := page.fell(one, 0))} == told
    assert told


def test_an_explanation_comes_as_sentences_and_tables(home: Path, run: Run) -> None:
    agent = run.scenario.founding.borrowers[0].name
    told = ended(started("why", [EXPLAINED, str(home / "toy-a"), agent, "0"])).answer()
    here = run.explain(agent, 0)
    assert told["headline"] == here.headline
    assert [one for one in told["parts"] if isinstance(one, str)] == [one for one in here.parts if isinstance(one, str)]
    assert len(told["parts"]) == len(here.parts)


# the server


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


def test_the_server_answers_to_this_machine_only_and_tells_nobody(tmp_path: Path) -> None:
    words = command(tmp_path, 8765, browser=False)
    for option in (
        "--server.address=127.0.0.1", "--server.port=8765", "--server.headless=true", "--server.allowedHosts=127.0.0.1",
        "--browser.gatherUsageStats=false", "--server.enableXsrfProtection=true", "--server.enableCORS=true",
        "--client.showErrorDetails=none",
    ):  # fmt: skip
        assert option in words
    assert words[-2:] == ["--", str(tmp_path)]
    assert "true" not in OPTIONS["browser.gatherUsageStats"]


def test_a_mistake_on_the_command_line_is_told_in_a_sentence(taken: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for words, sentence in (
        (["--port", str(taken)], f"--port {taken}: is in use on this machine: choose another --port."),
        (["--port", "80"], "--port 80: must be a whole number between 1024 and 65535."),
        ([str(file)], f"{file}: is not a folder: name the one in which runs lie, or shall lie."),
    ):
        done = CliRunner().invoke(command_line, ["app", *words, "--no-browser"])
        assert (done.exit_code, done.stderr.strip()) == (2, sentence)


def test_without_streamlit_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("nobid.runs.dashboard.serve.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'nobid\[app\]'"):
        command(tmp_path, 8765, browser=False)


def test_settings_of_the_users_own_streamlit_do_not_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import streamlit.web.cli

    from nobid.runs.dashboard.serve import serve

    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
    monkeypatch.setattr(streamlit.web.cli, "main", lambda words, **_: words)
    serve(tmp_path, 8765, browser=False)
    assert "STREAMLIT_SERVER_ADDRESS" not in os.environ


# the pages, without a browser


def the_form() -> None:
    import sys
    from pathlib import Path

    from nobid.runs.dashboard.form import form

    form(Path(sys.argv[1]))


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The form by itself, as Streamlit would run it."""
    testing = pytest.importorskip("streamlit.testing.v1")
    monkeypatch.setattr(sys, "argv", ["page.py", str(tmp_path)])
    return testing.AppTest.from_function(the_form, default_timeout=PATIENCE).run()


def asked(form: Any) -> str:
    """The command under the form, which shows no mistake."""
    assert not form.exception
    assert [one.value for one in form.error] == []
    return str(form.code[0].value)


def test_the_form_asks_for_what_it_shows_and_for_no_more(form: Any) -> None:
    assert asked(form) == "nobid run mispriced --paths=16 --seed=7"
    form.selectbox(key="scenario").select("baseline").run()
    form.number_input(key="months:baseline").set_value(12).run()
    form.text_input(key="search").set_value("call_speed").run()
    form.number_input(key="parameter:baseline:debt.gpu_margin.call_speed:0").set_value(0.5).run()
    form.text_area(key="further").set_value("firm.IREN.cash=100").run()
    words = "--paths=16 --seed=7 --months=12 --set=debt.gpu_margin.call_speed=0.5 --set=firm.IREN.cash=100"
    assert asked(form) == f"nobid run baseline {words}"
    form.text_input(key="search").set_value("").run()  # out of sight, but kept
    assert "call_speed=0.5" in asked(form)
    form.selectbox(key="scenario").select("toy").run()  # another world has its own changes
    assert "call_speed" not in asked(form)
    form.selectbox(key="scenario").select("baseline").run()
    form.button(key="undo:baseline").click().run()
    assert asked(form) == "nobid run baseline --paths=16 --seed=7 --set=firm.IREN.cash=100"


def test_every_policy_and_every_section_has_its_fields(form: Any) -> None:
    for name in known():
        form.checkbox(key=f"policy:{name}").check()
    form.run()
    assert asked(form).endswith(f"'--policy={' + '.join(known())}'")
    for section in sections(Parameters()):
        form.selectbox(key="section").select(section).run()
        assert not form.exception, section
    for field in form.number_input:
        assert field.min is None or field.max is None or field.min <= field.value <= field.max


def test_a_comparison_has_an_arm_for_every_policy_with_its_settings(form: Any) -> None:
    form.radio(key="kind").set_value("A comparison of policies").run()
    assert form.error[0].value == "a comparison needs a policy\\: tick at least one."
    form.checkbox(key="policy:ltv_cap").check()
    form.checkbox(key="policy:standstill").check().run()
    form.number_input(key="policy:ltv_cap:max").set_value(0.4).run()
    words = "nobid compare mispriced --paths=64 --seed=7 --policy=ltv_cap:max=0.4 --policy=standstill"
    assert asked(form) == words
    form.text_input(key="policy:ltv_cap:from").set_value("2026-13").run()
    assert "ltv\\_cap" in form.error[0].value
    assert not form.code


def test_an_empty_folder_invites_to_a_first_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = shown(monkeypatch, tmp_path)
    assert not page.exception
    assert "start one under New run" in page.info[0].value


def test_the_newest_run_is_shown_with_its_answer(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    page = shown(monkeypatch, home)
    assert not page.exception
    assert [one.value for one in page.title] == ["toy: 1 path, seed 7"]
    assert not page.error


def test_a_name_outside_the_folder_is_refused_and_the_list_stays(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    page = shown(monkeypatch, home)
    page.query_params["entry"] = "../../etc"
    page.run()
    assert not page.exception
    assert page.error[0].value.startswith('there is no run or comparison "../../etc" in')
    assert page.title[0].value == "toy: 1 path, seed 7"
