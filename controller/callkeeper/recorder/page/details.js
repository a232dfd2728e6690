// One recording: what it is, playing it, and what people do with it. Whether they may, the recorder says.

import { ask, holdsPath, recordingPath } from "./api.js";
import { askPerson, button, byId, descriptions, element, say, showProblem } from "./elements.js";
import { player, timeline } from "./player.js";
import { clock, expiry, instantUtc, parties, size, spaced } from "./words.js";

const WITHHELD = "A request to erase is registered: parties, tags, notes and media are withheld from everybody until it is carried out.";

const place = byId("details");
let wanted = "";

/** Show a recording; `changed` is called when the list no longer says what is so. `notice` is said with it. */
export async function showDetails(id, me, changed, notice = "") {
  wanted = id;
  place.hidden = false;
  try {
    const recording = await ask("GET", recordingPath(id));
    if (wanted === id) draw(recording, me, changed, notice);
  } catch (problem) {
    if (wanted === id) drawProblem(id, problem);
  }
  place.focus();
}

export function hideDetails() {
  wanted = "";
  place.hidden = true;
  place.replaceChildren();
}

function heading(text) {
  return element("div", { className: "row spread" }, element("h2", { id: "details-title" }, text), button("Close", hideDetails, "quiet"));
}

function drawProblem(id, problem) {
  const stones = problem.document?.tombstones || [];
  place.replaceChildren(
    heading(stones.length ? "Removed" : "Not to be seen"),
    element("p", { className: "problem", role: "alert" }, problem.sentence),
    ...stones.map((stone) => descriptions([
      ["Recording", stone.recording || id],
      ["Removed", instantUtc(stone.removedAt)],
      ["By", stone.removedBy],
      ["Why", spaced(stone.why)],
      ["Rule", stone.rule],
      ["SHA-256 of the media", stone.sha256],
    ])),
  );
}

function draw(recording, me, changed, notice) {
  const problem = element("p", { className: "problem", role: "alert", hidden: true });
  const does = (what, done) => async () => {
    showProblem(problem, null);
    try {
      const answer = await what();
      if (answer === null) return;
      const [said, kept] = typeof done === "string" ? [done] : done(answer);
      say(said);
      changed();
      await showDetails(recording.id, me, changed, kept);
    } catch (error) {
      showProblem(problem, error);
      problem.scrollIntoView({ block: "nearest" });
    }
  };
  const playing = place.querySelector(".player");
  const isPlayable = me.mayWork && recording.media && !recording.restricted;
  if (!isPlayable || playing?.dataset.recording !== recording.id) {
    place.replaceChildren(heading(parties(recording)), isPlayable ? player(recording) : "", element("div", { className: "rest" }));
  }
  // What plays goes on playing while the rest is drawn again.
  place.querySelector(".rest").replaceChildren(element("div", {},
    problem,
    notice && element("p", { className: "notice" }, notice),
    recording.restricted && element("p", { className: "notice" }, WITHHELD),
    facts(recording),
    timeline(recording),
    holds(recording, me, does),
    !recording.restricted && [tags(recording, me, does), notes(recording, me, does)],
    me.mayDelete && removal(recording, does),
  ));
}

function facts(recording) {
  const { media, decision } = recording;
  return descriptions([
    ["Id", recording.id],
    ["Conversation", recording.conversation],
    ["Of user", recording.user],
    ["Started", instantUtc(recording.openedAt)],
    ["Ended", instantUtc(recording.closedAt)],
    ["Call", [spaced(recording.kind), recording.scope, recording.direction].join(", ")],
    ["Status", recording.status === "closed" ? "closed; its media is awaited" : recording.status],
    ["Media", media && `${media.contentType}, ${size(media.bytes)}${media.durationSeconds === null ? "" : `, ${clock(media.durationSeconds)}`}${media.playable ? "" : ", not playable: its index never came"}`],
    ["Channels", media && media.channels.join(", ")],
    ["SHA-256", media && media.sha256],
    ["Recorded because", decision && [spaced(decision.reason), decision.source].filter(Boolean).join(": ")],
    ["Expires", expiry(recording.retention)],
    ["Under the rule", recording.retention.rule],
    ["Kept at least until", instantUtc(recording.retention.minimumUntil)],
  ]);
}

