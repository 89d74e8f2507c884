// The dots of the map of books, 10,000 in one call of WebGL; without it, by copying small pictures.
//
// A look is what every dot is drawn by: {colours: 9 CSS colours, ground, radii: 4 in CSS pixels}.
// A view says where the map lies: {width, height, ratio, scale, left, top}, so that a book at (x, y)
// stands at (left + x * scale, top + y * scale) in CSS pixels.
"use strict";

const MapDots = (() => {
  const N_COLOURS = 9;
  const N_SIZES = 4;
  const OPACITY = 0.86;
  const DIMMED_OPACITY = 0.22;
  const DIMMED_SIZE = 0.7;
  // From this radius on a dot has a rim in the colour of the ground.
  const RIM_FROM = 3.5;

  const VERTEX = `
    attribute vec2 place;
    attribute vec3 look;
    uniform vec4 view;
    uniform float ratio;
    uniform vec3 colours[${N_COLOURS}];
    uniform float radii[${N_SIZES}];
    varying vec4 colour;
    varying float radius;
    void main() {
      bool isDimmed = look.z > 0.5;
      radius = radii[int(look.y)] * (isDimmed ? ${DIMMED_SIZE} : 1.0) * ratio;
      colour = isDimmed
        ? vec4(colours[${N_COLOURS - 1}], ${DIMMED_OPACITY})
        : vec4(colours[int(look.x)], ${OPACITY});
      gl_Position = vec4(place * view.xy + view.zw, 0.0, 1.0);
      gl_PointSize = 2.0 * radius + 2.0;
    }`;
  const FRAGMENT = `
    precision highp float;
    uniform vec3 ground;
    uniform float ratio;
    varying vec4 colour;
    varying float radius;
    void main() {
      float away = length(gl_PointCoord - 0.5) * (2.0 * radius + 2.0);
      float inside = clamp(radius + 0.5 - away, 0.0, 1.0);
      float rim = radius > ${RIM_FROM} * ratio && colour.a > 0.5
        ? clamp(away - radius + ratio + 0.5, 0.0, 1.0) : 0.0;
      gl_FragColor = vec4(mix(colour.rgb, ground, 0.7 * rim), 1.0) * (colour.a * inside);
    }`;

  function shader(gl, kind, text) {
    const made = gl.createShader(kind);
    gl.shaderSource(made, text);
    gl.compileShader(made);
    return made;
  }

  // "#rrggbb" as three numbers in 0..1.
  function parts(colour) {
    const { r, g, b } = d3.rgb(colour);
    return [r / 255, g / 255, b / 255];
  }

  class GlDots {
    constructor(canvas, gl) {
      this.canvas = canvas;
      this.gl = gl;
      this.prepare();
      // A driver may take everything back; the numbers are still here.
      canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
      canvas.addEventListener("webglcontextrestored", () => {
        this.prepare();
        if (this.books) this.setBooks(this.books);
        this.onRestored?.();
      });
    }

    prepare() {
      const { gl } = this;
      const program = gl.createProgram();
      gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, VERTEX));
      gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT));
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
        throw new Error(`the map's shaders: ${gl.getProgramInfoLog(program)}`);
      }
      gl.useProgram(program);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      this.at = (name) => gl.getUniformLocation(program, name);
      this.uniforms = Object.fromEntries(
        ["view", "ratio", "colours", "radii", "ground"].map((name) => [name, this.at(name)]));
      this.buffers = ["place", "look"].map((name, number) => {
        const buffer = gl.createBuffer();
        const location = gl.getAttribLocation(program, name);
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.enableVertexAttribArray(location);
        gl.vertexAttribPointer(location, number === 0 ? 2 : 3, gl.FLOAT, false, 0, 0);
        return buffer;
      });
    }

    // Drawn in this order: the last lie over the others.
    setBooks(books) {
      this.books = books;
      this.places = new Float32Array(2 * books.order.length);
      this.looks = new Float32Array(3 * books.order.length);
      this.moved();
      this.dimmed();
    }

    moved() {
      const { order, x, y } = this.books;
      for (let place = 0; place < order.length; place += 1) {
        this.places[2 * place] = x[order[place]];
        this.places[2 * place + 1] = y[order[place]];
      }
      this.send(0, this.places);
    }

    dimmed() {
      const { order, colour, size, dimmed } = this.books;
      for (let place = 0; place < order.length; place += 1) {
        const i = order[place];
        this.looks.set([colour[i], size[i], dimmed[i]], 3 * place);
      }
      this.send(1, this.looks);
    }

    send(number, values) {
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[number]);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.DYNAMIC_DRAW);
    }

    draw(view, look) {
      const { gl, uniforms } = this;
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(uniforms.view, (2 * view.scale) / view.width, (-2 * view.scale) / view.height,
        (2 * view.left) / view.width - 1, 1 - (2 * view.top) / view.height);
      gl.uniform1f(uniforms.ratio, view.ratio);
      gl.uniform1fv(uniforms.radii, look.radii);
      gl.uniform3fv(uniforms.colours, look.colours.flatMap(parts));
      gl.uniform3fv(uniforms.ground, parts(look.ground));
      gl.drawArrays(gl.POINTS, 0, this.books.order.length);
    }
  }

  class FlatDots {
    constructor(canvas) {
      this.canvas = canvas;
      this.context = canvas.getContext("2d");
      this.sheet = document.createElement("canvas");
      this.key = "";
    }

    setBooks(books) { this.books = books; }
    moved() {}
    dimmed() {}

    // One picture for each colour and size; the last row is for dimmed dots.
    prepare({ ratio }, { colours, ground, radii }) {
      const key = [ratio, ground, ...colours, ...radii].join();
      if (key === this.key) return;
      this.key = key;
      this.cell = Math.ceil((2 * radii[N_SIZES - 1] + 3) * ratio);
      this.sheet.width = this.cell * N_SIZES;
      this.sheet.height = this.cell * (N_COLOURS + 1);
      const pen = this.sheet.getContext("2d");
      pen.strokeStyle = ground;
      pen.lineWidth = ratio;
      for (let row = 0; row <= N_COLOURS; row += 1) {
        const isDimmed = row === N_COLOURS;
        radii.forEach((radius, size) => {
          pen.beginPath();
          pen.arc((size + 0.5) * this.cell, (row + 0.5) * this.cell,
            radius * ratio * (isDimmed ? DIMMED_SIZE : 1), 0, 2 * Math.PI);
          pen.globalAlpha = isDimmed ? DIMMED_OPACITY : OPACITY;
          pen.fillStyle = colours[isDimmed ? N_COLOURS - 1 : row];
          pen.fill();
          if (!isDimmed && radius > RIM_FROM) pen.stroke();
        });
      }
    }

    draw(view, look) {
      this.prepare(view, look);
      const { context, canvas, cell, sheet } = this;
      const { order, x, y, size, colour, dimmed } = this.books;
      const scale = view.scale * view.ratio;
      const left = view.left * view.ratio - cell / 2;
      const top = view.top * view.ratio - cell / 2;
      context.clearRect(0, 0, canvas.width, canvas.height);
      for (let place = 0; place < order.length; place += 1) {
        const i = order[place];
        const px = left + x[i] * scale;
        const py = top + y[i] * scale;
        if (px < -cell || py < -cell || px > canvas.width || py > canvas.height) continue;
        const row = dimmed[i] ? N_COLOURS : colour[i];
        context.drawImage(sheet, size[i] * cell, row * cell, cell, cell, px, py, cell, cell);
      }
    }
  }

  function on(canvas) {
    const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    if (!gl) return new FlatDots(canvas);
    try {
      return new GlDots(canvas, gl);
    } catch (error) {
      // A driver that cannot do this. What once gave WebGL gives nothing else, so another canvas.
      console.warn(error.message);
      const fresh = canvas.cloneNode();
      canvas.replaceWith(fresh);
      return new FlatDots(fresh);
    }
  }

  return { on, N_COLOURS, N_SIZES };
})();
