"""A figure that shows itself in a notebook. Imported when a figure is made, because it imports matplotlib."""

import io

from matplotlib import figure


class Figure(figure.Figure):
    """matplotlib's figure, which a notebook draws where it is the last line of a cell.

    Notebooks draw matplotlib's own figures only after `import matplotlib.pyplot`, which chooses a window system and
    keeps every figure until it is closed. A notebook in which it is imported draws this figure in pyplot's way.

    >>> figure = fastnn.plots.learning_curves({"loss": [1.0, 0.5]})
    >>> figure._repr_png_()[1:4]
    b'PNG'
    """

    def _repr_png_(self) -> bytes:
        """The picture, for IPython."""
        file = io.BytesIO()
        self.savefig(file, format="png", bbox_inches="tight")
        return file.getvalue()
