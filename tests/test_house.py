"""Does the code keep the rules of the house? Each rule is a small checker, shown to bite before it is let loose."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nobid.model.parameters import Parameters

REPOSITORY = Path(__file__).resolve().parent.parent
FLOORS = ("agents", "model", "runs")
RULES = ("agents", "model")  # the floors that neither print nor plot and whose bits are promised

LONGEST_FILE = 300  # lines
LONGEST_FUNCTION = 30  # lines of code, docstring and blank lines not counted
MOST_POSITIONAL = 3  # arguments that may be given by place

# Each exception says why; one that is no longer needed fails a test below.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
UNORDERED_ALLOWED = {  # "file" or "file::function" and why its bits are safe, or are fed back to no rule
    "agents/state.py::sum": "the ordered sum itself: a sparse product adds one edge after the other",
    "agents/state.py::ordered_sum": "the ordered sum itself: contiguous rows of more than one number add row after row",
    "model/rental.py::__init__": "founding: one contiguous number a generation, the same for any number of paths",
}


def parse(text: str) -> ast.Module:
    """The syntax tree of a small program or of a whole file."""
    return ast.parse(text)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a tree, methods and inner ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def called(node: ast.Call) -> str:
    """The last name of what is called: `np.linalg.norm(x)` gives `norm`."""
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def receiver(node: ast.Call) -> str:
    """What stands before the dot: `np` in `np.sum(x)`, empty for a plain name."""
    return ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""


# ---- what each rule finds, as sentences with a line number


OUTSIDE_PACKAGES = {
    "matplotlib",
    "rich",
    "typer",
    "pandas",
    "pyarrow",
    "builtins",
    "io",
    "pathlib",
    "logging",
    "os",
    "sys",
}
OUTSIDE_NAMES = {"print", "open", "input", "breakpoint", "exec", "eval"}
OUTSIDE_METHODS = {
    *("read_text", "write_text", "read_bytes", "write_bytes", "savefig", "tofile", "fromfile", "loadtxt", "savetxt"),
    *("genfromtxt", "memmap", "to_csv", "to_parquet"),
}


def reaches_outside(tree: ast.Module) -> list[str]:
    """Prints, plots, files and the packages for them, none of which belong to agents/ and model/."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, before = called(node), receiver(node)
            if (not before and name in OUTSIDE_NAMES) or name in OUTSIDE_METHODS:
                found.append(f"line {node.lineno}: {name}()")
            if before in {"np", "numpy"} and name in {"load", "save", "savez", "savez_compressed"}:
                found.append(f"line {node.lineno}: {before}.{name}()")
        elif isinstance(node, ast.Import):
            packages = {alias.name.split(".")[0] for alias in node.names} & OUTSIDE_PACKAGES
            found += [f"line {node.lineno}: import {package}" for package in sorted(packages)]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OUTSIDE_PACKAGES:
            found.append(f"line {node.lineno}: from {node.module} import")
    return found


def climbs(tree: ast.Module, floor: str) -> list[str]:
    """Imports that run up the floors: runs above model above agents."""
    above = [f"nobid.{name}" for name in FLOORS[FLOORS.index(floor) + 1 :]]
    found = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        climbing = sorted({up for up in above for name in names if name == up or name.startswith(up + ".")})
        found += [f"line {node.lineno}: imports {name}" for name in climbing if isinstance(node, ast.stmt)]
    return found


PAIRWISE = {"sum", "mean", "average", "nansum", "nanmean", "prod", "nanprod", "std", "var", "nanstd", "nanvar"}
PRODUCTS = {"dot", "vdot", "inner", "matmul", "tensordot", "einsum", "reduceat", "trapezoid", "norm", "convolve"}
POWERS = {"power", "float_power", "pow"}
SORTS = {"argsort", "argpartition"}


