/* Suggestions under a field, as a combobox: `data-suggest` takes the whole text, `data-suggest-tags` names of tags. */

const WAIT_MS = 140;
let fields = 0;

function combobox(field) {
  const whole = "suggest" in field.dataset;
  const address = field.dataset.suggest ?? field.dataset.suggestTags;
  const list = document.createElement("ul");
  fields += 1;
  Object.assign(list, { id: `suggestions-${fields}`, className: "suggestions", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  const host = field.closest(".input-group") ?? field.parentElement;
  host.classList.add("suggest-host");
  host.append(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) {
    field.setAttribute(name, value);
  }

  let options = [];
  let at = -1;
  let waiting;
  let asked = "";

  function close() {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function draw() {
    at = -1;
    list.replaceChildren(
      ...options.map((option, number) => {
        const item = document.createElement("li");
        Object.assign(item, { id: `${list.id}-${number}`, className: "suggestion" });
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const note = Object.assign(document.createElement("small"), { textContent: [whole ? option.kind : "", option.note].filter(Boolean).join(" · ") });
        item.append(option.label, note);
        item.addEventListener("pointerdown", (event) => event.preventDefault());
        item.addEventListener("click", () => take(number));
        return item;
      }),
    );
    list.hidden = !options.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    field.removeAttribute("aria-activedescendant");
    if (options.length) window.easel.announce(`${options.length} suggestion${options.length === 1 ? "" : "s"}`);
  }

  function move(step) {
    at = (at + step + options.length + 1) % (options.length + 1);
    [...list.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === at)));
    if (at < options.length) field.setAttribute("aria-activedescendant", list.children[at].id);
    else field.removeAttribute("aria-activedescendant");
  }

  function take(number) {
    field.value = whole ? options[number].text : options[number].label;
    close();
    asked = field.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    if (field.value.endsWith(":")) look();
  }

  async function look() {
    asked = field.value;
    if (!asked.trim()) return close();
    const query = new URLSearchParams({ q: asked, ...(whole ? {} : { kind: "tag" }) });
    const answer = await fetch(`${address}?${query}`, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected || asked !== field.value || document.activeElement !== field) return undefined;
    ({ options } = await answer.json());
    draw();
    return undefined;
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => look().catch(close), WAIT_MS);
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(at === -1 ? 0 : -1);
    else if (event.key === "Enter" && at >= 0 && at < options.length) take(at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function furnish(root) {
  for (const field of root.querySelectorAll("[data-suggest], [data-suggest-tags]")) if (!field.hasAttribute("role")) combobox(field);
}

furnish(document);
document.addEventListener("easel:asked", (event) => furnish(event.detail));
