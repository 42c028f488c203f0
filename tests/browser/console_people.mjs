// People in the console: added and edited, looked for, listed, ticked, exported; and a
// device that is forgotten. Usage: node console_people.mjs http://127.0.0.1:PORT

import { expect } from "./drive.mjs";
import { KEYS, POINTER, browserOf, settled, tabTo } from "./hands.mjs";
import {
  CONSOLE, IN, OUT, VIEW, confirm, enter, everyView, file, knock, later, nextClick, play, says, site, text,
} from "./stage.mjs";

/** Whom the acts of each way are about. Numbers are in the order they were added in. */
const CAST = new Map([
  [KEYS, { who: { id: 3, login: "bob" }, other: { id: 4, login: "dan" }, fresh: "nora", linked: "otto" }],
  [POINTER, { who: { id: 5, login: "eve" }, other: { id: 6, login: "fay" }, fresh: "pia", linked: "quin" }],
]);

/** The last of the crowd, who is nobody's neighbour. */
const WILLY = "willy";
/** The first of the crowd, and how many are ticked before somebody asks for a password. */
const FIRST = 7;
const MANY = 5_000;

const logins = (page) => page.locator("input[name=id][type=checkbox]").evaluateAll(
  (all) => all.map((box) => box.getAttribute("aria-label").replace("Choose ", "")),
);

/** With a password, and with a link on which they choose one. */
async function added({ browser, hand, page, fresh, linked }) {
  await page.goto(`${CONSOLE}/users`);
  await hand.press(page, /^Add user$/);
  await page.waitForURL(/users\/new$/);
  await hand.type(page, /^Login$/, fresh);
  await hand.type(page, /^Name \(optional\)$/, "Somebody New");
  await hand.type(page, /^E-mail address \(optional\)$/, `${fresh}@harbour.example`);
  await ways(page, hand, /^With this password$/);
  await hand.type(page, /^Password$/, "short");
  await hand.press(page, /^Add user$/);
  await says(page, "a weak password", /at least/);
  await everyView(page, hand, "add-wrong");
  await hand.type(page, /^Password$/, "a fresh horse and battery");
  await hand.press(page, /^Add user$/);
  await page.waitForURL(/done=added/);
  const theirs = await browserOf(browser, VIEW, hand);
  await enter(theirs, fresh, "a fresh horse and battery");
  expect("who was added is in", await theirs.locator("body").innerText(), `Hello ${fresh}`);

  await page.goto(`${CONSOLE}/users/new`);
  await hand.type(page, /^Login$/, linked);
  await hand.press(page, /^Add user$/);
  await page.locator("#link").waitFor();
  await everyView(page, hand, "added-link");
  await theirs.context().clearCookies();
  await knock(theirs, linked, "a guess of mine");
  await says(theirs, "invited, nobody comes in yet", /Wrong login or password/);
  const link = new URL(await page.locator("#link").inputValue(), site).href;
  await theirs.goto(link);
  if (!hand.scripts) {
    await theirs.getByLabel("Your link").fill(link);
    await theirs.getByRole("button", { name: "Continue" }).click();
  }
  await theirs.getByLabel("Password", { exact: true }).fill("another horse and battery");
  await theirs.getByLabel("Password again").fill("another horse and battery");
  await theirs.getByRole("button", { name: "Save and sign in" }).click();
  await theirs.waitForURL(IN);
  expect("the link lets in", await theirs.locator("body").innerText(), `Hello ${linked}`);
  await theirs.context().close();
}

/** One of several, of which the keyboard reaches the chosen one and goes on by arrows. */
async function ways(page, hand, name) {
  if (!hand.scripts) return hand.tick(page, name);
  await tabTo(page, /^With a link/);
  await page.keyboard.press("ArrowDown");
}

/** A new login holds at once, and the former one is nobody's any more. */
async function edited({ browser, hand, page, who, door }) {
  await page.goto(`${CONSOLE}/users/${who.id}`);
  await hand.type(page, /^Login$/, `${who.login}.x`);
  await hand.type(page, /^Name$/, "Changed Name");
  await hand.press(page, /^Save details$/);
  await page.waitForURL(/done=saved/);
  await everyView(page, hand, "edited");
  expect("the name is changed", await page.locator("h1").innerText(), "Changed Name");
  await nextClick(door, "who is in stays in", IN);
  const elsewhere = await browserOf(browser, VIEW, hand);
  await knock(elsewhere, who.login);
  await says(elsewhere, "the former login", /Wrong login or password/);
  await enter(elsewhere, `${who.login}.x`);
  expect("the new one", await elsewhere.locator("body").innerText(), `Hello ${who.login}.x`);
  await hand.type(page, /^Login$/, "ada");
  await hand.press(page, /^Save details$/);
  await page.locator("[aria-invalid], [role=alert]").first().waitFor();
  await everyView(page, hand, "edited-wrong");
  await page.goto(`${CONSOLE}/users/${who.id}`);
  await hand.type(page, /^Login$/, who.login);
  await hand.press(page, /^Save details$/);
  await page.waitForURL(/done=saved/);
  await elsewhere.context().close();
}

