// SPDX-License-Identifier: Apache-2.0
// The picture of samc.widget.Segmenter: drag a box or click, see the mask that Python sends back. Shared
// with Python (anywidget): objects [{points: [[x, y, label]], box: [x0, y0, x1, y1] or null}] in pixels
// of the photo, and current, the one that clicks belong to (-1: the next click begins one).

const SVG = "http://www.w3.org/2000/svg";
const DRAG = 4; // pixels of the screen from which on a press is a drag

function element(kind, className, parent, namespace) {
  const made = namespace ? document.createElementNS(namespace, kind) : document.createElement(kind);
  made.setAttribute("class", className);
  parent.append(made);
  return made;
}

function render({ model, el }) {
  const root = element("div", "samc-segmenter", el);
  const bar = element("div", "samc-bar", root);
  const stage = element("div", "samc-stage", root);
  const photo = element("img", "samc-photo", stage);
  const masks = element("div", "samc-masks", stage);
  const marks = element("svg", "samc-marks", stage, SVG);
  const status = element("div", "samc-status", root);
  photo.alt = "photo to segment";
  photo.draggable = false;
  stage.tabIndex = 0;
  stage.setAttribute("aria-label", "photo: click what belongs to the object, Shift-click what does "
    + "not, drag a box for a new object");
  status.setAttribute("role", "status");

  const objects = () => structuredClone(model.get("objects"));
  const history = [];

  function change(next, current) {
    history.push([objects(), model.get("current")]);
    send(next, current);
  }

  function send(next, current) {
    model.set("objects", next);
    model.set("current", current);
    model.save_changes();
  }

  function addPoint(x, y, label) {
    const next = objects();
    let current = model.get("current");
    if (current < 0 || current >= next.length) {
      current = next.length;
      next.push({ points: [], box: null });
    }
    next[current].points.push([x, y, label]);
    change(next, current);
  }

  function addBox(box) {
    change([...objects(), { points: [], box }], objects().length);
  }

  function remove() {
    const current = model.get("current");
    if (current < 0) return;
    change(objects().filter((_, i) => i !== current), -1);
  }

  const actions = {
    "New object": () => send(objects(), -1),
    "Undo": () => history.length && send(...history.pop()),
    "Delete object": remove,
    "Clear": () => objects().length && change([], -1),
  };
  for (const [name, act] of Object.entries(actions)) {
    const button = element("button", "samc-button", bar);
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", act);
  }

  // Where an event is in the photo; points lie on a pixel, corners of boxes on their edges.
  function place(event, inside) {
    const frame = photo.getBoundingClientRect();
    const along = (at, from, length, pixels) =>
      Math.min(Math.max(Math.round((at - from) / length * pixels), 0), pixels - (inside ? 1 : 0));
    return [along(event.clientX, frame.left, frame.width, model.get("width")),
      along(event.clientY, frame.top, frame.height, model.get("height"))];
  }

  function boxOf(a, b) {
    return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  }

  let press = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button === 1) return;
    press = { event, drags: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!press || press.event.button !== 0) return;
    const from = press.event;
    press.drags ||= Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > DRAG;
    if (press.drags) drawMarks(boxOf(place(from), place(event)));
  });
  stage.addEventListener("pointerup", (event) => {
    if (!press) return;
    const { event: from, drags } = press;
    press = null;
    if (!drags) {
      addPoint(...place(event, true), from.button === 2 || from.shiftKey ? 0 : 1);
      return;
    }
    const box = boxOf(place(from), place(event));
    if (box[0] < box[2] && box[1] < box[3]) addBox(box);
    else drawMarks();
  });
  stage.addEventListener("pointercancel", () => {
    press = null;
    drawMarks();
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("keydown", (event) => {
    const undo = (event.ctrlKey || event.metaKey) && event.key === "z";
    const name = undo ? "Undo" : { Enter: "New object", Delete: "Delete object" }[event.key];
    if (!name) return;
    event.preventDefault();
    event.stopPropagation(); // Jupyter has meanings of its own for these
    actions[name]();
  });

  let address = "";
  function drawPhoto() {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("_pixels")], { type: model.get("_kind") }));
    photo.src = address;
    marks.setAttribute("viewBox", `0 0 ${model.get("width")} ${model.get("height")}`);
    history.length = 0;
  }

  function drawMasks() {
    masks.replaceChildren();
    for (const url of model.get("_masks")) {
      if (url) {
        const picture = element("img", "samc-mask", masks);
        picture.src = url;
        picture.alt = "";
      }
    }
  }

  function drawBox(box, className) {
    const rect = element("rect", className, marks, SVG);
    rect.setAttribute("x", box[0]);
    rect.setAttribute("y", box[1]);
    rect.setAttribute("width", box[2] - box[0]);
    rect.setAttribute("height", box[3] - box[1]);
  }

  function drawMarks(dragged) {
    marks.replaceChildren();
    const radius = Math.max(model.get("width"), model.get("height")) / 120;
    model.get("objects").forEach((object, i) => {
      const chosen = i === model.get("current") ? " samc-current" : "";
      if (object.box) drawBox(object.box, "samc-box" + chosen);
      for (const [x, y, label] of object.points) {
        const dot = element("circle", (label ? "samc-inside" : "samc-outside") + chosen, marks, SVG);
        dot.setAttribute("cx", x + 0.5);
        dot.setAttribute("cy", y + 0.5);
        dot.setAttribute("r", radius);
      }
    });
    if (dragged) drawBox(dragged, "samc-box samc-dragged");
  }

  function say() {
    const scores = model.get("scores");
    const current = model.get("current");
    const count = model.get("objects").length;
    const said = [`${count} object${count === 1 ? "" : "s"}`];
    if (current >= 0 && current < scores.length)
      said.push(`object ${current + 1}: score ${scores[current].toFixed(3)}`);
    if (count === 0) said.push("click what belongs to the object, or drag a box around it");
    status.textContent = model.get("_error") || said.join("; ");
    status.classList.toggle("samc-wrong", Boolean(model.get("_error")));
  }

  model.on("change:_pixels", drawPhoto);
  model.on("change:_masks", drawMasks);
  model.on("change:objects change:current", () => drawMarks());
  model.on("change:scores change:current change:objects change:_error", say);
  drawPhoto();
  drawMasks();
  drawMarks();
  say();
  return () => URL.revokeObjectURL(address);
}

export default { render };
