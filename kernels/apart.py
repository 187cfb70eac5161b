"""Kernels that are compiled apart from their callers, and called through a symbol.

Numba links what a function calls into it, and what that calls. So LLVM optimises the same code again in each caller,
and in the caller's callers. For a function that is too large to be inlined that gains nothing. Such a function is
compiled once for each set of types; its callers only name it, and the symbol is defined before their machine code is
made or loaded from the disk.
"""

import functools
import hashlib
from typing import Any, NamedTuple

from llvmlite import binding
from numba import types
from numba.core import cgutils, config

# By name, functions that make the dispatchers: each is defined in a module that its callers' modules import.
_kernels: dict[str, Any] = {}


class _Symbol(NamedTuple):
    """A kernel compiled for some types. Numba keeps it with the callers in the cache, and calls it to load them."""

    kernel: str
    types: tuple

    def __call__(self):
        _kernels[self.kernel]().compile(self.types)

    def __str__(self):  # the same in every process
        return f"fastnn.{self.kernel}.{hashlib.sha256(repr(self.types).encode()).hexdigest()[:16]}"


def _called_through(symbol, compiled):
    """How Numba generates a call of `compiled`: as usual, but without adding it to what is linked into the caller."""
    described = compiled.fndesc

    def call(context, builder, signature, args):
        context.active_code_library._reload_init.add(symbol)
        convention = context.call_conv
        kind = convention.get_function_type(described.restype, described.argtypes)
        function = cgutils.get_or_insert_function(builder.module, kind, str(symbol))
        convention.decorate_function(function, described.args, described.argtypes)
        status, result = convention.call_function(builder, function, described.restype, described.argtypes, args)
        if config.BOUNDSCHECK:  # otherwise the status is that of success: kernels raise nothing
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
        return result

    call.signature, call.libs = described.argtypes, ()
    return call


def keep_apart(function, make_dispatcher):
    """A function that makes the dispatcher of a kernel, which compiled functions then call through a symbol.

    The kernel returns numbers or nothing.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.cache
    def made():
        return _with_symbols(make_dispatcher(), name)

    _kernels[name] = made
    return made


def _with_symbols(dispatcher, name):
    add_overload, get_call_template = dispatcher.add_overload, dispatcher.get_call_template

    def template(arguments, keywords):
        # Numba takes 0 and 1 among the arguments as types of their own, for each of which it would compile once more.
        return get_call_template(tuple(types.unliteral(argument) for argument in arguments), keywords)

    def add(compiled):
        symbol = _Symbol(name, tuple(compiled.signature.args))
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        binding.add_symbol(str(symbol), address)
        call = _called_through(symbol, compiled)
        dispatcher.targetctx.remove_user_function(compiled.entry_point)
        dispatcher.targetctx.insert_func_defn([(call, compiled.entry_point, call.signature)])
        add_overload(compiled)

    dispatcher.add_overload, dispatcher.get_call_template = add, template
    return dispatcher
