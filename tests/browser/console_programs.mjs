// What programs come in with, what groups let people do, and what the log says of it all.
// Usage: node console_programs.mjs http://127.0.0.1:PORT

import { expect } from "./drive.mjs";
import { KEYS, POINTER } from "./hands.mjs";
import {
  CONSOLE, everyView, file, later, confirm, play, says, site, staff, status, text,
} from "./stage.mjs";

const USERS = "/api/v3/users?pageSize=1";

/** What an application gets for this secret: a token, or nothing. */
async function exchange(id, secret) {
  const answer = await fetch(`${site}/oauth2/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret: secret }),
  });
  return answer.status === 200 ? (await answer.json()).access_token : undefined;
}

const json = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };

const shown = (page, label) => page.getByLabel(label, { exact: true }).inputValue();

/** Added, given another secret, disabled, enabled, and removed: each at once. */
async function application({ hand, page, name }) {
  await page.goto(`${CONSOLE}/applications`);
  await hand.press(page, /^Add an application$/);
  await page.waitForURL(/applications\/new$/);
  await hand.type(page, /^Name$/, "   ");
  await hand.press(page, /^Add application$/);
  await says(page, "it needs a name", /name/i);
  await page.goto(`${CONSOLE}/applications/new`);
  await hand.type(page, /^Name$/, name);
  await hand.tick(page, /^See people, groups/);
  await hand.press(page, /^Add application$/);
  await page.getByLabel("client_secret", { exact: true }).waitFor();
  await everyView(page, hand, "application-made");
  const [id, first] = [await shown(page, "client_id"), await shown(page, "client_secret")];
  const token = await exchange(id, first);
  expect("its token opens", await status(USERS, token), 200);
  expect("and no more than it may", await status("/admin/v1/accounts/6/lock", token, json), 403);

  await hand.press(page, /^Go to the application/);
  await page.waitForURL(new RegExp(`applications/${id}`));
  const here = page.url();
  await hand.press(page, /^Give it a new secret$/);
  await page.waitForURL(/rotate$/);
  await says(page, "what a new secret ends", /opens nothing any more, at once/);
  await everyView(page, hand, "application-rotate");
  await hand.press(page, /^Give it a new secret$/);
  await page.getByLabel("client_secret", { exact: true }).waitFor();
  const second = await shown(page, "client_secret");
  expect("the old secret", await exchange(id, first), undefined);
  expect("the token of the old secret", await status(USERS, token), 401);
  const fresh = await exchange(id, second);
  expect("the new secret", await status(USERS, fresh), 200);

  await page.goto(here);
  await hand.press(page, /^Disable$/);
  await page.waitForURL(/disable$/);
  await hand.press(page, /^Disable application$/);
  await page.waitForURL(/done=disabled/);
  await everyView(page, hand, "application-disabled");
  expect("disabled, its token is refused", await status(USERS, fresh), 401);
  expect("and it gets none", await exchange(id, second), undefined);
  await hand.press(page, /^Enable$/);
  await page.waitForURL(/done=enabled/);
  expect("enabled, it is let in", await status(USERS, await exchange(id, second)), 200);
  await lasting({ hand, page, here });

  const last = await exchange(id, second);
  await page.goto(here);
  await hand.press(page, /^Remove$/);
  await page.waitForURL(/remove$/);
  await says(page, "what removing ends", /is refused at once, for good/);
  await everyView(page, hand, "application-remove");
  await hand.press(page, /^Remove application$/);
  await page.waitForURL(/done=removed/);
  expect("removed, its token is refused", await status(USERS, last), 401);
  expect("and its secret", await exchange(id, second), undefined);
  expect("it is in no list", (await text(page)).includes(name), false);
}

/** A token that lasts, of an application's own. */
async function lasting({ hand, page, here }) {
  await page.goto(here);
  await hand.type(page, /^Name \(optional\)$/, "every night");
  await hand.press(page, /^Make the token$/);
  await page.getByLabel("Token", { exact: true }).waitFor();
  const token = await shown(page, "Token");
  await page.reload();
  expect("sent again, it makes no second one", /sent before/.test(await text(page)), true);
  expect("it opens", await status(USERS, token), 200);
  await page.goto(here);
  await says(page, "it is listed", /every night/);
  await hand.press(page, /^Revoke the token every night$/);
  await page.waitForURL(/revoke/);
  await hand.press(page, /^Revoke token$/);
  await page.waitForURL(/done=revoked/);
  expect("revoked, it opens nothing", await status(USERS, token), 401);
}

/** A program that acts for somebody is refused as soon as they are. */
async function owned({ hand, page }) {
  const who = { id: 2, login: "clara" };
  const name = `with ${hand.name}`;
  await page.goto(`${CONSOLE}/tokens`);
  await hand.press(page, /^Make a token$/);
  await page.waitForURL(/tokens\/new$/);
  await hand.type(page, /^For whom$/, who.login);
  await hand.type(page, /^Name \(optional\)$/, name);
  await hand.type(page, /^How long it lasts$/, "soon");
  await hand.tick(page, /^See people, groups/);
  await hand.press(page, /^Make the token$/);
  await says(page, "how long that is", /Write how long it lasts/);
  await everyView(page, hand, "token-wrong");
  await hand.type(page, /^How long it lasts$/, "1h");
  await hand.press(page, /^Make the token$/);
  await page.getByLabel("Token", { exact: true }).waitFor();
  const token = await shown(page, "Token");
  expect("it opens", await status(USERS, token), 200);
  await page.goto(`${CONSOLE}/tokens`);
  await hand.type(page, /^Search$/, name);
  await hand.press(page, /^Search$/);
  await page.waitForURL(/q=with/);
  await everyView(page, hand, "tokens-found");
  expect("the search finds it", await page.locator("tbody tr").count(), 1);
  await page.goto(`${CONSOLE}/users/${who.id}/do/lock`);
  await hand.press(page, /^Lock account$/);
  await page.waitForURL(/done=locked/);
  expect("its owner is locked", await status(USERS, token), 401);
  await hand.press(page, /^Undo$/);
  await page.waitForURL(/do\/unlock$/);
  await hand.press(page, /^Unlock account$/);
  await page.waitForURL(/done=unlocked/);
  await later(61);
  await page.goto(`${CONSOLE}/tokens/new`);
  await confirm(page, hand, /tokens\/new$/);
  expect("it is over", await status(USERS, token), 401);
}

/** Made, with rights; whoever is put in has them at the next click, and no longer than that. */
async function group({ browser, hand, page, who, name }) {
  const clara = await staff(browser, hand, "clara");
  const reach = async () => (await clara.goto(`${CONSOLE}/protection`)).status();
  expect("before", await reach(), 403);
  await page.goto(`${CONSOLE}/groups`);
  await hand.type(page, /^Name$/, name);
  await hand.press(page, /^Make group$/);
  await page.waitForURL(/groups\/\d+\?done=made/);
  await everyView(page, hand, "group-made");
  const here = page.url().split("?")[0];
  await hand.tick(page, /^See and change the settings/);
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=saved/);
  expect("who is not in it", await reach(), 403);
  // Who is put in is found while it is typed, or by a button.
  await hand.type(page, /^Name, login or e-mail address$/, "clara");
  if (!hand.scripts) await hand.press(page, /^Search$/);
  await page.locator("#people li").waitFor();
  await everyView(page, hand, "group-candidates");
  await hand.press(page, /^Put in Clara Clerk$/);
  await page.waitForURL(/done=joined/);
  await everyView(page, hand, "group-member");
  expect("a member reaches the page", await reach(), 200);
  await hand.press(page, /^Take out Clara Clerk$/);
  await page.waitForURL(/done=left/);
  expect("taken out, no more", await reach(), 403);
  await hand.type(page, /^Name, login or e-mail address$/, "nobody-here");
  await hand.press(page, /^Put in$/);
  await page.locator("[aria-invalid]").waitFor();
  await everyView(page, hand, "group-nobody");
  for (const login of ["clara", who.login]) {
    await hand.type(page, /^Name, login or e-mail address$/, login);
    await hand.press(page, /^Put in$/);
    await page.waitForURL(/done=joined/);
    await page.goto(here);
  }
  expect("put in again", await reach(), 200);
  await hand.press(page, /^Delete$/);
  await page.waitForURL(/delete$/);
  await says(page, "what deleting it does", /Its 2 members stay, and can no more/);
  await everyView(page, hand, "group-delete");
  await hand.press(page, /^Delete group$/);
  await page.waitForURL(/done=deleted/);
  expect("with the group its rights are gone", await reach(), 403);
  expect("it is in no list", (await text(page)).includes(name), false);
  await clara.context().close();
}

/** What was done here is found by whom, what, when and why; in a file; and unaltered. */
async function audited({ browser, hand, page, who }) {
  await page.goto(`${CONSOLE}/users/${who.id}/do/lock`);
  await hand.type(page, /^Reason/, `found in the log of ${who.login}`);
  await hand.press(page, /^Lock account$/);
  await page.waitForURL(/done=locked/);
  await page.goto(`${CONSOLE}/audit`);
  await hand.type(page, /^About$/, who.login);
  await hand.type(page, /^Done by$/, "ada");
  await hand.choose(page, /Action$/, "Locked somebody");
  await hand.type(page, /^Reason contains$/, "found in the log");
  await hand.press(page, /^Search$/);
  await page.waitForURL(/audit\?.*action=account\.locked/);
  expect("one record", await page.locator(".timeline > li").count(), 1);
  await says(page, "and it is that", new RegExp(`Reason: found in the log of ${who.login}`));
  await everyView(page, hand, "audit-found");
  const csv = await file(page, hand, /^Export CSV$/);
  expect("the file has what was found", csv.trim().split(/\r?\n/).length, 2);
  expect("with the reason", csv.includes(`found in the log of ${who.login}`), true);
  const json = await file(page, hand, /^Export JSONL$/);
  expect("and so has the other", JSON.parse(json.trim()).action, "account.locked");
  await hand.press(page, /^record \d+$/);
  await page.waitForURL(/audit\/records\/\d+/);
  await everyView(page, hand, "audit-record");
  await page.goBack();
  await hand.type(page, /^About$/, "no-such-login");
  await hand.press(page, /^Search$/);
  await page.locator("[role=alert], .empty").first().waitFor();
  await everyView(page, hand, "audit-nobody");
  await hand.press(page, /^Check the chain$/);
  await says(page, "the chain", /The audit log is whole: all \d+ records are as they were written/);
  await everyView(page, hand, "audit-checked");
  const clara = await staff(browser, hand, "clara");
  expect("it is not for everybody", (await clara.goto(`${CONSOLE}/audit`)).status(), 403);
  await clara.context().close();
}

const acts = [application, owned, group, audited];
const cast = new Map([
  [KEYS, { who: { id: 3, login: "bob" }, name: "Payroll" }],
  [POINTER, { who: { id: 5, login: "eve" }, name: "Warehouse" }],
]);
await play([[KEYS, acts], [POINTER, acts]], (_, hand) => cast.get(hand));
