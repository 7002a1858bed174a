/* Sharing: opens the dialog over the page that is open, and saves each change at once. The dialog's inner part and
   the page of the same address are one piece of HTML, so all of it works without this too. */

const COPIED_MS = 2_000;

async function ask(address, body) {
  const options = { headers: { "HX-Request": "true" }, body, method: body ? "POST" : "GET" };
  const response = await fetch(address, options);
  // 422 is a form with what is wrong in it.
  if (!response.ok && response.status !== 422) throw new Error(`${response.status}`);
  const text = await response.text();
  return { panel: new DOMParser().parseFromString(text, "text/html").querySelector("[data-share-panel]"), ok: response.ok };
}

function tell(problem) {
  console.info("Sharing failed:", problem.message);
  window.easel.announce("That wasn't saved. Check your connection and try again.", { urgent: true });
}

/* --- The dialog --- */

async function show(address) {
  const { panel } = await ask(address);
  const dialog = document.createElement("dialog");
  dialog.className = "dialog dialog-wide share-dialog";
  dialog.setAttribute("aria-labelledby", "share-title");
  const grabber = document.createElement("div");
  grabber.className = "grabber";
  dialog.append(grabber, panel);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function put(root, panel) {
  const focused = document.activeElement?.id;
  if (!panel) {
    root.closest("dialog")?.close();
    return;
  }
  root.replaceWith(panel);
  const again = focused && document.getElementById(focused);
  if (!again) return;
  again.focus();
  if (again.type === "text") again.setSelectionRange(again.value.length, again.value.length);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-share], [data-share-part]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const root = link.closest("dialog")?.querySelector("[data-share-panel]");
  if (!root && !link.hasAttribute("data-share")) return;
  event.preventDefault();
  const done = root ? ask(link.href).then(({ panel }) => put(root, panel)) : show(link.href);
  done.catch(() => location.assign(link.href));
});

/* --- Each change is saved at once --- */

/* What a switch or a choice asks for first: a password that isn't written yet, a date that isn't chosen yet. */
function waitsFor(form) {
  const { has_password: locked, password, expires, expires_on: day } = form.elements;
  if (locked?.checked && password.hasAttribute("data-needed") && !password.value) return password;
  if (expires?.value === "date" && !day.value) return day;
  return null;
}

/* What was changed while an answer was on its way is sent after it; what is being typed is never replaced. */
const sending = new WeakSet();
const changed = new WeakSet();

/* Whether more was written into the field with the focus than was sent. */
function isTyping(root, sent) {
  const field = document.activeElement;
  return root.contains(field) && field.matches("input[name]:not([type=checkbox])") && field.value !== sent.get(field.name);
}

async function send(form, submitter) {
  if (sending.has(form)) {
    changed.add(form);
    return;
  }
  const root = form.closest("[data-share-panel]");
  sending.add(form);
  root.setAttribute("aria-busy", "true");
  try {
    let answer, sent;
    do {
      changed.delete(form);
      sent = new FormData(form, submitter);
      answer = await ask(form.action, sent);
    } while (changed.has(form));
    if (submitter || !isTyping(root, sent)) put(root, answer.panel);
    if (answer.ok) window.easel.announce("Saved.");
  } catch (problem) {
    tell(problem);
  } finally {
    sending.delete(form);
    root.removeAttribute("aria-busy");
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosave]");
  if (!form) return;
  const first = waitsFor(form);
  if (first) {
    first.focus();
    return;
  }
  send(form);
});

/* Before the shell's own listener, which would mark the button as waiting for the next page. */
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.closest("dialog [data-share-panel], .share-page [data-share-panel]")) return;
    // On the page of its own only the terms are saved in place; the rest leads on.
    if (!form.closest("dialog") && !form.hasAttribute("data-autosave")) return;
    event.preventDefault();
    send(form, event.submitter);
  },
  true,
);

/* --- Copy --- */

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-share-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.shareCopy).value);
  const label = button.querySelector("span");
  const words = label.textContent;
  label.textContent = "Copied";
  window.easel.announce("Copied");
  setTimeout(() => {
    label.textContent = words;
  }, COPIED_MS);
});
