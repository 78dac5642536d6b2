"""The kernel: one decision per file; knows no slice."""
