"""Administers users as a program of OpenProject's customers does: with pyopenproject.

Called with the address of an admin listener and an administrator's token. The listener's
directory has a user ada.
"""

import sys

from pyopenproject.business.exception.business_error import BusinessError
from pyopenproject.business.util.filter import Filter
from pyopenproject.model.user import User
from pyopenproject.openproject import OpenProject


def main(url, token):
    users = OpenProject(url=url, api_key=token).get_user_service()
    lock_and_unlock(users)
    create_change_and_delete(users)
    find_everybody(users)
    be_refused(OpenProject(url=url, api_key="pct_" + 43 * "A").get_user_service())


def named(users, login):
    [user] = users.find_all([Filter("login", "=", [login])], None)
    return user


def lock_and_unlock(users):
    ada = User({"id": named(users, "ada").id})
    assert users.lock(ada).status == "locked"
    assert users.find(ada).status == "locked"
    assert [user.login for user in users.find_all([Filter("status", "=", ["locked"])], None)] == ["ada"]
    assert users.unlock(ada).status == "active"
    assert users.find(ada).status == "active"


def create_change_and_delete(users):
    grace = users.create(
        login="grace", email="grace@example.org", first_name="Grace", last_name="Hopper",
        admin=False, language="en", status="active", password="four words will do",
    )
    assert (grace.login, grace.status, grace.name) == ("grace", "active", "Grace Hopper")
    guest = users.invite(
        email="guest@example.org", login=None, first_name=None, last_name=None,
        admin=False, language="EN",
    )
    assert (guest.status, guest.login, guest.lastName) == ("invited", "guest@example.org", "@example.org")
    number = grace.id
    grace.lastName = "Murray Hopper"
    assert users.update(grace).name == "Grace Murray Hopper"
    users.delete(User({"id": number}))
    try:
        users.find(User({"id": number}))
    except BusinessError:
        return
    raise AssertionError("a deleted user was found")


def find_everybody(users):
    for n in range(45):
        users.invite(
            email=f"many{n}@example.org", login=None, first_name=None, last_name=None,
            admin=False, language="EN",
        )
    many = [user for user in users.find_all(None, '[["id","asc"]]') if user.login.startswith("many")]
    assert len({user.id for user in many}) == len(many) == 45, len(many)


def be_refused(users):
    try:
        users.find(User({"id": 1}))
    except BusinessError:
        return
    raise AssertionError("a wrong key opened something")


main(*sys.argv[1:])
