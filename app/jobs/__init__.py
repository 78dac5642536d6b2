"""Long work that people order, watch and stop, and the screens of queues and workers."""
