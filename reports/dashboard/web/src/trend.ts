// The trend: takes over the picks, so that only this part is fetched anew, and has the chart drawn.
import type { Drawn } from "./chart";
import { t } from "./texts";

/** Takes over the trend in *section*; returns a function that fetches it again. */
export function trend(section: HTMLElement): () => void {
  let drawn: Drawn | undefined;
  let newest = 0;

  const draw = async (): Promise<void> => {
    drawn?.dispose();
    drawn = undefined;
    const target = section.querySelector<HTMLElement>("[data-chart]");
    const data = section.querySelector("[data-chart-data]")?.textContent;
    if (!target || !data) return;
    const { chart } = await import("./chart");
    // Another pick may have replaced the target while the charts were being loaded.
    if (target.isConnected) drawn = chart(target, JSON.parse(data));
  };

  const load = async (): Promise<void> => {
    const form = section.querySelector<HTMLFormElement>("[data-trend-form]");
    if (!form) return;
    const query = picked(form);
    const number = ++newest;
    section.classList.add("loading");
    say(section, t("Loading…"));
    try {
      const answer = await fetch(`${section.dataset["trend"] ?? ""}?${query}`, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const html = await answer.text();
      if (number !== newest) return;
      replace(section, html);
      history.replaceState(null, "", `?${query}`);
      switchLinks(query);
      await draw();
    } catch {
      if (number === newest) say(section, t("This could not be loaded. The numbers in the table below still hold."));
    } finally {
      if (number === newest) section.classList.remove("loading");
    }
  };

  section.addEventListener("change", () => void load());
  section.addEventListener("submit", (event) => {
    event.preventDefault();
    void load();
  });
  void draw();
  return () => {
    const busy = section.contains(document.activeElement);
    if (!busy) void load();
  };
}

function picked(form: HTMLFormElement): string {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) query.set(name, String(value));
  return query.toString();
}

/** Puts *html* in place of what *section* holds; focus stays on the same pick, and an open table stays open. */
function replace(section: HTMLElement, html: string): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.getAttribute("name") : null;
  const held = focused !== null && section.contains(document.activeElement);
  const open = section.querySelector("details")?.open ?? false;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  section.replaceChildren(...fresh.body.childNodes);
  const details = section.querySelector("details");
  if (details) details.open = open;
  if (held) section.querySelector<HTMLElement>(`[name="${focused}"]`)?.focus();
}

/** A click on the other language keeps what was picked. */
function switchLinks(query: string): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".switch a")) {
    link.search = `${query}&lang=${link.hreflang}`;
  }
}

function say(section: HTMLElement, text: string): void {
  const status = section.querySelector("[data-chart-status]");
  if (status) status.textContent = text;
}
