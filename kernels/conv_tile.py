"""The micro-kernel of a convolution: the tile of `tile.py`, with rows that begin where a table says.

Windows are read from the image itself, not copied into a matrix (no im2col). Masked stores write nothing beyond the
tile.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import lanes
from .jit import JIT_ENABLED, jit, jit_inline
from .llvm import broadcast, load_vector, multiply_add, not_unrolled, store_lanes, vector_at
from .processor import SIMD_BYTES, VECTOR_REGISTERS


def make_conv_tile(rows, vectors, vector_bytes=SIMD_BYTES, strip=1, taps=1):
    """The tile of a convolution: rows of A begin where a table says, and the sum over k comes in runs.

        C[i, j] = start[i, j] + sum_r sum_k A[row_at[i] + run_at[r] + k a_step] B[r b_run + k b_row + j]

    for `rows` rows i and `vectors` vectors of columns j, `runs` runs r of `terms` terms k: one chain of fused
    multiply-adds over (r, k) in order, as in `make_tile`. `row_at` and `run_at` begin at `rows_at` and `runs_at` of the
    int64 array `tables`. Only the first `rows_left` rows and `columns_left` columns are stored, and no further entry of
    row_at is read: C and the tables need no padding. B and start are read in whole vectors.

    With `strip` > 1 each of the tile's `rows` stands for that many rows m of C, of which the first begins out_at[i]
    elements after c_offset (the table at `outs_at`), and each term for `taps` terms t, which are innermost:

        C[i, m, j] = ... A[row_at[i] + run_at[r] + k a_step + (m + t) a_row] B[r b_run + k b_row + t b_tap + j]

    So an element of A is loaded once for all the pairs (m, t) that meet in it. `start` lies as C does or, where s_row
    is 0, is one row for all. The last three arguments are ignored if `strip` is 1.
    """

    @intrinsic
    def tile(
        typing_context, c, c_offset, c_row, a, a_offset, a_step, b, b_offset, b_run, b_row, tables, rows_at, runs_at,
        runs, terms, start, s_offset, s_row, rows_left, columns_left, a_row, b_tap, outs_at
    ):  # fmt: skip
        intp = types.intp
        signature = types.void(
            c, intp, intp, a, intp, intp, b, intp, intp, intp, tables, intp, intp, intp, intp, start, *[intp] * 7
        )

        def code(context, builder, signature, args):
            size = c.dtype.bitwidth // 8
            width = vector_bytes // size
            index = ir.IntType(64)
            c_row, a_step, b_run, b_row, runs, terms = (args[p] for p in (2, 5, 8, 9, 13, 14))
            s_row, rows_left, columns_left, a_row, b_tap = args[17:22]

            def pointer(position, offset):
                array = context.make_array(signature.args[position])(context, builder, args[position])
                return builder.gep(array.data, [args[offset]])

            def present(i):
                """Row i; beyond the last row, that one again, whose result is not stored."""
                return builder.select(builder.icmp_signed("<", index(i), rows_left), index(i), last_row)

            def entry_of(table, i):
                return builder.load(builder.gep(table, [present(i)]))

            def rows_from(base, first, row):
                return [builder.gep(base, [builder.add(first, builder.mul(row, index(i)))]) for i in range(strip)]

            def phi_from(value, block):
                phi = builder.phi(value.type)
                phi.add_incoming(value, block)
                return phi

            c_base, a_base, b_base, start_base = (pointer(p, p + 1) for p in (0, 3, 6, 15))
            row_at, run_at, out_at = pointer(10, 11), pointer(10, 12), pointer(10, 22)
            last_row = builder.sub(rows_left, index(1))
            one_row = builder.icmp_signed("==", s_row, index(0))
            a_rows, first = [], []
            for i in range(rows):
                a_rows.append(builder.gep(a_base, [entry_of(row_at, i)]))
                if strip == 1:
                    s_from = builder.mul(s_row, present(i))
                else:
                    s_from = builder.select(one_row, index(0), entry_of(out_at, i))
                for start_row in rows_from(start_base, s_from, s_row):
                    first += [load_vector(builder, start_row, v, width, size) for v in range(vectors)]
            entry = builder.block
            outer, loop, latch, done, whole, part, end = (
                builder.append_basic_block(f"conv.{name}")
                for name in ("run", "term", "latch", "done", "whole", "part", "end")
            )
            builder.branch(outer)

            builder.position_at_end(outer)
            r, b_run_now = phi_from(index(0), entry), phi_from(b_base, entry)
            run_sums = [phi_from(value, entry) for value in first]
            a_from = builder.load(builder.gep(run_at, [r]))
            builder.branch(loop)

            builder.position_at_end(loop)
            k, a_now, b_now = (phi_from(value, outer) for value in (index(0), a_from, b_run_now))
            sums = [phi_from(value, outer) for value in run_sums]
            b_taps = [builder.gep(b_now, [builder.mul(b_tap, index(t))]) if t else b_now for t in range(taps)]
            b_vectors = [[load_vector(builder, tap, v, width, size) for v in range(vectors)] for tap in b_taps]
            new_sums = list(sums)
            a_at = [builder.add(a_now, builder.mul(a_row, index(n))) if n else a_now for n in range(strip + taps - 1)]
            for i in range(rows):
                for n in range(strip + taps - 1):
                    a_value = broadcast(builder, builder.load(builder.gep(a_rows[i], [a_at[n]])), width)
                    for m in range(max(0, n - taps + 1), min(strip, n + 1)):
                        for v in range(vectors):
                            at = (i * strip + m) * vectors + v
                            new_sums[at] = multiply_add(builder, a_value, b_vectors[n - m][v], new_sums[at])
            k_next = builder.add(k, index(1))
            nexts = [k_next, builder.add(a_now, a_step), builder.gep(b_now, [b_row]), *new_sums]
            for phi, following in zip([k, a_now, b_now, *sums], nexts):
                phi.add_incoming(following, loop)
            not_unrolled(builder, builder.cbranch(builder.icmp_signed("<", k_next, terms), loop, latch))

            builder.position_at_end(latch)
            r_next = builder.add(r, index(1))
            for phi, following in zip([r, b_run_now, *run_sums], [r_next, builder.gep(b_run_now, [b_run]), *new_sums]):
                phi.add_incoming(following, latch)
            builder.cbranch(builder.icmp_signed("<", r_next, runs), outer, done)

            builder.position_at_end(done)
            c_rows = []
            for i in range(rows):
                c_from = builder.mul(c_row, index(i)) if strip == 1 else entry_of(out_at, i)
                c_rows += rows_from(c_base, c_from, c_row)
            results = [new_sums[at : at + vectors] for at in range(0, len(new_sums), vectors)]
            lanes_left = [builder.sub(columns_left, index(width * v)) for v in range(vectors)]
            all_rows = builder.icmp_signed("<=", index(rows), rows_left)
            all_columns = builder.icmp_signed("<=", index(width), lanes_left[-1])
            builder.cbranch(builder.and_(all_rows, all_columns), whole, part)

            builder.position_at_end(whole)
            for c_row_at, result in zip(c_rows, results):
                for v in range(vectors):
                    builder.store(result[v], vector_at(builder, c_row_at, v, width), align=size)
            builder.branch(end)

            builder.position_at_end(part)
            for i, (c_row_at, result) in enumerate(zip(c_rows, results)):
                if i > 0 and i % strip == 0:
                    more = builder.append_basic_block("conv.row")
                    builder.cbranch(builder.icmp_signed("<", index(i // strip), rows_left), more, end)
                    builder.position_at_end(more)
                for v in range(vectors):
                    store_lanes(builder, result[v], c_row_at, v, width, lanes_left[v], size)
            builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return signature, code

    def plain(
        c, c_offset, c_row, a, a_offset, a_step, b, b_offset, b_run, b_row, tables, rows_at, runs_at,
        runs, terms, start, s_offset, s_row, rows_left, columns_left, a_row, b_tap, outs_at
    ):  # fmt: skip
        columns = min(columns_left, vectors * vector_bytes // c.itemsize)
        b = b.reshape(-1)
        for i in range(min(rows, rows_left)):
            for m in range(strip):
                if strip == 1:
                    s_at, c_at = s_offset + i * s_row, c_offset + i * c_row
                else:
                    first = tables[outs_at + i]
                    s_at, c_at = s_offset + (first if s_row else 0) + m * s_row, c_offset + first + m * c_row
                total = start[s_at : s_at + columns].copy()
                for r in range(runs):
                    a_from, b_from = a_offset + tables[rows_at + i] + tables[runs_at + r], b_offset + r * b_run
                    for k in range(terms):
                        for t in range(taps):
                            b_at = b_from + k * b_row + t * b_tap
                            total += a[a_from + k * a_step + (m + t) * a_row] * b[b_at : b_at + columns]
                c[c_at : c_at + columns] = total

    return tile if JIT_ENABLED else plain


# Rows and vectors of the tiles: enough chains of multiply-adds to keep two units busy, few enough for the registers,
# and with the fewest loads. Few columns take half a vector, if there is one: it multiplies no slower, but loads faster.
# These were the fastest shapes measured.
HALF_BYTES = SIMD_BYTES // 2 if SIMD_BYTES == 64 else SIMD_BYTES
if VECTOR_REGISTERS == 32:
    ROWS_WIDE, VECTORS_WIDE, ROWS_MIDDLE, ROWS_NARROW, ROWS_HALF = 6, 4, 12, 12, 10
else:
    ROWS_WIDE, VECTORS_WIDE, ROWS_MIDDLE, ROWS_NARROW, ROWS_HALF = 4, 3, 6, 12, 12
tile_wide = make_conv_tile(ROWS_WIDE, VECTORS_WIDE)
tile_middle = make_conv_tile(ROWS_MIDDLE, 2)
tile_narrow = make_conv_tile(ROWS_NARROW, 1)
tile_half = make_conv_tile(ROWS_HALF, 1, HALF_BYTES)

# A tile with a single vector of columns is limited by loads of the image. If the kernel has STRIP_TAPS columns and the
# strides are 1, STRIP adjacent pixels share these loads.
STRIP, STRIP_TAPS, STRIP_COLUMNS = 4, 3, 16
ROWS_STRIP = 4 if VECTOR_REGISTERS == 32 else 2

pixel_strips = make_conv_tile(ROWS_STRIP, 1, strip=STRIP, taps=STRIP_TAPS)
pixel_strips_half = make_conv_tile(ROWS_STRIP, 1, HALF_BYTES, STRIP, STRIP_TAPS)
tap_strips = make_conv_tile(ROWS_STRIP, 1, strip=STRIP_TAPS, taps=STRIP)
tap_strips_half = make_conv_tile(ROWS_STRIP, 1, HALF_BYTES, STRIP_TAPS, STRIP)


@jit_inline
def half_lanes(array):
    """The most columns for which half a vector is enough."""
    return HALF_BYTES * lanes(array) // SIMD_BYTES


@jit
def conv_product(
    c, c_at, c_row, a, a_at, a_step, b, b_at, b_run, b_row, tables, rows_at, rows, runs_at, runs, terms, start, s_at,
    s_row, columns, block
):  # fmt: skip
    """c[i, j] = start[i, j] + sum_r sum_k a[row_at[i] + run_at[r] + k a_step] b[r b_run + k b_row + j].

    As in `make_conv_tile`, for any number of rows and columns; nothing else of c is written. If a `block` holds fewer
    than all runs, all rows go through one block after the other, and `start` must be c.
    """
    width, half = lanes(c), half_lanes(c)
    for r in range(0, runs, block):
        count, run_at, b_from = min(block, runs - r), runs_at + r, b_at + r * b_run
        j = 0
        while j < columns:
            at, left = b_from + j, columns - j
            if left > (VECTORS_WIDE - 1) * width:  # otherwise it would read beyond the padding
                for i in range(0, rows, ROWS_WIDE):
                    tile_wide(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += VECTORS_WIDE * width
            elif left > width:
                for i in range(0, rows, ROWS_MIDDLE):
                    tile_middle(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += 2 * width
            elif left > half:
                for i in range(0, rows, ROWS_NARROW):
                    tile_narrow(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += width
            else:
                for i in range(0, rows, ROWS_HALF):
                    tile_half(
                        c, c_at + i * c_row + j, c_row, a, a_at, a_step, b, at, b_run, b_row, tables, rows_at + i,
                        run_at, count, terms, start, s_at + i * s_row + j, s_row, rows - i, left, 0, 0, 0
                    )  # fmt: skip
                j += half
