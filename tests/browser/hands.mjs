// Two ways to work on a page: by keys alone, and by a pointer where no script runs.

import { visitor } from "./drive.mjs";

/** What the element with the focus is called. */
const focused = (page) => page.evaluate(() => {
  const here = document.activeElement;
  const labels = [...(here?.labels ?? [])].map((label) => label.textContent);
  return [here?.getAttribute("aria-label") ?? "", here?.textContent ?? "", ...labels].join(" ").trim();
});

/** Goes on with the Tab key until something of this name has the focus. */
export async function tabTo(page, name, key = "Tab") {
  for (let presses = 0; presses < 200; presses += 1) {
    if (name.test(await focused(page))) return;
    await page.keyboard.press(key);
  }
  throw new Error(`no key leads to ${name} on ${page.url()}`);
}

export const KEYS = {
  name: "keys",
  scripts: true,
  async press(page, name, key = "Tab") {
    await tabTo(page, name, key);
    await page.keyboard.press("Enter");
  },
  async tick(page, name) {
    await tabTo(page, name);
    await page.keyboard.press("Space");
  },
  async type(page, name, text) {
    await tabTo(page, name);
    await page.keyboard.press("Control+A");
    if (text === "") await page.keyboard.press("Delete");
    else await page.keyboard.type(text);
  },
  // What begins like this is chosen in a list by typing it.
  async choose(page, name, option) {
    await tabTo(page, name);
    await page.keyboard.type(option);
  },
};

/** Labels are looked for with the white space around them. */
const padded = (name) => new RegExp(name.source.replace(/^\^/, "^\\s*").replace(/\$$/, "\\s*$"));

export const POINTER = {
  name: "no-script",
  scripts: false,
  async press(page, name) {
    const summary = page.locator("summary").filter({ hasText: name });
    const button = page.getByRole("button", { name }).or(page.getByRole("link", { name }));
    await ((await summary.count()) > 0 ? summary : button).first().click();
  },
  tick: (page, name) => page.getByLabel(padded(name)).check(),
  type: (page, name, text) => page.getByLabel(padded(name)).first().fill(text),
  async choose(page, name, option) {
    const list = page.getByLabel(padded(name)).first();
    const all = await list.locator("option").allInnerTexts();
    await list.selectOption({ label: all.find((one) => one.startsWith(option)) });
  },
};

/** A browser for one of them. */
export const browserOf = (browser, view, hand) =>
  visitor(browser, view, hand.scripts ? {} : { javaScriptEnabled: false });

/** Waits until a page says this, which it does by itself or when it is looked at again. */
export async function settled(page, hand, words) {
  for (let tries = 0; tries < 150; tries += 1) {
    if (words.test(await page.locator("main").innerText())) return;
    if (hand.scripts) await new Promise((done) => setTimeout(done, 50));
    else await page.reload();
  }
  throw new Error(`${page.url()} never says ${words}`);
}
