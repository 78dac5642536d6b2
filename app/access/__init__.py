"""Access: users, members, roles, sessions and the edge that tells who is asking."""
