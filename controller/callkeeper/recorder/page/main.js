// Signing in and out, and which view is shown.

import { ask, forgetToken, keepToken } from "./api.js";
import { hideDetails } from "./details.js";
import { byId, showProblem } from "./elements.js";
import { clearList, startList } from "./list.js";
import { showSettings } from "./settings.js";

const LISTS = ["user", "supervisor", "administrator", "auditor"];
const WORKS = ["user", "supervisor", "administrator"];
const DELETES = ["user", "administrator"];

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = byId("sign-in-problem");
  showProblem(problem, null);
  keepToken(byId("token").value);
  try {
    const principal = await ask("GET", "/v1/principal");
    byId("token").value = "";
    await signedIn(principal);
  } catch (error) {
    forgetToken();
    showProblem(problem, error.status === 401 ? "The recorder does not know this token. See that you pasted all of it." : error);
    byId("token").focus();
  }
});

async function signedIn(principal) {
  const has = (roles) => principal.roles.some((role) => roles.includes(role));
  // What is offered; whether it may be done, the recorder says each time.
  const me = { ...principal, mayWork: has(WORKS), mayDelete: has(DELETES) };
  byId("who-name").textContent = `${principal.email || principal.id} (${principal.roles.join(", ")})`;
  byId("sign-in").hidden = true;
  byId("views").hidden = byId("who").hidden = false;
  byId("to-recordings").hidden = !has(LISTS);
  if (has(LISTS)) {
    view("recordings");
    await startList(me);
  } else {
    view("settings");
  }
  byId("main").focus();
}

function view(name) {
  for (const one of ["recordings", "settings"]) {
    byId(one).hidden = one !== name;
    if (one === name) byId(`to-${one}`).setAttribute("aria-current", "page");
    else byId(`to-${one}`).removeAttribute("aria-current");
  }
  if (name === "settings") showSettings();
}

byId("to-recordings").addEventListener("click", () => view("recordings"));
byId("to-settings").addEventListener("click", () => view("settings"));
byId("sign-out").addEventListener("click", () => {
  forgetToken();
  clearList();
  hideDetails();
  byId("settings-body").replaceChildren();
  for (const one of ["recordings", "settings", "views", "who"]) byId(one).hidden = true;
  byId("sign-in").hidden = false;
  byId("token").focus();
});

byId("token").focus();
