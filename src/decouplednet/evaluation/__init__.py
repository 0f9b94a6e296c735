"""Scores by one stated rule, and the evaluation of a split."""
