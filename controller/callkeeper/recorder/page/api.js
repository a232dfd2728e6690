// The recorder's API as this page asks it. The token lives in this module's memory, and nowhere else.

let token = "";

/** What the recorder refuses, in its words. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The recorder answers ${status}.`);
    this.status = status;
    this.title = document.title || "";
    this.next = document.next || "";
    this.document = document;
  }

  /** A sentence for people: what failed, and what to do. */
  get sentence() {
    return this.next ? `${capital(this.message)}. ${capital(this.next)}.` : `${capital(this.message)}.`;
  }
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, "");

/** Take a token, or a whole `Authorization: Bearer …` line, for what is asked from now on. */
export function keepToken(text) {
  token = text.trim().replace(/^authorization:\s*/i, "").replace(/^bearer\s+/i, "");
}

export function forgetToken() {
  token = "";
}

async function send(method, path, body) {
  try {
    return await fetch(path, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch {
    throw new Problem(0, { detail: "the recorder does not answer", next: "see that it runs, then try again" });
  }
}

async function read(response) {
  const text = await response.text();
  let value;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    throw new Problem(response.status, { detail: "what answers is no recorder" });
  }
  if (!response.ok) throw new Problem(response.status, value || {});
  return value;
}

/** Ask; the answer's JSON, or undefined where there is none. */
export const ask = async (method, path, body) => read(await send(method, path, body));

/** Ask for a file; all of it, or a problem. */
export async function askForFile(path, body) {
  const response = await send("POST", path, body);
  if (!response.ok) return read(response);
  try {
    return await response.blob();
  } catch {
    throw new Problem(0, { detail: "the answer broke off, and nothing was saved", next: "try again" });
  }
}

export const recordingPath = (id) => `/v1/recordings/${encodeURIComponent(id)}`;
export const holdsPath = (conversation) => `/v1/conversations/${encodeURIComponent(conversation)}/holds`;
