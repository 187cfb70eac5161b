"""Makes `fastnn.kernels` importable in a source tree, where kernels/ is next to this package instead of inside it.

Nothing else that is next to this package (such as tests/) becomes importable as a part of fastnn.
"""

import importlib.util
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parent
_NAME = f"{__package__}.kernels"

if not (_PACKAGE / "kernels").is_dir() and _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, _PACKAGE.parent / "kernels" / "__init__.py")
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_NAME] = importlib.util.module_from_spec(_spec)
    sys.modules[__package__].kernels = sys.modules[_NAME]  # type: ignore[attr-defined]
    _spec.loader.exec_module(sys.modules[_NAME])
