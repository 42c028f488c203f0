// The pictures of the README: the same people at the same hour each time.
// Usage: node console_pictures.mjs http://127.0.0.1:PORT FOLDER NOW

import { mkdirSync, writeFileSync } from "node:fs";
import { expect, visitor, withBrowser } from "./drive.mjs";
import { smaller } from "./png.mjs";

const [site, folder, now] = process.argv.slice(2);
const CONSOLE = `${site}/console`;
const DESK = { width: 1120, height: 860, colorScheme: "light" };
const PHONE = { width: 390, height: 780, colorScheme: "dark", deviceScaleFactor: 1.5 };

async function administrator(browser, view) {
  const page = await visitor(browser, view, { timezoneId: "UTC" });
  await page.clock.setFixedTime(new Date(now));
  await page.goto(`${CONSOLE}/sign-in`);
  await page.getByLabel("Login or e-mail address").fill("ada");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${CONSOLE}/`);
  return page;
}

async function take(page, path, name) {
  const answer = await page.goto(`${CONSOLE}/${path}`);
  expect(`${name}: status`, answer.status(), 200);
  const picture = await page.screenshot({ animations: "disabled", caret: "hide" });
  writeFileSync(`${folder}/${name}.png`, smaller(picture));
  return page.locator("main").innerText();
}

await withBrowser(async (browser) => {
  mkdirSync(folder, { recursive: true });
  const desk = await administrator(browser, DESK);
  expect("the attack shows", await take(desk, "", "overview"), /Locked out now by failed sign-ins/);
  expect("why somebody is locked", await take(desk, "users?sort=status", "users"), /Left the company/);
  expect("until when", await take(desk, "users/11", "locked"), /Reason: Phone stolen/);
  const phone = await administrator(browser, PHONE);
  expect("and on a phone", await take(phone, "users/4", "phone"), /Reason: Left the company/);
});
