"""Administers users as a program of Clerk's customers does: with clerk-backend-api.

Called with the address of an admin listener, an administrator's token and ada's password.
The listener's directory has a user ada.
"""

import sys

from clerk_backend_api import Clerk
from clerk_backend_api.models import ClerkErrors, SDKError


def main(url, token, password):
    with Clerk(bearer_auth=token, server_url=url + "/v1") as clerk:
        users = clerk.users
        [ada] = users.list(request={"username": ["ada"]})
        assert ada.email_addresses[0].email_address == "ada@example.org"
        lock_and_unlock(users, ada.id)
        ban(clerk, ada.id)
        passwords(users, ada.id, password)
        create_change_and_delete(users)
        be_refused(url, users, ada.id)


def lock_and_unlock(users, ada):
    locked = users.lock(user_id=ada)
    assert locked.locked and 3590 < locked.lockout_expires_in_seconds <= 3600
    assert users.get(user_id=ada).locked
    unlocked = users.unlock(user_id=ada)
    assert not unlocked.locked and unlocked.lockout_expires_in_seconds is None
    assert users.count(request={"username": ["ada"]}).total_count == 1


def ban(clerk, ada):
    assert clerk.users.ban(user_id=ada).banned
    for session in clerk.sessions.list(user_id=ada):
        assert session.status == "revoked", session.status
    assert [user.id for user in clerk.users.list(request={"banned": True})] == [ada]
    assert not clerk.users.unban(user_id=ada).banned
    assert [user.banned for user in clerk.users.bulk_ban(user_ids=[ada])] == [True]
    assert [user.banned for user in clerk.users.bulk_unban(user_ids=[ada])] == [False]


def passwords(users, ada, password):
    assert users.verify_password(user_id=ada, password=password).verified
    assert status(lambda: users.verify_password(user_id=ada, password="wrong")) == 422


def create_change_and_delete(users):
    grace = users.create(
        email_address=["grace@example.org"], first_name="Grace", last_name="Hopper",
        password="four words will do", public_metadata={"shipName": "Mark I"},
    )
    assert (grace.first_name, grace.public_metadata) == ("Grace", {"shipName": "Mark I"})
    changed = users.update(user_id=grace.id, last_name="Murray Hopper")
    assert (changed.last_name, changed.public_metadata) == ("Murray Hopper", {"shipName": "Mark I"})
    merged = users.update_metadata(user_id=grace.id, private_metadata={"a": {"b": 1}})
    assert merged.private_metadata == {"a": {"b": 1}}
    deleted = users.delete(user_id=grace.id)
    assert deleted.deleted and deleted.id == grace.id
    assert status(lambda: users.get(user_id=grace.id)) == 404


def be_refused(url, users, ada):
    assert status(lambda: users.lock(user_id="user_999")) == 404
    try:
        users.create(email_address=["ADA@example.org"])
        raise AssertionError("two users have one address")
    except ClerkErrors as errors:
        assert errors.data.errors[0].code == "form_identifier_exists"
        assert errors.data.errors[0].long_message
    with Clerk(bearer_auth="sk_test_x", server_url=url + "/v1") as stranger:
        assert status(lambda: stranger.users.get(user_id=ada)) == 401


def status(request):
    try:
        request()
    except (ClerkErrors, SDKError) as error:
        return error.raw_response.status_code
    raise AssertionError("it was not refused")


main(*sys.argv[1:])
