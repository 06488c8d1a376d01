"""A plugin's constructor is its configuration, or the list says why it is not."""

import pytest
from omegaconf import OmegaConf
from plugins_kit import CELL, CELL_LINE, cell, only_error  # noqa: F401


@pytest.mark.parametrize(
    ("knobs", "complaint", "remedy"),
    [
        ("window=3", "'window' has no type", "annotate it, as in `window: int = 16`"),
        ("window: int", "'window' has no default", "give it one"),
        ("window: dict = {}", "'window': a configuration cannot hold <class 'dict'>", "use int"),
        ("window: tuple[int, ...] = ()", "cannot hold tuple[int, ...]", "use int, float, bool"),
        ("window: int | str = 3", "cannot hold int | str", "or one of these | None"),
        ("window: list = []", "cannot hold <class 'list'>", "a list of these"),
        ("window: list[list[int]] = []", "cannot hold list[list[int]]", "a list of these"),
        ("window: Literal[1, 2] = 1", "cannot hold typing.Literal[1, 2]", "a Literal of strings"),
        ("window: 'Unknown' = 3", "name 'Unknown' is not defined", "import it"),
        ("window: int = None", "default None is not of its type int", "as in `window: int | None"),
        ("window: int = 'wide'", "default 'wide' is not of its type int", "change one"),
        ("window: bool = 1", "default 1 is not of its type bool", "change one"),
        ("window: list[int] = ['a']", "default ['a'] is not of its type list[int]", "change one"),
        ("window: Literal['a', 'b'] = 'c'", "default 'c' is not of its type a|b", "change one"),
        ("x: int = 3, **knobs: int", "'knobs': name each knob", "instead of using * or **"),
        ("name: str = 'x'", "'name': rename it", "it is the plugin's own"),
    ],
)
def test_a_knob_against_the_contract_is_refused_with_place_and_remedy(
    discover, knobs, complaint, remedy
):
    error = only_error(discover, wrong=cell(knobs))
    assert f"wrong.py:{CELL_LINE} (Mine): " in error
    assert complaint in error
    assert remedy in error
    assert "\n" not in error


def test_positional_knobs_are_refused(discover):
    source = cell("x: int = 3").replace("hidden_size: int = 8, *, x: int = 3", "*sizes: int")
    assert "'sizes': name each knob instead of using * or **" in only_error(discover, wrong=source)


@pytest.mark.parametrize("name", ['title = "mine"', 'name = ""', "name = 3"])
def test_a_class_without_a_name_is_refused(discover, name):
    source = cell("window: int = 3").replace('name = "mine"', name)
    error = only_error(discover, wrong=source)
    assert f'wrong.py:{CELL_LINE} (Mine): add the class attribute name = "..."' in error


def test_a_named_class_that_lacks_methods_is_refused_by_their_names(discover):
    source = cell("window: int = 3").replace("def recur(", "def recurse(")
    error = only_error(discover, wrong=source)
    assert f"wrong.py:{CELL_LINE} (Mine): " in error
    assert "recur" in error


def test_a_cell_without_a_hidden_size_is_refused(discover):
    source = cell("x: int = 3").replace("hidden_size: int = 8, *, ", "*, ")
    error = only_error(discover, wrong=source)
    assert f"wrong.py:{CELL_LINE} (Mine): " in error
    assert "hidden_size: int = 64" in error


def test_a_cell_without_an_input_size_is_refused(discover):
    source = cell("x: int = 3").replace("input_size: int, ", "").replace("(input_size", "(3")
    error = only_error(discover, wrong=source)
    assert f"wrong.py:{CELL_LINE} (Mine): add the constructor argument `input_size: int`" in error


@pytest.mark.parametrize("name", ["my cell", "a/b", "../mine", "a,b", "k=v", ".hidden"])
def test_a_name_that_no_command_line_or_folder_could_hold_is_refused(discover, name):
    error = only_error(discover, wrong=cell("x: int = 3", name=name))
    assert f"wrong.py:{CELL_LINE} (Mine): name '{name}': use letters, digits and _" in error


@pytest.mark.parametrize(
    ("knob", "type_", "type_name", "default", "choices"),
    [
        ("k: int = 3", int, "int", 3, ()),
        ("k: float = 0.1", float, "float", 0.1, ()),
        ("k: float = 1", float, "float", 1, ()),
        ("k: bool = True", bool, "bool", True, ()),
        ("k: str = 'a'", str, "str", "a", ()),
        ("k: 'int' = 3", int, "int", 3, ()),
        ("k: int | None = None", int | None, "int | None", None, ()),
        ("k: list[int] = [1, 2]", list[int], "list[int]", [1, 2], ()),
        ("k: list[str] | None = None", list[str] | None, "list[str] | None", None, ()),
        ("k: Literal['a', 'b'] = 'b'", str, "a|b", "b", ("a", "b")),
    ],
)
def test_a_knob_has_the_type_default_and_choices_of_its_signature(
    discover, knob, type_, type_name, default, choices
):
    found = discover(mine=cell(knob))
    assert found.broken == []
    hidden_size, k = found.plugins["cell"]["mine"].knobs
    assert (hidden_size.name, hidden_size.type, hidden_size.default) == ("hidden_size", int, 8)
    assert (k.type, k.type_name, k.default, k.choices) == (type_, type_name, default, choices)


@pytest.mark.parametrize("kind", ["cell", "task"])
def test_every_plugin_becomes_a_typed_configuration(discover, kind):
    for plugin in discover(mine=cell("sizes: list[int] = [1, 2]")).plugins[kind].values():
        config = OmegaConf.structured(plugin.config_class())
        assert config.name == plugin.name
        assert list(config) == ["name", *(knob.name for knob in plugin.knobs)]
        assert [config[knob.name] for knob in plugin.knobs] == [k.default for k in plugin.knobs]


def test_list_defaults_are_not_shared(discover):
    plugin = discover(mine=cell("sizes: list[int] = [1, 2]")).plugins["cell"]["mine"]
    made = plugin.config_class()
    made().sizes.append(3)
    assert made().sizes == [1, 2]
    assert plugin.knobs[-1].default == [1, 2]
