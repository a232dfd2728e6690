// Making elements, and the two ways this page speaks up. Text is always set as text: nothing becomes markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`onclick`, `className`, `dataset`…) and children; what is null or false is left out. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-") || key === "role" || key === "scope") made.setAttribute(key, value);
    else if (key === "dataset") Object.assign(made.dataset, value);
    else made[key] = value;
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}

/** A list of names and what they are; entries without a value are left out. */
export function descriptions(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, shown.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

export function button(label, action, className = "") {
  return element("button", { type: "button", className, onclick: action }, label);
}

/** Have the browser save this under a name: an address alone would be asked for without the token. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

const SAID_MILLISECONDS = 6000;
let silence = 0;

/** Say what was done, to eyes and ears. */
export function say(text) {
  byId("said").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => byId("said").replaceChildren(), SAID_MILLISECONDS);
}

export function showProblem(place, problem) {
  place.textContent = problem ? problem.sentence || String(problem.message || problem) : "";
  place.hidden = !problem;
}

/**
 * Ask a person, with a field when `label` is given: `value` is in it already, and `lines` lets it have several.
 * `danger` marks what nothing brings back.
 * Returns what they wrote (or true), or null when they did not mean it.
 */
export function askPerson({ title, text = "", label = "", value = "", lines = false, yes, danger = false }) {
  const dialog = byId("asked");
  const [answer, other] = lines ? [byId("asked-lines"), byId("asked-line")] : [byId("asked-line"), byId("asked-lines")];
  byId("asked-title").textContent = title;
  byId("asked-text").textContent = text;
  byId("asked-text").hidden = !text;
  byId("asked-label").textContent = label;
  byId("asked-label").htmlFor = answer.id;
  byId("asked-yes").textContent = yes;
  byId("asked-yes").className = danger ? "danger" : "primary";
  byId("asked-field").hidden = !label;
  answer.hidden = other.required = false;
  other.hidden = true;
  answer.required = Boolean(label);
  answer.value = value;
  dialog.returnValue = "";
  dialog.showModal();
  if (label) answer.focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "yes" ? (label ? answer.value.trim() || null : true) : null),
      { once: true },
    );
  });
}
