// The map of books: loads its files, moves it, and shows what is picked. map_drawing.js draws.
/* global d3, MapDrawing */
"use strict";

(() => {
  const map = document.getElementById("map");
  if (!map) return;
  const stage = document.getElementById("map-stage");
  const [below, canvas] = stage.querySelectorAll("canvas");
  const card = document.getElementById("map-card");
  const tip = document.getElementById("map-tip");
  const state = document.getElementById("map-state");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const FLIGHT_MS = 900;
  const NEAR_PIXELS = 14;
  const CLOSE_UP = 9;
  const TITLES_FROM = 2;
  const STEP_PIXELS = 80;

  let drawing, ids, placeOf, tree;
  let transform = d3.zoomIdentity;
  let frame = 0;
  let titles = null;
  let asked = null;
  let pointer = "mouse";
  let layout = "tsne";
  let showsAll = true;
  const layouts = new Map();
  const chosen = new Set();
  const duration = () => (still.matches ? 0 : FLIGHT_MS);

  // ---- Files --------------------------------------------------------------------------------

  class Stale extends Error {}

  async function load(name) {
    const answer = await fetch(map.dataset[name]);
    if (answer.status === 404) throw new Stale();
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer;
  }

  async function loadBooks() {
    const bytes = await (await load("books")).arrayBuffer();
    const n = new DataView(bytes).getUint32(0, true);
    // Each as the difference from the one before.
    ids = new Uint32Array(bytes, 4, n);
    for (let i = 1; i < n; i += 1) ids[i] += ids[i - 1];
    return { genre: new Uint8Array(bytes, 4 + 4 * n, n), popularity: new Uint8Array(bytes, 4 + 5 * n, n) };
  }

  async function loadLayout(name) {
    if (!layouts.has(name)) {
      const whole = new Uint16Array(await (await load(name)).arrayBuffer());
      const n = whole.length / 2;
      const places = Float32Array.from(whole, (value) => (value / 65535) * 2 - 1);
      layouts.set(name, { x: places.subarray(0, n), y: places.subarray(n) });
    }
    return layouts.get(name);
  }

  function loadTitles() {
    titles ??= load("titles").then((answer) => answer.json()).then((names) => {
      drawing.titles = names;
      redraw();
    }).catch(() => { titles = null; });
    return titles;
  }

  async function loadMine() {
    if (!map.dataset.mine) return;
    const answer = await fetch(map.dataset.mine);
    if (!answer.ok) return;
    const mine = await answer.json();
    const onMap = (keys) => keys.map((id) => placeOf.get(id)).filter((i) => i !== undefined);
    drawing.read = onMap(mine.read);
    drawing.toRead = onMap(mine.to_read);
    const show = (id, n) => { document.getElementById(id).textContent = `(${n.toLocaleString(document.documentElement.lang)})`; };
    show("map-n-read", drawing.read.length);
    show("map-n-to-read", drawing.toRead.length);
    redraw();
  }

  function tell(error) {
    state.hidden = false;
    state.textContent = error instanceof Stale ? state.dataset.stale : state.dataset.failed;
  }

  // ---- Drawing and moving -------------------------------------------------------------------

  function redraw() {
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      drawing.draw(transform);
    });
  }

  function plant() {
    const active = [...drawing.order].filter((i) => !drawing.dimmed[i]);
    tree = d3.quadtree(active, (i) => drawing.x[i], (i) => drawing.y[i]);
  }

  const zoom = d3.zoom()
    .scaleExtent([0.8, 80])
    .clickDistance(5)
    .on("zoom", (event) => {
      transform = event.transform;
      showsAll = transform.k === 1 && transform.x === 0 && transform.y === 0;
      if (transform.k >= TITLES_FROM) loadTitles();
      hideTip();
      redraw();
    });
  const view = d3.select(canvas);

  function flyTo(i) {
    const k = Math.max(transform.k, CLOSE_UP);
    const target = d3.zoomIdentity
      .translate(drawing.width / 2, drawing.height / 2)
      .scale(k)
      .translate(-(drawing.width / 2 + drawing.x[i] * drawing.base), -(drawing.height / 2 + drawing.y[i] * drawing.base));
    view.transition().duration(duration()).call(zoom.transform, target);
  }

  function showAll() {
    view.transition().duration(duration()).call(zoom.transform, d3.zoomIdentity);
  }

  async function changeLayout(name) {
    layout = name;
    let to;
    try {
      to = await loadLayout(name);
    } catch (error) {
      tell(error);
      return;
    }
    if (layout !== name) return;
    const from = { x: drawing.x.slice(), y: drawing.y.slice() };
    const began = performance.now();
    showAll();
    function move(now) {
      if (layout !== name) return;
      const length = duration();
      const done = length ? Math.min(1, Math.max(0, (now - began) / length)) : 1;
      const share = d3.easeCubicInOut(done);
      for (let i = 0; i < drawing.n; i += 1) {
        drawing.x[i] = from.x[i] + (to.x[i] - from.x[i]) * share;
        drawing.y[i] = from.y[i] + (to.y[i] - from.y[i]) * share;
      }
      drawing.moved();
      drawing.draw(transform);
      if (done < 1) requestAnimationFrame(move);
      else plant();
    }
    requestAnimationFrame(move);
  }

  function fit() {
    const before = { width: drawing.width, height: drawing.height, base: drawing.base };
    const centre = [drawing.worldX(before.width / 2, transform), drawing.worldY(before.height / 2, transform)];
    drawing.resize();
    zoom.extent([[0, 0], [drawing.width, drawing.height]]);
    zoom.translateExtent([[-drawing.width * 0.2, -drawing.height * 0.2], [drawing.width * 1.2, drawing.height * 1.2]]);
    // What was in the middle stays there.
    const target = showsAll ? d3.zoomIdentity : d3.zoomIdentity
      .translate(drawing.width / 2, drawing.height / 2)
      .scale(transform.k)
      .translate(-(drawing.width / 2 + centre[0] * drawing.base), -(drawing.height / 2 + centre[1] * drawing.base));
    view.call(zoom.transform, target);
    redraw();
  }

  // ---- Picking ------------------------------------------------------------------------------

  function bookAt(px, py, reach = NEAR_PIXELS) {
    const far = reach / (drawing.base * transform.k);
    const found = tree?.find(drawing.worldX(px, transform), drawing.worldY(py, transform), far);
    return found ?? -1;
  }

  function open(i) {
    window.location.assign(map.dataset.page.replace("/0/", `/${ids[i]}/`));
  }

  async function select(id, { fly = true } = {}) {
    const i = placeOf.get(id) ?? -1;
    drawing.selected = i;
    if (i >= 0 && fly) flyTo(i);
    redraw();
    asked?.abort();
    const mine = asked = new AbortController();
    try {
      const answer = await fetch(`${map.dataset.card.replace("/0/", `/${id}/`)}?on=${layout}`, { signal: mine.signal });
      if (!answer.ok) throw new Stale();
      card.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") tell(error);
    }
  }

  function hideTip() {
    tip.hidden = true;
    if (drawing && drawing.hovered >= 0) {
      drawing.hovered = -1;
      redraw();
    }
  }

  function showTip(i, px, py) {
    drawing.hovered = i;
    redraw();
    if (!drawing.titles) return;
    const [title, author] = drawing.titles[i];
    tip.textContent = author ? `${title} · ${author}` : title;
    tip.hidden = false;
    const left = Math.min(px + 14, drawing.width - tip.offsetWidth - 8);
    const top = py + 18 + tip.offsetHeight > drawing.height ? py - tip.offsetHeight - 12 : py + 18;
    tip.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
  }

  function listen() {
    view.call(zoom).on("dblclick.zoom", null);
    let pressedAt = [0, 0];
    canvas.addEventListener("pointerdown", (event) => {
      pointer = event.pointerType;
      pressedAt = [event.clientX, event.clientY];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || event.buttons) return;
      loadTitles();
      const i = bookAt(event.offsetX, event.offsetY);
      canvas.classList.toggle("at-book", i >= 0);
      if (i < 0) hideTip();
      else showTip(i, event.offsetX, event.offsetY);
    });
    canvas.addEventListener("pointerleave", hideTip);
    canvas.addEventListener("click", (event) => {
      // The end of a drag opens nothing. d3 sees to that, but not while frames are late.
      if (Math.hypot(event.clientX - pressedAt[0], event.clientY - pressedAt[1]) > zoom.clickDistance()) return;
      const i = bookAt(event.offsetX, event.offsetY, pointer === "mouse" ? NEAR_PIXELS : 2 * NEAR_PIXELS);
      if (i < 0) return;
      // A finger cannot point without pressing: the first touch shows what the second opens.
      if (pointer === "mouse" || drawing.selected === i) open(i);
      else {
        select(ids[i], { fly: false });
        // The card may be below the screen.
        loadTitles().then(() => {
          if (drawing.selected === i) showTip(i, event.offsetX, event.offsetY);
        });
      }
    });
    stage.addEventListener("keydown", (event) => {
      if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
      const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (steps[event.key]) {
        const [dx, dy] = steps[event.key];
        view.call(zoom.translateBy, (dx * STEP_PIXELS) / transform.k, (dy * STEP_PIXELS) / transform.k);
      } else if (event.key === "+" || event.key === "=") {
        view.call(zoom.scaleBy, 1.5);
      } else if (event.key === "-") {
        view.call(zoom.scaleBy, 1 / 1.5);
      } else if (event.key === "0") {
        showAll();
      } else if (event.key === " ") {
        const i = bookAt(drawing.width / 2, drawing.height / 2, 4 * drawing.width);
        if (i >= 0) select(ids[i], { fly: false });
      } else if (event.key === "Enter" && drawing.selected >= 0) {
        open(drawing.selected);
      } else {
        return;
      }
      event.preventDefault();
    });
    for (const kind of ["focus", "blur"]) {
      stage.addEventListener(kind, () => {
        drawing.showCentre = stage.matches(":focus-visible");
        redraw();
      });
    }
    map.querySelector(".map-zoom").addEventListener("click", (event) => {
      const kind = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (kind === "all") showAll();
      else if (kind) view.transition().duration(duration() / 3).call(zoom.scaleBy, kind === "in" ? 2 : 0.5);
    });
    for (const input of map.querySelectorAll("input[name=layout]")) {
      input.addEventListener("change", () => { if (input.checked) changeLayout(input.value); });
    }
    const all = document.getElementById("map-all-genres");
    const buttons = [...map.querySelectorAll("[data-genre]")];
    function filter() {
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(chosen.has(Number(button.dataset.genre))));
      }
      all.hidden = chosen.size === 0;
      drawing.filter(chosen);
      plant();
      redraw();
    }
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const genre = Number(button.dataset.genre);
        if (!chosen.delete(genre)) chosen.add(genre);
        filter();
      });
    }
    all.addEventListener("click", () => {
      chosen.clear();
      filter();
      buttons[0]?.focus();
    });
    map.addEventListener("pick", (event) => select(event.detail));
    card.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-book]");
      if (button) select(Number(button.dataset.book));
    });
    new ResizeObserver(fit).observe(stage);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      drawing.readColours();
      redraw();
    });
  }

  async function start() {
    map.hidden = false;
    try {
      const [books, places] = await Promise.all([loadBooks(), loadLayout(layout)]);
      drawing = new MapDrawing(below, canvas);
      drawing.dots.onRestored = redraw;
      drawing.setBooks({ ...books, x: places.x.slice(), y: places.y.slice() });
    } catch (error) {
      tell(error);
      return;
    }
    placeOf = new Map(Array.from(ids, (id, i) => [id, i]));
    plant();
    drawing.resize();
    listen();
    state.hidden = true;
    redraw();
    const wanted = Number(new URLSearchParams(window.location.search).get("book"));
    if (placeOf.has(wanted)) select(wanted);
    await loadMine();
  }

  start();
})();
