// The demo in a real browser, while an administrator works in a terminal.
// Usage: node demo.mjs http://127.0.0.1:PORT PROGRAM DIRECTORY

import { execFileSync } from "node:child_process";
import { VIEWS, expect, look, visitor, withBrowser } from "./drive.mjs";

const [site, program, directory] = process.argv.slice(2);
const PASSWORDS = { alice: "correct horse battery", bob: "three blind mice run" };

const terminal = (...args) => execFileSync(program, ["--directory", directory, ...args]);
const text = (page) => page.locator("main").innerText();
const state = (page, id) => page.locator(`#${id}-state`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function signIn(page, login, password = PASSWORDS[login]) {
  await page.getByLabel("Login or e-mail address").fill(login);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Locked while she looks: what is open ends, and the next click goes to sign-in. */
async function locked(browser, view) {
  const page = await visitor(browser, view);
  await page.goto(site);
  await signIn(page, "alice");
  expect("greeting", await text(page), /Hello Alice Martin/);
  await state(page, "events").getByText("Open").waitFor();
  await state(page, "echo").getByText("Open").waitFor();
  await look(page, view, "demo-home");

  terminal("user", "lock", "alice", "--reason", "left the company");
  const began = performance.now();
  await state(page, "events").getByText("Cut at").waitFor();
  await state(page, "echo").getByText("Cut at").waitFor();
  const took = performance.now() - began;
  expect("both connections end within a second", took < 1000, true);
  console.log(`${view.name}: both connections were cut ${Math.round(took)} ms after the lock`);

  await page.getByRole("link", { name: "Another page" }).click();
  expect("the next click", page.url(), `${site}/.portcullis/sign-in?return_to=/page/2&notice=locked`);
  expect("the notice", await text(page), /You were signed out because your account was locked/);
  await signIn(page, "alice");
  expect("refused while locked", await text(page), /Your account is locked\s+Ask your administrator/);

  terminal("user", "unlock", "alice");
  await pause(500);
  await page.goto(`${site}/page/2`);
  expect("the old session stays dead", page.url(), /sign-in\?return_to=\/page\/2/);
  await signIn(page, "alice");
  expect("back where she was", page.url(), `${site}/page/2`);
  await page.context().close();
}

/** Strangers guess his password: they are locked out, and he is not. */
async function guessed(browser, view) {
  const owner = await visitor(browser, view);
  await owner.goto(site);
  await signIn(owner, "bob");
  await owner.waitForURL(`${site}/`);
  const stranger = await visitor(browser, view);
  for (let guess = 0; guess < 6; guess += 1) {
    await stranger.goto(`${site}/.portcullis/sign-in`);
    await signIn(stranger, "bob", `guess ${guess}`);
  }
  expect("locked out", await text(stranger), /Too many attempts/);
  await stranger.goto(`${site}/.portcullis/sign-in`);
  await signIn(stranger, "bob");
  expect("the right password, too", await text(stranger), /Too many attempts/);

  await owner.goto(`${site}/page/3`);
  expect("the owner works on", owner.url(), `${site}/page/3`);
  await owner.goto(`${site}/.portcullis/sign-out`);
  await owner.getByRole("button", { name: "Sign out" }).click();
  await owner.goto(`${site}/page/4`);
  await signIn(owner, "bob");
  expect("the owner signs in from the known device", owner.url(), `${site}/page/4`);

  await pause(8500);
  await stranger.goto(`${site}/.portcullis/sign-in`);
  await signIn(stranger, "bob");
  expect("it opened by itself", stranger.url(), `${site}/`);
  await stranger.context().close();
  await owner.context().close();
}

await withBrowser(async (browser) => {
  const [desk, , , hand] = VIEWS;
  await locked(browser, desk);
  await locked(browser, hand);
  await guessed(browser, desk);
});