function holds(recording, me, does) {
  const place = holdsPath(recording.conversation);
  const one = (hold) => element("li", {},
    element("strong", {}, hold.releasedAt ? "Released: " : "On hold: "), hold.reason, ` – ${hold.owner}, ${instantUtc(hold.placedAt)}. `,
    hold.releasedAt ? `Released ${instantUtc(hold.releasedAt)} by ${hold.releasedBy}.` : `Protects ${hold.protectsUntil ? `until ${instantUtc(hold.protectsUntil)}` : "without end"}. `,
    me.mayWork && !hold.releasedAt && button("Release", does(async () => {
      const sure = await askPerson({ title: "Release this hold?", text: "Its recordings expire by the retention in force again, no sooner than a day from now.", yes: "Release" });
      return sure && ask("POST", `${place}/${encodeURIComponent(hold.id)}:release`);
    }, "The hold is released.")));
  return element("section", {},
    element("h3", {}, "Legal holds"),
    recording.holds.length ? element("ul", {}, recording.holds.map(one)) : element("p", { className: "help" }, "None."),
    me.mayWork && button("Hold the conversation…", does(async () => {
      const reason = await askPerson({ title: "Hold this conversation", text: "All its recordings are kept, and nobody can delete them, until the hold is released.", label: "Reason", yes: "Hold" });
      return reason && ask("POST", place, { reason });
    }, "The conversation is on hold.")));
}

function tags(recording, me, does) {
  const place = (tag) => `${recordingPath(recording.id)}/tags/${encodeURIComponent(tag)}`;
  const one = (tag) => element("li", { className: "tag" }, tag, me.mayWork && button("×", does(() => ask("DELETE", place(tag)), "The tag is gone."), "quiet"));
  const list = element("ul", { className: "tags" }, recording.tags.map(one));
  for (const remove of list.querySelectorAll("button")) remove.setAttribute("aria-label", `Remove the tag ${remove.parentElement.firstChild.textContent}`);
  return element("section", {},
    element("h3", {}, "Tags"),
    recording.tags.length ? list : element("p", { className: "help" }, "None."),
    me.mayWork && button("Add a tag…", does(async () => {
      const tag = await askPerson({ title: "Add a tag", label: "Tag", yes: "Add" });
      if (tag?.includes("/")) throw new Error("A tag holds no slash.");
      return tag && ask("PUT", place(tag));
    }, "The tag is set.")));
}

function notes(recording, me, does) {
  const place = `${recordingPath(recording.id)}/notes`;
  const one = (note) => element("li", {},
    element("p", { className: "note" }, note.text),
    element("p", { className: "help" }, `${note.author}, ${instantUtc(note.createdAt)}${note.editedAt ? `, edited ${instantUtc(note.editedAt)}` : ""} `,
      me.mayWork && button("Edit…", does(async () => {
        const text = await askPerson({ title: "Edit the note", label: "Note", value: note.text, lines: true, yes: "Keep" });
        return text && ask("PUT", `${place}/${encodeURIComponent(note.id)}`, { text });
      }, "The note is changed."), "quiet"),
      me.mayWork && button("Delete", does(async () => {
        const sure = await askPerson({ title: "Delete this note?", text: note.text.slice(0, 200), yes: "Delete", danger: true });
        return sure && ask("DELETE", `${place}/${encodeURIComponent(note.id)}`);
      }, "The note is deleted."), "quiet")));
  return element("section", {},
    element("h3", {}, "Notes"),
    recording.notes.length ? element("ul", { className: "notes" }, recording.notes.map(one)) : element("p", { className: "help" }, "None."),
    me.mayWork && button("Write a note…", does(async () => {
      const text = await askPerson({ title: "Write a note", label: "Note", lines: true, yes: "Keep" });
      return text && ask("POST", place, { text });
    }, "The note is kept.")));
}

function removal(recording, does) {
  const erasing = button("Ask for erasure…", does(async () => {
    const reason = await askPerson({
      title: "Ask for this recording to be erased?",
      text: "It is erased at once. Where something protects it, that is done when the protection ends, and until then it is withheld from everybody.",
      label: "Which request this is (not who made it)",
      yes: "Ask",
      danger: true,
    });
    return reason && ask("POST", `${recordingPath(recording.id)}:erase`, { reason });
  }, erasure), "danger");
  const deleting = button("Delete the recording…", does(async () => {
    const sure = await askPerson({
      title: "Delete this recording?",
      text: "Its media is removed and nothing brings it back. A tombstone says that it was there, and who deleted it.",
      yes: "Delete",
      danger: true,
    });
    return sure && ask("DELETE", recordingPath(recording.id));
  }, "The recording is deleted."), "danger");
  return element("section", { className: "row" }, deleting, !recording.restricted && erasing);
}

/** What became of a request to erase: a word for now, and a sentence that stays. */
function erasure(answer) {
  return answer.executed ? ["The recording is erased."] : ["The request is registered.", `Not erased yet: ${answer.waitsFor}.`];
}
