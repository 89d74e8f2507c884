// Suggestions below a search field while somebody types: a combobox with a list, as in the ARIA
// Authoring Practices. The server writes the options; without this file the form is sent as ever.
"use strict";

(() => {
  const WAIT_MS = 130;
  const LEAST_LETTERS = 2;
  const REMEMBERED = 60;
  let nLists = 0;

  function attach(form) {
    const input = form.querySelector("input[type=search]");
    const list = document.createElement("div");
    const status = document.createElement("p");
    const listId = `suggestions-${++nLists}`;
    const remembered = new Map();
    let options = [];
    let active = -1;
    let timer = 0;
    let asked = null;

    list.id = listId;
    list.className = "suggestions";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", form.querySelector("label").textContent);
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    form.append(list, status);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", listId);
    input.setAttribute("aria-expanded", "false");

    function close() {
      clearTimeout(timer);
      asked?.abort();
      list.hidden = true;
      activate(-1);
      input.setAttribute("aria-expanded", "false");
    }

    function activate(place) {
      options[active]?.removeAttribute("aria-selected");
      active = place;
      const option = options[active];
      if (!option) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.id);
    }

    function show(html) {
      list.innerHTML = html;
      options = [...list.querySelectorAll("[role=option]")];
      active = -1;
      input.removeAttribute("aria-activedescendant");
      options.forEach((option, place) => { option.id = `${listId}-${place}`; });
      status.textContent = list.firstElementChild?.dataset.status ?? "";
      list.hidden = options.length === 0;
      input.setAttribute("aria-expanded", String(!list.hidden));
    }

    async function ask() {
      const query = input.value.trim();
      asked?.abort();
      if ([...query].length < LEAST_LETTERS) {
        show("");
        return;
      }
      if (remembered.has(query)) {
        show(remembered.get(query));
        return;
      }
      // An answer to what was typed before is not waited for, and never shown.
      const mine = asked = new AbortController();
      try {
        const answer = await fetch(`${form.dataset.suggest}?q=${encodeURIComponent(query)}`, {
          signal: mine.signal,
          headers: { "X-Requested-With": "XMLHttpRequest" },
        });
        const html = answer.ok ? await answer.text() : "";
        if (asked !== mine || mine.signal.aborted) return;
        if (answer.ok) {
          if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value);
          remembered.set(query, html);
        }
        if (document.activeElement === input) show(html);
      } catch (error) {
        // Typed on, or away from the network: the form can still be sent.
        if (error.name !== "AbortError" && asked === mine) show("");
      }
    }

    function go(option, event) {
      const address = option.dataset.href;
      if ("pick" in form.dataset && option.dataset.book) {
        close();
        // The page has something better to do with a book than to leave.
        form.dispatchEvent(new CustomEvent("pick", { detail: Number(option.dataset.book), bubbles: true }));
        return;
      }
      if (event.ctrlKey || event.metaKey || event.button === 1) {
        window.open(address, "_blank", "noopener");
      } else {
        window.location.assign(address);
      }
    }

    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const isOpen = !list.hidden;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (!isOpen) {
          ask();
          return;
        }
        // One place more than there are options: the field itself.
        const step = event.key === "ArrowDown" ? 1 : -1;
        const places = options.length + 1;
        activate(((active + 1 + step + places) % places) - 1);
      } else if (event.key === "Enter" && isOpen && options[active]) {
        event.preventDefault();
        go(options[active], event);
      } else if (event.key === "Escape" && isOpen) {
        event.preventDefault();
        close();
      } else if (event.key === "Tab") {
        close();
      }
    });
    input.addEventListener("blur", close);
    form.addEventListener("submit", (event) => {
      const first = options.find((option) => option.dataset.book);
      if ("pick" in form.dataset && !list.hidden && first) {
        event.preventDefault();
        go(first, event);
      }
      close();
    });
    // The field keeps the focus while an option is pressed.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("pointermove", (event) => {
      const place = options.indexOf(event.target.closest("[role=option]"));
      if (place !== active) activate(place);
    });
    for (const kind of ["click", "auxclick"]) {
      list.addEventListener(kind, (event) => {
        const option = event.target.closest("[role=option]");
        if (option) go(option, event);
      });
    }
    // Back from a book: the list that led there is not still open.
    window.addEventListener("pageshow", close);
  }

  for (const form of document.querySelectorAll("form[data-suggest]")) attach(form);
})();
