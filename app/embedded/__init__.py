"""`make run` on a bare machine: real PostgreSQL and Redis out of wheels, and a supervisor over all processes.

Imports no Flask and no other package of the app, so that it starts fast and can explain what is wrong with the rest.
"""
