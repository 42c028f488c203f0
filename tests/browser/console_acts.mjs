// Every act of the console, by keys alone and then without scripts, with its effect on
// people who look at the service in another browser meanwhile.
// Usage: node console_acts.mjs http://127.0.0.1:PORT

import { VIEWS, expect, look, withBrowser } from "./drive.mjs";
import { KEYS, POINTER, browserOf, settled } from "./hands.mjs";

const [site] = process.argv.slice(2);
const CONSOLE = `${site}/console`;
const PASSWORD = "correct horse battery";
const ANOTHER = "a fresh horse and battery";
const VIEW = VIEWS[0];

/** Whom the acts of each way are about; numbers are in the order they were added in. */
const CAST = new Map([
  [KEYS, [{ id: 3, login: "bob" }, { id: 4, login: "dan" }]],
  [POINTER, [{ id: 5, login: "eve" }, { id: 6, login: "fay" }]],
]);

const text = (page) => page.locator("main").innerText();

/** What the page says, or the one that is on its way. */
async function says(page, what, wanted) {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await text(page).catch(() => "");
    if (wanted.test(found)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  expect(what, await text(page), wanted);
}

async function signIn(page, address, login, password) {
  await page.goto(address);
  await page.getByLabel("Login or e-mail address").fill(login);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Somebody in the service, in this browser. */
async function enter(page, login, password = PASSWORD) {
  await signIn(page, `${site}/.portcullis/sign-in`, login, password);
  await page.waitForURL(`${site}/`);
}

/** What the next click of somebody leads to. */
async function nextClick(page, what, address) {
  await page.goto(`${site}/`);
  expect(what, page.url(), address);
}

const OUT = /\/\.portcullis\/sign-in\?return_to=\//;
const IN = `${site}/`;

async function staff(browser, hand, login = "ada") {
  const page = await browserOf(browser, VIEW, hand);
  await signIn(page, `${CONSOLE}/sign-in`, login, PASSWORD);
  await page.waitForURL(`${CONSOLE}/`);
  return page;
}

/** What all acts have: the way, the desk, and who is at the door. */
async function stage(browser, hand) {
  const [who, other] = CAST.get(hand);
  const door = await browserOf(browser, VIEW, hand);
  await enter(door, who.login);
  return { browser, hand, who, other, door, page: await staff(browser, hand) };
}

async function locked({ browser, hand, who, door, page }) {
  const phone = await browserOf(browser, VIEWS[3], hand);
  await enter(phone, who.login);
  await page.goto(`${CONSOLE}/users/${who.id}`);
  await hand.press(page, /^Lock account$/);
  await page.waitForURL(/do\/lock$/);
  await says(page, "what a lock will do", /is signed out of 2 sessions now/);
  await hand.press(page, /^Lock account$/);
  await page.waitForURL(/done=locked/);
  await phone.goto(`${site}/final`);
  await says(phone, "where nobody is sent to sign in", /Your account is locked[^]*Ask your administrator \(room 7\)\./);
  if (hand.scripts) await look(phone, VIEWS[3], "refused");
  await phone.context().close();
  await nextClick(door, "locked", /sign-in\?return_to=\/&notice=locked$/);
  await hand.press(page, /^Undo$/);
  await page.waitForURL(/do\/unlock$/);
  await hand.press(page, /^Unlock account$/);
  await page.waitForURL(/done=unlocked/);
  await nextClick(door, "the old session stays dead", OUT);
  await enter(door, who.login);
}

async function disabled({ hand, who, door, page }) {
  await page.goto(`${CONSOLE}/protection`);
  if (/can't be disabled here/.test(await text(page))) {
    await hand.press(page, /^Switch it on$/);
    await page.waitForURL(/protection\/disabling$/);
    await says(page, "what the switch will do", /Accounts can be disabled for good from then on/);
    await hand.press(page, /^Switch it on$/);
    await page.waitForURL(/done=/);
  }
  await page.goto(`${CONSOLE}/users/${who.id}`);
  await hand.tick(page, /^Account disabled/);
  await hand.type(page, /^Reason$/, "left for good");
  await hand.press(page, /^Save$/);
  await says(page, "what disabling will do", /can't sign in until somebody enables/);
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=/);
  await nextClick(door, "disabled", /notice=disabled$/);
  await says(page, "the reason", /Reason: left for good\./);
  await hand.press(page, /^Enable account$/);
  await page.waitForURL(/do\/enable$/);
  await hand.press(page, /^Enable account$/);
  await page.waitForURL(/done=enabled/);
  await enter(door, who.login);
}

async function signedOut({ browser, hand, who, door, page }) {
  const phone = await browserOf(browser, VIEW, hand);
  await enter(phone, who.login);
  await page.goto(`${CONSOLE}/users/${who.id}/sessions`);
  await hand.press(page, /^End the session/);
  await page.waitForURL(/done=session-ended/);
  await phone.goto(`${site}/`);
  await door.goto(`${site}/`);
  const left = [phone, door].filter((one) => one.url() === IN);
  expect("one session is ended", left.length, 1);
  await hand.press(page, /^Sign out everywhere$/);
  await page.waitForURL(/do\/sign-out$/);
  await hand.press(page, /^Sign out everywhere$/);
  await page.waitForURL(/done=signed-out/);
  await nextClick(left[0], "all sessions are ended", OUT);
  await phone.context().close();
  await enter(door, who.login);
}

/** Chosen in the list, locked together, and put back as they were. */
async function inBulk({ hand, who, other, door, page }) {
  await page.goto(`${CONSOLE}/users`);
  for (const { login } of [who, other]) await hand.tick(page, new RegExp(`^Choose ${login}$`));
  await hand.press(page, /^More$/, "Shift+Tab");
  await hand.press(page, /^Lock account$/);
  await says(page, "how many", /^Lock 2 people\?/);
  if (hand.scripts) await look(page, VIEW, "console-lock-two");
  await hand.press(page, /^Lock 2 people$/);
  await page.waitForURL(/runs\/\d+\?done=begun/);
  await settled(page, hand, /2 of 2 are done/);
  if (hand.scripts) await look(page, VIEW, "console-run-done");
  await nextClick(door, "locked in bulk", /notice=locked$/);
  await hand.press(page, /^Undo$/);
  await page.waitForURL(/runs\/\d+\/undo$/);
  await hand.press(page, /^Undo for 2 people$/);
  await settled(page, hand, /It takes back bulk update \d+[^]*|2 of 2 are done/);
  await settled(page, hand, /2 of 2 are done/);
  await enter(door, who.login);
}

async function wizard({ hand, who, other, door, page }) {
  await page.goto(`${CONSOLE}/runs/new`);
  await hand.type(page, /^Logins or e-mail addresses/, `${who.login}\n${other.login}`);
  await hand.tick(page, /^Sign out everywhere, whatever/);
  await hand.press(page, /^See what will happen$/);
  await says(page, "what a bulk update will do", /Sign out 2 people\?[^]*Their sessions end now\./);
  await nextClick(door, "a look changes nothing", IN);
  await hand.press(page, /^Sign out 2 people$/);
  await settled(page, hand, /2 of 2 are done/);
  await nextClick(door, "signed out in bulk", OUT);
  await enter(door, who.login);
}

/** A password that an administrator sets, and a link to choose one's own. */
async function passwords({ hand, who, door, page }) {
  await page.goto(`${CONSOLE}/users/${who.id}/password`);
  await hand.type(page, /^New password$/, ANOTHER);
  await hand.press(page, /^Set password$/);
  await page.waitForURL(/done=password/);
  await nextClick(door, "a new password ends sessions", OUT);
  await enter(door, who.login, ANOTHER);
  await page.goto(`${CONSOLE}/users/${who.id}/invite`);
  await hand.press(page, /^Make the link$/);
  await page.locator("#link").waitFor();
  if (hand.scripts) await look(page, VIEW, "console-link");
  const link = new URL(await page.locator("#link").inputValue(), site).href;
  expect("where the link leads", link.split("#")[0], `${site}/.portcullis/invite`);
  await door.goto(link);
  if (!hand.scripts) {
    await door.getByLabel("Your link").fill(link);
    await door.getByRole("button", { name: "Continue" }).click();
  }
  await door.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await door.getByLabel("Password again").fill(PASSWORD);
  await door.getByRole("button", { name: "Save and sign in" }).click();
  await door.waitForURL(IN);
}

/** Turned by a button of the form, a list of ten thousand keeps who was ticked. */
async function crowd({ hand, page }) {
  const began = performance.now();
  await page.goto(`${CONSOLE}/users`);
  expect("a page of ten thousand comes soon", performance.now() - began < 3000, true);
  await hand.tick(page, /^Choose p00010$/);
  await hand.press(page, /^Next 50$/);
  await page.waitForURL(/after=/);
  await says(page, "chosen before", /1 chosen who are not on this page/);
  await hand.tick(page, /^Choose p00050$/);
  await hand.press(page, /^More$/, "Shift+Tab");
  await hand.press(page, /^Lock account$/);
  await says(page, "chosen on two pages", /^Lock 2 people\?/);
  await page.goBack();
  await page.waitForURL(/after=/);
  await hand.press(page, /^Clear$/);
  await page.waitForURL(/users\?$/);
  expect("nobody is chosen", /chosen who are not on this page/.test(await text(page)), false);
  await hand.press(page, /^Status$/);
  await page.waitForURL(/sort=status/);
  expect("sorted", await page.locator("th[aria-sort=ascending]").innerText(), /^Status/);
}

async function stepUp({ hand, page }) {
  await fetch(`${site}/later/16`, { method: "POST" });
  await page.goto(`${CONSOLE}/tokens/new`);
  expect("asked who it is", page.url(), /\/console\/confirm\?/);
  await hand.type(page, /^Your password$/, "a guess");
  await hand.press(page, /^Go on$/);
  await says(page, "a wrong password", /That is not your password\./);
  await hand.type(page, /^Your password$/, PASSWORD);
  await hand.press(page, /^Go on$/);
  await page.waitForURL(`${CONSOLE}/tokens/new`);
}

/** Made for a program, shown this once, and taken away again. */
async function token({ hand, page }) {
  await page.goto(`${CONSOLE}/tokens/new`);
  await hand.type(page, /^For whom$/, "ada");
  await hand.tick(page, /^Everything/);
  await hand.press(page, /^Make the token$/);
  await page.locator("input[readonly]").waitFor();
  const value = await page.locator("input[readonly]").inputValue();
  if (hand.scripts) await look(page, VIEW, "console-token-made");
  const ask = async () => {
    const answer = await fetch(`${site}/admin/v1/me`, { headers: { authorization: `Bearer ${value}` } });
    return answer.status;
  };
  expect("a token opens", await ask(), 200);
  await page.goto(`${CONSOLE}/tokens`);
  await hand.press(page, /^Revoke/);
  await page.waitForURL(/tokens\/\w+\/revoke$/);
  await says(page, "what revoking will do", /Whatever uses it is refused from its next request on/);
  await hand.press(page, /^Revoke token$/);
  await page.waitForURL(/done=revoked/);
  expect("revoked, it opens nothing", await ask(), 401);
}

async function leave({ hand, page, door }) {
  await page.goto(`${CONSOLE}/`);
  await hand.press(page, /^Sign out$/);
  await page.waitForURL(/console\/sign-in\?notice=bye$/);
  await page.goto(`${CONSOLE}/users`);
  expect("the console is closed", page.url(), /console\/sign-in\?return_to=/);
  await nextClick(door, "other people are where they were", IN);
}

/** What somebody else may do in the console changes while they look at it. */
async function permissions({ browser, hand, who, page }) {
  const clara = await staff(browser, hand, "clara");
  await clara.goto(`${CONSOLE}/users/${who.id}`);
  expect("she may look", /Lock account/.test(await text(clara)), false);
  await page.goto(`${CONSOLE}/users/2`);
  await hand.tick(page, /^Add, change, lock/);
  await hand.press(page, /^Save$/);
  await says(page, "what she will be let do", /Clara Clerk/);
  await page.locator("input[name=confirmed]").waitFor({ state: "attached" });
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=/);
  await clara.reload();
  await says(clara, "she may lock now", /Lock account/);

  await page.goto(`${CONSOLE}/groups`);
  await hand.type(page, /^Name$/, "Interfaces");
  await hand.press(page, /^Make group$/);
  await page.waitForURL(/groups\/\d+/);
  await hand.tick(page, /^Make and revoke API tokens/);
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=saved/);
  await hand.type(page, /^Name, login or e-mail address$/, "clara");
  await hand.press(page, /^Put in$/);
  await page.waitForURL(/done=joined/);
  const side = clara.locator("nav.side");
  await clara.reload();
  expect("her group lets her make tokens", await side.innerText(), /API tokens/);
  await hand.press(page, /^Take out/);
  await page.waitForURL(/done=left/);
  await clara.reload();
  expect("and no more", /API tokens/.test(await side.innerText()), false);

  await page.goto(`${CONSOLE}/users/2/do/lock`);
  await hand.press(page, /^Lock account$/);
  await page.waitForURL(/done=locked/);
  await clara.reload();
  expect("locked in the console", clara.url(), /console\/sign-in\?.*notice=locked/);
  await clara.context().close();
}

