// What every page does with JavaScript; each works without it as well.
"use strict";

// An answer to a form that htmx sent may carry messages, which replace those shown.
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const region = document.getElementById("messages");
  const text = region.dataset[status === 429 ? "tooMany" : "failed"];
  const message = document.createElement("p");
  message.className = "message error";
  message.textContent = text;
  region.replaceChildren(message);
});
