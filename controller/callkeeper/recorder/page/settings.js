// The settings in force, by the object that gives each of them; for a user, what holds for them.

import { ask } from "./api.js";
import { byId, descriptions, element, showProblem } from "./elements.js";
import { count, instantUtc } from "./words.js";

const MOST = 200;
const place = byId("settings-body");

export async function showSettings() {
  place.replaceChildren();
  try {
    const config = await ask("GET", "/v1/config");
    place.append(...("sections" in config ? whole(config) : own(config)));
  } catch (error) {
    const problem = element("p", { className: "problem", role: "alert" });
    showProblem(problem, error);
    place.append(problem);
  }
}

const yes = (value) => (value === true ? "yes" : value === false ? "no" : String(value));
const words = (name) => {
  const spaced = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};

/** What a user may read: what holds for them. */
function own(config) {
  if (!config.revision) return [element("p", {}, "No settings are in force: nothing is recorded.")];
  const source = config.source && [config.source.object, config.source.file && `${config.source.file}:${config.source.line}`].filter(Boolean).join(", ");
  return [
    element("p", {}, config.licensed ? "You may be recorded." : "You are not recorded: no licence, or not in service."),
    descriptions([
      ["Your mode", config.mode],
      ["Where it comes from", source],
      ["Always on, of each 100 calls", String(config.alwaysOnLimitPercent)],
      ["Retention", config.retention?.retention],
      ["A hold adds", config.retention?.extraRetention],
      ["Kept at least", config.retention?.minimumRetention],
      ["Revision", config.revision],
    ]),
    ...section("Which calls are recorded", config.filter),
  ];
}

function section(title, values) {
  if (!values) return [];
  const entries = Object.entries(values).filter(([name]) => name !== "object");
  return [element("h2", {}, title), descriptions(entries.map(([name, value]) => [words(name), yes(value)]))];
}

function whole(config) {
  if (!config.revision) return [element("p", {}, "No settings are in force: nothing is recorded.")];
  return [
    descriptions([["Revision", config.revision], ["Programmed by", config.owner], ["Since", instantUtc(config.programmedAt)]]),
    ...missing(config.config.completeness),
    ...[...byObject(config.config)].map(([object, entries]) => card(object, entries)),
  ];
}

function missing(completeness) {
  if (!completeness?.missing?.length) return [];
  return [element("p", { className: "problem" }, `Nothing is recorded until these are valid: ${completeness.missing.join(", ")}.`)];
}

/** Every setting under the object it comes from: name, value. */
function byObject(config) {
  const found = new Map();
  const add = (object, name, value) => {
    const key = object || "Defaults, where no object says otherwise";
    found.set(key, [...(found.get(key) || []), [name, value]]);
  };
  const skipped = ["version", "object", "overrides", "entries", "countBefore"];
  const plain = (values, of = "") => {
    for (const [name, value] of Object.entries(values)) if (!skipped.includes(name)) add(values.object, words(of + name), Array.isArray(value) ? value.join(", ") : yes(value));
  };
  for (const one of [config.policy, config.filter, config.retention]) plain(one);
  plain(config.audit, "audit log "); // its retention is another one than that of recordings
  const listed = (entries, shown) => {
    const objects = Map.groupBy ? Map.groupBy(entries, (one) => one.object) : grouped(entries);
    for (const [object, those] of objects) {
      for (const one of those.slice(0, MOST)) add(object, ...shown(one));
      if (those.length > MOST) add(object, "…", `and ${count(those.length - MOST, "more entry", "more entries")}`);
    }
  };
  listed(config.policy.overrides, (one) => [one.user, one.mode]);
  listed(config.blacklist.entries, (one) => ["Never recorded", one.entry && one.entry !== one.pattern ? `${one.pattern} (${one.entry})` : one.pattern]);
  return new Map([...found].sort(([one], [other]) => one.localeCompare(other)));
}

function grouped(entries) {
  const found = new Map();
  for (const one of entries) found.set(one.object, [...(found.get(one.object) || []), one]);
  return found;
}

function card(object, entries) {
  return element("section", { className: "card" }, element("h2", {}, object), descriptions(entries));
}
