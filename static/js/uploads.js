/* Pictures given on the gallery's page: chosen or dropped, several at once, each with its own progress. */

const form = document.querySelector("[data-upload-form]");
const list = document.querySelector("[data-upload-list]");
const AT_ONCE = 2;
const waiting = [];
let running = 0;
let arrived = 0;

function row(file) {
  const item = document.getElementById("upload-file").content.firstElementChild.cloneNode(true);
  item.querySelector("[data-name]").textContent = file.name;
  list.append(item);
  return item;
}

function end(item, words) {
  item.querySelector("progress").remove();
  const said = item.querySelector("[data-said]");
  said.textContent = words;
  said.classList.add("bad");
  item.querySelector("[data-upload-close]").setAttribute("aria-label", "Dismiss");
  window.easel.announce(words, { urgent: true });
}

function send(file) {
  const item = row(file);
  const bar = item.querySelector("progress");
  const request = new XMLHttpRequest();
  const data = new FormData(form);
  data.delete("files");
  data.append("files", file);
  item.querySelector("[data-upload-close]").addEventListener("click", () => {
    request.abort();
    item.remove();
  });
  return new Promise((done) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = (event.loaded / event.total) * 100;
      if (event.loaded === event.total) item.querySelector("[data-said]").textContent = "Being looked at";
    });
    request.addEventListener("loadend", done);
    request.addEventListener("load", () => {
      if (request.status === 200) {
        arrived += 1;
        item.remove();
      } else end(item, request.status === 422 || request.status === 413 ? request.responseText : `${file.name} didn’t arrive. Try again.`);
    });
    request.addEventListener("error", () => end(item, `${file.name} didn’t arrive. Try again.`));
    request.open("POST", form.action);
    request.setRequestHeader("X-Part", "upload");
    request.send(data);
  });
}

async function work() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).then(() => {
      running -= 1;
      work();
      if (!running && !waiting.length) finish();
    });
  }
}

function finish() {
  if (!arrived) return;
  window.easel.announce(`${arrived} image${arrived === 1 ? "" : "s"} added`);
  arrived = 0;
  // What couldn't be taken must be read first.
  if (!list.children.length) location.reload();
}

function take(files) {
  waiting.push(...files);
  work();
}

if (form) {
  const field = form.querySelector("input[type=file]");
  field.addEventListener("change", () => {
    take(field.files);
    field.value = "";
  });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let inside = 0;
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    inside += 1;
    document.body.classList.add("dropping-files");
  });
  addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    inside -= 1;
    if (inside <= 0) document.body.classList.remove("dropping-files");
  });
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    inside = 0;
    document.body.classList.remove("dropping-files");
    take(event.dataTransfer.files);
  });
}
