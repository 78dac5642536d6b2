"""`make_<model>(**overrides)`: rows for tests, made through the services wherever a verb exists."""