/** A stricter policy holds at the next guess. */
async function policy({ browser, hand, other, page }) {
  await page.goto(`${CONSOLE}/protection`);
  await says(page, "five guesses", /5 wrong guesses/);
  await hand.press(page, /^Change the policy$/);
  await page.waitForURL(/protection\/change/);
  await hand.type(page, /^Wrong guesses that lock$/, "3");
  await hand.press(page, /^See what it means$/);
  await page.waitForURL(/protection\/policy/);
  await says(page, "three then", /3 wrong guesses/);
  await hand.press(page, /^Put it in force$/);
  await page.waitForURL(/protection\?done=/);
  const stranger = await browserOf(browser, VIEW, hand);
  for (let guess = 0; guess < 4; guess += 1) {
    await signIn(stranger, `${site}/.portcullis/sign-in`, other.login, `guess ${guess}`);
  }
  await says(stranger, "locked out after three", /Too many attempts/);
  await page.goto(`${CONSOLE}/users/${other.id}`);
  await says(page, "and why", /Locked by 3 failed sign-ins/);
  await hand.press(page, /^Lift the lockout$/);
  await page.waitForURL(/do\/unlock-lockout$/);
  await hand.press(page, /^Lift the lockout$/);
  await page.waitForURL(/done=lockout-lifted/);
  await enter(stranger, other.login);
  await stranger.context().close();
}

await withBrowser(async (browser) => {
  const acts = [locked, disabled, signedOut, inBulk, wizard, passwords, crowd, token];
  const turns = [
    [KEYS, [...acts, permissions, policy, stepUp, leave]],
    [POINTER, [...acts, stepUp, leave]],
  ];
  for (const [hand, all] of turns) {
    const at = await stage(browser, hand);
    for (const act of all) {
      const began = performance.now();
      try {
        await act(at);
      } catch (error) {
        throw new Error(`${act.name}, ${hand.name}, ${at.page.url()}: ${error.stack ?? error}`);
      }
      console.log(`${act.name}, ${hand.name}: ${Math.round(performance.now() - began)} ms`);
    }
    await at.door.context().close();
    await at.page.context().close();
  }
});
