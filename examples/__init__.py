"""Notebooks, as text: jupytext's percent format. `fastnn notebooks` runs them and writes .ipynb files.

Installed as `fastnn.examples`, a folder of files that nothing imports. `lab_NAME.py` belongs to `fastnn lab NAME`.
"""
