/* <picture-compare>: two pictures one over the other, and a line between them to drag, press or move by keys. */

const SPRITE = document.querySelector("svg use")?.getAttribute("href").split("#")[0];
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

class PictureCompare extends HTMLElement {
  connectedCallback() {
    this.classList.add("compare-live");
    this.handle = document.createElement("div");
    this.handle.className = "compare-handle";
    for (const [name, value] of Object.entries({
      role: "slider",
      tabindex: "0",
      "aria-label": "Before and after",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-orientation": "horizontal",
    })) this.handle.setAttribute(name, value);
    this.handle.innerHTML = `<svg class="icon" width="20" height="20" aria-hidden="true"><use href="${SPRITE}#chevrons-left-right"></use></svg>`;
    this.append(this.handle);
    this.fit();
    this.set(50);
    this.handle.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("pointerdown", (event) => this.press(event));
    this.addEventListener("pointermove", (event) => this.dragging && this.follow(event));
    for (const name of ["pointerup", "pointercancel"]) this.addEventListener(name, () => (this.dragging = false));
    for (const picture of this.querySelectorAll("img")) picture.draggable = false;
    new ResizeObserver(() => this.fit()).observe(this.parentElement);
  }

  /* The frame has the shape of the current picture, as large as the wall lets it be; the other is letterboxed. */
  fit() {
    const picture = this.querySelector(".compare-after img");
    const style = getComputedStyle(this.parentElement);
    const room = {
      width: this.parentElement.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: this.parentElement.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    };
    const [width, height] = [Number(picture.getAttribute("width")), Number(picture.getAttribute("height"))];
    const scale = Math.min(1, room.width / width, room.height / height);
    this.style.setProperty("--compare-width", `${Math.round(width * scale)}px`);
    this.style.setProperty("--compare-height", `${Math.round(height * scale)}px`);
  }

  set(percent) {
    this.at = Math.min(100, Math.max(0, percent));
    this.style.setProperty("--at", `${this.at}%`);
    this.handle.setAttribute("aria-valuenow", Math.round(this.at));
    this.handle.setAttribute("aria-valuetext", `${Math.round(this.at)}% before, ${100 - Math.round(this.at)}% after`);
  }

  press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.dragging = true;
    this.setPointerCapture(event.pointerId);
    this.handle.focus({ preventScroll: true });
    this.follow(event);
  }

  follow(event) {
    const box = this.getBoundingClientRect();
    this.set((100 * (event.clientX - box.left)) / box.width);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) this.set(this.at + STEPS[event.key] * (event.shiftKey ? 10 : 1));
    else if (event.key === "Home") this.set(0);
    else if (event.key === "End") this.set(100);
    else return;
    event.preventDefault();
  }
}

customElements.define("picture-compare", PictureCompare);
