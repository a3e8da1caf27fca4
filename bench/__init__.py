"""ablation-bench: honest comparisons of neural-network blocks."""
