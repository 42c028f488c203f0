// A browser that looks at pages as people do: in light and dark, on a desk and in
// a hand, with and without scripts. What it finds wrong it says, one line each.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.PORTCULLIS_SCREENSHOTS;

export const VIEWS = [
  { name: "desk-light", width: 1280, height: 800, colorScheme: "light", odd: true },
  { name: "desk-dark", width: 1280, height: 800, colorScheme: "dark" },
  { name: "hand-light", width: 390, height: 844, colorScheme: "light" },
  { name: "hand-dark", width: 390, height: 844, colorScheme: "dark" },
  // 1280 pixels at four times the size: WCAG 1.4.10.
  { name: "small", width: 320, height: 640, colorScheme: "light", odd: true },
];

/** Looked at without asking axe again: what it asks for does not hang on them. */
export const OTHER_VIEWS = [
  // Twice the size on a small desk.
  { name: "zoomed", width: 640, height: 400, deviceScaleFactor: 2, colorScheme: "light", axe: false, odd: true },
  {
    name: "forced", width: 1280, height: 800, colorScheme: "dark", forcedColors: "active", reducedMotion: "reduce",
    axe: false,
  },
];

const wrong = [];
let looks = 0;
let asked = 0;

export function expect(what, found, wanted) {
  asked += 1;
  const fits = wanted instanceof RegExp ? wanted.test(found) : found === wanted;
  if (!fits) wrong.push(`${what}: found ${JSON.stringify(found)?.slice(0, 800)}, wanted ${wanted}`);
}

export async function withBrowser(work) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    await work(browser);
  } catch (error) {
    wrong.push(String(error.stack ?? error));
  } finally {
    await browser.close();
  }
  for (const line of wrong) console.log(`WRONG ${line}`);
  console.log(`${looks} pages looked at, ${wrong.length} things wrong`);
  process.exitCode = wrong.length === 0 && asked > 0 ? 0 : 1;
}

/** A new person's browser. */
export async function visitor(browser, view, more = {}) {
  const { width, height, colorScheme, deviceScaleFactor, forcedColors, reducedMotion } = view;
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme, deviceScaleFactor, forcedColors, reducedMotion,
    timezoneId: "Asia/Tokyo", ...more,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("console", (line) => {
    if (/content security policy/i.test(line.text())) wrong.push(`${page.url()}: ${line.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error}`));
  return page;
}

/** Asks axe, which is a script itself. */
async function judge(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const violation of found.violations) {
    for (const node of violation.nodes) {
      wrong.push(`${where}: axe ${violation.id}: ${node.failureSummary} ${node.html}`);
    }
  }
}

/** Looks at a page: accessibility, nothing cut off, targets large enough. */
export async function look(page, view, name) {
  looks += 1;
  const where = `${name} (${view.name})`;
  if (shots) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: `${shots}/${name}.${view.name}.png`, fullPage: true });
  }
  if (view.scripts !== false && view.axe !== false) await judge(page, where);
  const shape = await page.evaluate(() => {
    const root = document.documentElement;
    const targets = [...document.querySelectorAll("button, .button, input:not([type=hidden]):not(.unseen)")];
    const small = targets.filter((target) => {
      // A box to tick is as large as the label around it.
      const box = (target.closest("label") ?? target).getBoundingClientRect();
      // Where there is a mouse, a quiet button may be smaller.
      const least = target.matches(".small") && innerWidth > 720 ? 35.5 : 43.5;
      return box.height > 0 && (box.height < least || box.width < least);
    });
    return {
      over: root.scrollWidth - root.clientWidth,
      small: small.map((target) => target.outerHTML),
      moving: document.getAnimations().map((one) => one.effect?.target?.outerHTML ?? "something"),
      headings: document.querySelectorAll("h1").length,
    };
  });
  expect(`${where}: cut off at the side`, shape.over, 0);
  expect(`${where}: small targets`, shape.small.join(" "), "");
  if (view.reducedMotion === "reduce") expect(`${where}: moves`, shape.moving.join(" "), "");
  expect(`${where}: main headings`, shape.headings, 1);
}
