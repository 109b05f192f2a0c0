// The live counter: server-sent events of the trial, drawn into what the server rendered.
import { t, whole } from "./texts";

/** The fields of an answer of /v1/trials/{id}/live that are shown. */
interface LiveCounts {
  readonly events: number;
  /** Null where events came and none of them names anyone. */
  readonly subjects: number | null;
  readonly kinds: Readonly<Record<string, number>>;
  readonly minutes: readonly (readonly [string, number])[];
  /** When the latest event occurred, in Shanghai's time. */
  readonly last: string | null;
}

const HOUR_AND_MINUTE = [11, 16] as const;
const DAY_AND_TIME = [5, 19] as const;

/** Follows the trial named by data-live; *landed* is called whenever the counts have moved. */
export function live(landed: () => void): void {
  const section = document.querySelector<HTMLElement>("[data-live]");
  if (!section) return;
  const first = section.hasAttribute("data-live-first");
  const source = new EventSource(section.dataset["live"] ?? "");
  let before: string | undefined;
  source.addEventListener("open", () => {
    section.classList.add("live");
    say(section, t("Live"));
  });
  source.addEventListener("error", () => {
    section.classList.remove("live");
    const over = source.readyState === EventSource.CLOSED;
    say(section, over ? t("Paused: the connection was lost. Reload the page to try again.") : t("Reconnecting…"));
  });
  const take = (event: MessageEvent<string>): void => {
    const counts = JSON.parse(event.data) as LiveCounts;
    if (first) {
      if (counts.last !== null) location.reload();
      return;
    }
    show(section, counts);
    if (before !== undefined && before !== event.data) {
      beat(section);
      landed();
    }
    before = event.data;
  };
  source.addEventListener("counts", take);
  addEventListener("pagehide", () => source.close());
}

function show(section: HTMLElement, counts: LiveCounts): void {
  set(section, "[data-live-events]", whole(counts.events));
  set(section, "[data-live-subjects]", counts.subjects === null ? "–" : whole(counts.subjects));
  set(section, "[data-live-last]", counts.last?.slice(...DAY_AND_TIME).replace("T", " ") ?? "–");
  bars(section, counts);
  kinds(section, counts);
}

function bars(section: HTMLElement, counts: LiveCounts): void {
  const drawing = section.querySelector("[data-live-bars]");
  const rects = drawing?.querySelectorAll("rect.bar") ?? [];
  const height = Number(drawing?.getAttribute("viewBox")?.split(" ")[3] ?? 0);
  const most = Math.max(1, ...counts.minutes.map(([, events]) => events));
  rects.forEach((rect, index) => {
    const [when, events] = counts.minutes[index] ?? ["", 0];
    const tall = events > 0 ? Math.max(1, (events / most) * height) : 0;
    rect.setAttribute("height", tall.toFixed(1));
    rect.setAttribute("y", (height - tall).toFixed(1));
    const title = rect.querySelector("title");
    if (title) title.textContent = `${when.slice(...HOUR_AND_MINUTE)}: ${whole(events)}`;
  });
}

function kinds(section: HTMLElement, counts: LiveCounts): void {
  const list = section.querySelector<HTMLElement>("[data-live-kinds]");
  if (!list) return;
  const names = JSON.parse(list.dataset["names"] ?? "{}") as Record<string, string>;
  const most = Object.entries(counts.kinds).sort((left, right) => right[1] - left[1]).slice(0, 6);
  list.replaceChildren(
    ...most.map(([kind, events]) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      const number = document.createElement("strong");
      name.textContent = names[kind] ?? kind;
      number.textContent = whole(events);
      item.append(name, " ", number);
      return item;
    }),
  );
}

function beat(section: HTMLElement): void {
  section.classList.remove("beat");
  // Asked for, so that the class taken away and given again starts the animation anew.
  void section.offsetWidth;
  section.classList.add("beat");
}

function set(section: HTMLElement, selector: string, text: string): void {
  const target = section.querySelector(selector);
  if (target && target.textContent !== text) target.textContent = text;
}

function say(section: HTMLElement, text: string): void {
  set(section, "[data-live-status]", text);
}
