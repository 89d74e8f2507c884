// My books: ticking many rows at once, and saying how many are ticked. Without this the link
// "Tick all on this page" loads the page with every box ticked, and the form stays as useful.
"use strict";

const bulk = document.querySelector("details.bulk");
const boxes = [...document.querySelectorAll('.library input[name="books"]')];
const tickAll = document.querySelector(".tick-all");

function tell() {
  const n = boxes.filter((box) => box.checked).length;
  const chosen = bulk.querySelector(".chosen");
  chosen.textContent = n === 0 ? "" : n === 1 ? chosen.dataset.one : chosen.dataset.many.replace("#", n);
  bulk.classList.toggle("in-use", n > 0);
  tickAll.textContent = n === boxes.length ? tickAll.dataset.untick : tickAll.dataset.tick;
}

if (bulk && boxes.length) {
  let last = null;
  for (const box of boxes) {
    // With the shift key, all boxes from the one ticked before to this one.
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last !== null) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      tell();
    });
  }
  tickAll.setAttribute("role", "button");
  tickAll.addEventListener("click", (event) => {
    event.preventDefault();
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !all;
    if (!all) bulk.open = true;
    tell();
  });
  tell();
}
