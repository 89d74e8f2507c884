// Draws the map of books on two canvases: the dots below, and over them what is few: the reader's
// own books, titles where there is room, what is picked. map_dots.js draws the dots.
/* global MapDots */
"use strict";

const MapDrawing = (() => {
  const { N_COLOURS, N_SIZES } = MapDots;
  const NO_GENRE = 255;
  // Share of the shorter side that the map fills.
  const FILL = 0.94;
  const LABELS_FROM = 2.5;
  const MAX_LABELS = 36;
  const LABEL_LENGTH = 34;
  const LABEL_HEIGHT = 18;

  class Drawing {
    constructor(below, over) {
      this.over = over;
      this.context = over.getContext("2d");
      this.dots = MapDots.on(below);
      this.width = this.height = 1;
      this.ratio = 1;
      this.titles = null;
      this.labelWidths = new Map();
      this.read = [];
      this.toRead = [];
      this.selected = -1;
      this.hovered = -1;
      this.showCentre = false;
      this.readColours();
    }

    readColours() {
      const style = getComputedStyle(document.documentElement);
      const colour = (name) => style.getPropertyValue(name).trim();
      this.colours = Array.from({ length: N_COLOURS }, (_, n) => colour(`--genre-${n}`));
      this.ink = colour("--ink");
      this.ground = colour("--map-ground");
      this.accent = colour("--accent");
      this.star = colour("--star");
      this.font = getComputedStyle(document.body).fontFamily;
      this.labelWidths.clear();
    }

    // genre, popularity: Uint8Array; x, y: Float32Array in -1..1, which may change between frames.
    setBooks({ genre, popularity, x, y }) {
      this.n = genre.length;
      this.x = x;
      this.y = y;
      this.genre = genre;
      this.colour = Uint8Array.from(genre, (g) => (g === NO_GENRE ? N_COLOURS - 1 : Math.min(g, N_COLOURS - 1)));
      // Popular books are larger, and lie over the others.
      this.order = Uint32Array.from({ length: this.n }, (_, i) => i)
        .sort((a, b) => popularity[a] - popularity[b] || a - b);
      this.size = new Uint8Array(this.n);
      this.order.forEach((book, place) => {
        const share = place / this.n;
        this.size[book] = share > 0.98 ? 3 : share > 0.88 ? 2 : share > 0.5 ? 1 : 0;
      });
      this.dimmed = new Uint8Array(this.n);
      this.dots.setBooks(this);
    }

    // To be called when x or y have changed.
    moved() {
      this.dots.moved();
    }

    // genres: a Set of their numbers; empty for all.
    filter(genres) {
      for (let i = 0; i < this.n; i += 1) {
        this.dimmed[i] = genres.size > 0 && !genres.has(this.genre[i]) ? 1 : 0;
      }
      this.dots.dimmed();
    }

    resize() {
      const box = this.over.getBoundingClientRect();
      this.ratio = Math.min(window.devicePixelRatio || 1, 2);
      this.width = Math.max(1, box.width);
      this.height = Math.max(1, box.height);
      for (const canvas of [this.dots.canvas, this.over]) {
        canvas.width = Math.round(this.width * this.ratio);
        canvas.height = Math.round(this.height * this.ratio);
      }
    }

    get base() {
      return (Math.min(this.width, this.height) / 2) * FILL;
    }

    // Where a book stands on the screen, in CSS pixels.
    screenX(i, t) { return (this.width / 2 + this.x[i] * this.base) * t.k + t.x; }
    screenY(i, t) { return (this.height / 2 + this.y[i] * this.base) * t.k + t.y; }
    worldX(px, t) { return ((px - t.x) / t.k - this.width / 2) / this.base; }
    worldY(py, t) { return ((py - t.y) / t.k - this.height / 2) / this.base; }

    radius(size, k) {
      const small = Math.min(this.width, this.height) < 500 ? 0.8 : 1;
      return (1.25 + size * 0.55) * small * Math.min(k, 40) ** 0.5;
    }

    draw(t) {
      const { context, ratio } = this;
      if (!this.n) return;
      const view = {
        width: this.width,
        height: this.height,
        ratio,
        scale: this.base * t.k,
        left: (this.width / 2) * t.k + t.x,
        top: (this.height / 2) * t.k + t.y,
      };
      const radii = Array.from({ length: N_SIZES }, (_, size) => this.radius(size, t.k));
      this.dots.draw(view, { colours: this.colours, ground: this.ground, radii });
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      this.drawMarks(t);
      if (this.titles && t.k >= LABELS_FROM) this.drawLabels(t);
      this.drawPicked(t);
      if (this.showCentre) this.drawCentre();
    }

    inSight(px, py) {
      return px > -20 && py > -20 && px < this.width + 20 && py < this.height + 20;
    }

    // A shape each beside a colour: a full disc for what was read, a square for what is to come.
    drawMarks(t) {
      const { context } = this;
      context.lineWidth = 2;
      for (const i of this.toRead) {
        const px = this.screenX(i, t), py = this.screenY(i, t);
        if (!this.inSight(px, py)) continue;
        const r = this.radius(this.size[i], t.k) + 1.5;
        context.fillStyle = this.ground;
        context.strokeStyle = this.accent;
        context.fillRect(px - r, py - r, 2 * r, 2 * r);
        context.strokeRect(px - r, py - r, 2 * r, 2 * r);
      }
      for (const i of this.read) {
        const px = this.screenX(i, t), py = this.screenY(i, t);
        if (!this.inSight(px, py)) continue;
        context.beginPath();
        context.arc(px, py, this.radius(this.size[i], t.k) + 1.5, 0, 2 * Math.PI);
        context.fillStyle = this.star;
        context.fill();
        context.strokeStyle = this.ink;
        context.stroke();
      }
    }

    label(i) {
      const title = this.titles[i][0];
      return title.length > LABEL_LENGTH ? `${title.slice(0, LABEL_LENGTH - 1).trimEnd()}…` : title;
    }

    labelWidth(text) {
      let width = this.labelWidths.get(text);
      if (width === undefined) {
        width = this.context.measureText(text).width;
        this.labelWidths.set(text, width);
      }
      return width;
    }

    // The most popular books first; one whose title would lie over another's goes without.
    drawLabels(t) {
      const { context, order, dimmed } = this;
      context.font = `12px ${this.font}`;
      context.textBaseline = "middle";
      context.lineJoin = "round";
      context.lineWidth = 3;
      const taken = [];
      const most = Math.min(MAX_LABELS, 8 + Math.round(this.width / 40));
      for (let place = order.length - 1; place >= 0 && taken.length < most; place -= 1) {
        const i = order[place];
        if (dimmed[i]) continue;
        const px = this.screenX(i, t), py = this.screenY(i, t);
        if (px < 0 || py < 0 || px > this.width || py > this.height) continue;
        const text = this.label(i);
        const x0 = px + this.radius(this.size[i], t.k) + 4;
        const x1 = x0 + this.labelWidth(text);
        if (x1 > this.width) continue;
        const isTaken = taken.some((box) => x0 < box.x1 && x1 > box.x0 && Math.abs(py - box.y) < LABEL_HEIGHT);
        if (isTaken) continue;
        taken.push({ x0, x1, y: py });
        context.strokeStyle = this.ground;
        context.strokeText(text, x0, py);
        context.fillStyle = this.ink;
        context.fillText(text, x0, py);
      }
    }

    drawPicked(t) {
      const { context } = this;
      for (const [i, width] of [[this.hovered, 2], [this.selected, 3]]) {
        if (i < 0) continue;
        context.beginPath();
        context.arc(this.screenX(i, t), this.screenY(i, t), this.radius(this.size[i], t.k) + 4, 0, 2 * Math.PI);
        context.lineWidth = width;
        context.strokeStyle = this.ink;
        context.stroke();
      }
    }

    // What the space key would pick.
    drawCentre() {
      const { context } = this;
      const cx = this.width / 2, cy = this.height / 2;
      context.lineWidth = 1.5;
      context.strokeStyle = this.ink;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(cx + 5 * dx, cy + 5 * dy);
        context.lineTo(cx + 13 * dx, cy + 13 * dy);
      }
      context.stroke();
    }
  }

  return Drawing;
})();
