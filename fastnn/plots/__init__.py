"""Pictures of data, training, learning rates, weights and errors.

Each function takes plain arrays, draws on matplotlib axes that are given or on a new figure, and returns the figure. No
window opens and no display is needed: save it with `figure.savefig("name.png", dpi=150)`; a notebook shows it as the
last line of a cell. `panels` makes a figure for several of them. matplotlib is imported when something is drawn.
"""

from .classes import confusion_matrix, misclassified
from .curves import compare, learning_curves
from .pictures import feature_maps, filters, images, reconstructions
from .points import decision_surface, predictions
from .rates import learning_rate_finder, schedule
from .style import panels

__all__ = [
    "compare",
    "confusion_matrix",
    "decision_surface",
    "feature_maps",
    "filters",
    "images",
    "learning_curves",
    "learning_rate_finder",
    "misclassified",
    "panels",
    "predictions",
    "reconstructions",
    "schedule",
]
