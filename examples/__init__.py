"""Notebooks, as text: jupytext's percent format. `fastnn notebooks` runs them and writes .ipynb files.

Installed as `fastnn.examples`, a folder of files that nothing imports. `lab_NAME.py` belongs to `fastnn lab NAME`.

How a notebook is laid out (`tests/notebooks/` checks the points with a star):

1. *No header: the first line is `# %% [markdown]`, then the title `# # Title`, two or three sentences on what it is
   about, and the task. Cells are `# %%` and `# %% [markdown]`; jupytext reads and writes the file unchanged.
2. *The first code cell installs fastnn where it is missing, as in `lab_backprop.py`, word by word. A notebook that
   needs an extra asks for it there: `find_spec("sklearn") is None`, "fastnn-numba[sklearn]".
3. *If there are settings, they are one cell with `tags=["parameters"]`: lines `name = literal  # what it is`, nothing
   else. In a lab they have the names of the lab's options, and `fastnn lab NAME --notebook` fills them in.
4. Then one cell of imports, then sections `## Name`, each with text before code. Formulas stand in `$...$`.
5. Quiet: `verbose=0`, a few printed lines, tables instead of logs. A figure of `fastnn.plots` is the last line of its
   cell. Nothing is written to disk but in a temporary folder.
6. Results that the text talks about are computed: the discussion is `Markdown(f"...")`, which is true for any settings.
7. *The end: `## Discussion`, `## Exercises`.
8. From top to bottom in less than 40 seconds on two cores, and the same numbers every time: seeds are set.
9. *No outputs here. ruff formats the code; lines have at most 120 characters.
"""
