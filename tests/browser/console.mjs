// The console in a real browser: every page judged in each view, and the essential
// acts by keyboard alone, with their effect on somebody in another browser.
// Usage: node console.mjs http://127.0.0.1:PORT

import { OTHER_VIEWS, VIEWS, expect, look, visitor, withBrowser } from "./drive.mjs";
import { KEYS, tabTo } from "./hands.mjs";

const [site] = process.argv.slice(2);
const PASSWORD = "correct horse battery";
const CONSOLE = `${site}/console`;

/** Pages of which there is one, looked at in every view. */
const PAGES = [
  "", "users", "users?status=locked", "users/new", "users/2", "users/2/sessions", "users/2/attempts",
  "users/2/records", "users/2/history", "users/5", "users/2/do/lock", "users/2/password", "users/2/invite",
  "users/2/delete", "users/2/delete?records=some&receiver=3&of.deals=some",
  "users/2/delete/look?records=some&receiver=3&of.deals=some&field.deals=status&is.deals=is&value.deals=open",
  "users/2/delete/look?records=all", "groups", "runs", "deletions", "protection", "protection/change",
  "protection/policy?policy=owasp-asvs", "protection/disabling", "protection/trial", "licences", "tokens",
  "applications", "modules", "audit", "confirm", "nothing-here",
];

/** Of people and a group whose names are read from the right, can't be seen, or don't end. */
const ODD = [
  "users?sort=-added", "users/7", "users/7/do/lock", "users/7/delete", "users/8", "users/9", "users/9/delete",
  "users/10", "users/11", "users/11/do/lock", "users/11/delete", "groups/1", "groups/1/delete", "groups",
];

const text = (page) => page.locator("main").innerText();

async function administrator(browser, view, more) {
  const page = await visitor(browser, view, more);
  await page.goto(`${CONSOLE}/sign-in`);
  await page.getByLabel("Login or e-mail address").fill("ada");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${CONSOLE}/`);
  return page;
}

/** What a page is called in lists of what was looked at. */
const named = (path) => `console-${path.replace(/[^a-z0-9]+/gi, "-").slice(0, 60) || "overview"}`;

async function pages(browser, view) {
  const out = await visitor(browser, view);
  await out.goto(`${CONSOLE}/`);
  expect("sent to sign in", out.url(), `${CONSOLE}/sign-in?return_to=/console/`);
  await look(out, view, "console-sign-in");
  await out.context().close();
  const page = await administrator(browser, view);
  const paths = view.odd ? [...PAGES, ...ODD] : PAGES;
  for (const path of paths) {
    const answer = await page.goto(`${CONSOLE}/${path}`);
    expect(`${path}: status`, [200, 404, 422].includes(answer.status()), true);
    expect(`${path}: stays signed in`, /sign-in/.test(page.url()), false);
    await look(page, view, named(path));
  }
  await page.context().close();
}

/** A name that is read from the right leaves the sentence around it as it is. */
async function isolated(browser, view) {
  const page = await administrator(browser, view);
  // How far from the beginning of its line each of these words stands.
  const places = (selector, words) => page.locator(selector).first().evaluate((element, words) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = {};
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const word of words) {
        const at = node.data.indexOf(word);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + word.length);
        found[word] = range.getBoundingClientRect().left - element.getBoundingClientRect().left;
      }
    }
    return words.map((word) => found[word]);
  }, words);
  await page.goto(`${CONSOLE}/users/7/do/lock`);
  const [name, after] = await places("main .lead", ["مريم", "can't"]);
  expect("the name stands before what becomes of it", name < after, true);
  await page.goto(`${CONSOLE}/users/9`);
  const [title] = await places("main .head h1", ["יעל"]);
  expect("a name begins where the line does", title < 400, true);
  expect("nothing reorders the page", /[\u202a-\u202e]/.test(await text(page)), false);
  await page.goto(`${CONSOLE}/users/8`);
  const [by, why] = await places("main .why", ["Locked", "غادر"]);
  expect("why comes after by whom", by < why, true);
  await page.goto(`${CONSOLE}/users/10`);
  expect("who can't be seen by name is called by login", await page.locator("h1").innerText(), "marks");
  await page.context().close();
}

/** Every page that a link of the console leads to, one of each kind. */
async function everywhere(browser, view) {
  const page = await administrator(browser, view);
  const kind = (address) => new URL(address).pathname.replace(/\d+/g, "N");
  const seen = new Set(PAGES.map((path) => kind(`${CONSOLE}/${path}`)));
  const waiting = [`${CONSOLE}/`];
  for (const path of PAGES) waiting.push(`${CONSOLE}/${path}`);
  for (let steps = 0; waiting.length > 0 && steps < 120; steps += 1) {
    const address = waiting.shift();
    const answer = await page.goto(address).catch(() => null);
    // What is downloaded is no page.
    if (answer === null) continue;
    expect(`${address}: status`, answer.status() < 500, true);
    if (!seen.has(kind(address))) {
      seen.add(kind(address));
      await look(page, view, named(new URL(address).pathname.slice(9)));
    }
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((one) => one.href));
    for (const link of links) {
      const ours = link.startsWith(`${CONSOLE}/`) && !link.includes("#") && !/csv|export/.test(link);
      if (ours && !seen.has(kind(link)) && !waiting.some((one) => kind(one) === kind(link))) waiting.push(link);
    }
  }
  await page.context().close();
}

const { press } = KEYS;

async function bobSignsIn(page) {
  await page.goto(`${site}/.portcullis/sign-in`);
  await page.getByLabel("Login or e-mail address").fill("bob");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${site}/`);
}

