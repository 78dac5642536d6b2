"""Flask-AppBuilder's security manager, answering from the role matrix instead of tables of permissions.

Views carry `class_permission_name` = resource and `method_permission_name` = action, so FAB's question
"may can_<action> on <resource>" is the matrix's question. FAB's own user, role and permission tables are not created.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_appbuilder.menu import MenuItem
from flask_appbuilder.security.manager import BaseSecurityManager
from flask_login import LoginManager

from app.access.views import LoginView
from app.core.principal import Principal, find_principal, may


class SecurityManager(BaseSecurityManager):
    """Permissions by role matrix, users by app/access/edge.py."""

    def create_login_manager(self, app: Flask) -> LoginManager:
        manager = LoginManager(app)
        manager.login_view = "LoginView.login"
        manager.request_loader(lambda _request: find_principal())
        manager.session_protection = None
        return manager

    def register_views(self) -> None:
        self.auth_view = self.appbuilder.add_view_no_menu(LoginView)

    def load_user(self, pk: Any) -> Principal | None:
        return find_principal()

    def load_user_jwt(self, _header: Any, _data: Any) -> Principal | None:
        return find_principal()

    def is_item_public(self, permission_name: str, view_name: str) -> bool:
        return False

    def has_access(self, permission_name: str, view_name: str) -> bool:
        return may(view_name, permission_name.removeprefix("can_"))

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        return {name for item in self.appbuilder.menu.get_list() for name in _visible(item)}


def _visible(item: MenuItem) -> set[str]:
    """The names of a menu item and of what below it the principal may open."""
    if item.childs:
        below = {name for child in item.childs for name in _visible(child)}
        return {item.name} | below if below else set()
    resource = getattr(item.baseview, "class_permission_name", None)
    return {item.name} if resource and may(resource, getattr(item.baseview, "menu_action", "read")) else set()
