// How values are said to people. Times are UTC, as everywhere in Callkeeper.

export function instant(text) {
  return text ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : "";
}

export function instantUtc(text) {
  return text ? `${instant(text)} UTC` : "";
}

export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  const whole = Math.floor(seconds);
  const pair = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${pair(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${pair(whole % 60)}`;
}

export function size(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1000)} kB`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

const GAPS = {
  Paused: "paused by somebody",
  Stopped: "stopped by the user",
  Left: "the user had left",
  SegmentEnded: "the segment had ended",
};

/** Why nothing was captured: somebody's doing, or the reason of the settings. */
export function gapReason(reason) {
  return reason ? GAPS[reason] || `not to be recorded: ${spaced(reason)}` : "not captured";
}

/** `ReleaseGrace` as "release grace". */
export function spaced(name) {
  return name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

export function parties(recording) {
  if (recording.restricted) return "withheld: a request to erase is registered";
  return recording.parties.map((party) => party.user || party.display).join(" → ") || "unknown";
}

/** That a recording is held, and the date to which its holds protect it. */
export function heldUntil(recording) {
  if (recording.heldUntil) return `held until ${recording.heldUntil.slice(0, 10)}`;
  return recording.closedAt ? "held without end" : "held";
}

const EXPIRY = {
  Base: "the retention in force",
  Extra: "retention extended by a hold",
  Minimum: "the minimum retention promised for it",
  ReleaseGrace: "a day after its last hold was released",
};

/** When a recording goes, and why then. */
export function expiry(retention) {
  if (!retention.expiresAt) return retention.why === "Open" ? "not while it is open" : "never, as things stand";
  return `${instantUtc(retention.expiresAt)} (${EXPIRY[retention.why] || spaced(retention.why)})`;
}
