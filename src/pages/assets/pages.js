// Makes pages a little kinder. Everything is right without it.
"use strict";

// Times in the reader's own zone.
const sameDay = (a, b) => a.toDateString() === b.toDateString();
const localTimes = () => {
  for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit",
      second: time.textContent.split(":").length > 2 ? "2-digit" : undefined });
    const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
    time.title = time.textContent;
    time.textContent = sameDay(at, new Date()) ? `at ${clock}` : `on ${day} at ${clock}`;
  }
};
localTimes();
// A part of a page that comes later brings times of its own.
document.addEventListener("htmx:after:swap", localTimes);

// How long it still is, counted from the page's own arrival: the reader's clock
// may be wrong.
const words = (secs) => {
  const [size, unit] = secs < 120 ? [1, "second"] : secs < 7200 ? [60, "minute"]
    : secs < 172800 ? [3600, "hour"] : [86400, "day"];
  const count = Math.ceil(secs / size);
  return `in ${count} ${unit}${count === 1 ? "" : "s"}`;
};
for (const wait of document.querySelectorAll("[data-wait]")) {
  const until = performance.now() + Number(wait.dataset.wait) * 1000;
  const timer = setInterval(() => {
    const secs = Math.ceil((until - performance.now()) / 1000);
    wait.textContent = secs > 0 ? words(secs) : "now";
    if (secs <= 0) clearInterval(timer);
  }, 1000);
}

// A password can be looked at before it is sent.
for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", shown ? "Hide password" : "Show password");
  };
  button.hidden = false;
  button.addEventListener("click", () => { show(field.type === "password"); field.focus(); });
  field.form.addEventListener("submit", () => show(false));
}

// What stands behind the # of a link is sent to nobody but in this form, and does not
// stay in the address.
const fragment = document.querySelector("[data-fragment]");
const open = () => {
  if (!fragment || location.hash.length < 2) return;
  fragment.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  fragment.form.submit();
};
addEventListener("hashchange", open);
open();

// One box ticks a whole page of a list.
document.addEventListener("change", ({ target }) => {
  if (!target.dataset?.all) return;
  for (const box of target.form.elements) if (box.name === target.dataset.all) box.checked = target.checked;
});
const showAll = () => { for (const box of document.querySelectorAll("[data-all]")) box.hidden = false; };
document.addEventListener("htmx:after:swap", showAll);
showAll();

// What is to be copied is copied by a button, or marked where a browser does not let us.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; }
    catch { button.textContent = document.execCommand("copy") ? "Copied" : "Marked: copy it"; }
  });
}
