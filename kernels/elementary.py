"""exp, expm1, log, log1p, softplus, tanh, logistic function and normal distribution of a scalar, to be used in loops.

The C library's functions are calls, for one element at a time; these consist of a few multiplications and additions, so
that LLVM vectorises a loop around them. Errors are a few units in the last place. NaN, infinities and overflow give the
same results as in NumPy. The series are those of Abramowitz & Stegun, *Handbook of Mathematical Functions*, 4.2.1
(exponential) and 4.1.27 (logarithm); the splitting of ln 2 is W. J. Cody's.
"""

import math

import numpy as np

from .jit import by_precision, fma, jit_inline


def _exponential_functions(real, integer, mantissa_bits, exponent_bias, ln2_high, ln2_low, lowest, highest, terms):
    """exp and expm1 for one precision: x = n ln 2 + r, so exp(x) = 2^n exp(r) with |r| <= ln(2) / 2."""
    log2_e = real(1 / math.log(2))
    ln2_high, ln2_low, lowest, highest = real(ln2_high), real(ln2_low), real(lowest), real(highest)
    # Adding 1.5 * 2^mantissa_bits rounds to an integer and leaves that integer in the lowest bits.
    rounder = real(1.5 * 2**mantissa_bits)
    rounder_bits = integer(rounder.view(integer))
    shift, bias, half = integer(mantissa_bits), integer(exponent_bias), integer(1)
    coefficients = tuple(real(1 / math.factorial(k)) for k in range(terms, 1, -1))  # of r^terms, ..., r^2
    one = real(1)

    @jit_inline
    def reduce(x):
        """n and exp(r) - 1."""
        x = lowest if x < lowest else x  # comparisons that a NaN passes through
        x = highest if x > highest else x
        rounded = fma(x, log2_e, rounder)
        n = rounded - rounder
        r = fma(n, -ln2_low, fma(n, -ln2_high, x))
        series = coefficients[0]
        for c in coefficients[1:]:
            series = fma(series, r, c)
        return integer(real(rounded).view(integer) - rounder_bits), fma(series * r, r, r)

    @jit_inline
    def exp(x):
        n, q = reduce(x)
        # In two steps, because 2^n itself may be out of range where the result is not.
        n_half = integer(n >> half)
        power = integer(integer(n_half + bias) << shift).view(real)
        power_rest = integer(integer(integer(n - n_half) + bias) << shift).view(real)
        return ((one + q) * power) * power_rest

    @jit_inline
    def expm1_negative(x):
        """exp(x) - 1 for x <= 0, exact to rounding also near 0."""
        x = lowest_normal if x < lowest_normal else x
        n, q = reduce(x)
        power = integer(integer(n + bias) << shift).view(real)
        return fma(power, q, power - one)

    lowest_normal = real(-exponent_bias * math.log(2) * 0.99)
    return exp, expm1_negative


# ln 2 in two parts, the first of few enough bits that its product with n is exact.
_exp32, _expm1_negative32 = _exponential_functions(
    np.float32, np.int32, 23, 127, 0.693359375, -2.12194440054690583e-04, -104, 89, 7
)
_exp64, _expm1_negative64 = _exponential_functions(
    np.float64, np.int64, 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10, -746, 710, 13
)
exp = by_precision(_exp32, _exp64)
expm1_negative = by_precision(_expm1_negative32, _expm1_negative64)