/** Locked, unlocked and deleted, without a pointing device. */
async function byKeyboard(browser, view) {
  const bob = await visitor(browser, view);
  await bobSignsIn(bob);
  const page = await administrator(browser, view);

  await page.goto(`${CONSOLE}/users/2`);
  await press(page, /^Lock account$/);
  await page.waitForURL(/do\/lock/);
  expect("what will happen", await text(page), /Bob Berger is signed out of 1 session now/);
  await press(page, /^Lock account$/);
  await page.waitForURL(/done=locked/);
  expect("locked", await text(page), /Bob Berger is locked, and 1 session is ended\./);
  await look(page, view, "console-locked");
  await bob.goto(`${site}/`);
  expect("his next click", bob.url(), /sign-in\?return_to=\/&notice=locked$/);

  await press(page, /^Lift the lock$/);
  await page.waitForURL(/do\/unlock/);
  await press(page, /^(Unlock account|Lift the lock)$/);
  await page.waitForURL(/done=(unlocked|lock-lifted)/);
  await bobSignsIn(bob);

  await press(page, /^Delete$/);
  await page.waitForURL(/users\/2\/delete$/);
  await tabTo(page, /^All of them go/);
  await page.keyboard.press("Space");
  await tabTo(page, /^Search by name/);
  await page.keyboard.type("carol");
  await page.waitForFunction(() => document.querySelectorAll("#people input").length === 1);
  await tabTo(page, /Carol/);
  await page.keyboard.press("Space");
  await page.getByText("What that comes to now").waitFor();
  await look(page, view, "console-delete-chosen");
  await press(page, /^Go on$/);
  await page.waitForURL(/delete\/look/);
  expect("what will happen", await text(page), /2 records of Contacts go to carol\./);
  expect("for ever", await text(page), /The login bob can never be used again\./);
  await look(page, view, "console-delete-look");
  await tabTo(page, /^Reason$/);
  await page.keyboard.type("left the company");
  await page.keyboard.press("Enter");
  await page.waitForURL(/deletions\/1$/);
  // The page follows by itself.
  await page.getByText("bob is deleted.").waitFor();
  await look(page, view, "console-deleted");
  await bob.goto(`${site}/`);
  expect("he is out", bob.url(), /\.portcullis\/sign-in/);
  await page.goBack();
  expect("back works", page.url(), /delete\/look|deletions\/1/);
  await bob.context().close();
  await page.context().close();
}

/** The same without a script: counted by a button, followed by a link. */
async function withoutScripts(browser) {
  const view = { ...VIEWS[0], name: "no-script", scripts: false };
  const page = await administrator(browser, view, { javaScriptEnabled: false });
  await page.goto(`${CONSOLE}/users/3/delete`);
  await page.getByLabel("All of them go to somebody else").check();
  await page.getByLabel("Search by name, login or e-mail").fill("ada");
  await page.keyboard.press("Enter");
  await page.getByLabel(/Ada Administrator/).check();
  await page.getByRole("button", { name: "Count" }).click();
  expect("counted", await text(page), /What that comes to now/);
  await look(page, view, "console-delete");
  await page.goto(`${CONSOLE}/users/3/do/lock`);
  await page.getByRole("button", { name: "Lock account" }).click();
  expect("locked", await text(page), /Carol Díaz is locked/);
  await look(page, view, "console-person");
  await page.context().close();
}

await withBrowser(async (browser) => {
  // Two at a time: one waits while the other is looked at.
  const views = [...VIEWS, ...OTHER_VIEWS];
  const through = async () => {
    for (let view = views.shift(); view; view = views.shift()) await pages(browser, view);
  };
  await Promise.all([through(), through()]);
  await isolated(browser, VIEWS[0]);
  await everywhere(browser, VIEWS[0]);
  await byKeyboard(browser, VIEWS[0]);
  await withoutScripts(browser);
});
