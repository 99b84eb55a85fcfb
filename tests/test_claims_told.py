"""Are claims tried once, kept, continued and told as they came out: in a folder, a table, a figure, a page?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nobid.runs import claims
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.essay import trial as engine
from nobid.runs.essay.benches import Bench
from nobid.runs.essay.declaration import Claim, declared, rules_hash
from nobid.runs.essay.figures import figure
from nobid.runs.essay.result import Line, Swept, Trial, Trials, counted, trial_of
from nobid.runs.essay.text import told, turns
from nobid.runs.essay.trial import tries
from nobid.runs.progress import Progress
from nobid.runs.simulation import Interrupted
from tests.documents import DOCS, builder
from tests.ensembles import hashes


def small(number: int, **changes: Any) -> Claim:
    """The claim in three months of a crisis, without its sweeps and what stands beside."""
    return declared()[number].model_copy(
        update={"scenario": "everything", "months": 3, "sweeps": (), "beside": (), "also": (), **changes}
    )


def line(role: Any = "test", verdict: Any = "supported", **changes: Any) -> Line:
    """A figure of 1.5 (1 to 2) miners against a bound of .5."""
    plain = {"world": "", "what": "miners defaulted", "unit": "miners", "side": "above", "bound": 0.5, "paths": 128}
    ends = {"value": 1.5, "low": 1.0, "high": 2.0, "words": "1.50 (1.00 to 2.00)"}
    return Line(role=role, verdict=verdict, **{**plain, **ends, **changes})


def tried(**changes: Any) -> Trial:
    """Claim 7, supported, with a null control, another world and a sweep."""
    claim = declared()[7]
    swept = Swept(
        "miners", "miners", ("issues, share",), (("0", "0.04"),), (0.0, 0.04), ((0.2,), (0.8,)), ((0.1,), (0.6,)),
        ((0.3,), (1.0,)), 0.5, 0.04, ("issues: turns at about 0.020",),
    )  # fmt: skip
    lines = (line(), line("null", "not supported", value=0.0, low=0.0, high=0.0, words="0"),
             line("world", world="mispriced"), line("beside", "told", bound=None))  # fmt: skip
    plain: dict[str, Any] = {
        "number": 7, "title": claim.title, "says": claim.says, "mechanism": claim.mechanism, "kind": claim.kind,
        "scenario": "baseline", "months": 60, "holds_if": claim.holds_if, "verdict": "supported",
        "null": "not supported", "why_null": "no debt falls due", "worlds": (("mispriced", "supported"),),
        "lines": lines, "sweeps": (swept,), "paths": 128, "seed": 7, "arms": (("scenario", "baseline-60-1"),),
    }  # fmt: skip
    return Trial(**{**plain, **changes})


def nobid(*words: str) -> Any:
    """What the command line answers: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, list(words))


# ---- trying


def test_a_claim_is_kept_in_its_folder_and_tried_again_without_simulating(tmp_path: Path) -> None:
    claim = small(7)
    first = tries(claim, Bench(2, 7, tmp_path), full=False)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    again = tries(claim, Bench(2, 7, tmp_path), full=False)
    assert again == first
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == before
    kept = json.loads((tmp_path / "claim-07" / "claim.json").read_text(encoding="utf-8"))
    assert trial_of(kept) == first
    assert (tmp_path / "claim-07" / "claim_07.png").stat().st_size > 10_000
    assert {one[1] for one in first.arms} <= {one.name for one in (tmp_path / "arms").iterdir()} | {
        arm
        for label, arm in first.arms
        if label not in ("scenario", "closed")  # arms of what stands beside
    }


def test_more_paths_extend_a_claim_and_another_seed_is_refused(tmp_path: Path) -> None:
    claim = small(7)
    two = tries(claim, Bench(2, 7, tmp_path), full=False)
    parts = hashes(tmp_path / "arms")
    four = tries(claim, Bench(4, 7, tmp_path), full=False)
    assert (two.paths, four.paths, four.tests[0].paths) == (2, 4, 4)
    assert parts.items() <= hashes(tmp_path / "arms").items()  # what was there was not run again
    with pytest.raises(InputError, match="seed"):
        tries(claim, Bench(4, 8, tmp_path), full=False)


def test_a_claim_comes_out_the_same_with_one_worker_or_two_stored_or_not(tmp_path: Path) -> None:
    claim = small(12, null=None, no_null="left out", months=2)
    alone = tries(claim, Bench(2, 7, workers=1, chunk=1), full=False)
    one, two = (Bench(2, 7, tmp_path / str(workers), workers, chunk=1) for workers in (1, 2))
    assert alone == tries(claim, one, full=False) == tries(claim, two, full=False)
    assert hashes(tmp_path / "1" / "arms") == hashes(tmp_path / "2" / "arms") != {}


