// Finding recordings: a search, a page at a time. Numbers go in bodies, never in addresses.

import { ask, askForFile } from "./api.js";
import { button, byId, element, save, say, showProblem } from "./elements.js";
import { showDetails } from "./details.js";
import { clock, count, heldUntil, instant, parties } from "./words.js";

const form = byId("search");
let me = null;
let filter = {};
let cursor = null;
let shown = 0;
let searches = 0;

/** Begin, for whoever signed in. */
export function startList(principal) {
  me = principal;
  form.reset();
  return search();
}

export function clearList() {
  byId("list").replaceChildren();
  byId("list-count").textContent = "";
  byId("saving").hidden = true;
  cursor = null;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
byId("clear").addEventListener("click", () => {
  form.reset();
  search();
});
byId("more").addEventListener("click", () => page(cursor));

function wanted() {
  const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
  const { tag, held, ...rest } = given;
  return { ...rest, ...(tag ? { tags: [tag] } : {}), ...(held ? { held: held === "true" } : {}) };
}

async function search() {
  searches += 1;
  filter = wanted();
  clearList();
  shown = 0;
  await page(null);
}

async function page(after) {
  const problem = byId("list-problem");
  const begun = searches;
  showProblem(problem, null);
  try {
    const answer = await ask("POST", "/v1/recordings:search", { ...filter, limit: 50, ...(after ? { cursor: after } : {}) });
    if (begun !== searches) return; // another search was begun meanwhile
    byId("list").append(...answer.items.map(row));
    shown += answer.items.length;
    cursor = answer.nextCursor;
    const none = Object.keys(filter).length ? "No recording fits." : "There is no recording yet that you may see.";
    byId("list-count").textContent = shown || cursor ? `${count(shown, "recording")}${cursor ? " so far" : ""}` : none;
    byId("more").hidden = !cursor;
    byId("saving").hidden = !shown && !cursor;
  } catch (error) {
    showProblem(problem, error);
    byId("more").hidden = true;
  }
}

for (const one of byId("saving").children) one.addEventListener("click", () => saveAll(one, one.dataset.format));

/** Save everything that fits the search, shown or not yet. */
async function saveAll(pressed, format) {
  const problem = byId("list-problem");
  showProblem(problem, null);
  pressed.disabled = true;
  try {
    save(await askForFile("/v1/recordings:export", { ...filter, format }), `recordings.${format}`);
    say("The list is saved.");
  } catch (error) {
    showProblem(problem, error);
  } finally {
    pressed.disabled = false;
  }
}

function row(recording) {
  const open = button(instant(recording.openedAt), () => select(recording.id), "link");
  open.setAttribute("aria-label", `Open the recording of ${instant(recording.openedAt)} UTC`);
  return element("tr", { dataset: { recording: recording.id } },
    element("td", {}, open),
    element("td", {}, parties(recording)),
    element("td", {}, recording.user),
    element("td", { className: "figure" }, clock(recording.media?.durationSeconds)),
    element("td", {}, element("span", { className: `status ${recording.status}` }, recording.status),
      recording.held && element("span", { className: "status held" }, heldUntil(recording)),
      recording.media?.playable === false && element("span", { className: "status failed" }, "not playable")));
}

function select(id) {
  for (const one of byId("list").children) one.toggleAttribute("aria-selected", one.dataset.recording === id);
  return showDetails(id, me, () => refresh(id));
}

/** Bring the row of a recording up to date, or take it away when it has gone. */
async function refresh(id) {
  const old = [...byId("list").children].find((one) => one.dataset.recording === id);
  if (!old) return;
  const segment = id.slice(0, id.lastIndexOf("-"));
  const answer = await ask("POST", "/v1/recordings:search", { segment, limit: 50 }).catch(() => null);
  const found = answer?.items.find((one) => one.id === id);
  if (answer && !found) {
    old.remove();
    shown -= 1;
    byId("list-count").textContent = count(shown, "recording");
  } else if (found) {
    const fresh = row(found);
    fresh.toggleAttribute("aria-selected", true);
    old.replaceWith(fresh);
  }
}
