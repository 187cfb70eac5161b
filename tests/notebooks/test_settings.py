"""Other settings for a notebook: written as literals, and refused where they cannot be."""

import pytest

from fastnn import notebooks


def own(of_cells, settings):
    made = of_cells("1")
    made.node.cells[1].metadata["tags"] = ["parameters"]
    made.node.cells[1].source = settings
    return made


def test_only_the_value_is_replaced(of_cells):
    notebook = own(of_cells, "a = 1  # größer als 0: 'ä'\nb = 'ä'  # text = 'x'\nc = [\n    1,\n    2,\n]\nd = None")
    notebook.change(b='it\'s "so"\n', c=(), a=-2.5)
    assert notebook.node.cells[1].source == (
        "a = -2.5  # größer als 0: 'ä'\nb = 'it\\'s \"so\"\\n'  # text = 'x'\nc = ()\nd = None"
    )
    assert notebook.settings == {"a": -2.5, "b": 'it\'s "so"\n', "c": (), "d": None}


def test_text_stays_text(of_cells):
    """Nothing that is given as a setting is executed."""
    notebook = own(of_cells, "a = 1")
    text = '"; import os; os.abort() #'
    notebook.change(a=text)
    assert notebook.settings == {"a": text}


@pytest.mark.parametrize(
    ("value", "shown"), [(object, "<class 'object'>"), (float("nan"), "nan"), ({"x": float("inf")}, "{'x': inf}")],
    ids=["class", "nan", "inf"],
)  # fmt: skip
def test_what_is_no_literal(of_cells, value, shown):
    notebook = own(of_cells, "a = 1")
    with pytest.raises(TypeError, match=f"a must be made of plain numbers and strings, received {shown}"):
        notebook.change(a=value)
    assert notebook.settings == {"a": 1}


def test_an_unknown_setting(of_cells):
    notebook = own(of_cells, "epochs = 1")
    with pytest.raises(ValueError, match="unknown setting of lab_own 'epoch'; did you mean 'epochs'"):
        notebook.change(epoch=3)


def test_a_notebook_without_settings(of_cells):
    notebook = of_cells("a = 1")
    assert notebook.settings == {}
    with pytest.raises(ValueError, match="unknown setting of lab_own 'a'"):
        notebook.change(a=3)


def test_settings_that_are_computed_are_refused(of_cells):
    with pytest.raises(ValueError, match="settings must be lines 'name = literal', received 'import os'"):
        _ = own(of_cells, "a = 1\nimport os").settings


def test_an_unknown_notebook():
    with pytest.raises(ValueError, match="unknown notebook 'lab_mnits'; did you mean 'lab_mnist'"):
        notebooks.Notebook("lab_mnits")
