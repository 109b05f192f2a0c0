// Keeps the numbers fresh without a reload: fetches the page again and takes over the parts marked data-refresh.

const EVERY_MS = 60_000;
// A page costs the store about a second of work: a busy street must not make every open tab ask for it all the time.
const AT_MOST_EVERY_MS = 30_000;

/** Starts refreshing; the returned function asks for one soon, since something new is known to have landed. */
export function refresh(alsoRenew: (() => void) | undefined): () => void {
  const first = document.querySelector<HTMLElement>("[data-refresh]");
  if (!first) return () => undefined;
  // A page that is looked up once for all who look says itself how often it may be asked for.
  const everyMs = Number(first.dataset["everyMs"] ?? EVERY_MS);
  let last = Date.now();
  let asked = false;
  let running = false;

  const tick = async (): Promise<void> => {
    const age = Date.now() - last;
    if (running || document.hidden || (asked ? age < AT_MOST_EVERY_MS : age < everyMs)) return;
    running = true;
    try {
      await renewParts();
      alsoRenew?.();
    } catch {
      // Offline or restarting: what stands here says how old it is, and the next tick tries again.
    } finally {
      last = Date.now();
      asked = false;
      running = false;
    }
  };
  window.setInterval(() => void tick(), 2_000);
  return () => {
    asked = true;
  };
}

async function renewParts(): Promise<void> {
  const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll<HTMLElement>("[data-refresh]")) {
    const newer = fresh.querySelector(`[data-refresh="${part.dataset["refresh"] ?? ""}"]`);
    // Nothing moves under a reader's keyboard focus.
    // Nor is anything replaced by the same, which a screen reader would say again.
    if (newer && newer.innerHTML !== part.innerHTML && !(part !== document.activeElement && part.contains(document.activeElement))) {
      part.replaceChildren(...newer.childNodes);
    }
  }
}
