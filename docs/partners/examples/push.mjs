// Push events from standard input; print the verdicts. Exit 1 where one was rejected, 2 where nothing was taken.
//   AVENUE_URL=https://gw.example.com AVENUE_KEY=avk_… node push.mjs < events.json
// With a secret instead of a key: AVENUE_ACCOUNT=my-account AVENUE_SECRET=whsec_…
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const { AVENUE_URL, AVENUE_KEY, AVENUE_ACCOUNT, AVENUE_SECRET } = process.env;
const ATTEMPTS = 5;
const body = readFileSync(0);
const address = `${AVENUE_URL}/v1/events${AVENUE_KEY ? "" : `?account=${AVENUE_ACCOUNT}`}`;
const id = `push-${randomBytes(16).toString("hex")}`; // the same over all attempts

function credentials() {
  if (AVENUE_KEY) return { authorization: `Bearer ${AVENUE_KEY}` };
  const at = Math.floor(Date.now() / 1000); // each attempt's own
  const key = Buffer.from(AVENUE_SECRET.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": `v1,${signature}` };
}

async function attempt() {
  const headers = { "content-type": "application/json", ...credentials() };
  try {
    return await fetch(address, { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) });
  } catch (error) {
    return { status: 0, headers: new Headers(), text: async () => String(error.cause ?? error) };
  }
}

for (let number = 1; ; number++) {
  const answer = await attempt();
  const text = await answer.text();
  if (answer.status === 200) {
    console.log(text);
    process.exitCode = JSON.parse(text).rejected ? 1 : 0;
    break;
  }
  if (![0, 429, 503].includes(answer.status) || number === ATTEMPTS) {
    console.error(text);
    process.exitCode = 2;
    break;
  }
  // Sending again is harmless: the same event_id is one event.
  await wait(1000 * Number(answer.headers.get("retry-after") ?? 2 ** number));
}
