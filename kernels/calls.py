"""Calling compiled functions by address, and passing named tuples to them by reference.

Numba makes LLVM optimise a function together with all that it calls, again at each level of calls. A function that is
called by its address is compiled separately, once, and only if it is used.
"""

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import PrimitiveModel
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, register_model, typeof_impl

from .interrupts import held_back
from .jit import JIT_ENABLED


class _Reference(types.Type):
    """Numba's type of a reference to a named tuple."""

    def __init__(self, target):
        self.target = target
        super().__init__(f"reference({target})")


@register_model(_Reference)
class _ReferenceModel(PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, manager.lookup(kind.target).get_value_type().as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):
    key = _Reference

    def generic_resolve(self, kind, name):
        fields = kind.target.fields
        return kind.target.types[fields.index(name)] if name in fields else None


@lower_getattr_generic(_Reference)
def _field(context, builder, kind, pointer, name):
    return builder.load(cgutils.gep_inbounds(builder, pointer, 0, kind.target.fields.index(name)))


class Referenced:
    """Marks a named tuple among `entry_point`'s examples: the function takes a reference to it."""

    def __init__(self, target):
        self.target = target


@typeof_impl.register(Referenced)
def _typeof_referenced(example, context):
    return _Reference(typeof_impl(example.target, context))


@intrinsic
def _reference(typing_context, target):
    kind = target if isinstance(target, _Reference) else _Reference(target)

    def code(context, builder, signature, args):
        if kind is target:
            return args[0]
        place = cgutils.alloca_once(builder, args[0].type)
        builder.store(args[0], place)
        return place

    return kind(target), code


def reference(target):
    """A reference to a named tuple in the caller's memory: passing it on does not copy the many fields.

    Its fields are read as those of the tuple. It must not outlive the caller.
    """
    return target


def _compiled(function, examples):
    """`function`, compiled for arguments of exactly the examples' types."""
    signature = tuple(numba.typeof(example) for example in examples)
    function.compile(signature)
    return function.overloads[signature]


def bound(function, *examples):
    """`function` for calls from Python with arguments of the examples' types, which are not looked up in each call.

    Arguments of other types are not noticed: it is for repeated calls with the same arrays.
    """
    return _compiled(function, examples).entry_point if JIT_ENABLED else function


def entry_point(function, *examples):
    """The address by which `call_entry` calls `function` with arguments of exactly the examples' types."""
    if not JIT_ENABLED:
        return function
    with held_back():  # the machine code is made when its address is asked for
        compiled = _compiled(function, examples)
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)


@intrinsic
def _call_entry(typing_context, entry, arguments):
    def code(context, builder, signature, args):
        kinds = [context.get_value_type(t) for t in arguments.types]
        function = ir.FunctionType(context.get_value_type(types.none), kinds).as_pointer()
        values = cgutils.unpack_tuple(builder, args[1], len(arguments.types))
        builder.call(builder.inttoptr(args[0], function), values)
        return context.get_dummy_value()

    return types.void(types.intp, arguments), code


def call_entry(entry, arguments):
    """Call the function at an `entry_point` with a tuple of arguments. It returns nothing."""
    entry(*arguments)


if JIT_ENABLED:
    reference, call_entry = _reference, _call_entry
