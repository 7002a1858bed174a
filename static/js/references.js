/* The reference tray: pictures come by choosing, dropping and pasting, are uploaded at once, and can be
   removed and put in another order. Offers `window.easel.references` = {list, restore, limit, settled}. */

const form = document.getElementById("composer");
const tray = form.querySelector("[data-references]");
const addSlot = tray.querySelector("[data-reference-add]");
const picker = addSlot.querySelector("input");
const template = document.getElementById("reference-template");
const most = () => Number(form.dataset.referencesMax);
const bytesMax = Number(form.dataset.uploadMax);
const KINDS = ["image/png", "image/jpeg", "image/webp", "image/avif", "image/heic", "image/heif"];
const uploads = new Map();

// Browsers that don't know a type give it none.
const takes = (file) => KINDS.includes(file.type) || (!file.type && /\.(avif|hei[cf])$/i.test(file.name));
const items = () => [...tray.querySelectorAll("[data-reference]")];
const refuse = (text) => window.easel.toast(text, { level: "error" });
const megabytes = (bytes) => `${Math.ceil((bytes * 10) / 1048576) / 10} MB`;

function limit() {
  addSlot.hidden = items().length >= most();
}

function label() {
  items().forEach((item, index) => {
    const name = item.querySelector("img").alt;
    item.querySelector(".reference-number").textContent = index + 1;
    item.querySelector(".reference-remove").setAttribute("aria-label", `Remove reference ${index + 1}, ${name}`);
  });
  limit();
}

function changed() {
  label();
  form.dispatchEvent(new CustomEvent("composer:change"));
}

function full() {
  if (items().length < most()) return false;
  const number = ["no", "one", "two", "three"][most()] ?? most();
  const end = most() === 1 ? "" : "s";
  refuse(most() ? `You can use up to ${number} reference${end} here. Remove one to add this.` : "No references can be used here.");
  return true;
}

function place({ id = "", src, name }) {
  const item = template.content.firstElementChild.cloneNode(true);
  const picture = item.querySelector("img");
  picture.src = src;
  picture.alt = name || "Reference";
  picture.addEventListener("error", () => {
    // Few browsers show HEIC: while it is on its way there is only the ring, then our own small copy.
    if (uploads.has(item)) picture.hidden = true;
    else if (item.isConnected) remove(item);
  });
  item.querySelector("input").value = id;
  item.draggable = true;
  addSlot.before(item);
  return item;
}

function remove(item) {
  uploads.get(item)?.request.abort();
  const held = item.contains(document.activeElement);
  const next = item.nextElementSibling;
  item.remove();
  changed();
  if (held) (next?.querySelector(".reference-remove") ?? picker).focus();
}

/* --- Upload: XMLHttpRequest, because it alone tells how far it is --- */

const RING = '<svg class="ring-progress" viewBox="0 0 28 28" aria-hidden="true"><circle cx="14" cy="14" r="12" pathLength="100" stroke-dasharray="0 100"></circle></svg>';

function send(item, file) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("file", file);
  item.classList.add("reference-busy");
  item.insertAdjacentHTML("beforeend", RING);
  const circle = item.querySelector(".ring-progress circle");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) circle.setAttribute("stroke-dasharray", `${(100 * event.loaded) / event.total} 100`);
  });
  const done = new Promise((resolve) => request.addEventListener("loadend", resolve));
  uploads.set(item, { request, done });
  request.addEventListener("loadend", () => {
    uploads.delete(item);
    if (item.isConnected) received(item, request, file);
  });
  request.open("POST", form.dataset.upload);
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.responseType = "json";
  request.send(body);
}

function received(item, request, file) {
  item.classList.remove("reference-busy");
  item.querySelector(".ring-progress").remove();
  if (request.status === 201) {
    const { id, src } = request.response;
    item.querySelector("input").value = id;
    item.querySelector("img").src = src;
    item.querySelector("img").hidden = false;
    window.easel.announce(`${file.name} is added as a reference.`);
    changed();
    return;
  }
  remove(item);
  refuse(request.response?.detail ?? `${file.name} could not be uploaded. Check the connection and add it again.`);
}

function addFiles(files) {
  for (const file of files) {
    if (full()) return;
    if (!takes(file)) {
      refuse(`${file.name} isn't a picture Easel can use. Try PNG, JPEG, WebP, AVIF, HEIC or HEIF.`);
    } else if (file.size > bytesMax) {
      const limit = megabytes(bytesMax);
      refuse(`${file.name} is too big. It is ${megabytes(file.size)}; the limit is ${limit}. Make it smaller and add it again.`);
    } else {
      const item = place({ src: URL.createObjectURL(file), name: file.name });
      send(item, file);
      changed();
    }
  }
}

function takeChosen() {
  addFiles([...picker.files]);
  picker.value = "";
}

picker.addEventListener("change", takeChosen);

/* --- Drop anywhere, paste anywhere, use a picture of the page --- */

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;

function dropping(on) {
  depth = on ? depth : 0;
  document.body.classList.toggle("dropping", on);
}

document.addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) dropping(++depth > 0);
});
document.addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) dropping(--depth > 0);
});
document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  dropping(false);
  addFiles([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  addFiles(files);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-use-reference]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (full()) return;
  place({ id: link.dataset.useReference, src: link.dataset.src, name: "A picture of yours" });
  changed();
  window.easel.toast("Added as a reference");
});

/* --- Order: by dragging, or Alt with the arrows on a picture's button --- */

let dragged = null;

tray.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-reference]");
  event.dataTransfer.effectAllowed = "move";
});
tray.addEventListener("dragover", (event) => {
  const over = event.target.closest("[data-reference]");
  if (!dragged || !over) return;
  event.preventDefault();
  if (over === dragged) return;
  const all = items();
  if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
  else over.before(dragged);
});
tray.addEventListener("dragend", () => {
  dragged = null;
  changed();
});
tray.addEventListener("keydown", (event) => {
  const item = event.target.closest("[data-reference]");
  if (!item || !event.altKey || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const all = items();
  const other = all[all.indexOf(item) + (event.key === "ArrowLeft" ? -1 : 1)];
  if (!other) return;
  if (event.key === "ArrowLeft") other.before(item);
  else other.after(item);
  item.querySelector(".reference-remove").focus();
  changed();
  window.easel.announce(`Now reference ${items().indexOf(item) + 1} of ${all.length}.`);
});
tray.addEventListener("click", (event) => {
  const button = event.target.closest(".reference-remove");
  if (!button) return;
  event.preventDefault();
  remove(button.closest("[data-reference]"));
});
for (const item of items()) item.draggable = true;

window.easel.references = {
  list: () =>
    items()
      .map((item) => ({ id: item.querySelector("input").value, src: item.querySelector("img").src, name: item.querySelector("img").alt }))
      .filter((reference) => reference.id),
  // Puts those for which there is room before what is there, of which some may be on its way; answers how many.
  restore(references) {
    const [first] = items();
    const there = new Set(items().map((item) => item.querySelector("input").value));
    const room = Math.max(0, most() - items().length);
    const restored = references.filter((one) => !there.has(one.id)).slice(0, room).map((one) => place(one));
    for (const item of restored) first?.before(item);
    if (restored.length) changed();
    else label();
    return restored.length;
  },
  limit,
  settled: () => Promise.all([...uploads.values()].map((upload) => upload.done)),
};

// Chosen while this script was on its way.
if (picker.files.length) takeChosen();
