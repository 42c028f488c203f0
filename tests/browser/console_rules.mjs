// What holds for everybody: licences, people who stay away, the policy and what it would
// have done; and what is stopped on its way: bulk updates and deletions.
// Usage: node console_rules.mjs http://127.0.0.1:PORT

import { expect } from "./drive.mjs";
import { KEYS, POINTER, browserOf, settled } from "./hands.mjs";
import {
  CONSOLE, IN, VIEW, atTheDesk, enter, everyView, knock, later, nextClick, play, says, site, text,
} from "./stage.mjs";

const tell = async (what) => expect(what, (await fetch(`${site}${what}`, { method: "POST" })).status, 200);

/** The page of the bulk update that was begun last. */
async function newestRun(page) {
  await page.goto(`${CONSOLE}/runs`);
  await page.goto(new URL(await page.locator("tbody a").first().getAttribute("href"), site).href);
}

/** No more than there are licences for, until there is no limit. */
async function licences({ browser, hand, page, fresh }) {
  await page.goto(`${CONSOLE}/licences`);
  const used = (await text(page)).match(/(\d[\d\s]*) used/)[1].replace(/\s/g, "");
  await hand.type(page, /^How many licences there are$/, "many");
  await hand.press(page, /^Save$/);
  await page.locator("[aria-invalid]").waitFor();
  await everyView(page, hand, "licences-wrong");
  await hand.type(page, /^How many licences there are$/, used);
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=limited/);
  await says(page, "none is left", /0 left\./);
  await everyView(page, hand, "licences-limited");
  const add = async () => {
    await page.goto(`${CONSOLE}/users/new`);
    await hand.type(page, /^Login$/, fresh);
    if (hand.scripts) {
      await hand.type(page, /^E-mail address \(optional\)$/, "");
      await page.keyboard.press("Tab");
      await page.keyboard.press("ArrowDown");
    } else await hand.tick(page, /^With this password$/);
    await hand.type(page, /^Password$/, "a fresh horse and battery");
    await hand.press(page, /^Add user$/);
  };
  const theirs = await browserOf(browser, VIEW, hand);
  await add();
  await says(page, "nobody new", /licence/i);
  await everyView(page, hand, "licences-full");
  await knock(theirs, fresh, "a fresh horse and battery");
  await says(theirs, "who was not added", /Wrong login or password/);
  await page.goto(`${CONSOLE}/licences`);
  await hand.type(page, /^How many licences there are$/, "");
  await hand.press(page, /^Save$/);
  await page.waitForURL(/done=unlimited/);
  await add();
  await page.waitForURL(/done=added/);
  await enter(theirs, fresh, "a fresh horse and battery");
  await theirs.context().close();
}

/** Stopped in the middle, it leaves the rest as they are, until somebody lets it go on. */
async function stopped({ browser, hand, page }) {
  const first = await browserOf(browser, VIEW, hand);
  const last = await browserOf(browser, VIEW, hand);
  await enter(first, "wanda");
  await enter(last, "willy");
  // Somebody's command on the host breaks off.
  await tell("/half");
  await newestRun(page);
  await settled(page, hand, /Running\s+[\d\s]+ of 2\s002 are done/);
  await hand.press(page, /^Stop$/);
  await page.waitForURL(/done=cancelled/);
  await says(page, "stopped", /Stopped/);
  await everyView(page, hand, "run-stopped");
  await nextClick(first, "whose turn had come", /notice=locked$/);
  await nextClick(last, "whose turn had not come", IN);
  await hand.press(page, /^Go on$/);
  await page.waitForURL(/done=resumed/);
  // Whoever worked on it has not been heard of for so long.
  await later(1);
  await settled(page, hand, /2\s002 of 2\s002 are done/);
  await everyView(page, hand, "run-resumed");
  await nextClick(last, "their turn came", /notice=locked$/);
  await hand.press(page, /^Undo$/);
  await page.waitForURL(/undo$/);
  await hand.press(page, /^Undo for 2\s002 people$/);
  await settled(page, hand, /2\s002 of 2\s002 are done/);
  for (const [one, login] of [[first, "wanda"], [last, "willy"]]) {
    await enter(one, login);
    await one.context().close();
  }
}