def is_link_sum(node: ast.Call) -> bool:
    """`link.sum(values)`: the ordered sum over edges; an array's own sum takes an axis or nothing."""
    if called(node) != "sum" or receiver(node) in {"np", "numpy", "", "np.add"} or node.keywords or len(node.args) != 1:
        return False
    argument = ast.unparse(node.args[0])
    return re.fullmatch(r"-?\d+|\(.*\)|axis|None", argument) is None


def unstable_call(node: ast.Call) -> str:
    """What is wrong with the bits of this call, or nothing."""
    name, before = called(node), receiver(node)
    kinds = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "kind"]
    constant_power = bool(node.args) and isinstance(node.args[-1], ast.Constant)
    wrong = {
        "adds pairwise, use ordered_sum or a Link": name in PAIRWISE and before and not is_link_sum(node),
        "adds in an order that depends on the shape": name in PRODUCTS and before,
        "is a power: use np.square, np.sqrt or np.exp(b * np.log(x))": name in POWERS
        and (not before or constant_power),
        "reduces pairwise, use ordered_sum or a Link": name == "reduce" and before.endswith((".add", ".multiply")),
        "does not work on an array, use numpy's": before == "math",
        "lets ties fall as they like without kind='stable'": name in SORTS and kinds != ["'stable'"],
    }
    return next((f"{name} {sentence}" for sentence, found in wrong.items() if found), "")


def unstable(tree: ast.AST) -> list[tuple[int, str]]:
    """Lines whose result may change its bits with the number of replications beside it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (wrong := unstable_call(node)):
            found.append((node.lineno, wrong))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
            found.append((node.lineno, "@: the order of its additions depends on the shape"))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
            found.append((node.lineno, "**: use np.square, np.sqrt or np.exp(b * np.log(x))"))
        elif isinstance(node, ast.Import) and any(alias.name == "math" for alias in node.names):
            found.append((node.lineno, "import math: use numpy's"))
        elif isinstance(node, ast.ImportFrom) and node.module == "math":
            found.append((node.lineno, "from math import: use numpy's"))
    return sorted(set(found))


def enclosing(tree: ast.AST, line: int) -> str:
    """The innermost function that holds a line, or an empty name."""
    holding = [f for f in functions(tree) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return max(holding, key=lambda f: f.lineno).name if holding else ""


def first_line_wrong(tree: ast.Module) -> str:
    """What is wrong with the first line of a module: it is the question that the module answers, or a sentence."""
    docstring = ast.get_docstring(tree)
    if not docstring:
        return "no docstring"
    first = docstring.splitlines()[0]
    if not first[0].isupper() and first[0] not in "`'\"":
        return f"starts small: {first!r}"
    paragraph = docstring.split("\n\n", maxsplit=1)[0]
    return "" if "?" in paragraph or paragraph.endswith((".", ":")) else f"neither question nor sentence: {first!r}"


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """How many lines of code a function has: decorators, docstring, comments and blank lines are not counted."""
    lines = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    skipped: set[int] = set()
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        skipped = set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    source = text.splitlines()
    return sum(
        1 for n in lines if n not in skipped and source[n - 1].strip() and not source[n - 1].lstrip().startswith("#")
    )


def positional_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments a caller may give by place, `self` and `cls` not counted."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if any("command" in ast.unparse(decorator) for decorator in function.decorator_list):
        return 0  # called by the command line, which names every argument
    return len(names) - (names[:1] in (["self"], ["cls"]))


MACHINE_PATH = re.compile(
    r"file://|(?<![\w./~{}$)-])/(?:root|home|tmp|work|opt|mnt|Users|var/folders)/[\w.]+|[A-Z]:\\Users\\"
)


def machine_paths(text: str) -> list[str]:
    """Paths that exist on one machine only."""
    return [
        f"line {n}: {match[0]}" for n, line in enumerate(text.splitlines(), 1) if (match := MACHINE_PATH.search(line))
    ]


def leaves(model: type, table: str = "") -> Iterator[tuple[str, str, object]]:
    """Every parameter as (class it stands in, name, its field), through the nested tables."""
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        inner = [
            t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if hasattr(t, "model_fields")
        ]
        if inner:
            yield from leaves(inner[0], name)
        else:
            yield table, name, field


def camel(table: str) -> str:
    """The class name of a table: `gpu_margin` gives `GpuMargin`."""
    return "".join(part.capitalize() for part in table.split("_"))


def spoken(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The attributes that a file reads, and the plain names it uses."""
    nodes = list(ast.walk(tree))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    return attributes, {node.id for node in nodes if isinstance(node, ast.Name)}