/** A known device lets its owner go on while strangers are locked out; forgotten, it
 * is a stranger's. */
async function forgotten({ browser, hand, page, other }) {
  const device = await browserOf(browser, VIEW, hand);
  await enter(device, other.login);
  const stranger = await browserOf(browser, VIEW, hand);
  for (let guess = 0; guess < 6; guess += 1) await knock(stranger, other.login, `a guess of mine ${guess}`);
  await says(stranger, "strangers are locked out", /Too many attempts/);
  await nextClick(device, "the device is spared", IN);
  await page.goto(`${CONSOLE}/users/${other.id}`);
  await says(page, "one device is spared", /On 1 known device they still come in/);
  await hand.press(page, /^Sessions and devices$/);
  await page.waitForURL(/sessions$/);
  await everyView(page, hand, "devices");
  await hand.press(page, /^Forget/);
  await page.waitForURL(/done=device-forgotten/);
  await says(page, "none is left", /Known devices\s*None\./);
  await device.context().clearCookies({ name: /^portcullis$/ });
  await knock(device, other.login);
  await says(device, "it is a stranger's now", /Too many attempts/);
  await page.goto(`${CONSOLE}/users/${other.id}`);
  await hand.press(page, /^Lift the lockout$/);
  await page.waitForURL(/do\/unlock-lockout$/);
  await hand.press(page, /^Lift the lockout$/);
  await page.waitForURL(/done=lockout-lifted/);
  await enter(device, other.login);
  for (const one of [device, stranger]) await one.context().close();
}

/** From tab to tab, each at its address, and Back. */
async function tabs({ hand, page, other }) {
  await page.goto(`${CONSOLE}/users/${other.id}`);
  for (const [name, end, words] of [
    [/^Sessions and devices$/, /sessions$/, /Where they are signed in/],
    [/^Attempts$/, /attempts$/, /Attempts to sign in/],
    [/^Records$/, /records$/, /module/i],
    [/^History$/, /history$/, /Failed|failed|lock/],
    [/^User$/, /users\/\d+$/, /Who they are/],
  ]) {
    await hand.press(page, name);
    await page.waitForURL(end);
    expect(`${end}: the tab`, await page.locator(".tabs [aria-current=page]").innerText(), name);
    await says(page, `${end}`, words);
    await everyView(page, hand, `tab-${end.source.replace(/\W+/g, "")}`);
  }
  await page.goBack();
  expect("back to the tab before", page.url(), /history$/);
}

/** Found while it is typed; the address says what was searched for. */
async function typed({ hand, page }) {
  await page.goto(`${CONSOLE}/users`);
  await hand.type(page, /^Search$/, "p0012");
  if (!hand.scripts) await hand.press(page, /^Search$/);
  await page.waitForURL(/q=p0012/);
  await page.waitForFunction(() => document.querySelectorAll("input[name=id][type=checkbox]").length === 10);
  expect("who matches", (await logins(page)).join(" "), /^p00120 .* p00129$/);
  await everyView(page, hand, "searched");
  if (hand.scripts) {
    await page.keyboard.type("7");
    await page.waitForFunction(() => document.querySelectorAll("input[name=id][type=checkbox]").length === 1);
    await page.keyboard.type("x");
    await says(page, "nobody", /Nobody was found\./);
    await everyView(page, hand, "searched-nobody");
    expect("the focus stays where it is typed", await page.evaluate(() => document.activeElement.id), "q");
  }
  await page.goto(`${CONSOLE}/users?q=p0012`);
  await hand.press(page, /^Show everybody$/);
  await page.waitForURL(/users(\?)?$/);
  expect("everybody", (await logins(page)).length, 50);
}

/** Sorted by heading, turned round, and from page to page. */
async function sorted({ hand, page }) {
  await page.goto(`${CONSOLE}/users?q=p0`);
  const first = async () => (await logins(page))[0];
  expect("by login", await first(), "p00000");
  await hand.press(page, /^Login/);
  await page.waitForURL(/sort=%2Dlogin|sort=-login/);
  expect("turned round", await first(), "p05099");
  expect("it is told", await page.locator("th[aria-sort=descending]").innerText(), /Login/);
  await everyView(page, hand, "sorted");
  await hand.press(page, /^Next 50$/);
  await page.waitForURL(/after=/);
  expect("the next page", await first(), "p05049");
  await hand.press(page, /^First page$/);
  await page.waitForURL((url) => !url.search.includes("after="));
  expect("the first page", await first(), "p05099");
}

