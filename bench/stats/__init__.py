"""Statistics of scores: functions of one array, runs along the first axis, one column a cell.

Every function takes (n,) or (n, cells) and gives a number or (cells,). A NaN among the scores gives NaN: which runs count is for
the caller to say, and to show. Differences are paired: row i of both arrays is the same seed. ``seeds`` are the (init, data)
pairs of the rows; where they are crossed, rows are not independent, and intervals and p allow for it (bench.stats.crossed).
"""

from bench.stats.arrays import Array as Array
from bench.stats.crossed import Components as Components
from bench.stats.crossed import Seeds as Seeds
from bench.stats.crossed import StandardError as StandardError
from bench.stats.crossed import are_crossed as are_crossed
from bench.stats.crossed import standard_error as standard_error
from bench.stats.crossed import variance_components as variance_components
from bench.stats.differences import effect_size as effect_size
from bench.stats.differences import holm as holm
from bench.stats.differences import p_value as p_value
from bench.stats.differences import probability_of_improvement as probability_of_improvement
from bench.stats.equivalence import Equivalence as Equivalence
from bench.stats.equivalence import equivalence as equivalence
from bench.stats.equivalence import p_above as p_above
from bench.stats.intervals import ALPHA as ALPHA
from bench.stats.intervals import Interval as Interval
from bench.stats.intervals import interval as interval
from bench.stats.intervals import t_interval as t_interval
from bench.stats.location import interquartile_mean as interquartile_mean
from bench.stats.location import mean as mean
from bench.stats.location import median as median
from bench.stats.location import sd as sd
from bench.stats.ranks import Ranking as Ranking
from bench.stats.ranks import ranking as ranking
from bench.stats.relative import log_variances as log_variances
from bench.stats.relative import relative_differences as relative_differences
from bench.stats.relative import spread_ratio as spread_ratio
from bench.stats.relative import spread_ratio_interval as spread_ratio_interval