def test_a_claim_that_was_stopped_goes_on_where_it_stopped(tmp_path: Path) -> None:
    claim = small(7, null=None, no_null="left out", months=2)

    def stops(now: Progress) -> None:
        if now.done > now.total / 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the same command continues"):
        tries(claim, Bench(2, 7, tmp_path, chunk=1, progress=stops), full=False)
    kept = hashes(tmp_path / "arms")
    assert 0 < len({file.split("/")[0] for file in kept}) <= 2
    assert tries(claim, Bench(2, 7, tmp_path, chunk=1), full=False) == tries(claim, Bench(2, 7, chunk=1), full=False)
    assert kept.items() < hashes(tmp_path / "arms").items()


def test_arms_that_claims_share_are_simulated_once() -> None:
    bench = Bench(2)
    tries(small(7), bench, full=False)
    done = set(bench.done)
    plain = bench.arm(engine.wanted(small(15), "scenario")).label
    assert plain in done
    tries(small(15), bench, full=False)
    assert len(bench.done - done) == 1  # all channels off; the world as it is was there


def test_a_sweep_is_told_at_every_point_and_against_one_of_them_in_its_own_column() -> None:
    budgets = {"key": "buyers.budget_multiple", "values": [0.25, 4.0]}
    capital = {"name": "capital", "levels": [{"label": one, "set": {"lenders.capital_multiple": float(one)}}
                                             for one in ("0.05", "2")]}  # fmt: skip
    asked = {"what": "w", "rule": "level", "measure": "lender_losses", "arms": ["scenario"], "bound": 0.0}
    asked["axis"] = [budgets, capital]
    plain, against = (engine.Sweep.model_validate({**asked, **more}) for more in ({}, {"against": 0.25}))
    found = tries(small(7, sweeps=(plain, against), null=None, no_null="left out"), Bench(2), full=False)
    levels, changes = (np.array(one.values, dtype=float) for one in found.sweeps)
    assert len({*levels.ravel()}) == 4  # every point is another world
    np.testing.assert_allclose(changes, levels - levels[0], atol=1e-9)
    assert found.sweeps[0].labels == (("0.25", "4"), ("0.05", "2"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where claim 1 has been tried on two paths."""
    out = tmp_path_factory.mktemp("claims") / "out"
    heard: list[int] = []
    found = claims("1", paths=2, out=out, tried=lambda one: heard.append(one.number))
    assert heard == [1] == [one.number for one in found.trials]
    return out


def test_all_claims_that_were_asked_for_are_tried_and_kept_with_the_rules_of_now(folder: Path) -> None:
    record = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    assert record["rules"] == rules_hash()
    (one,) = (trial_of(each) for each in record["claims"])
    assert one.verdict in ("supported", "not supported")
    assert {each.verdict for each in one.lines if each.role == "beside"} == {"assumed"}


def test_a_claim_whose_outcome_is_an_input_is_assumed_and_never_supported() -> None:
    found = tries(small(7, kind="assumed", null=None, no_null="left out"), Bench(2), full=False)
    assert found.verdict == "assumed"


# ---- telling


def test_a_row_has_effect_verdict_world_and_null_control_and_under_it_stand_turning_point_and_other_worlds() -> None:
    text = str(Trials((tried(),), "abcdef0"))
    head, row = (one for one in text.splitlines() if one.startswith(("claim  ", "7 Miners")))
    for column in ("effect (95 %)", "verdict", "world", "null control"):
        assert column in head
    for words in ("1.50 (1.00 to 2.00) miners", "supported", "baseline", "not supported"):
        assert words in row
    assert "claim 7, where it turns: issues: turns at about 0.020." in text
    assert "claim 7 elsewhere: mispriced: supported." in text
    assert "128 paths an arm · seed 7 · rules abcdef" in text
    assert "1 supported." in text
    assert "null control: miners defaulted" in text  # few claims: every figure is told
    assert "nobid" not in Trials((tried(),), "abcdef0")._repr_html_()


def test_a_verdict_whose_null_control_is_supported_says_so() -> None:
    text = str(Trials((tried(null="supported"),), "abcdef0"))
    assert "1 supported (null control failed)." in text  # not counted among those that hold
    assert "its null control is supported" in text
    assert "null control failed" not in str(Trials((tried(),), "abcdef0"))


def test_an_inconclusive_verdict_says_how_many_more_paths_and_what_would_have_to_be_true() -> None:
    one = tried(verdict="inconclusive", lines=(line(verdict="inconclusive", more_paths=1200),))
    text = str(Trials((one,), "abcdef0"))
    assert "inconclusive: about 1,200 more paths" in text
    assert f"claim 7 would hold if: {one.holds_if}." in text
    unknown = tried(verdict="inconclusive", lines=(line(verdict="inconclusive"), *one.lines))
    assert unknown.verdict_words == "inconclusive"


def test_few_paths_failed_paths_and_missing_figures_are_told() -> None:
    few = line(value=None, low=None, high=None, words="n/a: the worst 5 % need 500 paths", paths=6)
    assert told(few) == "n/a: the worst 5 % need 500 paths"
    assert told(line(words="1.5 (1.0 to 2.0), indicative only: 6 paths", paths=6)) == (
        "1.5 (1.0 to 2.0) miners, indicative only"
    )
    text = str(Trials((tried(paths=6, failed=2),), "abcdef0"))
    assert "up to 2 of 6 paths failed" in text
    assert "intervals are rough" in text
    assert "intervals are rough" not in str(Trials((tried(),), "abcdef0"))


def test_where_a_claim_turns_is_told_by_every_sweep_that_says_so() -> None:
    one = tried()
    (swept,) = one.sweeps
    assert turns(one) == "issues: turns at about 0.020"
    assert turns(tried(sweeps=())) == "–"
    other = replace(swept, what="gap", turns=("tenor: turns at about 99",))
    both = "miners: issues: turns at about 0.020; gap: tenor: turns at about 99"
    assert turns(tried(sweeps=(swept, replace(swept, turns=()), other))) == both


def test_verdicts_are_counted_in_words() -> None:
    trials = [tried(), tried(verdict="not supported"), tried(verdict="not supported"), tried(verdict="assumed")]
    assert counted(trials) == "1 supported, 2 not supported, 1 assumed"


def test_the_figure_has_a_panel_a_unit_and_one_a_sweep_and_its_title_is_the_verdict() -> None:
    other = line("test", "not supported", unit="months", what="gap", value=-9.0, low=None, high=None)
    drawn = figure(tried(lines=(line(), other)))
    assert [panel.get_xlabel() for panel in drawn.axes] == ["miners", "months", "issues, share"]
    assert drawn.get_suptitle() == f"Claim 7. {declared()[7].title}: supported"
    curve = drawn.axes[2].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), [0.0, 0.04])  # type: ignore[arg-type]
    np.testing.assert_allclose(curve.get_ydata(), [0.2, 0.8])  # type: ignore[arg-type]


# ---- from a terminal


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "17"), "--only 17: must be numbers of claims, 1 to 16, such as 3,8."),
        (("--only", "3;8"), "--only 3;8: must be numbers of claims, 1 to 16, such as 3,8."),
        (("--paths", "1"), "paths = 1: a claim needs at least 2."),
        (("--seed", "-1"), "seed = -1: must be a whole number of at least 0."),
        (("--workers", "0"), "workers = 0: must be a whole number of at least 1."),
    ],
)
def test_a_mistake_is_told_in_a_sentence_before_anything_is_simulated(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = nobid("claims", *words, "--out", str(tmp_path / "out"))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.strip() == said
    assert not (tmp_path / "out").exists()


def test_the_command_prints_the_table_and_as_json_all_figures(folder: Path) -> None:
    asked = ("claims", "--only", "1", "--paths", "2", "--out", str(folder))
    answer = nobid(*asked)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("claims · 1 of 16 · 2 paths an arm · seed 7")
    assert f"wrote {folder}/" in answer.stdout
    assert answer.stderr.startswith(" 1 Compute rents fall")
    machine = nobid(*asked, "--json", "--quiet")
    told_of = json.loads(machine.stdout)
    assert [one["number"] for one in told_of["claims"]] == [1]
    assert told_of["out"] == str(folder)
    assert machine.stderr == f"wrote {folder}/\n"


# ---- the page


def test_the_page_says_for_each_claim_what_decides_the_null_control_and_where_it_turns() -> None:
    page = builder("build_claims").page(Trials((tried(),), rules_hash(), None, full=True))
    for words in (
        "## 7 Miners live on refinancing", f"> {declared()[7].says}", "**Supported.** 1.50 (1.00 to 2.00) miners.",
        "supported where it lies above 0.5", "`facility.*.months=240`", "img/claim_07.png",
        "- issues: turns at about 0.020", "[7](#7-miners-live-on-refinancing)", rules_hash()[:12],
    ):  # fmt: skip
        assert words in page
    assert "It would hold if" not in page
    other = tried(verdict="not supported")
    assert f"It would hold if: {other.holds_if}." in builder("build_claims").page(Trials((other,), "0", None))


@pytest.mark.skipif(not (DOCS / "data" / "claims.json").exists(), reason="the claims have not been tried in full yet")
def test_the_page_is_what_the_stored_results_say_by_the_rules_of_now() -> None:
    script = builder("build_claims")
    results = script.stored()
    assert results.rules == rules_hash(), "a rule was changed after the results: python docs/build_claims.py"
    assert [one.number for one in results.trials] == [*declared()]
    assert (DOCS / "claims.md").read_text(encoding="utf-8") == script.page(results)
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert readme == script.within(readme, results)
    for one in results.trials:
        assert (DOCS / "img" / f"claim_{one.number:02d}.png").exists()
