// What acts of the console are played on: the service and its console, people at the door
// of the one and at the desk of the other, and how an act after the other is run.

import { VIEWS, expect, look, withBrowser } from "./drive.mjs";
import { browserOf } from "./hands.mjs";

export const [site] = process.argv.slice(2);
export const CONSOLE = `${site}/console`;
export const PASSWORD = "correct horse battery";
export const VIEW = VIEWS[0];

/** Where whoever has no session is sent, and where everybody else is. */
export const OUT = /\/\.portcullis\/sign-in\?return_to=\//;
export const IN = `${site}/`;

export const text = (page) => page.locator("main").innerText();

/** What the page says, or the one that is on its way. */
export async function says(page, what, wanted) {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await text(page).catch(() => "");
    if (wanted.test(found)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  expect(what, await text(page), wanted);
}

export async function signIn(page, address, login, password) {
  await page.goto(address);
  await page.getByLabel("Login or e-mail address").fill(login);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Tries to come into the service, in this browser. */
export const knock = (page, login, password = PASSWORD) =>
  signIn(page, `${site}/.portcullis/sign-in`, login, password);

/** Somebody in the service, in this browser. */
export async function enter(page, login, password = PASSWORD) {
  await knock(page, login, password);
  await page.waitForURL(IN);
}

/** What the next click of somebody leads to. */
export async function nextClick(page, what, address) {
  await page.goto(IN);
  expect(what, page.url(), address);
}

export async function staff(browser, hand, login = "ada") {
  const page = await browserOf(browser, VIEW, hand);
  await atTheDesk(page, login);
  return page;
}

/** Signs in at the console, in this browser. */
export async function atTheDesk(page, login = "ada") {
  await signIn(page, `${CONSOLE}/sign-in`, login, PASSWORD);
  await page.waitForURL(`${CONSOLE}/`);
}

/** So many minutes later. */
export const later = (minutes) => fetch(`${site}/later/${minutes}`, { method: "POST" });

/** Gives the password that is asked for, and is where they were going. */
export async function confirm(page, hand, address) {
  await page.waitForURL(/\/console\/confirm/);
  await hand.type(page, /^Your password$/, PASSWORD);
  await hand.press(page, /^Go on$/);
  await page.waitForURL(address);
}

/** A page as it is in light and dark, large and small. What needs no script is the same
 * without one. */
export async function everyView(page, hand, name) {
  if (!hand.scripts) return;
  for (const view of VIEWS.slice(0, 4)) {
    await page.setViewportSize({ width: view.width, height: view.height });
    await page.emulateMedia({ colorScheme: view.colorScheme });
    // What goes from one colour to another is looked at when it is there.
    await page.evaluate(() => { for (const one of document.getAnimations()) one.finish(); });
    await page.waitForTimeout(200);
    await page.evaluate(() => { for (const one of document.getAnimations()) one.finish(); });
    await look(page, view, `console-${name}`);
  }
  await page.setViewportSize({ width: VIEW.width, height: VIEW.height });
  await page.emulateMedia({ colorScheme: VIEW.colorScheme });
}

/** What a program is answered, by status. */
export async function status(path, token, more = {}) {
  const answer = await fetch(`${site}${path}`, {
    ...more, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...more.headers },
  });
  return answer.status;
}

/** Whatever a link or a button of this name sends as a file. */
export async function file(page, hand, name) {
  const coming = page.waitForEvent("download");
  await hand.press(page, name);
  const stream = await (await coming).createReadStream();
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

/** Each hand plays its acts, one after the other, with what it is given for them. */
export const play = (turns, set) => withBrowser(async (browser) => {
  for (const [hand, acts] of turns) {
    const page = await staff(browser, hand);
    const at = { browser, hand, page, ...(await set(browser, hand)) };
    for (const act of acts) {
      const began = performance.now();
      try {
        await act(at);
      } catch (error) {
        throw new Error(`${act.name}, ${hand.name}, ${at.page.url()}: ${error.stack ?? error}`);
      }
      console.log(`${act.name}, ${hand.name}: ${Math.round(performance.now() - began)} ms`);
    }
    for (const context of browser.contexts()) await context.close();
  }
});
