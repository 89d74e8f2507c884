// The sliders of a list say where they stand while they are moved.
"use strict";

document.addEventListener("input", (event) => {
  if (event.target.type !== "range") return;
  const output = event.target.form.querySelector(`output[for="${event.target.id}"]`);
  if (output) output.value = `${Math.round(100 * event.target.value)} %`;
});
