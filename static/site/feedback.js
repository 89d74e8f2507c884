// Tells this site, and nobody else, which books of a list were in view and which were opened: what
// the next lists are judged by. A list of which nothing is to be told carries no id.
"use strict";

if (!navigator.globalPrivacyControl && navigator.doNotTrack !== "1") {
  const IN_VIEW_MS = 1000;
  const TOGETHER_MS = 2000;
  // The id of a long list is long, and a page that is left may send 64 kB.
  const AT_ONCE = 50;
  const waiting = [];
  const told = new Set();
  const since = new Map();
  let sending = null;

  function send() {
    clearTimeout(sending);
    sending = null;
    while (waiting.length) {
      fetch(document.body.dataset.events, {
        method: "POST",
        // Outlives the page; sendBeacon would, too, but without the token against forgery.
        keepalive: true,
        headers: {
          "Content-Type": "application/json",
          ...JSON.parse(document.body.getAttribute("hx-headers")),
        },
        body: JSON.stringify({ events: waiting.splice(0, AT_ONCE) }),
      }).catch((error) => console.info("What was seen could not be told:", error.message));
    }
  }

  function tell(event, item) {
    const holder = item.closest("[data-list]");
    const list = holder && holder.dataset.list;
    const key = `${list} ${item.dataset.book} ${event}`;
    if (!list || told.has(key)) return;
    told.add(key);
    waiting.push({ list, event, book: Number(item.dataset.book) });
    sending ??= setTimeout(send, TOGETHER_MS);
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        clearTimeout(since.get(target));
        since.delete(target);
        if (!isIntersecting) continue;
        const seen = () => {
          since.delete(target);
          observer.unobserve(target);
          tell("shown", target);
        };
        since.set(target, setTimeout(seen, IN_VIEW_MS));
      }
    },
    { threshold: 0.5 },
  );

  function watch(part) {
    const items = part.querySelectorAll("[data-list] [data-book]");
    for (const item of items) observer.observe(item);
    if (part.matches && part.matches("[data-list] [data-book]")) observer.observe(part);
  }

  function opened(event) {
    const item = event.target.closest && event.target.closest("[data-list] [data-book]");
    if (!item || event.button > 1) return;
    // Whoever uses anything of it has seen it.
    tell("shown", item);
    const link = event.target.closest("a[href]");
    if (link && link.pathname === `/books/${item.dataset.book}/`) {
      tell("clicked", item);
      send();
    }
  }

  document.addEventListener("click", opened, true);
  document.addEventListener("auxclick", opened, true);
  document.addEventListener("htmx:load", (event) => watch(event.detail.elt));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") send();
  });
  watch(document);
}
