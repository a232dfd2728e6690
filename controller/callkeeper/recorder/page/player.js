// Playing: an audio element sends no token, so each play gets a ticket, an address that plays one recording for minutes.

import { ask, recordingPath } from "./api.js";
import { button, element, say, showProblem } from "./elements.js";
import { clock, gapReason, instantUtc } from "./words.js";

/** A player for a recording that has media; of what no player takes only the download. */
export function player(recording) {
  const problem = element("p", { className: "problem", role: "alert", hidden: true });
  const isVideo = recording.media.contentType.startsWith("video/");
  const media = element(isVideo ? "video" : "audio", { controls: true, preload: "metadata", hidden: true });
  media.setAttribute("aria-label", "Player");
  let renewed = false;

  async function load(at, playing) {
    const ticket = await ask("POST", `${recordingPath(recording.id)}:playTicket`);
    media.src = ticket.url;
    media.hidden = false;
    if (at) media.currentTime = at;
    if (playing) await media.play();
  }

  async function start() {
    showProblem(problem, null);
    try {
      await load(0, true);
      play.hidden = true;
      say("Playing.");
    } catch (error) {
      showProblem(problem, error);
    }
  }

  // A ticket that ended while somebody listened is renewed once, where they were.
  media.addEventListener("error", async () => {
    if (renewed) return showProblem(problem, "It cannot be played here. Download it, or ask for the details again.");
    renewed = true;
    try {
      await load(media.currentTime, true);
    } catch (error) {
      showProblem(problem, error);
    }
    return undefined;
  });
  media.addEventListener("playing", () => {
    renewed = false;
  });

  async function download() {
    showProblem(problem, null);
    try {
      const ticket = await ask("POST", `${recordingPath(recording.id)}:playTicket`);
      element("a", { href: `${ticket.url}?download=true`, download: "" }).click();
      say("The download begins.");
    } catch (error) {
      showProblem(problem, error);
    }
  }

  const play = button("▶ Play", start, "primary");
  play.setAttribute("aria-label", "Play");
  return element("div", { className: "player", dataset: { recording: recording.id } }, media, problem, element("div", { className: "row" }, recording.media.playable && play, button("Download", download)));
}

/** Where in the call was captured and where not, as a bar and as a list. */
export function timeline(recording) {
  const pieces = [
    ...recording.stretches.map((one) => ({ ...one, captured: true })),
    ...recording.gaps.map((one) => ({ ...one, captured: false })),
  ].sort((one, other) => one.from.localeCompare(other.from));
  if (!recording.gaps.length) return null;
  const seconds = (one) => (one.to ? Math.max((Date.parse(one.to) - Date.parse(one.from)) / 1000, 0) : 0);
  const bar = element("div", { className: "timeline", "aria-hidden": "true" }, pieces.map((one) => {
    const piece = element("span", { className: one.captured ? "captured" : "gap" });
    piece.style.flexGrow = String(seconds(one) || 1);
    return piece;
  }));
  const list = element("ul", {}, recording.gaps.map((one) =>
    element("li", {}, `${instantUtc(one.from)}, ${one.to ? clock(seconds(one)) : "until now"}: ${gapReason(one.reason)}`)));
  return element("section", {}, element("h3", {}, "Gaps"), bar, list);
}