def _logarithm_functions(real, integer, mantissa_bits, terms_log, terms_log1p, exp, expm1_negative):
    """Functions of one precision, based on log((1 + s) / (1 - s)) = 2 (s + s^3 / 3 + s^5 / 5 + ...)."""
    zero, one, two, infinity = real(0), real(1), real(2), real(np.inf)
    not_a_number = real(np.nan)
    shift = integer(mantissa_bits)
    sqrt_half_bits = integer(real(math.sqrt(0.5)).view(integer))
    smallest_normal = real(np.finfo(real).tiny)
    lift, lift_exponent = real(2.0 ** (mantissa_bits + 1)), real(mantissa_bits + 1)
    ln2 = real(math.log(2))
    near = tuple(real(2 / (2 * k + 1)) for k in range(terms_log - 1, -1, -1))  # enough for |s| < 0.172
    far = tuple(real(2 / (2 * k + 1)) for k in range(terms_log1p - 1, -1, -1))  # enough for |s| <= 1 / 3
    half = real(0.5)

    @jit_inline
    def log(x):
        tiny = x < smallest_normal
        lifted = x * lift if tiny else x
        bits = real(lifted).view(integer)
        exponent = integer(integer(bits - sqrt_half_bits) >> shift)
        m = integer(bits - integer(exponent << shift)).view(real)  # in [sqrt(1/2), sqrt(2))
        s = (m - one) / (m + one)
        s2 = s * s
        series = near[0]
        for c in near[1:]:
            series = fma(series, s2, c)
        n = real(exponent) - (lift_exponent if tiny else zero)
        y = fma(n, ln2, series * s)
        y = y if x < infinity else x  # infinity and NaN
        y = -infinity if x == zero else y
        return not_a_number if x < zero else y

    @jit_inline
    def log1p_ratio(x):
        """log(1 + x) for -1/2 <= x <= 1."""
        s = x / (two + x)
        s2 = s * s
        series = far[0]
        for c in far[1:]:
            series = fma(series, s2, c)
        return series * s

    @jit_inline
    def log1p(x):
        return log1p_ratio(x) if -half <= x <= one else log(one + x)

    @jit_inline
    def softplus(x):
        """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
        return (x if x > zero else zero) + log1p_ratio(exp(-abs(x)))

    @jit_inline
    def tanh(x):
        """(1 - e) / (1 + e) with e = exp(-2 |x|), written with e - 1 so that nothing cancels near 0."""
        e = expm1_negative(-two * abs(x))
        y = -e / (two + e)
        return -y if x < zero else y

    @jit_inline
    def logistic(x):
        """1 / (1 + exp(-x)), from exp(-|x|), which `softplus` needs as well: beside it, it is nearly free."""
        e = exp(-abs(x))
        return (e if x < zero else one) / (one + e)

    return log, log1p, log1p_ratio, softplus, tanh, logistic


_single = _logarithm_functions(np.float32, np.int32, 23, 5, 7, _exp32, _expm1_negative32)
_double = _logarithm_functions(np.float64, np.int64, 52, 10, 16, _exp64, _expm1_negative64)
log, log1p, log1p_ratio, softplus, tanh, logistic = (by_precision(s, d) for s, d in zip(_single, _double, strict=True))


def _normal_functions(real, exp, furthest, pole, coefficients):
    """Functions of the standard normal distribution, whose tail is exp(-x^2 / 2) times a smooth function.

    M. M. Shepherd & J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", Math. Comp. 36 (1981):
    times x + pole, that function is nearly a polynomial in 1 / (x + pole), here of t in [-1, 1] for x in [0, furthest],
    beyond which the tail is 0. The coefficients are a Chebyshev interpolation in 60 digits.
    """
    zero, half, one, furthest, pole = real(0), real(0.5), real(1), real(furthest), real(pole)
    scale = -2 / (1 / pole - 1 / (furthest + pole))
    scale, shift = real(scale), real(-1 - scale / pole)
    # Even and odd powers separately: two shorter chains, and loops short enough for LLVM to unroll.
    odd, even = (tuple(real(c) for c in coefficients[start::2]) for start in (0, 1))

    @jit_inline
    def normal(x):
        """P(X < x) and exp(-x^2 / 2)."""
        a = abs(x)
        a = furthest if a > furthest else a  # a comparison that a NaN passes through
        square = a * a
        bell = exp(-half * square)
        bell = fma(-half * fma(a, a, -square), bell, bell)  # corrects for the rounding of the square
        r = one / (a + pole)
        t = fma(r, scale, shift)
        t2 = t * t
        odd_powers, even_powers = odd[0], even[0]
        for c in odd[1:]:
            odd_powers = fma(odd_powers, t2, c)
        for c in even[1:]:
            even_powers = fma(even_powers, t2, c)
        tail = fma(odd_powers, t, even_powers) * r * bell
        return (one - tail if x > zero else tail), bell

    @jit_inline
    def normal_distribution(x):
        """P(X < x) = erfc(-x / sqrt(2)) / 2, with the same relative precision where it is small."""
        return normal(x)[0]

    return normal, normal_distribution


# fmt: off
_normal32 = _normal_functions(np.float32, _exp32, 15, 2.5, (
    -3.9707886e-5, -3.20959771e-5, 3.15024738e-4, 6.74946705e-4, -1.58665273e-3, -7.85302852e-3, 0.0114213358,
    0.0926330816, -0.403414479, 0.771272635,
))
_normal64 = _normal_functions(np.float64, _exp64, 39, 3, (
    -8.7060719241615014e-10, -1.0324468446407748e-9, 6.5455983358003359e-9, 1.3089281201241841e-8,
    -1.3371958856366485e-8, -7.0784676364667539e-8, -6.8872268264386574e-8, 1.6006246059405308e-7,
    6.3140351739431769e-7, 4.7666675510924593e-7, -2.2828129092086245e-6, -6.6154288408747723e-6,
    1.187703752986092e-6, 3.9415708276034021e-5, 4.925451392982942e-5, -1.8638157242683609e-4, -5.2048812044183334e-4,
    9.6770747442944437e-4, 4.436177958869284e-3, -9.5621719752485134e-3, -0.035169856876534916, 0.20676654197891914,
    -0.50412042827482914, 0.76665504473963636,
))
# fmt: on
normal, normal_distribution = (by_precision(s, d) for s, d in zip(_normal32, _normal64, strict=True))
