"""A comparison: two cells of a plan, paired by seed, as one of a family."""

from dataclasses import dataclass
from functools import cached_property

from bench import power, stats
from bench.stats import Array, Interval, Seeds
from bench.suite.plan import PlanCell
from bench.tasks import Metric


@dataclass(frozen=True)
class Comparison:
    """Two cells of one column, paired by seed: ``cell`` less ``other``, one of a family of comparisons in that column."""

    cell: PlanCell
    other: PlanCell
    metric_name: str
    metric: Metric
    differences: Array
    """One for each seed that both have a score for."""
    seeds: Seeds
    """The (init, data) seeds of the differences."""
    comparisons: int
    """How many the family has: all that are planned in the column, whatever has been run."""
    p_adjusted: float
    """Holm's; NaN where the pairs are too few for any difference to be significant."""

    @property
    def pairs(self) -> int:
        """How many seeds both cells have a score for."""
        return len(self.differences)

    @property
    def difference(self) -> float:
        """The mean paired difference; NaN without pairs."""
        return float(stats.mean(self.differences))

    @cached_property
    def interval(self) -> Interval:
        """The difference's 95 % interval."""
        return stats.interval(self.differences, seeds=self.seeds)

    @property
    def spread(self) -> float:
        """The standard deviation of the paired differences; NaN below two pairs."""
        return float(stats.sd(self.differences))

    @property
    def pairs_needed(self) -> int:
        """The fewest pairs with which a difference can be significant in this family."""
        return power.pairs_needed(self.comparisons)

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the adjusted p is at most 0.05, else nothing."""
        if not self.p_adjusted <= stats.ALPHA:
            return ""
        return "better" if (self.difference > 0) == (self.metric.direction == "max") else "worse"

    @property
    def detectable(self) -> float:
        """The smallest true difference that these pairs find with power 0.8; infinite where there are too few of them."""
        if stats.are_crossed(self.seeds):
            return power.crossed_detectable_difference(self.differences, self.seeds, self.comparisons)
        return power.detectable_difference(self.spread, self.pairs, self.comparisons)
