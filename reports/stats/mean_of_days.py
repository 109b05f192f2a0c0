"""How much less sure a mean of days is if days resemble each other, where nothing but the days themselves tells it.

Each of some ways in which days may hang together says how a mean of them scatters, and how well it explains the days
seen. The risk of the bounds is that of Student's law under each of them, averaged over all as well as they explain the
days (a Bayesian mean over models: J. A. Hoeting, D. Madigan, A. E. Raftery, C. T. Volinsky, "Bayesian Model
Averaging: A Tutorial", Statistical Science 14, 1999). One estimate of the likeness would be so unsure with few days
that Student's law had one or two degrees of freedom left for it, and bounds beyond all that may be; here what days
cannot tell costs no more than what may be.
"""

import itertools

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from reports.stats.trial_rows import Floats

_GOES_ON = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0)
"""What part of a day's luck goes on to the next days; the rest is its own."""
_KEPT = (0.3, 0.5, 0.7, 0.85)
"""Which share of it is left a day later."""
_UNLIKE = 0.5
"""How likely it is, before days are seen, that they have nothing in common; the other ways share the rest evenly."""
_STEPS = 8
"""Steps towards the stretch: beyond that nothing changes that is shown."""
_TINY = 1e-300

_WAYS = np.array([(0.0, 0.5), *itertools.product(_GOES_ON, _KEPT)])
_BEFORE = np.array([_UNLIKE] + [(1 - _UNLIKE) / (len(_WAYS) - 1)] * (len(_WAYS) - 1))


def stretch_of_mean(off: Floats, there: npt.NDArray[np.bool_], *, degrees: float, multiplier: Floats) -> Floats:
    """Return by what days that may be alike stretch the variance of a mean of days, of every trial; at least 1.

    *off* is what each day differs from the mean by, 0 where no day is *there*. So many standard errors (*multiplier*)
    of the stretched variance have the risk that Student's law with so many *degrees* gives them.
    """
    used = np.flatnonzero(there)
    seen, days = slice(int(used[0]), int(used[-1]) + 1), len(used)
    spectra = _spectra(there[seen], days)
    share = np.full(spectra.shape[1] - 1, 2.0)
    share[-1] -= (int(used[-1]) - int(used[0])) % 2
    share /= share.sum()
    power = np.abs(np.fft.rfft(off[:, seen])[:, 1:]) ** 2 / days
    square = np.maximum((power * share) @ (1 / spectra[:, 1:]).T, _TINY)
    # With gaps there are more frequencies than days, which say together as much as the days do.
    fits = np.log(_BEFORE) - (np.log(spectra[:, 1:]) @ share + np.log(square)) * (days - 1) / 2
    weight = np.exp(fits - fits.max(axis=-1, keepdims=True))
    stretches = square * spectra[:, 0] / square[:, :1]
    return np.maximum(_averaged(stretches, weight / weight.sum(axis=-1, keepdims=True), degrees, multiplier), 1.0)


def _spectra(there: npt.NDArray[np.bool_], days: int) -> Floats:
    """Return what power each way expects at the frequencies of the days, that of their mean first; 1 if unlike.

    Exact for so few days as there are, and for gaps among them (the debiased Whittle likelihood: A. M. Sykulski, S. C.
    Olhede, A. P. Guillaumin, J. M. Lilly, J. J. Early, Biometrika 106, 2019).
    """
    length = len(there)
    pairs = np.correlate(there.astype(np.float64), there.astype(np.float64), "full")[length - 1 :]
    alike = _WAYS[:, :1] * _WAYS[:, 1:] ** np.arange(length)
    alike[:, 0] = 1.0
    shared = alike * pairs
    shared[:, 1:] += shared[:, :0:-1].copy()
    expected: Floats = np.fft.rfft(shared).real / days
    return expected


def _averaged(stretches: Floats, weight: Floats, degrees: float, multiplier: Floats) -> Floats:
    """Return the stretch at which the risk is on average what Student's law gives to so many standard errors.

    By false position on logarithms, an end that stays twice counting half (M. Dowell, P. Jarratt, "A Modified Regula
    Falsi Method for Computing the Root of an Equation", BIT 11, 1971): Student's law is most of what this costs.
    """
    goal = np.log(stdtr(degrees, -multiplier))

    def excess(at: Floats) -> Floats:
        reached = -multiplier[:, None] * np.sqrt(np.exp(at)[:, None] / stretches)
        found: Floats = np.log(np.sum(weight * stdtr(degrees, reached), axis=-1)) - goal
        return found

    low, high = np.log(stretches.min(axis=-1)), np.log(stretches.max(axis=-1))
    over, under = excess(low), excess(high)
    before = np.full(len(low), 2)  # Neither side yet.
    for _ in range(_STEPS):
        gap = over - under
        at = np.where(gap > 0, low + (high - low) * over / np.where(gap > 0, gap, 1.0), high)
        found = excess(at)
        risky = found > 0
        half = np.where(risky == before, 0.5, 1.0)
        over, under = np.where(risky, found, over * half), np.where(risky, under * half, found)
        low, high, before = np.where(risky, at, low), np.where(risky, high, at), risky
    best: Floats = np.exp(at)
    return best