def reads(words: tuple[set[str], set[str]], table: str, name: str) -> bool:
    """True when a file reads an attribute of this name and also mentions the table that it stands in."""
    attributes, names = words
    mentioned = not table or table in attributes | names or camel(table) in names
    return name in attributes and mentioned


# ---- the tree that the rules are let loose on


def modules(*floors: str) -> list[Path]:
    return [path for floor in floors for path in sorted((REPOSITORY / floor).rglob("*.py"))]


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def over(*floors: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """The test runs once for every module of these floors."""
    paths = modules(*floors)
    return pytest.mark.parametrize("path", paths, ids=[relative(path) for path in paths])


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def complaints(path: Path, found: list[str]) -> str:
    return "\n".join(f"{relative(path)}, {sentence}" for sentence in found)


def lengths(path: Path) -> dict[str, int]:
    text = read(path)
    return {f"{relative(path)}::{f.name}": code_lines(f, text) for f in functions(parse(text))}


def allowed_unordered(path: Path, tree: ast.AST, line: int) -> bool:
    name = relative(path)
    return name in UNORDERED_ALLOWED or f"{name}::{enclosing(tree, line)}" in UNORDERED_ALLOWED


@over(*RULES)
def test_rules_and_world_neither_print_nor_plot_nor_open_a_file(path: Path) -> None:
    found = reaches_outside(parse(read(path)))
    assert not found, complaints(path, found)


@over(*FLOORS)
def test_imports_run_down_the_floors_only(path: Path) -> None:
    found = climbs(parse(read(path)), path.relative_to(REPOSITORY).parts[0])
    assert not found, complaints(path, found)


@over(*RULES)
def test_rules_use_only_arithmetic_that_keeps_its_bits_beside_other_paths(path: Path) -> None:
    tree = parse(read(path))
    found = [f"line {line}: {wrong}" for line, wrong in unstable(tree) if not allowed_unordered(path, tree, line)]
    assert not found, complaints(path, found)


@over(*FLOORS)
def test_a_module_begins_with_the_question_it_answers(path: Path) -> None:
    wrong = first_line_wrong(parse(read(path)))
    assert not wrong, complaints(path, [wrong])


@over(*FLOORS)
def test_a_file_fits_in_the_head(path: Path) -> None:
    lines = len(read(path).splitlines())
    assert lines <= LONGEST_FILE or relative(path) in LONG_FILES, f"{relative(path)}: {lines} lines"


@over(*FLOORS)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = {name: n for name, n in lengths(path).items() if n > LONGEST_FUNCTION and name not in LONG_FUNCTIONS}
    assert not long, f"more than {LONGEST_FUNCTION} lines of code: {long}"


@over(*FLOORS)
def test_more_than_three_arguments_are_given_by_name_where_others_call(path: Path) -> None:
    public = [f for f in functions(parse(read(path))) if not f.name.startswith("_")]
    crowded = {f.name: n for f in public if (n := positional_arguments(f)) > MOST_POSITIONAL}
    assert not crowded, f"{relative(path)}: more than {MOST_POSITIONAL} arguments by place: {crowded}"


def test_no_exception_to_the_lengths_outlives_its_need() -> None:
    idle = [name for name in LONG_FILES if len(read(REPOSITORY / name).splitlines()) <= LONGEST_FILE]
    idle += [
        name for name in LONG_FUNCTIONS if lengths(REPOSITORY / name.split("::")[0]).get(name, 0) <= LONGEST_FUNCTION
    ]
    assert not idle, f"no longer needed: {idle}"


def test_no_exception_to_the_bits_outlives_its_need() -> None:
    needed = set()
    for path in modules(*RULES):
        tree = parse(read(path))
        for line, _ in unstable(tree):
            needed |= {relative(path), f"{relative(path)}::{enclosing(tree, line)}"}
    assert set(UNORDERED_ALLOWED) <= needed, f"no longer needed: {set(UNORDERED_ALLOWED) - needed}"


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = [
        relative(path) for path in modules(*FLOORS) if path.stem in {"utils", "util", "helpers", "common", "misc"}
    ]
    assert not drawers, f"a module is named after what it knows: {drawers}"


@functools.cache
def rule_words() -> list[tuple[set[str], set[str]]]:
    founds = sorted((REPOSITORY / "runs").glob("synthetic*.py"))  # what a population is drawn by is read there
    return [spoken(parse(read(path))) for path in [*modules(*RULES), *founds] if path.stem != "parameters"]


PARAMETERS = list(leaves(Parameters))
NAMED = pytest.mark.parametrize(
    ("table", "name", "field"), PARAMETERS, ids=[f"{table}.{name}".lstrip(".") for table, name, _ in PARAMETERS]
)


@NAMED
def test_a_parameter_has_meaning_unit_and_source(table: str, name: str, field: object) -> None:
    extra = getattr(field, "json_schema_extra", None) or {}
    missing = [key for key in ("unit", "source") if key not in extra]
    assert not missing, f"{table}.{name} has no {' and no '.join(missing)}"
    assert str(extra["source"]).strip(), f"{table}.{name}: write the source, or the word assumption"
    assert getattr(field, "description", None), f"{table}.{name} does not say what it means"


@NAMED
def test_a_parameter_is_read_by_a_rule(table: str, name: str, field: object) -> None:
    del field
    assert any(reads(words, table, name) for words in rule_words()), (
        f"{table}.{name}: nothing in agents/ or model/ reads it"
    )


WRITTEN = [
    *(path for folder in ("docs", ".ci", "bench", *FLOORS) for path in sorted((REPOSITORY / folder).rglob("*"))),
    *sorted(REPOSITORY.glob("*.md")),
    *(REPOSITORY / name for name in ("Makefile", "pyproject.toml", "CITATION.cff")),
]
TEXTS = [
    path
    for path in WRITTEN
    if path.is_file()
    and (path.suffix in {".md", ".py", ".toml", ".csv", ".cff", ".mplstyle", ""})
    and "__pycache__" not in path.parts
]


@pytest.mark.parametrize("path", TEXTS, ids=[relative(path) for path in TEXTS])
def test_no_text_names_a_path_of_one_machine(path: Path) -> None:
    found = machine_paths(read(path))
    assert not found, complaints(path, found)


# ---- every checker bites, and only where it should


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "open('f')",
        "import matplotlib.pyplot as plt",
        "from pandas import DataFrame",
        "path.read_text()",
        "np.load(f)",
        "def f():\n    import rich",
    ],
)
def test_the_checker_of_prints_and_files_bites(code: str) -> None:
    assert reaches_outside(parse(code))


