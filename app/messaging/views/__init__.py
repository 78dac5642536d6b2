"""Screens of messages: the outbox, who is not written to, how messages are worded and delivered."""