/** Ticked, then others searched for and ticked, in another order: all are meant. */
async function ticked({ browser, hand, page, who, other, door }) {
  const elsewhere = await browserOf(browser, VIEW, hand);
  await enter(elsewhere, other.login);
  const search = async (words) => {
    await hand.type(page, /^Search$/, words);
    if (!hand.scripts) await hand.press(page, /^Search$/);
    await page.waitForURL((url) => url.searchParams.get("q") === words);
    // What is shown is what was searched for last.
    const shown = page.locator(`input[name=all_of][value="q=${words}"]`);
    await shown.or(page.getByText("Nobody was found.")).first().waitFor({ state: "attached" });
  };
  // The first of that name is whoever is at the desk themselves.
  const signOut = () => (hand.scripts ? hand.press(page, /^Sign out$/)
    : page.locator("main").getByRole("button", { name: /^Sign out$/ }).click());
  await page.goto(`${CONSOLE}/users`);
  await search(who.login);
  await hand.tick(page, new RegExp(`^Choose ${who.login}$`));
  await search(other.login);
  await says(page, "the first is chosen still", /1 chosen who are not on this page/);
  await hand.tick(page, new RegExp(`^Choose ${other.login}$`));
  await hand.press(page, /^Added$/);
  await page.waitForURL(/sort=added/);
  expect("and in another order", await page.locator("input[name=id][type=checkbox]").isChecked(), true);
  await search("nobody at all");
  await says(page, "where nobody is found", /2 chosen who are not on this page/);
  await everyView(page, hand, "ticked-elsewhere");
  await hand.press(page, /^More$/, "Shift+Tab");
  await signOut();
  await page.waitForURL(/users\/act/);
  await says(page, "both are meant", /^Sign out 2 people\?/);
  await hand.press(page, /^Cancel$/);
  await page.waitForURL(/users\?/);
  await says(page, "cancelled, they are chosen still", /2 chosen who are not on this page/);
  await hand.press(page, /^More$/, "Shift+Tab");
  await signOut();
  await page.waitForURL(/users\/act/);
  await hand.press(page, /^Sign out 2 people$/);
  await page.waitForURL(/runs\/\d+/);
  await settled(page, hand, /2 of 2 are done/);
  await nextClick(door, "the first is out", OUT);
  await nextClick(elsewhere, "and the second", OUT);
  await enter(door, who.login);
  await elsewhere.context().close();
}

/** Those who are ticked, or all who match, in a file. */
async function exported({ hand, page }) {
  await page.goto(`${CONSOLE}/users?q=p0012`);
  await hand.tick(page, /^Choose p00123$/);
  await hand.press(page, /^More$/, "Shift+Tab");
  const one = await file(page, hand, /^Export$/);
  expect("who is ticked", one.trim().split(/\r?\n/).length, 2);
  expect("is in the file", one, /^login,name[^]*\np00123,/);
  await page.goto(`${CONSOLE}/users?q=p0012`);
  await hand.press(page, /^More$/, "Shift+Tab");
  const all = await file(page, hand, /^Export$/);
  expect("all who match", all.trim().split(/\r?\n/).length, 11);
}

/** Thousands who are ticked are there when a password was asked for in between. */
async function thousands({ browser, hand, page, door, who }) {
  const victim = await browserOf(browser, VIEW, hand);
  await enter(victim, WILLY);
  await page.goto(`${CONSOLE}/users?q=p0`);
  await hand.tick(page, /^Everyone on this page$/);
  await hand.press(page, /^Next 50$/);
  await says(page, "a whole page is chosen", /50 chosen who are not on this page/);
  await hand.tick(page, /^Everyone on this page$/);
  await hand.press(page, /^Next 50$/);
  await says(page, "and another", /100 chosen who are not on this page/);
  // The others as if by a hundred more of these pages.
  let pick = "";
  for (let from = FIRST; from < FIRST + MANY; from += 2_500) {
    const ids = Array.from({ length: 2_500 }, (_, at) => `&id=${from + at}`).join("");
    await page.goto(`${CONSOLE}/users?q=nobody-at-all${pick}${ids}`);
    pick = `&pick=${await page.locator("input[name=pick]").inputValue()}`;
  }
  await page.goto(`${CONSOLE}/users?q=${WILLY}${pick}`);
  await hand.tick(page, new RegExp(`^Choose ${WILLY}$`));
  await later(16);
  await hand.press(page, /^More$/, "Shift+Tab");
  await hand.press(page, /^Lock account$/);
  await confirm(page, hand, /users\/act\?/);
  await says(page, "all of them are meant", /^Lock 5\s001 people\?/);
  await everyView(page, hand, "lock-thousands");
  await nextClick(victim, "nothing is done yet", IN);
  await hand.press(page, /^Lock 5\s001 people$/);
  await page.waitForURL(/runs\/\d+\?done=begun/);
  await settled(page, hand, /5\s001 of 5\s001 are done/);
  await nextClick(victim, "locked with the others", /notice=locked$/);
  await nextClick(door, "who was not ticked is in", IN);
  await page.goto(`${CONSOLE}/users/${who.id}`);
  await says(page, "nothing stands against them", /Nothing stands against a sign-in/);
  await victim.context().close();
}

const acts = [added, edited, forgotten, tabs, typed, sorted, ticked, exported];
await play([[KEYS, [...acts, thousands]], [POINTER, acts]], async (browser, hand) => {
  const cast = CAST.get(hand);
  const door = await browserOf(browser, VIEW, hand);
  await enter(door, cast.who.login);
  return { ...cast, door };
});