/** Deletes somebody as far as it goes: a record of theirs can't be moved. */
async function begin({ hand, page }, person) {
  await page.goto(`${CONSOLE}/users/${person.id}/delete/look?records=all&receiver=4`);
  await hand.type(page, /^Reason$/, "left the company");
  await hand.press(page, new RegExp(`^Delete ${person.login} for good$`));
  await page.waitForURL(/deletions\/\d+/);
  await settled(page, hand, /is locked, and not deleted\./);
}

/** What stops a deletion is told; it goes on where it stopped, or is called off. */
async function deletions(at) {
  const { browser, hand, page, leaves, stays } = at;
  await tell("/hold");
  const theirs = await browserOf(browser, VIEW, hand);
  await enter(theirs, leaves.login);
  await begin(at, leaves);
  await everyView(page, hand, "deletion-stopped");
  await nextClick(theirs, "locked meanwhile", /notice=locked$/);
  await hand.press(page, /^Resume$/);
  await page.waitForURL(/done=resumed/);
  await settled(page, hand, /is locked, and not deleted\./);
  await tell("/release");
  await hand.press(page, /^Resume$/);
  await settled(page, hand, new RegExp(`${leaves.login} is deleted\\.`));
  await everyView(page, hand, "deletion-done");
  await knock(theirs, leaves.login);
  await says(theirs, "nobody has that login", /Wrong login or password/);

  await tell("/hold");
  await enter(theirs, stays.login);
  await begin(at, stays);
  await hand.press(page, /^Call it off$/);
  await page.waitForURL(/done=cancelled/);
  await says(page, "called off", /stays locked/);
  await everyView(page, hand, "deletion-off");
  await nextClick(theirs, "they are locked still", /notice=locked$/);
  await tell("/release");
  await page.goto(`${CONSOLE}/users/${stays.id}`);
  await hand.press(page, /^Lift the lock$/);
  await page.waitForURL(/do\/unlock/);
  await hand.press(page, /^(Unlock account|Lift the lock)$/);
  await page.waitForURL(/done=(unlocked|lock-lifted)/);
  await enter(theirs, stays.login);
  await theirs.context().close();
}

