"""Objects as plain data and back: what `get_config` returns, `from_config` takes and model files hold.

One mechanism serves every class, also those of users, by the convention of scikit-learn: a constructor keeps each of
its arguments as an attribute of the same name. Plain data is what strict JSON has: None, bool, int, finite float, str,
list, dict. Everything else is a dict with a class, as in Keras:

    {"module": "fastnn.initializers", "class_name": "Constant", "config": {"value": 0.5}}

`module` is the public module of a class of fastnn, or None for a user's class. A user's function is described by its
name. Data never cause anything to be imported or executed: a class comes from the table in which fastnn's public
classes register themselves, a user's class or function from `custom_objects`.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeGuard, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

from . import checks, habits

CustomObjects = Mapping[str, Any] | None  # classes and functions

Kind = TypeVar("Kind")

_PUBLIC: dict[tuple[str, str], type] = {}  # fastnn's public classes by (module, name)

_ARGUMENTS: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()  # what `arguments` found

_ARRAY_TYPES = {t.name: t for t in map(np.dtype, ("bool", *(c for c in np.typecodes["AllInteger"] + "efd")))}


class Configured:
    """Base class of everything that a model file describes by its constructor's arguments.

    fastnn's own classes register themselves when they are defined: `class Layer(Configured, module="fastnn.layers")`
    names the public module of the class and of the classes derived from it; with `abstract=True` no file may name the
    class itself. Names that begin with an underscore are not registered either.
    """

    _module: ClassVar[str]
    _own: ClassVar[bool]  # whether fastnn itself defines the class
    _inside = True  # whether it may be a part of another described object
    _fixed: tuple[str, ...] = ()  # arguments of a base class's constructor that this class sets itself
    _always: tuple[str, ...] = ()  # attributes in the config even if the constructor does not take them
    _settings: tuple[str, ...] = ()  # the attributes that are checked when they are set (`settings.py`)
    _never_called: ClassVar[Mapping[str, tuple[str, str]]] = {}  # Keras's methods (`habits.refuse_methods`)

    def __init_subclass__(cls, module: str | None = None, abstract: bool = False, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if module is not None:
            cls._module = module
        cls._own = habits.is_own(cls)
        if cls._own and not abstract and not cls.__name__.startswith("_"):
            _PUBLIC[cls._module, cls.__name__] = cls
        habits.refuse_methods(cls, cls._never_called)

    def __dir__(self) -> list[str]:
        """The attributes, without those of Keras's that are not there."""
        return habits.without_unknown(type(self), super().__dir__())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, from which `from_config` makes an equal object.

        Raises:
            ValueError: for an argument that is not an attribute of the same name, or that plain data cannot express.
        """
        config, kind = {}, type(self)
        for name in dict.fromkeys([*self._always, *arguments(kind)]):
            try:
                if not hasattr(self, name):
                    raise ValueError(
                        f"{kind.__name__} cannot be described: its constructor takes {name}, but it has no attribute "
                        f"of that name; set self.{name} there, or write get_config"
                    )
                config[name] = encode(self._argument(name), f"{kind.__name__}.{name}")
            except ValueError:
                if kind.get_config is Configured.get_config:  # otherwise a user's get_config may add it
                    raise
        return config | self._beyond_arguments()

    def _called(self, argument: str) -> str:
        """What error messages call an argument of the constructor."""
        return argument

    def _beyond_arguments(self) -> dict[str, Any]:
        """Further entries of the config, for a `from_config` that knows them."""
        return {}

    def _argument(self, name: str) -> Any:
        """The value in the config of an argument of the constructor."""
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object.

        Args:
            config: what `get_config` returned.
        """
        return cls(**{name: decode(value) for name, value in config.items()})

    def as_argument(self) -> Any:
        """The object as a value in the config of another object."""
        return describe(self)


def arguments(kind: type) -> tuple[str, ...]:
    """The arguments that a class's constructor takes by name, those of its base classes (`**kwargs`) first."""
    if kind in _ARGUMENTS:
        return _ARGUMENTS[kind]
    names: list[str] = []
    for base in kind.__mro__[:-1]:
        if "__init__" in vars(base):
            parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters)
            own = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
            # Without **kwargs, *args are for this class itself. No attribute is called "*args", so get_config refuses.
            own += [f"*{p.name}" for p in parameters if p.kind is p.VAR_POSITIONAL and not passes_on]
            names = own + names
            if not passes_on:
                break
    fixed = getattr(kind, "_fixed", ())
    _ARGUMENTS[kind] = tuple([name for name in dict.fromkeys(names) if name not in fixed])
    return _ARGUMENTS[kind]


def describe(value: Any) -> dict[str, Any]:
    """An object as {"module": ..., "class_name": ..., "config": ...}."""
    kind = type(value)
    config = encode(value.get_config(), kind.__name__)
    module = getattr(kind, "_module", None)
    public = module is not None and _PUBLIC.get((module, kind.__name__)) is kind
    return {"module": module if public else None, "class_name": kind.__name__, "config": config}