def test_the_checker_of_prints_and_files_lets_the_rest_pass() -> None:
    assert not reaches_outside(parse("import numpy as np\nx = self.opened\nself.reopen()\ndef print_free(): ..."))


def test_the_checker_of_floors_bites() -> None:
    assert climbs(parse("from nobid.model.debt import due"), "agents")
    assert climbs(parse("from nobid import model"), "agents")
    assert climbs(parse("def f():\n    import nobid.runs.cli"), "model")
    assert not climbs(parse("from nobid.agents.miner import Miner\nimport nobid.model.debt"), "model")


@pytest.mark.parametrize(
    "code",
    [
        "x.sum()",
        "x.sum(axis=0)",
        "x.sum(0)",
        "x.sum(-1)",
        "np.sum(x)",
        "np.sum(x, axis=0)",
        "np.mean(x)",
        "x.mean(axis=1)",
        "a @ b",
        "a @= b",
        "np.einsum('er,r->e', a, b)",
        "np.add.reduceat(x, i)",
        "np.add.reduce(x)",
        "x ** 2",
        "x **= 0.5",
        "pow(x, 2)",
        "np.power(x, 2)",
        "import math",
        "from math import exp",
        "math.exp(x)",
        "np.argsort(x)",
        "x.argsort(axis=0)",
        "np.argsort(x, kind='quicksort')",
        "np.dot(a, b)",
        "x.std()",
    ],
)
def test_the_checker_of_bits_bites(code: str) -> None:
    assert unstable(parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "ordered_sum(x)",
        "self.by_lender.sum(values)",
        "link.sum(a * b)",
        "sum(1 for _ in rows)",
        "np.argsort(x, kind='stable')",
        "x.argsort(axis=0, kind='stable')",
        "np.lexsort((i, x))",
        "np.square(x)",
        "np.power(a, b)",
        "np.cumsum(x, axis=0)",
        "f(**options)",
        "@decorated\ndef f(): ...",
    ],
)
def test_the_checker_of_bits_lets_the_rest_pass(code: str) -> None:
    assert not unstable(parse(code))


