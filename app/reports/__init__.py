"""Reports: figures over the slices below, aggregated in SQL."""
