// The page of a reader's list: what its sliders say, and which lines were settled.
"use strict";

// A slider says where it stands while it is moved.
document.addEventListener("input", (event) => {
  if (event.target.type !== "range") return;
  const output = event.target.form.querySelector(`output[for="${event.target.id}"]`);
  if (output) output.value = `${Math.round(100 * event.target.value)} %`;
});

// The list is fetched anew after every opinion. It is told what was settled and where, so that the
// undo stays in its place; lines of which nothing is to be undone any more, the server leaves out.
function keepLine(book, place) {
  const lines = document.getElementById("settled-lines");
  if (!lines) return;
  let line = lines.querySelector(`[data-book="${book}"]`);
  if (!line) {
    line = document.createElement("input");
    line.type = "hidden";
    line.name = "settled";
    line.dataset.book = book;
    lines.append(line);
  }
  line.value = `${book}-${place}`;
}

// Before the list itself hears of it.
document.addEventListener(
  "opinion-changed",
  (event) => {
    if (Number.isInteger(event.detail.row)) keepLine(event.detail.book, event.detail.row);
  },
  true,
);

document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.id !== "list") return;
  for (const line of event.detail.elt.querySelectorAll("[data-settled]")) {
    keepLine(...line.dataset.settled.split("-"));
  }
});

// A list that comes while another opinion is on its way would take that one's form from under it;
// the answer to it fetches the list again.
document.addEventListener("htmx:beforeSwap", (event) => {
  const list = event.detail.target;
  if (list.id === "list" && list.querySelector("form.htmx-request")) event.detail.shouldSwap = false;
});