def test_an_allowed_sum_is_found_by_the_function_it_stands_in() -> None:
    tree = parse("def outer():\n    def inner():\n        return x.sum()\n    return inner\n")
    assert enclosing(tree, unstable(tree)[0][0]) == "inner"
    assert enclosing(tree, 99) == ""


def test_the_checker_of_first_lines_bites() -> None:
    assert first_line_wrong(parse("x = 1"))
    assert first_line_wrong(parse('"""Utilities"""'))
    assert first_line_wrong(parse('"""who pays?"""'))
    assert not first_line_wrong(parse('"""Who pays whom?\n\nBy clearing."""'))
    assert not first_line_wrong(parse('"""The edges as arrays."""'))


def test_the_checker_of_lengths_counts_code_only() -> None:
    text = 'def f(a):\n    """One.\n\n    Two.\n    """\n    # a remark\n\n    b = a\n    return b\n'
    assert code_lines(next(functions(parse(text))), text) == 3
    body = "".join(f"    x{n} = {n}\n" for n in range(LONGEST_FUNCTION))
    long = "def f():\n" + body
    assert code_lines(next(functions(parse(long))), long) == LONGEST_FUNCTION + 1


def test_the_checker_of_arguments_bites() -> None:
    def count(text: str) -> int:
        return positional_arguments(next(functions(parse(text))))

    assert count("def f(a, b, c, d): ...") == 4
    assert count("def f(self, a, b, /, c): ...") == 3
    assert count("def f(a, *, b, c, d): ...") == 1
    assert count("@app.command()\ndef f(a, b, c, d): ...") == 0


def test_the_checker_of_machine_paths_bites() -> None:
    for path in ("/home/" + "anna/x", "/root/" + ".pyenv", "see /work/" + "shared", "file:" + "///opt"):
        assert machine_paths(path), path
    for path in ("https://example.org/home/page", "../shared/data", "out/first-run", "$work/source", "USD/H100e-h"):
        assert not machine_paths(path), path


def test_the_checker_of_idle_parameters_bites() -> None:
    assert reads(spoken(parse("coin = parameters.coin\nx = coin.drift_calm")), "coin", "drift_calm")
    assert reads(spoken(parse("def f(terms: GpuMargin):\n    return terms.ltv_max")), "gpu_margin", "ltv_max")
    assert not reads(spoken(parse("x = demand.drift_calm")), "coin", "drift_calm")
    assert not reads(spoken(parse("x = coin.price")), "coin", "drift_calm")
    assert not reads(spoken(parse("coin.drift_calm = 1")), "coin", "drift_calm")


def test_the_list_of_parameters_reaches_the_inner_tables() -> None:
    names = {f"{table}.{name}" for table, name, _ in PARAMETERS}
    assert {".months", "coin.price", "gpu_margin.ltv_max", "btc.call", "shock.fail"} <= names
