// The pages where people sign in and look after their account.
// Usage: node pages.mjs http://127.0.0.1:PORT LINK..., one for each view and one more

import { VIEWS, expect, look, visitor, withBrowser } from "./drive.mjs";

const site = process.argv[2];
const links = process.argv.slice(3);
const PASSWORD = "correct horse battery";
const NOTICES = {
  "locked": /You were signed out because your account was locked\. Ask your administrator/,
  "locked-out": /too many attempts/,
  "disabled": /You were signed out because your account was switched off/,
  "deleted": /no longer exists/,
  "not-yet-active": /not active yet/,
  "signed-out": /You were signed out\. Sign in again to go on where you were\./,
  "bye": /You are signed out\./,
};

const text = (page) => page.locator("main").innerText();

async function signIn(page, login, password, path = "/.portcullis/sign-in") {
  await page.goto(site + path);
  await page.getByLabel("Login or e-mail address").fill(login);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function notices(browser, view) {
  const page = await visitor(browser, view);
  await page.goto(`${site}/.portcullis/sign-in`);
  await look(page, view, "sign-in");
  for (const [notice, words] of Object.entries(NOTICES)) {
    await page.goto(`${site}/.portcullis/sign-in?notice=${notice}`);
    expect(notice, await text(page), words);
    await look(page, view, `notice-${notice}`);
  }
  await page.goto(`${site}/.portcullis/sign-out`);
  await look(page, view, "sign-out-nobody");
  await page.context().close();
}

async function refusals(browser, view) {
  const page = await visitor(browser, view);
  await signIn(page, `nobody-${view.name}`, "a guess");
  expect("wrong", await text(page), /Wrong login or password\./);
  expect("the login stays", await page.getByLabel("Login or e-mail address").inputValue(), `nobody-${view.name}`);
  expect("the title says so", await page.title(), /^Error: /);
  await look(page, view, "wrong");

  await page.goto(`${site}/.portcullis/sign-in`);
  await page.evaluate(() => document.querySelector("main form").submit());
  await page.waitForSelector("#login-error");
  expect("empty", await text(page), /Enter your login\.[^]*Enter your password\./);
  await look(page, view, "empty");

  await signIn(page, "mallory", "a guess");
  // The page's own time is UTC; the script shows the reader's, in Tokyo.
  expect("locked out", await text(page), /Too many attempts\. You can try again (at|on) .*\d\d:\d\d(:\d\d)? \(in \d+ \w+\)\./);
  expect("local time", await text(page), /^(?![^]*UTC)/);
  await look(page, view, "locked-out");

  await signIn(page, "bob", PASSWORD);
  expect("locked", await text(page), /Your account is locked\s+Ask your administrator \(the help desk, 4711\)\./);
  await look(page, view, "locked");

  await signIn(page, "carol", PASSWORD);
  expect("disabled", await text(page), /Your account has been switched off\s+Ask your administrator/);
  await look(page, view, "disabled");

  await page.goto("about:blank");
  await page.setContent(`<form method="post" action="${site}/.portcullis/sign-in"><button>go</button></form>`);
  await page.click("button");
  await page.waitForURL(/sign-in/);
  expect("other origin", await text(page), /not sent by our page/);
  await look(page, view, "other-origin");
  await page.context().close();
}

async function account(browser, view) {
  const phone = await visitor(browser, view);
  await signIn(phone, "alice", PASSWORD);
  const page = await visitor(browser, view);
  await signIn(page, "alice", PASSWORD, "/.portcullis/sign-in?return_to=/%3Fa%3Db");
  expect("returned", page.url(), `${site}/?a=b`);

  await page.goto(`${site}/.portcullis/sign-in`);
  expect("signed in", await text(page), /You are signed in\s+as alice/);
  await look(page, view, "signed-in");
  await page.goto(`${site}/.portcullis/sign-out`);
  await look(page, view, "sign-out");

  await page.goto(`${site}/.portcullis/account`);
  expect("account", await text(page), /Ada Lovelace/);
  await look(page, view, "account");
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  expect("others", await text(page), /You are signed out everywhere else\./);
  await look(page, view, "account-alone");
  await phone.goto(`${site}/`);
  expect("ended", phone.url(), /sign-in\?return_to=\/&notice=signed-out/);

  await page.goto(`${site}/.portcullis/account/password`);
  await look(page, view, "password");
  const field = page.getByLabel("New password", { exact: true });
  await field.fill("short");
  await page.getByRole("button", { name: "Show password" }).nth(1).click();
  expect("shown", await field.getAttribute("type"), "text");
  await page.getByLabel("Current password").fill("a guess");
  await page.getByLabel("New password again").fill("other");
  await page.getByRole("button", { name: "Change password" }).click();
  expect("short", await text(page), /Use at least 8 characters\./);
  await look(page, view, "password-short");
  await page.context().close();
  await phone.context().close();
}

/** All that people do here, without a script. */
async function invitation(browser, view) {
  const link = links[VIEWS.indexOf(view)];
  const page = await visitor(browser, view);
  await page.goto(`${site}/.portcullis/invite`);
  expect("no link", await text(page), /Open your link/);
  await look(page, view, "invite-code");
  await page.goto("about:blank");

  // What is sent to a server, and what a server's log would have.
  const asked = [];
  page.on("request", (request) => asked.push([request.url(), request.headers().referer ?? ""].join(" ")));
  await page.goto(link);
  await page.waitForSelector("#again");
  expect("whose", await text(page), new RegExp(`You sign in as guest-${view.name}`));
  const secret = link.split("#")[1];
  expect("the secret is in no address", asked.filter((line) => line.includes(secret) && !line.startsWith(link)).join(), "");
  expect("nor stays in this one", page.url(), `${site}/.portcullis/invite`);
  await look(page, view, "invite");

  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again").fill("short");
  await page.getByRole("button", { name: "Save and sign in" }).click();
  expect("too short", await text(page), /Use at least 8 characters\./);
  await look(page, view, "invite-short");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Save and sign in" }).click();
  await page.waitForURL(`${site}/`);
  expect("signed in", await page.locator("body").innerText(), `Hello guest-${view.name}`);

  await page.goto("about:blank");
  await page.goto(link);
  await page.getByText("does not work any more").waitFor();
  await look(page, view, "invite-dead");
  await page.context().close();
}

async function withoutScripts(browser) {
  const view = { ...VIEWS[0], name: "no-script", scripts: false };
  const page = await visitor(browser, view, { javaScriptEnabled: false });
  await page.goto(`${site}/?page=2`);
  expect("sent to sign in", page.url(), /\/\.portcullis\/sign-in\?return_to=\/%3Fpage%3D2$/);
  await page.getByLabel("Login or e-mail address").fill("frank");
  await page.getByLabel("Password", { exact: true }).fill("a guess");
  await page.getByRole("button", { name: "Sign in" }).click();
  expect("wrong", await text(page), /Wrong login or password\./);
  await look(page, view, "wrong");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  expect("back where they were", page.url(), `${site}/?page=2`);

  await page.goto(`${site}/.portcullis/account`);
  await look(page, view, "account");
  await page.getByRole("link", { name: "Change password" }).click();
  expect("no buttons that do nothing", await page.getByRole("button", { name: "Show password" }).count(), 0);
  await page.getByLabel("Current password").fill(PASSWORD);
  await page.getByLabel("New password", { exact: true }).fill("another horse battery");
  await page.getByLabel("New password again").fill("another horse battery");
  await page.getByRole("button", { name: "Change password" }).click();
  expect("changed", await text(page), /Your password is changed\./);
  await look(page, view, "changed");

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  expect("signed out", await text(page), /You are signed out\./);
  await page.goto(`${site}/`);
  expect("sent to sign in", page.url(), /\/sign-in\?return_to=\/$/);
  await signIn(page, "frank", "another horse battery");
  expect("the new password", page.url(), `${site}/`);

  await page.context().clearCookies();
  const link = links[VIEWS.length];
  await page.goto(link);
  await page.getByLabel("Your link").fill(link);
  await page.getByRole("button", { name: "Continue" }).click();
  expect("pasted", await text(page), /You sign in as guest-plain/);
  await look(page, view, "invite");

  await signIn(page, "mallory", "a guess");
  expect("UTC", await text(page), /You can try again (at|on) .* UTC \(in \d+ \w+\)\./);
  await look(page, view, "locked-out");
  await page.context().close();
}

await withBrowser(async (browser) => {
  for (const view of VIEWS) {
    await Promise.all([notices, refusals, account, invitation].map((part) => part(browser, view)));
  }
  await withoutScripts(browser);
});
