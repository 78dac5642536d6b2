"""Console screens of access: log-in, members and roles."""

from app.access.views.login import LoginView
from app.access.views.members import MemberView, RoleMatrixView

__all__ = ["LoginView", "MemberView", "RoleMatrixView"]
