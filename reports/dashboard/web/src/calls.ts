// An account's calls as they land: told that there are others, the list is taken over from the page anew.
import { t } from "./texts";

/** Follows what data-calls-live names; its button pauses the list and lets it go on. */
export function calls(): void {
  const button = document.querySelector<HTMLButtonElement>("[data-calls-live]");
  if (!button) return;
  let paused = false;
  let waiting = false;
  let known = false;
  const source = new EventSource(button.dataset["callsLive"] ?? "");
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = (paused ? button.dataset["goOn"] : button.dataset["pause"]) ?? "";
    say(paused ? t("Paused") : t("Live"));
    if (!paused && waiting) void renew();
  });
  source.addEventListener("open", () => say(paused ? t("Paused") : t("Live")));
  source.addEventListener("error", () => {
    const over = source.readyState === EventSource.CLOSED;
    say(over ? t("Paused: the connection was lost. Reload the page to try again.") : t("Reconnecting…"));
  });
  source.addEventListener("calls", () => {
    // The first tells what the page shows already.
    if (known) waiting = true;
    known = true;
    if (waiting && !paused) void renew();
  });
  addEventListener("pagehide", () => source.close());

  async function renew(): Promise<void> {
    waiting = false;
    const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll<HTMLElement>("[data-calls]")) {
      const newer = fresh.querySelector(`[data-calls="${part.dataset["calls"] ?? ""}"]`);
      // Nothing moves under a reader's keyboard focus, nor what they have opened.
      const held = part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
      if (newer && !held) part.replaceChildren(...newer.childNodes);
      if (held) waiting = true;
    }
  }
}

function say(text: string): void {
  const status = document.querySelector("[data-calls-status]");
  if (status) status.textContent = text;
}
