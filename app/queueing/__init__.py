"""The live queue: tokens, calls, and what desks and the waiting room see of them."""
