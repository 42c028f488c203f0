// Administers users as a program of Clerk's customers does: with @clerk/backend.
//
// Called with the address of an admin listener, an administrator's token, and the package
// to use. The listener's directory has a user ada, whose password is given too.

import assert from "node:assert/strict";

const [url, token, name, password] = process.argv.slice(2);
const { createClerkClient } = await import(name);
const clerk = createClerkClient({ secretKey: token, apiUrl: url });

const refused = async (status, code, request) => {
  const error = await request.then(
    () => assert.fail(`${code} was expected`),
    (error) => error,
  );
  assert.equal(error.status, status, `${error}`);
  assert.equal(error.errors[0]?.code, code);
  assert.match(error.errors[0].longMessage, /^[A-Z].*\.$/s);
  assert.ok(error.clerkTraceId);
};

const found = await clerk.users.getUserList({ username: ["ada"] });
assert.equal(found.totalCount, 1);
const ada = found.data[0];
assert.match(ada.constructor.name, /^_?User$/);
assert.equal(ada.primaryEmailAddress.emailAddress, "ada@example.org");
assert.equal(ada.passwordEnabled, true);

// Lock, look, unlock.
const locked = await clerk.users.lockUser(ada.id);
assert.match(locked.constructor.name, /^_?User$/);
assert.equal(locked.locked, true);
const left = (await clerk.users.getUser(ada.id)).raw.lockout_expires_in_seconds;
assert.ok(left > 3590 && left <= 3600, `${left}`);
assert.equal((await clerk.users.unlockUser(ada.id)).locked, false);
assert.equal((await clerk.users.getUser(ada.id)).raw.lockout_expires_in_seconds, null);

// Ban, and let in again.
assert.equal((await clerk.users.banUser(ada.id)).banned, true);
assert.equal(await clerk.users.getCount({ banned: true }), 1);
assert.equal((await clerk.users.unbanUser(ada.id)).banned, false);

// The password.
assert.equal((await clerk.users.verifyPassword({ userId: ada.id, password })).verified, true);
await refused(422, "incorrect_password", clerk.users.verifyPassword({ userId: ada.id, password: "wrong" }));

// Somebody new.
const grace = await clerk.users.createUser({
  emailAddress: ["grace@example.org", "hopper@example.org"],
  username: "grace",
  firstName: "Grace",
  lastName: "Hopper",
  password: "four words will do",
  externalId: "navy-1",
  publicMetadata: { shipName: "Mark I" },
  privateMetadata: { pay: { grade: 7, old: 6 } },
  createdAt: new Date(),
});
assert.equal(grace.fullName ?? `${grace.firstName} ${grace.lastName}`, "Grace Hopper");
assert.deepEqual(grace.publicMetadata, { shipName: "Mark I" });
assert.equal(grace.externalId, "navy-1");
const [primary, second] = grace.emailAddresses;
assert.equal(grace.primaryEmailAddressId, primary.id);
const moved = await clerk.users.updateUser(grace.id, {
  primaryEmailAddressID: second.id,
  firstName: "Amazing",
  publicMetadata: { shipName: "Mark II" },
});
assert.equal(moved.primaryEmailAddress.emailAddress, "hopper@example.org");
assert.deepEqual(moved.publicMetadata, { shipName: "Mark II" });
assert.equal(moved.firstName, "Amazing");
const merged = await clerk.users.updateUserMetadata(grace.id, {
  privateMetadata: { pay: { grade: 8, old: null } },
});
assert.deepEqual(merged.privateMetadata, { pay: { grade: 8 } });
assert.deepEqual(merged.publicMetadata, { shipName: "Mark II" });
await refused(422, "form_identifier_exists", clerk.users.createUser({ emailAddress: ["HOPPER@example.org"] }));
await refused(422, "form_password_length_too_short", clerk.users.createUser({ username: "x1", password: "short" }));

// No password any more, as far as the package knows of that.
if (clerk.users.removePassword) {
  assert.equal((await clerk.users.removePassword(grace.id)).passwordEnabled, false);
  const out = await clerk.users.removePassword(grace.id, { signOutOfOtherSessions: true });
  assert.equal(out.passwordEnabled, false);
}
assert.deepEqual((await clerk.jwks.getJwks()).keys, []);

// Lists and counts.
assert.deepEqual((await clerk.users.getUserList({ externalId: ["navy-1"] })).data.map((user) => user.id), [grace.id]);
assert.equal(await clerk.users.getCount({ userId: [`-${grace.id}`] }), (await clerk.users.getCount()) - 1);

// Sessions, as far as there are any.
const sessions = await clerk.sessions.getSessionList({ userId: ada.id });
for (const session of sessions.data) {
  assert.match(session.constructor.name, /^_?Session$/);
  assert.equal(session.status, "revoked");
}
assert.equal(sessions.totalCount, sessions.data.length);

// Gone.
const deleted = await clerk.users.deleteUser(grace.id);
assert.deepEqual([deleted.id, deleted.deleted], [grace.id, true]);
await refused(404, "resource_not_found", clerk.users.getUser(grace.id));
await refused(404, "resource_not_found", clerk.users.lockUser("user_999"));

const stranger = createClerkClient({ secretKey: "sk_test_x", apiUrl: url });
await refused(401, "clerk_key_invalid", stranger.users.getUser(ada.id));
