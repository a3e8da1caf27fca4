"""What measured scores say of a documented value, bound, spread, direction, order or optimum: functions of numbers alone.

A value is judged only where it was measured on the same data and by the same protocol; on other data it is the direction of a
difference, and the order of variants, that can be.
"""

from bench.verdict.bounds import judge_above as judge_above
from bench.verdict.bounds import judge_spread as judge_spread
from bench.verdict.differences import judge_direction as judge_direction
from bench.verdict.differences import judge_optimum as judge_optimum
from bench.verdict.differences import judge_order as judge_order
from bench.verdict.value import MARGIN as MARGIN
from bench.verdict.value import judge as judge
from bench.verdict.words import Verdict as Verdict
