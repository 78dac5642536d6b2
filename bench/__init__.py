"""Speed, measured: every figure is a ratio of two sides that ran side by side, because machines are noisy."""