def encode(value: Any, owner: str) -> Any:
    """An argument as plain data; `owner` names it in the error if that is impossible."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    for plain in (str, int):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _special("__float__", value=repr(float(value)))
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.ndarray) and value.dtype.name in _ARRAY_TYPES:
        return _special("__numpy__", value=encode(value.tolist(), owner), dtype=value.dtype.name)
    if isinstance(value, list):
        return [encode(item, owner) for item in value]
    if isinstance(value, tuple):
        return _special("__tuple__", items=encode(list(value), owner))
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(key): encode(item, f"{owner}[{key!r}]") for key, item in value.items()}
    if isinstance(value, Configured):
        return value.as_argument()
    if hasattr(value, "get_config") and not isinstance(value, type):
        return describe(value)
    if is_function(value):
        return encode_function(value, owner)
    raise ValueError(
        f"{owner} must be None, a bool, a number, a string, an array, a list, tuple or dict of these, a function, or "
        f"an object with get_config, to be described in a model file; received {value!r}"
    )


def is_function(value: object) -> TypeGuard[Callable[..., Any]]:
    """Whether it is a function, or anything else that can be called and is no class and no object of fastnn."""
    return callable(value) and not isinstance(value, (type, Configured))


def function_name(function: Any) -> str:
    """What a function is called; of a lambda "lambda"."""
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return "".join(c for c in name if c.isalnum() or c == "_")


def encode_function(function: Any, owner: str) -> Any:
    """A function as its name, by which `custom_objects` finds it again; a ValueError if it has none."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ValueError(
            f"{owner} must have a name, by which a model file can describe it, received {function!r}: define it with "
            "def, and pass it to load_model in custom_objects; or save only the weights, with save_weights"
        )
    return _special("__function__", name=name)


def _special(class_name: str, **config: Any) -> dict[str, Any]:
    """A value that JSON does not have, as a dict like Keras's."""
    return {"class_name": class_name, "config": config}


def decode(value: Any, custom_objects: CustomObjects = None) -> Any:
    """The inverse of `encode` and `describe`; other values are returned as they are.

    Raises:
        ValueError: for a class that is neither fastnn's nor in `custom_objects`, or whose `from_config` fails.
    """
    if isinstance(value, list):
        return [decode(item, custom_objects) for item in value]
    if not isinstance(value, dict):
        return value
    if not {"class_name", "config"} <= set(value) <= {"module", "class_name", "config"}:
        return {key: decode(item, custom_objects) for key, item in value.items()}
    name, config = value["class_name"], value["config"]
    if not isinstance(config, dict):
        raise ValueError(f"the config of class {name!r} must be a dict, received {config!r}")
    if name == "__function__" and "module" not in value:
        return find_function(config.get("name"), custom_objects)
    try:
        special = "module" not in value and name in _SPECIAL
        make: Any = _SPECIAL[name] if special else find_class(value, custom_objects)
        if not getattr(make, "_inside", True):  # a model inside another would be built before the file is checked
            raise ValueError("it cannot be a part of another object")
        given = {key: decode(item, custom_objects) for key, item in config.items()}
        return make(**given) if special else make.from_config(given)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        owner = f"{name} {config['name']!r}" if "name" in config else name
        raise ValueError(f"{owner}: {f'{error} is missing' if isinstance(error, KeyError) else error}") from error


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__float__": lambda value: float(value),
    "__tuple__": lambda items: tuple(items),
    "__numpy__": lambda value, dtype: np.array(value, _ARRAY_TYPES[dtype]),
}


def find_class(description: Mapping[str, Any], custom_objects: CustomObjects) -> type:
    """The class that {"module": ..., "class_name": ...} names."""
    module, name = description.get("module"), description.get("class_name")
    if not isinstance(name, str):
        raise ValueError(f"a class_name must be a string, received {name!r}")
    if module is None and isinstance((custom_objects or {}).get(name), type):
        kind: type = (custom_objects or {})[name]
        return kind
    if module is None:
        raise ValueError(f'unknown class {name!r}: pass the class itself, custom_objects={{"{name}": {name}}}')
    if isinstance(module, str) and (module, name) in _PUBLIC:
        return _PUBLIC[module, name]
    raise ValueError(f"unknown class {module}.{name}: this version of fastnn has none of that name")


def find_function(name: Any, custom_objects: CustomObjects) -> Any:
    """The function that a file names."""
    if isinstance(name, str) and is_function((custom_objects or {}).get(name)):
        return (custom_objects or {})[name]
    raise ValueError(f'unknown function {name!r}: pass the function itself, custom_objects={{"{name}": {name}}}')


def checked_custom_objects(custom_objects: Any) -> dict[str, Any]:
    """`custom_objects` as a dict of {name: class or function}; None is an empty one."""
    if not isinstance(custom_objects, dict | None):
        raise TypeError(f'custom_objects must be a dict such as {{"Scale": Scale}}, received {custom_objects!r}')
    for name, found in (custom_objects or {}).items():
        known = is_function(found) or (isinstance(found, type) and hasattr(found, "from_config"))
        if not isinstance(name, str) or not known:
            raise TypeError(
                f"custom_objects must be {{name: class with from_config, or function}}, received {name!r}: {found!r}"
            )
    return dict(custom_objects or {})


def from_identifier(identifier: object, kind: type[Kind], known: Mapping[str, Callable[[], Kind]], what: str) -> Kind:
    """An object of class `kind` from its name or from its class; an object is returned as it is.

    Raises:
        ValueError: for an unknown name; suggests the nearest known one.
    """
    if isinstance(identifier, kind):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, kind):
        return identifier()
    if isinstance(identifier, str) and identifier.lower() in known:
        identifier = identifier.lower()
    return known[checks.nearest(identifier, known, what)]()


def without_own_call(identifier: object, kind: type[Kind], known: Mapping[str, Any]) -> Kind:
    """`from_identifier`; a TypeError for a function or a class with its own `__call__`: kernels do not call Python."""
    what = kind.__name__.lower()
    given = identifier if is_function(identifier) else from_identifier(identifier, kind, known, what)
    if type(given).__call__ is not kind.__call__:
        raise TypeError(f"{what} must be one of {', '.join(known)}, received {given!r}, which is written in Python")
    return cast(Kind, given)
