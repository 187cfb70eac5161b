"""Plots of data, networks, training, learning rates, weights, errors and profiles.

Each function takes plain arrays, draws on the given matplotlib axes or on a new figure, and returns the figure. No
window opens and no display is needed: save it with `figure.savefig("name.png", dpi=150)`. In a notebook, make it the
last line of a cell or call `display(figure)`: `plt.show()` does not show it, because pyplot does not know it. `panels`
makes a figure with axes for several plots. matplotlib is imported on first use.
"""

from .activations import activation
from .classes import confusion_matrix, misclassified
from .curves import compare, learning_curves
from .landscape import loss_landscape
from .networks import network
from .pictures import feature_maps, filters, images, reconstructions
from .points import decision_surface, predictions, scatter
from .profiles import profile
from .rates import learning_rate_finder, schedule
from .style import one_legend, panels

__all__ = [
    "activation",
    "compare",
    "confusion_matrix",
    "decision_surface",
    "feature_maps",
    "filters",
    "images",
    "learning_curves",
    "learning_rate_finder",
    "loss_landscape",
    "misclassified",
    "network",
    "one_legend",
    "panels",
    "predictions",
    "profile",
    "reconstructions",
    "scatter",
    "schedule",
]