/** Tried on last week's attempts, then only watched, then in force. */
async function policy({ browser, hand, page, who }) {
  const stranger = await browserOf(browser, VIEW, hand);
  for (let guess = 0; guess < 4; guess += 1) await knock(stranger, who.login, `a guess of mine ${guess}`);
  await page.goto(`${CONSOLE}/protection`);
  await hand.press(page, /^Change the policy$/);
  await page.waitForURL(/protection\/change/);
  await hand.type(page, /^Wrong guesses that lock$/, "2");
  await hand.choose(page, /Mode$/, "Monitor only");
  await everyView(page, hand, "policy-typed");
  await hand.press(page, /^See what it means$/);
  await page.waitForURL(/protection\/policy/);
  await everyView(page, hand, "policy-monitors");
  await hand.press(page, /^Try it on last week's attempts$/);
  await page.waitForURL(/protection\/trial/);
  // Attempts are remembered within a second.
  for (let tries = 0; tries < 50 && !/More/.test(await text(page)); tries += 1) {
    await new Promise((done) => setTimeout(done, 200));
    await page.reload();
  }
  await says(page, "it would have locked out", /The other policy only monitors: it would have refused nobody/);
  await everyView(page, hand, "trial");
  await hand.press(page, /^Back to what it means$/);
  await page.waitForURL(/protection\/policy/);
  await hand.press(page, /^Put it in force$/);
  await page.waitForURL(/protection\?done=/);
  await enter(stranger, who.login);
  await page.goto(`${CONSOLE}/protection`);
  await says(page, "it only watches", /monitor/i);
  await everyView(page, hand, "protection-monitors");
  const other = await browserOf(browser, VIEW, hand);
  for (let guess = 0; guess < 6; guess += 1) await knock(other, who.login, `a wrong one ${guess}`);
  await says(other, "nobody is locked out", /Wrong login or password/);
  await enter(other, who.login);
  await oneLine({ hand, page });
  const third = await browserOf(browser, VIEW, hand);
  for (let guess = 0; guess < 3; guess += 1) await knock(third, who.login, `yet another ${guess}`);
  await says(third, "now it locks", /Too many attempts/);
  await page.goto(`${CONSOLE}/users/${who.id}/do/unlock-lockout`);
  await hand.press(page, /^Lift the lockout$/);
  await page.waitForURL(/done=lockout-lifted/);
  for (const one of [stranger, other, third]) await one.context().close();
}

/** Another policy, written in one line. */
async function oneLine({ hand, page }) {
  await page.goto(`${CONSOLE}/protection/policy?policy=none`);
  await page.locator("[aria-invalid]").first().waitFor();
  await everyView(page, hand, "policy-wrong");
  await page.goto(`${CONSOLE}/protection/policy?policy=balanced+max_attempts%3D2`);
  await hand.press(page, /^Put it in force$/);
  await page.waitForURL(/protection\?done=/);
}

/** Parts of the application, and whether they can be worked with. */
async function modules({ hand, page }) {
  await page.goto(`${CONSOLE}/modules`);
  await says(page, "they are ready", /Contacts[^]*Ready/);
  await tell("/break");
  await page.reload();
  await says(page, "one is not as described", /Not as described/);
  await everyView(page, hand, "modules-broken");
  await tell("/mend");
  await page.reload();
  expect("all are again", /Not as described/.test(await text(page)), false);
}

/** Who stays away is locked at night, once an administrator has seen whom that hits. */
async function away({ browser, hand, page, who, gone }) {
  await page.goto(`${CONSOLE}/licences`);
  await hand.type(page, /^After how many days without a sign-in$/, "30");
  await hand.press(page, /^Save the rule$/);
  await page.waitForURL(/done=rule-set/);
  await says(page, "it waits", /Nothing happens yet/);
  await everyView(page, hand, "rule-waits");
  await later(31 * 24 * 60);
  await atTheDesk(page);
  const here = await browserOf(browser, VIEW, hand);
  await enter(here, who.login);
  await tell("/night");
  await page.goto(`${CONSOLE}/users/${gone.id}`);
  await says(page, "the rule waits", /Nothing stands against a sign-in/);
  await page.goto(`${CONSOLE}/licences`);
  await hand.press(page, /^See whom it hits$/);
  await page.waitForURL(/licences\/inactivity$/);
  await says(page, "whom it hits", /people are locked, and signed out everywhere/);
  await everyView(page, hand, "rule-hits");
  await hand.press(page, /^Keep the rule from now on$/);
  await page.waitForURL(/done=rule-kept/);
  await tell("/night");
  const theirs = await browserOf(browser, VIEW, hand);
  await knock(theirs, gone.login);
  await says(theirs, "who stayed away", /Your account is locked/);
  await nextClick(here, "who came is in", IN);
  await page.goto(`${CONSOLE}/licences`);
  await hand.type(page, /^After how many days without a sign-in$/, "");
  await hand.press(page, /^Save the rule$/);
  await page.waitForURL(/done=rule-off/);
  await newestRun(page);
  await says(page, "it tells who was hit", /are done/);
  await everyView(page, hand, "rule-run");
  await hand.press(page, /^Undo$/);
  await page.waitForURL(/undo$/);
  await hand.press(page, /^Undo for [\d\s]+ people$/);
  await settled(page, hand, /([\d\s]+) of \1 are done/);
  await enter(theirs, gone.login);
  for (const one of [here, theirs]) await one.context().close();
}

const person = (id, login) => ({ id, login });
const cast = new Map([
  [KEYS, {
    who: person(3, "bob"), fresh: "nora", leaves: person(7, "gus"), stays: person(8, "hal"), gone: person(9, "ian"),
  }],
  [POINTER, {
    who: person(5, "eve"), fresh: "otto", leaves: person(10, "jon"), stays: person(11, "kim"), gone: person(12, "lou"),
  }],
]);
await play([[POINTER, [policy, away]], [KEYS, [modules, licences, stopped, deletions]]], (_, hand) => cast.get(hand));
