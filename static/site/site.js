// What every page does with JavaScript; each works without it as well.
"use strict";

// An answer to a form that htmx sent may carry messages, which replace those shown.
document.addEventListener("htmx:responseError", (event) => {
  const region = document.getElementById("messages");
  // 403: the page holds the mark of a session that has ended since; trying again would not help.
  const texts = { 403: "stale", 429: "tooMany" };
  const text = region.dataset[texts[event.detail.xhr.status] || "failed"];
  const message = document.createElement("p");
  message.className = "message error";
  message.textContent = text;
  region.replaceChildren(message);
});

// The second click of a double click would send a form that is being answered once more, and make
// a second token. What htmx sends is no event that gets here undisturbed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 1000);
});

// On a narrow screen tabs and filters are rows that scroll: the one that is on is brought into sight.
document.addEventListener("htmx:load", (event) => {
  for (const current of event.target.querySelectorAll("nav [aria-current]")) {
    const row = current.closest("nav ul, nav");
    for (const box of row.tagName === "UL" ? [row, row.parentElement] : [row]) {
      const [there, seen] = [current.getBoundingClientRect(), box.getBoundingClientRect()];
      if (there.left >= seen.left && there.right <= seen.right) continue;
      box.scrollLeft += (there.left + there.right - seen.left - seen.right) / 2;
    }
  }
});

// A control that had the focus when htmx put another in its place: the new one has it, or what
// stands nearest to where it was. Where, is known by the form's address and the button's value.
let lostFocus = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  const active = document.activeElement;
  if (!active || active === document.body || !event.detail.target.contains(active)) return;
  const form = active.closest("form");
  lostFocus = {
    action: form && form.getAttribute("action"),
    name: active.getAttribute("name"),
    value: active.getAttribute("value"),
    href: active.getAttribute("href"),
    place: active.closest("li[id]") && active.closest("li[id]").id,
  };
});

document.addEventListener("htmx:load", (event) => {
  const added = event.detail.elt;
  if (!lostFocus || document.activeElement !== document.body || !added.querySelectorAll) return;
  const controls = Array.from(added.querySelectorAll("a[href]:not([tabindex='-1']), button"));
  const inForm = (control) =>
    lostFocus.action && control.form && control.form.getAttribute("action") === lostFocus.action;
  const inPlace = (control) => lostFocus.place && control.closest(`li[id="${lostFocus.place}"]`);
  const again =
    controls.find(
      (control) =>
        inForm(control) &&
        control.getAttribute("name") === lostFocus.name &&
        control.getAttribute("value") === lostFocus.value,
    ) ||
    controls.find((control) => lostFocus.href && control.getAttribute("href") === lostFocus.href) ||
    controls.find(inForm) ||
    controls.find(inPlace);
  if (!again) return;
  lostFocus = null;
  again.focus({ preventScroll: true });
});

document.addEventListener("htmx:afterSettle", () => {
  if (lostFocus && document.activeElement === document.body) {
    const home = document.querySelector("[data-focus-home]");
    if (home) home.focus({ preventScroll: true });
  }
  lostFocus = null;
});
