"""What stands below each plot."""

from collections.abc import Iterable

FRONT = "the dotted line joins the variants that no other beats in both."
CAPTIONS = {
    "ladder": "What each variant adds to the one it is made from: bars are mean paired differences (hatched: worse), lines their "
    "95 % intervals; a dashed outline is as long as the documented step.",
    "scores": "Scores by variant: small dots are single runs, below them the mean and its 95 % interval.",
    "learning_curves": "Validation metric by epoch: mean over seeds, 95 % band (Student t), up to the end of the shortest run; "
    "runs that went on for longer, and those of a cell with fewer than four, are single thin lines. Failed runs are not drawn.",
    "score_against_parameters": f"Mean score and 95 % interval against the parameters that can receive a gradient; {FRONT}",
    "score_against_macs": "Mean score and 95 % interval against the multiply–accumulates of one example's forward pass; "
    f"{FRONT}",
    "score_against_latency": "Mean score and 95 % interval against the measured latency of one image, with its 95 % interval; of "
    f"bench profile; {FRONT}",
    "score_against_time": f"Mean score and 95 % interval against the median training time; {FRONT}",
    "score_against_memory": "Mean score and 95 % interval against peak memory (of one step where bench profile measured "
    f"it, else the median over trainings); {FRONT}",
    "score_against_energy": "Mean score and 95 % interval against the measured energy of one image; of bench profile; "
    f"{FRONT}",
    "critical_difference": "Mean ranks over data sets, the best on the left; variants that a thick line joins cannot be told "
    "apart (Nemenyi, 0.05; Demšar, 2006).",
    "sweeps": "Scores along each axis of the sweep, all else as in the base: small dots are single runs, then the mean and its "
    "95 % interval; the dashed line is where the document has its optimum.",
    "confusion": "Test examples by true class (rows) and predicted class (columns), shaded by their share of the row; "
    "of the first seed of each variant.",
    "coordinates": "Predicted against true coordinates of test examples, with least-squares lines; on the grey diagonal they "
    "would be right, and a flatter line is a network that keeps to the middle; of the first seed of each variant.",
    "examples": "Test examples of the first seed of each variant: its worst, two of the middle, and its best, with their own "
    "score: of a class “true → predicted” and the probability of the true one, of a position the distance, of masks (outlines) "
    "Dice. Of several channels the first is shown.",
}


def captions(plots: Iterable[str]) -> dict[str, str]:
    """Name of each plot → its caption; of one for a single column (``examples-digits``) that of all of its kind."""
    return {plot: CAPTIONS[plot.partition("-")[0]] for plot in plots}
