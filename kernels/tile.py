"""The micro-kernel: a block of a matrix product that stays in registers from the first term to the last.

    C[i, j] = start[i, j] + sum_k A[i, k] B[k, j]     for ROWS rows i and a few vectors of columns j

Rows of A are broadcast, rows of B are loaded as vectors, and every element of C is one chain of fused multiply-adds
over k in order. So the result depends neither on the tile's shape nor on how rows are shared among threads.

All strides are arguments: forward, input gradient and weight gradient differ only in them. Every buffer is padded to
whole vectors of columns and whole tiles of rows (`stride` and `padded` in `arrays.py`), so there is no remainder.
The background is Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"
(doi.org/10.1145/1356052.1356053); unlike there, nothing is packed, because for matrices of a network's size an odd row
stride works just as well.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import CACHE_LINE, ROWS, flattened, lanes, lanes_of
from .jit import JIT_ENABLED, jit_apart
from .llvm import broadcast, load_vector, multiply_add, not_unrolled, prefetch, vector_at
from .processor import SIMD_BYTES

# Vectors of a tile of ROWS rows: the fastest shape measured, both for 16 and for 32 registers.
VECTORS = 3
# A single row cannot reuse B for other rows, so its tile is wider.
VECTORS_OF_ONE_ROW = 8
# Of a list LLVM loads all elements of A early, to find the next ones in time: for 8 rows, two vectors leave registers
# for them, and with three it moves sums to the stack and back.
VECTORS_OF_A_LIST = 2 if ROWS == 8 else 3
# Terms that are added before the next block of columns: the part of B that they need fits into the L2 cache.
DEPTH = 512
# How many terms ahead A and B are prefetched: their rows lie too far apart for the processor to do it by itself.
PREFETCH = 8


def make_tile(rows, vectors, listed=False):
    """The tile for `rows` rows and `vectors` vectors of columns, written in LLVM's vector instructions.

    It goes over all k in [0, count) or, if `listed`, over the k in terms[terms_at : terms_at + count], of which it
    needs one at least. A list is read PREFETCH numbers beyond its end.
    """

    def code(context, builder, signature, args):
        c, size = signature.args[0], signature.args[0].dtype.bitwidth // 8
        width = SIMD_BYTES // size
        vector_type = ir.VectorType(context.get_value_type(c.dtype), width)
        index = ir.IntType(64)
        c_row, a_row, a_column, b_row, count = args[2], args[5], args[6], args[9], args[10]

        def pointer(position):
            array = context.make_array(signature.args[position])(context, builder, args[position])
            return builder.gep(array.data, [args[position + 1]])

        def load(base, v):
            return load_vector(builder, base, v, width, size)

        c_base, a_base, b_base, start_base = (pointer(p) for p in (0, 3, 7, 11))
        start_rows = [builder.gep(start_base, [builder.mul(args[13], index(i))]) for i in range(rows)]
        first = [[load(start_row, v) for v in range(vectors)] for start_row in start_rows]
        row_offsets = [builder.mul(a_row, index(i)) for i in range(rows)]
        list_base = pointer(14) if listed else None

        def of_term(n):
            """Where column k of A and row k of B are, for the n-th k of the list."""
            k = builder.zext(builder.load(builder.gep(list_base, [n])), index)
            return builder.gep(a_base, [builder.mul(k, a_column)]), builder.gep(b_base, [builder.mul(k, b_row)])

        a_first, b_first = of_term(index(0)) if listed else (a_base, b_base)
        entry = builder.block
        loop = builder.append_basic_block("tile.k")
        done = builder.append_basic_block("tile.done")
        builder.branch(loop)

        builder.position_at_end(loop)
        n, a_now, b_now = builder.phi(index), builder.phi(a_base.type), builder.phi(b_base.type)
        sums = [[builder.phi(vector_type) for _ in range(vectors)] for _ in range(rows)]
        n_next = builder.add(n, index(1))

        def ahead(terms):
            """Where A and B are so many terms later."""
            if listed:
                return of_term(builder.add(n, index(terms)))
            a_ahead, b_ahead = (builder.mul(step, index(terms)) for step in (a_column, b_row))
            return builder.gep(a_now, [a_ahead]), builder.gep(b_now, [b_ahead])

        a_far, b_far = ahead(PREFETCH)
        prefetch(builder, a_far)
        for at in range(0, vectors * width, CACHE_LINE // size):
            prefetch(builder, builder.gep(b_far, [index(at)]))
        # One term ahead: in a list, finding the place takes longer than reading it.
        a_next, b_next = ahead(1)
        b_vectors = [load(b_now, v) for v in range(vectors)]
        new_sums = []
        for i in range(rows):
            a_value = broadcast(builder, builder.load(builder.gep(a_now, [row_offsets[i]])), width)
            new_sums.append([multiply_add(builder, a_value, b_vectors[v], sums[i][v]) for v in range(vectors)])
        steps = [
            (n, index(0), n_next),
            (a_now, a_first, a_next),
            (b_now, b_first, b_next),
        ]
        steps += [(sums[i][v], first[i][v], new_sums[i][v]) for i in range(rows) for v in range(vectors)]
        for phi, at_entry, in_loop in steps:
            phi.add_incoming(at_entry, entry)
            phi.add_incoming(in_loop, loop)
        not_unrolled(builder, builder.cbranch(builder.icmp_signed("<", n_next, count), loop, done))

        builder.position_at_end(done)
        for i in range(rows):
            row = builder.gep(c_base, [builder.mul(c_row, index(i))])
            for v in range(vectors):
                builder.store(new_sums[i][v], vector_at(builder, row, v, width), align=size)
        return context.get_dummy_value()

    def kinds(c, a, b, start):
        places = types.intp, types.intp
        return c, *places, a, types.intp, *places, b, *places, types.intp, start, *places

    @intrinsic
    def tile(
        typing_context, c, c_offset, c_row, a, a_offset, a_row, a_column, b, b_offset, b_row, count, start, s_offset,
        s_row
    ):  # fmt: skip
        return types.void(*kinds(c, a, b, start)), code

    @intrinsic
    def tile_of_list(
        typing_context, c, c_offset, c_row, a, a_offset, a_row, a_column, b, b_offset, b_row, count, start, s_offset,
        s_row, terms, terms_at
    ):  # fmt: skip
        return types.void(*kinds(c, a, b, start), terms, types.intp), code

    def plain(
        c, c_offset, c_row, a, a_offset, a_row, a_column, b, b_offset, b_row, count, start, s_offset, s_row, terms=None,
        terms_at=0
    ):  # fmt: skip
        width = vectors * lanes_of(c.dtype)
        a, b = a.reshape(-1), b.reshape(-1)
        ks = range(count) if terms is None else [int(k) for k in terms[terms_at : terms_at + count]]
        for i in range(rows):
            if c_offset + i * c_row + width > c.size:
                return  # a padding row, which this view of c does not have
            s_from = s_offset + i * s_row
            total = start[s_from : s_from + width].copy()
            for k in ks:
                b_from = b_offset + k * b_row
                total += a[a_offset + i * a_row + k * a_column] * b[b_from : b_from + width]
            c[c_offset + i * c_row : c_offset + i * c_row + width] = total

    if not JIT_ENABLED:
        return plain
    return tile_of_list if listed else tile


tile_wide = make_tile(ROWS, VECTORS)
tile_middle = make_tile(ROWS, 2)
tile_narrow = make_tile(ROWS, 1)
tile_row_wide = make_tile(1, VECTORS_OF_ONE_ROW)
tile_row_narrow = make_tile(1, 1)

listed_wide = make_tile(ROWS, VECTORS_OF_A_LIST, listed=True)
listed_narrow = make_tile(ROWS, 1, listed=True)
listed_row_wide = make_tile(1, VECTORS_OF_ONE_ROW, listed=True)
listed_row_narrow = make_tile(1, 1, listed=True)


@jit_apart
def product(c, a, a_offset, a_row, a_column, b, start, rows, depth, columns):
    """c[i, j] = start[j] + sum_k a[a_offset + i a_row + k a_column] b[k, j], for whole tiles of rows.

    c[>= padded(rows), >= columns], b[depth, >= columns] and start[>= columns] have their columns padded to whole
    vectors; a is any array, indexed as if flat. A single row has tiles of its own; more rows are computed in tiles of
    ROWS. Each element's sum continues from one block of DEPTH terms to the next, in order.
    """
    flat, c_row, b_row, width = flattened(c), c.shape[1], b.shape[1], lanes(c)
    sums, sums_row = start, 0
    for k in range(0, depth, DEPTH):
        terms, a_from = min(DEPTH, depth - k), a_offset + k * a_column
        if k > 0:
            sums, sums_row = flat, c_row
        j = 0
        while j < columns:
            b_at, left = k * b_row + j, columns - j
            if rows == 1:
                wide = left > (VECTORS_OF_ONE_ROW - 1) * width
                if wide:
                    tile_row_wide(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, terms, sums, j, 0)
                else:
                    tile_row_narrow(flat, j, 0, a, a_from, 0, a_column, b, b_at, b_row, terms, sums, j, 0)
                j += VECTORS_OF_ONE_ROW * width if wide else width
                continue
            vectors = min(VECTORS, (left + width - 1) // width)
            if 3 * width < left <= 4 * width:
                vectors = 2  # two and two rather than three and one
            for i in range(0, rows, ROWS):
                at, a_at, s_at = i * c_row + j, a_from + i * a_row, i * sums_row + j
                if vectors == 3:
                    tile_wide(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
                elif vectors == 2:
                    tile_middle(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
                else:
                    tile_narrow(flat, at, c_row, a, a_at, a_row, a_column, b, b_at, b_row, terms, sums, s_at, sums_row)
            j += vectors * width
