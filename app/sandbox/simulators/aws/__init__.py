"""What the simulated services of AWS share."""
